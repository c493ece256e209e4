"""The verbs. ``U(A(D), S, D)`` must be indistinguishable from ``A(D without S)``: A is `learn`, U is `forget`.

That is the definition of unlearning by Sekhari et al. (2021, arXiv:2103.03279) and it is our interface: a method is
an object with four verbs, a data set is what knows which records a target covers, and a `Run` is everything else
that a method may use. Nothing here computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from expunge.errors import ParameterError

if TYPE_CHECKING:
    from typing import Self

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from expunge.values import Forgotten, Quote, Refusal, Target

    Ids: TypeAlias = NDArray[np.int64] | pa.Array
    Rows: TypeAlias = NDArray[np.intp] | NDArray[np.bool_] | slice

X = TypeVar("X")
Y = TypeVar("Y")
M = TypeVar("M")
D_co = TypeVar("D_co", covariant=True)
D_contra = TypeVar("D_contra", contravariant=True)
P_co = TypeVar("P_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Change(Generic[D_co]):
    """What a target means for a data set: the positions that go, and the records that come in their place."""

    out: NDArray[np.intp]
    into: D_co


class Dataset(Protocol):
    """Records with stable ids and owners; alone knows what a target covers."""

    @property
    def ids(self) -> Ids:
        """(n,) int64 or Arrow strings; unique, in any order."""
        ...

    @property
    def owners(self) -> Ids | None:
        """(n,) whose record it is; None: each record is its own owner."""
        ...

    def change(self, target: Target) -> Change[Self] | None:
        """What ``target`` means here; None when no record carries it (a fact)."""
        ...

    def after(self, target: Target) -> Self:
        """The data as they should have been."""
        ...

    def take(self, rows: Rows) -> Self:
        """Some of the records, in the order of ``rows``."""
        ...


class Key:
    """The secret that every random choice is derived from. It prints nowhere; ``bytes(key)`` gives it away on purpose.

    >>> Key(b"correct horse battery staple")
    Key(***)
    """

    __slots__ = ("_secret", "subkeys")
    _secret: bytes
    subkeys: dict[bytes, bytes]

    def __new__(cls, secret: bytes | bytearray | memoryview | Key) -> Self:
        """Take at least one byte; `secrets.token_bytes(32)` makes a good one."""
        if isinstance(secret, cls):
            return secret
        if not isinstance(secret, bytes | bytearray | memoryview) or not len(secret):
            got = "an empty one" if secret in (b"", bytearray()) else f"a {type(secret).__name__}"
            msg = f"a key is a non-empty bytes object, e.g. secrets.token_bytes(32); got {got}"
            raise ParameterError(msg)
        made = super().__new__(cls)
        object.__setattr__(made, "_secret", bytes(secret))
        object.__setattr__(made, "subkeys", {})  # some that were derived from it, by `keyed`; they go when it goes
        return made

    def __setattr__(self, name: str, value: object) -> None:
        msg = "a key does not change; make another one"
        raise AttributeError(msg)

    def __bytes__(self) -> bytes:
        return self._secret

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key | bytes) and compare_digest(self._secret, bytes(other))

    def __hash__(self) -> int:
        return hash(self._secret)

    def __repr__(self) -> str:
        return "Key(***)"

    def __reduce__(self) -> tuple[type[Key], tuple[bytes]]:
        return type(self), (self._secret,)


class Map(Protocol):
    """How independent work is run: the builtin `map`, or processes (`expunge.backends`)."""

    def __call__(self, fn: Callable[[X], Y], items: Iterable[X], /) -> Iterator[Y]:
        """Results in the order of ``items``."""
        ...


Store: TypeAlias = MutableMapping[str, bytes]
"""Checkpoints by derivation (a keyed digest of all that a state was made from), as canonical bytes. A dict is one."""

Tick: TypeAlias = Callable[[str, int, int], None]
"""Progress: what is being done, how much of it is done, how much there is."""


def silent(what: str, done: int, total: int) -> None:
    """Report nothing; the default `Tick`."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A measured rate, from which a quote's seconds follow."""

    seconds_per_example: float


