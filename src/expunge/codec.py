"""Model value to bytes and back, and the fingerprint by which two models are the same.

One structural walk serves both. Plain values, arrays and expunge's own dataclasses are written as they are; a foreign
object (a scikit-learn estimator, say) is written as the constructor, arguments and state that its own ``__reduce_ex__``
names, so that no byte of any pickle is ever stored, compared or executed. Structure is JSON with sorted keys, arrays
are safetensors without metadata.

The fingerprint is a digest of the same walk by *value*: memory layout, insertion order, shared references, byte order
and the library version that an estimator writes into its state do not enter it; types, shapes and every bit do.

Refused, with a sentence: lambdas and local functions (they have no name to be found by), cycles, open resources, types
of array that another machine could not read back (``longdouble``, ``StringDType``).

Examples
--------
>>> import numpy as np
>>> model = {"coef": np.array([[1.0, 2.0]]), "classes": ("no", "yes")}
>>> decode(encode(model))["classes"]
('no', 'yes')
>>> fingerprint(model) == fingerprint({"classes": ("no", "yes"), "coef": np.asfortranarray([[1.0, 2.0]])})
True
"""

from __future__ import annotations

import base64
import dataclasses
import json
import struct
import types
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load, save

from expunge.collector import paused
from expunge.errors import CodecError
from expunge.spelling import GLOBAL, describe, read_dtype, reduced, resolve, spelled, title

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

Node = list[Any]
"""One value as JSON: a tag, then what belongs to it."""

MAGIC = b"expunge\x01"
CHECK = 16  # bytes of the checksum: it finds accidents; against people, a store authenticates
NUMBERS = "biuf"  # kinds of dtype that safetensors holds
WIDEST = {"b": 1, "i": 8, "u": 8, "f": 8, "c": 16} | dict.fromkeys("SUMmV", 2**31)  # bytes of the dtypes that travel
PLAIN: dict[type, tuple[str, Callable[[Any], str]]] = {
    int: ("i", hex),
    float: ("f", lambda value: struct.pack("<d", value).hex()),  # every bit, also of a NaN
    str: ("s", str),
    bytes: ("y", lambda value: base64.b64encode(value).decode()),
}
GLOBALS = (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc)
OWN = "expunge."
BESIDE = {"expunge": "beside"}  # metadata of a field of ours that is written down and not part of the fingerprint


@paused()
def encode(value: Any) -> bytes:
    """Canonical bytes of a model value: equal values give equal bytes, in every process."""
    walk = _Writer()
    structure = walk.text(value)
    arrays = {f"{k:08d}": array for k, array in enumerate(walk.arrays)}
    content = len(structure).to_bytes(8, "little") + structure + save(arrays)
    return MAGIC + blake2b(content, digest_size=CHECK).digest() + content


@paused()
def decode(blob: bytes, *, trusted: bool = False) -> Any:
    """The value that `encode` wrote; arrays are fresh, writable and aligned.

    Parameters
    ----------
    blob : bytes
    trusted : bool
        Foreign objects are rebuilt by importing and calling code: only from bytes that you wrote yourself, or that a
        store has authenticated. Without it they are refused.

    Raises
    ------
    CodecError
        If the bytes are truncated, altered or not ours, or hold a foreign object and are not trusted.
    """
    content = blob[len(MAGIC) + CHECK :]
    if blob[: len(MAGIC) + CHECK] != MAGIC + blake2b(content, digest_size=CHECK).digest():
        msg = f"these {len(blob)} bytes are not a whole model: truncated, altered, or not written by expunge"
        raise CodecError(msg)
    try:
        end = 8 + int.from_bytes(content[:8], "little")
        return _Reader(load(content[end:]), trusted=trusted).value(json.loads(content[8:end]))
    except CodecError:
        raise
    except Exception as damage:  # whatever a damaged blob provokes in JSON, safetensors or a constructor
        msg = f"these bytes could not be read as a model: {type(damage).__name__}: {damage}"
        raise CodecError(msg) from damage


