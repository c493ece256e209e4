"""The nouns: what must change, what is promised, what it will cost, what came out. Frozen values, nothing heavy.

They flow one way, ``Target -> Quote | Refusal -> Forgotten``, and none of them knows how any method works.

Examples
--------
>>> Records([417, 418]) == Records({418, 417, 417})
True
>>> promises(Exact(), at_least=Certified(epsilon=1.0, delta=1e-5))
True
>>> promises(Certified(1.0, 1e-5), at_least=Certified(2.0, 1e-6))  # a larger delta is not a stronger promise
False
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from expunge.errors import ParameterError

if TYPE_CHECKING:
    from expunge.data.table import Table

Name: TypeAlias = int | str
"""What a record or an owner is called: an integer of 64 bits or a string of at most 1 KiB."""

Scalar: TypeAlias = bool | int | float | str
"""What a class is called."""

M = TypeVar("M")


# -- what must change --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Records:
    """These records go. ``ids``: any iterable of integers or strings; order and repetition mean nothing."""

    ids: frozenset[Name]

    def __init__(self, ids: Iterable[Any]) -> None:
        object.__setattr__(self, "ids", _names(ids, "Records", "ids"))


@dataclass(frozen=True, slots=True)
class Owners:
    """All records of these owners go. ``names``: any iterable of integers or strings."""

    names: frozenset[Name]

    def __init__(self, names: Iterable[Any]) -> None:
        object.__setattr__(self, "names", _names(names, "Owners", "names"))


@dataclass(frozen=True, slots=True)
class Label:
    """All records of one class go. A class declared in the schema stays a class, without examples."""

    value: Scalar

    def __init__(self, value: Any) -> None:
        object.__setattr__(self, "value", _scalar(value))


@dataclass(frozen=True, slots=True)
class Column:
    """One feature goes, from every record."""

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            msg = f"Column takes the name of one feature, e.g. Column('x0'); got {self.name!r}"
            raise ParameterError(msg)


@dataclass(frozen=True, eq=False, slots=True)
class Correction:
    """Rows as they should have been: rectified, updated, relabelled. Ids that the data do not hold are left aside."""

    table: Table

    def __post_init__(self) -> None:
        _refuse_rows(self)


@dataclass(frozen=True, eq=False, slots=True)
class Addition:
    """New rows, under ids that the data do not hold yet."""

    table: Table

    def __post_init__(self) -> None:
        _refuse_rows(self)


@dataclass(frozen=True, slots=True)
class Batch:
    """Several targets worked off as one, in order of receipt, erasure before correction.

    An erasure covers each record as it was when the batch arrived, and as the corrections before it made it: moving a
    record to another owner within a batch protects it from neither owner's erasure.
    """

    targets: tuple[Target, ...]

    def __init__(self, targets: Iterable[Target]) -> None:
        flat: list[Target] = []
        given = list(targets) if isinstance(targets, Iterable) else [None]
        for target in given:
            if not isinstance(target, Target):
                msg = f"Batch takes a collection of targets, e.g. Batch([Records([7])]); got {targets!r}"
                raise ParameterError(msg)
            flat.extend(target.targets if isinstance(target, Batch) else (target,))
        object.__setattr__(self, "targets", tuple(flat))


Target: TypeAlias = Records | Owners | Label | Column | Correction | Addition | Batch


# -- what is promised --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exact:
    """Bit for bit the model learned without the target, by the same algorithm, key, threads and library versions."""


@dataclass(frozen=True, slots=True)
class Certified:
    """(epsilon, delta)-indistinguishable from a model learned without the target."""

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        if not (self.epsilon >= 0 and 0 <= self.delta < 1):
            msg = f"Certified needs epsilon >= 0 and 0 <= delta < 1, got epsilon={self.epsilon}, delta={self.delta}"
            raise ParameterError(msg)


@dataclass(frozen=True, slots=True)
class Bounded:
    """No farther than ``distance`` from the model learned without the target, in the metric the method names."""

    distance: float

    def __post_init__(self) -> None:
        if not (self.distance >= 0 and math.isfinite(self.distance)):
            msg = f"Bounded needs a finite distance >= 0, got {self.distance}"
            raise ParameterError(msg)


@dataclass(frozen=True, slots=True)
class Empirical:
    """Nothing is proven: only an audit can speak for this model."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """It no longer shows. Nothing says that it is gone."""


Claim: TypeAlias = Exact | Certified | Bounded | Empirical | Suppressed


def promises(claim: Claim, at_least: Claim) -> bool:
    """Whether ``claim`` is at least as strong as ``at_least``, in the partial order of claims.

    ``Exact`` is above every other; ``Certified`` is above another only when neither its epsilon nor its delta is
    larger; ``Bounded`` compares by distance and not with ``Certified``; then ``Empirical``, then ``Suppressed``.
    """
    match claim, at_least:
        case Certified(e, d), Certified(most_e, most_d):
            return e <= most_e and d <= most_d
        case Bounded(d), Bounded(most):
            return d <= most
        case Certified(), Bounded():
            return False
        case Bounded(), Certified():
            return False
        case _:
            return _RANK[type(claim)] >= _RANK[type(at_least)]


_RANK: dict[type, int] = {Exact: 3, Certified: 2, Bounded: 2, Empirical: 1, Suppressed: 0}


# -- what it will cost, or why it cannot be done -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quote:
    """What forgetting would promise and cost, before any work is done.

    Attributes
    ----------
    claim : Claim
    assumptions : tuple of str
        What the claim rests on, and what the requester should know, in sentences.
    examples : int
        Record visits that the learner is handed (one record in one epoch, or in one whole ``fit``): exact for SISA,
        for other methods an upper bound.
    seconds : float or None
        None until rates were measured (``Run.pace``).
    """

    claim: Claim
    assumptions: tuple[str, ...]
    examples: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a method cannot honour this target on this model.

    Attributes
    ----------
    reason : str
    kind : {"never", "not_yet", "instead", "misconfigured"}
        What to do about it: nothing, wait, use ``what``, or mend the set-up.
    what : str or None
        With ``"instead"``: what would work.
    """

    reason: str
    kind: Literal["never", "not_yet", "instead", "misconfigured"]
    what: str | None = None

    def __post_init__(self) -> None:
        if (self.kind == "instead") != (self.what is not None):
            msg = f"a Refusal of kind 'instead' says what instead, and no other does; got {self.kind!r}, {self.what!r}"
            raise ParameterError(msg)