@dataclass(frozen=True, slots=True)
class Run:
    """What a method may use besides its arguments.

    Parameters
    ----------
    key : bytes
        Secret; every random choice is derived from it and from names. Who knows it can aim requests at every shard.
    map : Map
        How shards are run; the builtin by default.
    store : Store
        Where checkpoints rest; a dict of this process by default.
    threads : int
        Enforced while learning, in workers too: the number of threads changes float sums.
    pace : Pace or None
        Measured rates, for ``Quote.seconds``.
    tick : Tick
        Progress.
    """

    key: bytes | Key
    map: Map = map
    store: Store = field(default_factory=dict, repr=False)
    threads: int = 1
    pace: Pace | None = None
    tick: Tick = field(default=silent, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", Key(self.key))
        if isinstance(self.threads, bool) or not hasattr(self.threads, "__index__") or self.threads < 1:
            msg = f"Run needs threads to be a whole number of at least 1, got {self.threads!r}"
            raise ParameterError(msg)
        object.__setattr__(self, "threads", int(self.threads))
        for name, fits, what in (
            ("map", callable(self.map), "a function like the builtin map, e.g. Processes(workers=2)"),
            ("store", isinstance(self.store, MutableMapping), "a mutable mapping, e.g. a dict"),
            ("pace", self.pace is None or isinstance(self.pace, Pace), "a Pace, or None"),
            ("tick", callable(self.tick), "a function of (what, done, total)"),
        ):
            if not fits:
                msg = f"Run needs {name} to be {what}; got a {type(getattr(self, name)).__name__}"
                raise ParameterError(msg)

    def afresh(self) -> Self:
        """The same run with an empty store: nothing learned before can be found in it."""
        return replace(self, store={})


@runtime_checkable
class Learner(Protocol[D_contra, M, P_co]):
    """A: a pure function of (data as a set, ``run.key``, its own parameters)."""

    def learn(self, data: D_contra, run: Run) -> M:
        """Make a model of the data."""
        ...

    def predict(self, model: M, data: D_contra) -> P_co:
        """Arrays: (n, classes) scores, columns named by ``model.classes``; (n,) or (n, targets) for regression."""
        ...


class Method(Learner[D_contra, M, P_co], Protocol[D_contra, M, P_co]):
    """U, together with the A that it undoes."""

    def quote(self, model: M, target: Target, data: D_contra, run: Run) -> Quote | Refusal:
        """What it would promise and cost, before any work."""
        ...

    def forget(self, model: M, target: Target, data: D_contra, run: Run) -> Forgotten[M]:
        """Make the model that should be as if the target had never been there; the old one is left alone."""
        ...


@runtime_checkable
class Priced(Protocol):
    """A learner that knows what learning costs, in record visits."""

    def visits(self, data: Any, run: Run) -> int:
        """Record visits of ``learn(data, run)`` with an empty store."""
        ...


@runtime_checkable
class Continuing(Protocol):
    """A learner that can go on training: what SISA's slices need."""

    @property
    def passes(self) -> int:
        """Epochs over the data in all."""
        ...

    def cannot_go_on(self, schedule: Literal["cumulative", "incremental"]) -> str | None:
        """Why it cannot go on from slice to slice, in a sentence; None when it can."""
        ...

    def go_on(self, state: Any, data: Any, epochs: int, run: Run, of: int) -> Any:
        """Train from ``state`` (None: from the start), which is left alone; ``of``: epochs of all slices together."""
        ...


@runtime_checkable
class Together(Protocol):
    """A learner that trains several models as one batched program, each to the very bits of training it alone."""

    @property
    def together(self) -> int:
        """How many models at most; 1: each alone."""
        ...

    def learn_together(self, data: Sequence[Any], runs: Sequence[Run]) -> list[Any]:
        """What ``learn`` gives for each data set with its run."""
        ...

    def go_on_together(
        self, states: Sequence[Any], data: Sequence[Any], epochs: int, runs: Sequence[Run], of: int
    ) -> list[Any]:
        """What ``go_on`` gives for each state with its data and run."""
        ...

    def predict_together(self, models: Sequence[Any], data: Any) -> list[Any]:
        """What ``predict`` gives for each model on the same data."""
        ...


@runtime_checkable
class Wavering(Protocol):
    """A learner that may not be a pure function of its records, and says so."""

    def wavers(self) -> str | None:
        """Why learning twice may give two models, in a sentence; None where it cannot."""
        ...


@runtime_checkable
class Doubted(Protocol):
    """A method that is known not to forget what its planted records say, and says so: no plan picks it."""

    @property
    def doubt(self) -> str | None:
        """What it does instead, in a sentence; None with settings of which nothing bad is known."""
        ...


@runtime_checkable
class Named(Protocol):
    """A learner that can say which function A it is: equal recipes, key and data mean equal models."""

    def recipe(self) -> str:
        """Digest of the algorithm and all its parameters; no secret, nothing of the data."""
        ...


@runtime_checkable
class Parted(Protocol):
    """A method whose models are made of parts, each learned on its own: one can be replayed at its own price."""

    def touched(self, before: Any, data: Any, run: Run) -> tuple[int, ...]:
        """Numbers of the parts that cannot stay as they were when the data become these."""
        ...

    def part(self, model: Any, number: int) -> Any:
        """One part of a model, for its fingerprint."""
        ...

    def relearn(self, number: int, data: Any, run: Run) -> Any:
        """One part learned from nothing: what `part` must be in the model of these data."""
        ...


@runtime_checkable
class Resting(Protocol):
    """A model that goes on from checkpoints at rest."""

    @property
    def checkpoints(self) -> frozenset[str]:
        """What the derivations that the store must keep for this model begin with; all others are superseded."""
        ...


@runtime_checkable
class Releasing(Protocol):
    """A certified method: the state that goes on stays secret, and what anybody sees is a release of it."""

    def release(self, state: Any, run: Run, *, lineage: str, number: int) -> Any:
        """What may be published; the noise belongs to lineage, number and state, so that a crash spends nothing."""
        ...

    def spent(self, made: int) -> Refusal | None:
        """Why there may be no further release of a lineage after so many; None when there may."""
        ...