def fingerprint(model: Any) -> str:
    """64 hexadecimal digits of all values in a model, bit for bit; how they lie and are spelled does not enter."""
    return _digest(_Hasher().text(model))


class _Writer:
    """Walks over a value, collects its arrays beside the structure and writes a shared array or object once."""

    def __init__(self) -> None:
        self.open: list[int] = []  # ids on the path from the root: meeting one again is a cycle
        self.kept: list[Any] = []  # keeps temporaries alive, so that no id is used twice
        self.arrays: list[NDArray[Any]] = []
        self.seen: dict[int, Node] = {}

    def text(self, value: Any) -> bytes:
        """The whole value, as bytes of JSON."""
        try:
            return _json(self.node(value))
        except RecursionError:
            msg = f"a {title(type(value))} holds values within values, too deep to be written down"
            raise CodecError(msg) from None

    def node(self, value: Any) -> Node:
        """A value as JSON; containers and objects are guarded against cycles."""
        leaf = self.leaf(value)
        if leaf is not None:
            return leaf
        if id(value) in self.open:
            msg = f"a {title(type(value))} refers back to itself; a model is a tree of values"
            raise CodecError(msg)
        self.kept.append(value)
        self.open.append(id(value))
        try:
            return self.shared(value)
        finally:
            self.open.pop()

    def leaf(self, value: Any) -> Node | None:
        """Values without parts."""
        if value is None or isinstance(value, bool):
            return ["v", value]
        if type(value) in PLAIN:
            tag, written = PLAIN[type(value)]
            return [tag, written(value)]
        if isinstance(value, np.generic):
            return self.scalar(value)
        if isinstance(value, np.dtype):
            return ["dtype", describe(value)]
        return ["class", spelled(value)] if isinstance(value, GLOBALS) else None

    def shared(self, value: Any) -> Node:
        """Values with parts, the second time by the number of the first; what cannot change has no number."""
        if type(value) in {tuple, frozenset}:
            return self.branch(value)
        if id(value) in self.seen:
            return self.seen[id(value)]
        self.seen[id(value)] = ["same", len(self.seen)]
        return self.branch(value)

    def branch(self, value: Any) -> Node:
        """Values with parts."""
        kind = type(value)
        if kind is np.ndarray or kind is np.memmap:
            return self.array(np.asarray(value))
        if kind in {list, tuple, set, frozenset}:
            return [kind.__name__, list(map(self.node, value if kind in {list, tuple} else _ordered(value)))]
        if kind is dict:
            return ["dict", self.mapping(value)]
        if dataclasses.is_dataclass(value) and kind.__module__.startswith(OWN):
            state = {field.name: getattr(value, field.name) for field in self.fields(value)}
            return ["own", spelled(kind), self.mapping(state)]
        return self.foreign(value)

    def fields(self, value: Any) -> list[dataclasses.Field[Any]]:
        """Fields of one of our own values."""
        return list(dataclasses.fields(value))

    def mapping(self, value: dict[Any, Any]) -> list[list[Node]]:
        """Items sorted by key: insertion order is not part of a value."""
        return [[self.node(key), self.node(item)] for key, item in _ordered(value.items(), by=itemgetter(0))]

    def foreign(self, value: Any) -> Node:
        """An object by the constructor, arguments and state that it names itself."""
        if value is GLOBAL:  # which scipy's distributions hold: its state is not a model's
            return ["global", "numpy.random.mtrand:_rand"]
        if type(value) is np.random.RandomState:  # its own reduction drags in unused entropy of the system
            drawn = value.get_state(legacy=False)
            if drawn["bit_generator"] == "MT19937":
                return ["random", self.node(drawn)]
        made = reduced(value)
        if isinstance(made, str):
            return ["global", spelled(value, made)]
        make, arguments, state, items, entries = made
        if isinstance(value, set | frozenset):
            arguments = (_ordered(value),)
        if isinstance(value, dict) and not isinstance(value, OrderedDict):
            entries = _ordered(entries, by=itemgetter(0))
        return ["object", *map(self.node, (make, arguments, self.state(state), items, entries))]

    def array(self, array: NDArray[Any]) -> Node:
        """An array by its values: objects one by one, records by field (padding is no value), the rest as bytes."""
        dtype = array.dtype
        if dtype.kind == "O":
            return ["objects", list(array.shape), [self.node(item) for item in array.ravel().tolist()]]
        if dtype.names is not None:
            lined = np.asarray(array, order="C")  # as they come back
            columns = [self.node(np.asarray(lined[name])) for name in dtype.names]
            return ["records", list(array.shape), self.layout(dtype), columns]
        if dtype.itemsize > WIDEST.get(dtype.kind, -1) or dtype.isbuiltin == 2:  # 2: of another package
            msg = f"an array of {dtype} cannot be written down: not every machine could read it; use float64 or str"
            raise CodecError(msg)
        little = np.ascontiguousarray(array, dtype=dtype.newbyteorder("<")).reshape(array.shape)
        if dtype.kind in NUMBERS:
            node = ["array", self.plain(little)]
        else:
            node = ["raw", list(array.shape), little.dtype.str, self.plain(np.frombuffer(little.tobytes(), np.uint8))]
        fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
        return self.laid(node) if fortran else node

    def plain(self, array: NDArray[Any]) -> object:
        """What stands in the structure for an array of numbers."""
        self.arrays.append(array)
        return len(self.arrays) - 1

    def scalar(self, value: np.generic[Any]) -> Node:
        """A numpy scalar, with its type."""
        return ["scalar", self.array(np.asarray(value))]

    def laid(self, node: Node) -> Node:
        """An array in Fortran order: how it lies decides how fast, and in which order, sums over it are taken."""
        return ["fortran", node]

    def layout(self, dtype: np.dtype[Any]) -> Any:
        """How the fields of a record lie."""
        return describe(dtype)

    def state(self, state: Any) -> Any:
        """The state of a foreign object."""
        return state