@dataclass(frozen=True, slots=True)
class Forgotten(Generic[M]):
    """A model that should be as if it had never met the target, its claim, and the record visits spent."""

    model: M
    claim: Claim
    examples: int = field(default=0)


def _refuse_rows(of: Correction | Addition) -> None:
    if not hasattr(of.table, "ids"):
        title = type(of).__name__
        msg = f"{title} takes a Table, e.g. {title}(Table.from_arrays(X, y, ids)); got a {type(of.table).__name__}"
        raise ParameterError(msg)


def _names(given: Iterable[Any], of: str, what: str) -> frozenset[Name]:
    if isinstance(given, str | bytes | bytearray) or not isinstance(given, Iterable):
        msg = f"{of} takes a collection of {what}, e.g. {of}([{given!r}]); got the single {given!r}"
        raise ParameterError(msg)
    values = given.tolist() if hasattr(given, "tolist") else list(given)
    names = [_name(value) for value in (values if isinstance(values, list) else [values])]
    if None in names:
        value = values[names.index(None)]
        msg = f"{of} takes {what} that are integers or strings, got {value!r} of type {type(value).__name__}"
        raise ParameterError(msg)
    return frozenset(name for name in names if name is not None)


def _name(value: Any) -> Name | None:
    """A name as a Python value; None for what is no name (truth values are none)."""
    if isinstance(value, str):
        return str(value)
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def _scalar(value: Any) -> Scalar:
    plain = value.item() if hasattr(value, "item") and not getattr(value, "shape", ()) else value
    if not isinstance(plain, bool | int | float | str):
        msg = f"Label takes one class: a bool, number or string; got {value!r} of type {type(value).__name__}"
        raise ParameterError(msg)
    return plain
