"""Model value to bytes and back, and the fingerprint by which two models are the same.

One structural walk serves both. Plain values, arrays and expunge's own dataclasses are written as they are; a foreign
object (a scikit-learn estimator, say) is written as the constructor, arguments and state that its own ``__reduce_ex__``
names, so that no byte of any pickle is ever stored, compared or executed. Structure is JSON with sorted keys, arrays
are safetensors without metadata.

The fingerprint is a digest of the same walk by *value*: memory layout, insertion order, shared references, byte order
and the library version that an estimator writes into its state do not enter it; types, shapes and every bit do.

Refused, with a sentence: lambdas and local functions (they have no name to be found by), cycles, open resources,
``longdouble`` (its bytes differ between machines).

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
import copyreg
import dataclasses
import json
import types
from collections.abc import Callable
from hashlib import blake2b
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load, save

from expunge.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

Node = list[Any]
"""One value as JSON: a tag, then what belongs to it."""

MAGIC = b"expunge\x01"
NUMBERS = "biuf"  # kinds of dtype that safetensors holds
PLAIN: dict[type, tuple[str, Callable[[Any], str]]] = {
    int: ("i", str),
    float: ("f", float.hex),
    str: ("s", str),
    bytes: ("y", lambda value: base64.b64encode(value).decode()),
}
GLOBALS = (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc)
OWN = "expunge."


def encode(value: Any) -> bytes:
    """Canonical bytes of a model value: equal values give equal bytes, in every process."""
    walk = _Writer()
    structure = json.dumps(walk.node(value), separators=(",", ":"), ensure_ascii=True).encode()
    arrays = save({f"{k:08d}": array for k, array in enumerate(walk.arrays)})
    return MAGIC + len(structure).to_bytes(8, "little") + structure + arrays


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
    try:
        structure, arrays = _parts(blob)
        return _Reader(load(arrays), trusted=trusted).value(json.loads(structure))
    except CodecError:
        raise
    except Exception as damage:  # whatever a damaged blob provokes in JSON, safetensors or a constructor
        msg = f"these {len(blob)} bytes could not be read as a model: {type(damage).__name__}: {damage}"
        raise CodecError(msg) from damage


def fingerprint(model: Any) -> str:
    """64 hexadecimal digits that two models share if and only if they are the same, bit for bit."""
    structure = json.dumps(_Hasher().node(model), separators=(",", ":"), ensure_ascii=True)
    return blake2b(structure.encode(), digest_size=32).hexdigest()


def _parts(blob: bytes) -> tuple[bytes, bytes]:
    """Structure and arrays of a blob."""
    start = len(MAGIC) + 8
    end = start + int.from_bytes(blob[len(MAGIC) : start], "little")
    if blob[: len(MAGIC)] != MAGIC or len(blob) < end:
        msg = f"these {len(blob)} bytes are not a whole model: truncated, or not written by expunge"
        raise CodecError(msg)
    return blob[start:end], blob[end:]


class _Walk:
    """The walk that writer and hasher share; they differ in arrays, shared references and numpy scalars."""

    def __init__(self) -> None:
        self.open: list[int] = []  # ids on the path from the root: meeting one again is a cycle
        self.kept: list[Any] = []  # keeps temporaries alive, so that no id is used twice

    def node(self, value: Any) -> Node:
        """A value as JSON; containers and objects are guarded against cycles."""
        leaf = self.leaf(value)
        if leaf is not None:
            return leaf
        if id(value) in self.open:
            msg = f"a {_title(type(value))} refers back to itself; a model is a tree of values"
            raise CodecError(msg)
        self.kept.append(value)
        self.open.append(id(value))
        try:
            return self.branch(value)
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
            return ["dtype", _describe(value)]
        return ["class", _path(value)] if isinstance(value, GLOBALS) else None

    def branch(self, value: Any) -> Node:
        """Values with parts."""
        kind = type(value)
        if isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray):
            return self.array(np.asarray(value))
        if kind is list or kind is tuple:
            return [kind.__name__, [self.node(item) for item in value]]
        if kind is set or kind is frozenset:
            return [kind.__name__, sorted((self.node(item) for item in value), key=json.dumps)]
        if kind is dict:
            return ["dict", self.mapping(value)]
        if dataclasses.is_dataclass(value) and kind.__module__.startswith(OWN):
            state = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            return ["own", _path(kind), self.mapping(state)]
        return self.foreign(value)

    def mapping(self, value: dict[Any, Any]) -> list[list[Node]]:
        """Items sorted by key: insertion order is not part of a value."""
        items = [(self.node(key), item) for key, item in value.items()]
        items.sort(key=lambda pair: json.dumps(pair[0]))
        return [[key, self.node(item)] for key, item in items]

    def foreign(self, value: Any) -> Node:
        """An object by the constructor, arguments and state that it names itself."""
        if isinstance(value, np.random.RandomState):  # its own reduction drags in unused entropy of the system
            return ["random", self.node(value.get_state(legacy=False))]
        reduce = copyreg.dispatch_table.get(type(value))
        try:
            reduced = reduce(value) if reduce else value.__reduce_ex__(4)
        except Exception as refusal:
            msg = f"a {_title(type(value))} cannot be part of a model that is written down: {refusal}"
            raise CodecError(msg) from refusal
        if isinstance(reduced, str):
            return ["global", f"{value.__module__}:{reduced}"]
        make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        return [
            "object",
            self.node(make),
            self.node(arguments),
            self.node(self.state(state)),
            self.node(list(items or ())),
            self.node([list(pair) for pair in pairs or ()]),
        ]

    def array(self, array: NDArray[Any]) -> Node:
        """An array by its values: objects one by one, records by field (padding is no value), the rest as bytes."""
        dtype = array.dtype
        if dtype.hasobject and dtype.names is None:
            return ["objects", list(array.shape), [self.node(item) for item in array.ravel().tolist()]]
        if dtype.names is not None:
            columns = [self.node(np.ascontiguousarray(array[name])) for name in dtype.names]
            return ["records", list(array.shape), _describe(dtype), columns]
        if (dtype.kind == "f" and dtype.itemsize > 8) or (dtype.kind == "c" and dtype.itemsize > 16):
            msg = f"an array of {dtype} cannot be written down: its bytes differ between machines; use float64"
            raise CodecError(msg)
        little = np.ascontiguousarray(array, dtype=dtype.newbyteorder("<")).reshape(array.shape)
        if dtype.kind in NUMBERS:
            return ["array", self.plain(little)]
        return ["raw", list(array.shape), little.dtype.str, self.plain(np.frombuffer(little.tobytes(), np.uint8))]

    def scalar(self, value: np.generic[Any]) -> Node:
        raise NotImplementedError

    def plain(self, array: NDArray[Any]) -> object:
        raise NotImplementedError

    def state(self, state: Any) -> Any:
        raise NotImplementedError


class _Writer(_Walk):
    """Collects arrays beside the structure and writes a shared array or object once."""

    def __init__(self) -> None:
        super().__init__()
        self.arrays: list[NDArray[Any]] = []
        self.seen: dict[int, int] = {}

    def branch(self, value: Any) -> Node:
        if isinstance(value, tuple | frozenset):
            return super().branch(value)
        if id(value) in self.seen:
            return ["same", self.seen[id(value)]]
        self.seen[id(value)] = len(self.seen)
        return super().branch(value)

    def scalar(self, value: np.generic[Any]) -> Node:
        return ["scalar", self.array(np.asarray(value))]

    def plain(self, array: NDArray[Any]) -> object:
        self.arrays.append(array)
        return len(self.arrays) - 1

    def array(self, array: NDArray[Any]) -> Node:
        fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
        return ["fortran", super().array(array)] if fortran else super().array(array)

    def state(self, state: Any) -> Any:
        return state


class _Hasher(_Walk):
    """Replaces each array by its digest and lets types that differ only in spelling be equal."""

    def scalar(self, value: np.generic[Any]) -> Node:
        plain = value.item()
        return self.array(np.asarray(value)) if isinstance(plain, np.generic) else self.node(plain)

    def plain(self, array: NDArray[Any]) -> object:
        content = blake2b(array.tobytes(), digest_size=32).hexdigest()
        return [array.dtype.str, list(array.shape), content]

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
            "i": int,
            "f": float.fromhex,
            "s": str,
            "y": base64.b64decode,
            "dtype": _dtype,
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
            return np.frombuffer(self.arrays[f"{number:08d}"].tobytes(), dtype=dtype).reshape(shape).copy()
        if tag == "objects":
            return self.filled(np.empty(parts[0], dtype=object), map(self.value, parts[1]))
        if tag == "records":
            shape, described, columns = parts
            records = np.zeros(shape, dtype=_dtype(described))
            for name, column in zip(records.dtype.names or (), columns, strict=True):
                records[name] = self.value(column)
            return records
        msg = f"these bytes hold a {tag!r}, which this version of expunge does not know"
        raise CodecError(msg)

    @staticmethod
    def filled(array: NDArray[Any], items: Iterable[Any]) -> NDArray[Any]:
        """An array of objects; item by item, because numpy would unpack sequences."""
        for place, item in enumerate(items):
            array.flat[place] = item
        return array

    def own(self, path: str, pairs: list[list[Node]]) -> Any:
        """A dataclass of expunge: its own constructor validates what came in."""
        if not path.startswith(OWN):
            msg = f"{path} is not one of expunge's own values"
            raise CodecError(msg)
        return _resolve(path)(**{self.value(key): self.value(item) for key, item in pairs})

    def random(self, state: Node) -> np.random.RandomState:
        """Numpy's older generator."""
        generator = np.random.RandomState()
        generator.set_state(self.value(state))
        return generator

    def named(self, path: str) -> Any:
        """A class or function by its path."""
        if not self.trusted:
            msg = f"these bytes name {path}, which would be imported and called: only trusted bytes may do that"
            raise CodecError(msg)
        return _resolve(path)

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
    made.__dict__.update(held or {})
    for name, value in (slots or {}).items():
        setattr(made, name, value)


def _describe(dtype: np.dtype[Any]) -> Any:
    """A dtype as JSON; a structured one with its offsets, for a compiled struct expects its own."""
    if dtype.names is None or dtype.fields is None:
        return dtype.str
    fields = [dtype.fields[name] for name in dtype.names]
    return {
        "names": list(dtype.names),
        "formats": [field[0].str for field in fields],
        "offsets": [int(field[1]) for field in fields],
        "itemsize": dtype.itemsize,
    }


def _dtype(described: Any) -> np.dtype[Any]:
    made: np.dtype[Any] = np.dtype(described)
    return made


def _path(named: Any) -> str:
    """``module:qualified.name`` of a class or function that can be found again under it."""
    module = getattr(named, "__module__", None) or "builtins"
    path = f"{module}:{getattr(named, '__qualname__', named.__name__)}"
    try:
        found = _resolve(path)
    except (ImportError, AttributeError):
        found = None
    if found is not named:
        msg = f"{path} cannot be found under that name; give a function or class defined at the top of a module"
        raise CodecError(msg)
    return path


def _resolve(path: str) -> Any:
    module, _, name = path.partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _title(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