class _Hasher(_Writer):
    """Follows references by digest, leaves out how things lie, and lets types that differ in spelling be equal."""

    def shared(self, value: Any) -> Node:
        if id(value) not in self.seen:
            self.seen[id(value)] = ["digest", _digest(_json(self.branch(value)))]
        return self.seen[id(value)]

    def plain(self, array: NDArray[Any]) -> object:
        return [array.dtype.str, list(array.shape), _digest(array.tobytes())]

    def scalar(self, value: np.generic[Any]) -> Node:
        spelled = value.dtype.kind in "biufcSU" and value.dtype.itemsize <= WIDEST[value.dtype.kind]
        return self.node(value.item()) if spelled else self.array(np.asarray(value))

    def laid(self, node: Node) -> Node:
        return node

    def layout(self, dtype: np.dtype[Any]) -> Any:
        return list(dtype.names or ())

    def fields(self, value: Any) -> list[dataclasses.Field[Any]]:
        return [field for field in super().fields(value) if field.metadata != BESIDE]

    def state(self, state: Any) -> Any:
        if isinstance(state, dict):  # the environment is recorded beside a fingerprint, not in it
            return {name: value for name, value in state.items() if name != "_sklearn_version"}
        return state


class _Reader:
    """Rebuilds values in the order in which `_Writer` met them, so that shared references stay shared."""

    def __init__(self, arrays: dict[str, NDArray[Any]], *, trusted: bool) -> None:
        self.arrays = arrays
        self.trusted = trusted
        self.seen: list[Any] = []
        self.simple: dict[str, Callable[..., Any]] = {
            "v": lambda value: value,
            "i": lambda text: int(text, 16),
            "f": lambda text: struct.unpack("<d", bytes.fromhex(text))[0],
            "s": str,
            "y": base64.b64decode,
            "dtype": read_dtype,
            "same": lambda number: self.seen[number],
            "scalar": lambda node: self.part(node)[()],
            "tuple": lambda nodes: tuple(map(self.value, nodes)),
            "frozenset": lambda nodes: frozenset(map(self.value, nodes)),
            "class": self.named,
        }
        self.shared: dict[str, Callable[..., Any]] = {
            "list": lambda nodes: list(map(self.value, nodes)),
            "set": lambda nodes: set(map(self.value, nodes)),
            "dict": lambda pairs: {self.value(key): self.value(item) for key, item in pairs},
            "own": self.own,
            "global": self.named,
            "random": self.random,
            "object": self.rebuilt,
        }

    def value(self, node: Node) -> Any:
        """One value; those that may be shared take their number before their parts do."""
        tag, *parts = node
        if tag in self.simple:
            return self.simple[tag](*parts)
        number = len(self.seen)
        self.seen.append(None)
        made = self.shared[tag](*parts) if tag in self.shared else self.part(node)
        self.seen[number] = made
        return made

    def part(self, node: Node) -> NDArray[Any]:
        """An array, without a number of its own."""
        tag, *parts = node
        if tag == "array":
            return np.array(self.arrays[f"{parts[0]:08d}"])
        if tag == "fortran":
            return np.asfortranarray(self.part(parts[0]))
        if tag == "raw":
            shape, dtype, number = parts
            return np.ndarray(shape, dtype, self.arrays[f"{number:08d}"].tobytes()).copy()
        if tag == "objects":
            made = np.empty(parts[0], dtype=object)
            for place, item in enumerate(parts[1]):  # item by item, because numpy would unpack sequences
                made.flat[place] = self.value(item)
            return made
        if tag == "records":
            shape, described, columns = parts
            records = np.zeros(shape, dtype=read_dtype(described))
            for name, column in zip(records.dtype.names or (), columns, strict=True):
                records[name] = self.value(column)
            return records
        msg = f"these bytes hold a {tag!r}, which this version of expunge does not know"
        raise CodecError(msg)

    def own(self, path: str, pairs: list[list[Node]]) -> Any:
        """A dataclass of expunge: its own constructor validates what came in."""
        kind = resolve(path) if path.startswith(OWN) and "__" not in path else None
        if not (isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__.startswith(OWN)):
            msg = f"{path} is not one of expunge's own values"
            raise CodecError(msg)
        return kind(**{self.value(key): self.value(item) for key, item in pairs})

    def random(self, state: Node) -> np.random.RandomState:
        generator = np.random.RandomState()
        generator.set_state(self.value(state))
        return generator

    def named(self, path: str) -> Any:
        """A class or function by its path."""
        if not self.trusted:
            msg = f"these bytes name {path}, which would be imported and called: only trusted bytes may do that"
            raise CodecError(msg)
        return resolve(path)

    def rebuilt(self, make: Node, arguments: Node, state: Node, items: Node, pairs: Node) -> Any:
        """A foreign object, by the protocol of `object.__reduce_ex__`."""
        made = self.value(make)(*self.value(arguments))
        held = self.value(state)
        if held is not None:
            _restore(made, held)
        for item in self.value(items):
            made.append(item)
        for key, item in self.value(pairs):
            made[key] = item
        return made


def _restore(made: Any, state: Any) -> None:
    """Give an object its state, as `copy` and `pickle` do."""
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    held, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if held:
        made.__dict__.update(held)
    for name, value in (slots or {}).items():
        setattr(made, name, value)


def _ordered(items: Iterable[Any], by: Callable[[Any], Any] = lambda item: item) -> list[Any]:
    """Items in an order that follows from their content (or that of their keys), and from nothing else."""
    walk = _Hasher()
    return sorted(items, key=lambda item: _json(walk.node(by(item))))


def _json(node: Node) -> bytes:
    return json.dumps(node, separators=(",", ":"), ensure_ascii=True).encode()


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=32).hexdigest()
