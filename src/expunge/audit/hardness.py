"""Hardness: how much there is to forget of a target, read off data and model before anything is run.

What a model would say of a record anyway needs no forgetting; what it knows by heart, and what it knows of a class from
these records alone, is what has to go. So there are three levels:

- **easy**: what stays teaches the same;
- **hard**: a fifth of the records or more are known by heart, or a quarter or more of a class goes;
- **foundational**: half or more of a class goes, or every record does: then the model without them is another one.

A record counts as known by heart where the network's training log has its own class, in the mean over the epochs, below
one half, or twice as far below one as that of the usual record (the C-proxy of `expunge.measures.memorisation`). Where
there is no log: where fewer than six of the ten nearest records that stay are of its class. Never where a copy stays.

**Why these thresholds.** Measured on the digits of scikit-learn: two networks (64 units, 1200 records; twice 128, 600
records of which one in ten with a random label), 27 targets each, six networks an arm. *Left* is what five epochs of
fine-tuning on what stays leave of a record: by how many standard deviations over oracles its mean margin differs from
that of oracles that were fine-tuned likewise. At 1 a network is told from the oracles in two of three cases.

============================================  ==================  ==================
median over targets [least, most]             64 units            2 x 128 units
============================================  ==================  ==================
left of easy ones                             0.5 [0.4, 0.8]      0.8 [0.6, 1.6]
left of hard ones                             2.2 [1.0, 9.5]      3.9 [1.3, 5.6]
left of foundational ones                     3.9 [3.5, 19.6]     2.7 [1.9, 9.1]
left of a record known by heart, of another   2.6, 0.5            4.9, 0.7
accuracy that oracles lose on held-out
records of the classes concerned: easy, hard  0.00, 0.01          0.00, -0.01
... foundational                              0.10 [0.02, 0.98]   0.23 [0.03, 0.84]
============================================  ==================  ==================

**For methods that train on what stays, isolated is not easy and entangled is not hard.** Outliers and wrong labels lie
among no records of their class and are left nearly as they were; records among many of their kind have little to lose.
It is the other way round for methods that push forgotten records away: with random labels the nearest retained records
lost 3 to 6 of log-odds more than the rest where targets were dense, 1 with random ones, and at most 0.5 where they were
isolated (64 units, ten targets). So `entangled` and the entanglement score are told beside the level, and do not make
it: over targets, what is left has a rank correlation of -0.8 and -0.7 with entangled records a forgotten one, and of
-0.4 with the score.

It is a guess, and its thresholds are those of one small data set. Nothing is said of a method; only an audit does that.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Label, Records, Run, SklearnLearner, Table
>>> X = np.random.default_rng(0).normal(size=(90, 2)) + 4 * np.repeat([[0, 0], [0, 1], [1, 0]], 30, axis=0)
>>> data, run = Table.from_arrays(X, np.repeat(["a", "b", "c"], 30)), Run(key=b"example")
>>> learner = SklearnLearner(LogisticRegression())
>>> model = learner.learn(data, run)
>>> hardness(learner, model, Records([0]), data, run).sentence
'easy: what stays teaches the same'
>>> hardness(learner, model, Label("b"), data, run).sentence
"foundational: all records of class 'b' go, and what the model knows of it with them"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from expunge import keyed
from expunge.audit.layout import said
from expunge.data.items import Items
from expunge.errors import DataError
from expunge.learners.tabular import Tabular
from expunge.measures.entanglement import by_class, entanglement, mean_relative
from expunge.measures.memorisation import confidence
from expunge.measures.nearness import near, squares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.labels import Labels
    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Scalar, Target

Level: TypeAlias = Literal["easy", "hard", "foundational"]

HEART = 0.2  # share of the records from which on it is hard
QUARTER, HALF = 0.25, 0.5  # of a class: hard, foundational
UNSURE, TIMES = 0.5, 2.0  # mean score of the own class below which a record is known by heart; times the usual doubt
LEAST = 0.2  # doubt that is never by heart, however sure the network is of the usual record
NEAREST, SAME = 10, 6  # neighbours that are asked, and how many of the own class are enough
ASKED = 200  # forgotten records that are looked at
NUMBERS = 4_000_000  # of the records that stay, numbers times rows
CROWD = 5_000  # records whose own nearest ones are looked for
AT_ONCE = 500  # of them
ROUNDING = 1e-12  # of a squared distance


@runtime_checkable
class Featured(Protocol):
    """A learner that can say what a record looks like inside a model."""

    def features(self, model: Any, data: Any) -> NDArray[np.float64]:
        """(n, d) for each record."""
        ...


@dataclass(frozen=True)
class Share:
    """How much of a class goes.

    Attributes
    ----------
    name : bool, int, float or str
        The class that loses the largest part.
    going, records : int
    """

    name: Scalar
    going: int
    records: int

    @property
    def part(self) -> float:
        """Going by records."""
        return self.going / self.records


@dataclass(frozen=True)
class Hardness:
    """How much there is to forget, and what lies near it.

    Attributes
    ----------
    records, retained : int
        How many go, and how many stay.
    share : Share or None
        None where labels are no single classes.
    heart : int
        Records known by heart, of ``asked``.
    asked : int
        Records that were looked at: all that go, or 200 of them by keyed order.
    judged : str
        What that was read from: the training log, or the nearest records.
    twins, copies : int
        Records that stay and are the same in all they say; and those that are nearly, these not among them.
    entangled : int
        Records that stay and have a forgotten one among their ten nearest, of ``crowd``.
    crowd : int
        Records that stay and were looked at for that.
    entanglement : float or None
        Relative entanglement within the class: 1 as a random draw, far below where they lie apart.
    place : str
        What near means: the model's features, or standardised inputs.
    """

    records: int
    retained: int
    share: Share | None
    heart: int = 0
    asked: int = 0
    judged: str = ""
    twins: int = 0
    copies: int = 0
    entangled: int = 0
    crowd: int = 0
    entanglement: float | None = None
    place: str = ""

    @property
    def level(self) -> Level:
        """What is there to forget."""
        part = self.share.part if self.share is not None else 0.0
        if self.records and (not self.retained or part >= HALF):
            return "foundational"
        return "hard" if part >= QUARTER or (self.asked and self.heart >= HEART * self.asked) else "easy"

    @property
    def sentence(self) -> str:
        """The level, and why."""
        return f"{self.level}: {self._why()}"

    def lines(self) -> list[str]:
        """All that is known, for whoever decides what to run."""
        near_by = [f"{self.twins:,} that are the same"] * bool(self.twins)
        near_by += [f"{self.copies:,} that are nearly the same"] * bool(self.copies)
        told = [self.sentence[:1].upper() + self.sentence[1:] + "."]
        if self.asked:
            told.append(f"Known by heart: {self.heart:,} of {self.asked:,} records looked at (by {self.judged}).")
        if near_by:
            told.append(
                f"Among the records that stay: {' and '.join(near_by)}. What they share stays, with any method."
            )
        if self.crowd:
            told.append(
                f"Entangled with {self.entangled:,} of {self.crowd:,} records that stay and were looked at: one that"
                f" goes is among their ten nearest, by {self.place}. Methods that push away push them too."
            )
        if self.entanglement is not None and np.isfinite(self.entanglement):
            told.append(f"Entanglement within the class: {self.entanglement:.2g}; 1 is a random draw, 0 apart.")
        return ["How hard it is to forget (a guess from data and model)", *(line for one in told for line in said(one))]

    def _why(self) -> str:
        if not self.records:
            return "no record goes"
        if not self.retained:
            return "no record stays as it is"
        if self.share is not None and self.share.part >= QUARTER:
            part = "all" if self.share.going == self.share.records else f"{self.share.part:.0%} of all"
            end = ", and what the model knows of it with them" if self.share.part >= HALF else ""
            return f"{part} records of class {self.share.name!r} go{end}"
        if self.level == "hard":
            return f"{self.heart:,} of {self.asked:,} records are known by heart"
        return "what stays teaches the same"


def hardness(learner: Any, model: Any, target: Target, data: Table, run: Run) -> Hardness:
    """What is known of a target before anything is run; a function of the set of records, whatever their order.

    Parameters
    ----------
    learner : Learner
        With ``features``, as `expunge.TorchLearner` has it, near is near in these; else in standardised inputs.
    model : model
        The original. With a training ``log``, as a network has it, that says what is known by heart.
    target : Target
    data : Table
        With labels.
    run : Run

    Raises
    ------
    DataError
        If the data have no labels.
    """
    change = data.change(target)
    label = _label(data)
    out = np.zeros(0, dtype=np.intp) if change is None else change.out
    staying = np.setdiff1d(np.arange(len(data)), out)
    share = _share(label, out)
    if not len(out) or not len(staying):
        return Hardness(len(out), len(staying), share)
    width = max(1, int(np.prod(np.shape(data.take(staying[:1]).stored)[1:])))
    stays = data.take(_some(data, staying, max(NEAREST, NUMBERS // width), run))
    goes = data.take(_some(data, out, ASKED, run))
    view = _View.of(learner, model, stays, goes)
    heart, judged = _by_heart(model, view)
    reach, twins = near(view.stay, view.go), data.twins(target)
    crowd = min(CROWD, len(stays))
    return Hardness(
        len(out), len(staying), share,
        int((heart & ~_copied(view, reach.reach)).sum()), len(goes), judged,
        len(twins), int((reach.close & ~np.isin(_names(stays), _names(data.take(twins)))).sum()),
        _entangled(view.stays_at[:crowd], view.goes_at), crowd, _entanglement(view), view.place,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _View:
    """Records that stay and that go, as inputs and where they lie."""

    stays: Table
    goes: Table
    stay: NDArray[np.float64]
    go: NDArray[np.float64]
    stays_at: NDArray[np.float64]
    goes_at: NDArray[np.float64]
    place: str

    @classmethod
    def of(cls, learner: Any, model: Any, stays: Table, goes: Table) -> _View:
        """Inputs for what is a copy; features, where the learner has any, for what is near."""
        stay, go = _inputs(model, stays, goes)
        if not isinstance(learner, Featured):
            return cls(stays, goes, stay, go, stay, go, "standardised inputs")
        at = [np.asarray(learner.features(model, side), dtype=np.float64) for side in (stays, goes)]
        return cls(stays, goes, stay, go, at[0], at[1], "the model's features")

    def same(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether records that stay, (k, goes) positions, say the same as each that goes: of numbers, half a spread."""
        theirs, mine = _label(self.stays), _label(self.goes)
        if self.stays.task == "regression":
            near_by = np.abs(theirs[rows] - mine) <= theirs.std(axis=0) / 2
        else:
            near_by = theirs[rows] == mine
        return np.asarray(near_by if near_by.ndim == 2 else near_by.all(axis=2))


def _some(data: Table, rows: NDArray[np.intp], most: int, run: Run) -> NDArray[np.intp]:
    """These positions in the keyed order of their ids; the first where they are too many."""
    return np.asarray(rows[keyed.order(run.key, data.take(rows).ids, "hardness")[:most]])


def _share(label: Labels, out: NDArray[np.intp]) -> Share | None:
    """The class that loses the largest part, of several the first by name; None for numbers and several labels."""
    if label.ndim > 1 or label.dtype.kind == "f" or not len(out):
        return None
    names, codes = np.unique(label, return_inverse=True)
    every, going = (np.bincount(held, minlength=len(names)) for held in (codes, codes[out]))
    worst = int(np.argmax(going / every))
    return Share(names[worst].item(), int(going[worst]), int(every[worst]))


def _inputs(model: Any, stays: Table, goes: Table) -> list[NDArray[np.float64]]:
    """(n, d) records that stay and that go: as a network takes them; else in numbers of one spread each.

    A record that is one thing (an image) has one unit, and is taken as it is.
    """
    prepared = getattr(model, "prepared", None)
    if prepared is not None:
        made = [prepared.transform(part.features) for part in (stays, goes)]
    elif isinstance(stays.stored, Items) or np.ndim(stays.stored) > 2 or (hasattr(model, "prepared") and _plain(stays)):
        made = [np.asarray(part.stored) for part in (stays, goes)]
    else:
        tabular = Tabular(dense=True).fit(stays.features)
        made = [tabular.transform(part.features) for part in (stays, goes)]
    dense = (part.toarray() if hasattr(part, "toarray") else part for part in made)
    return [np.asarray(part, dtype=np.float64).reshape(len(part), -1) for part in dense]


def _plain(part: Table) -> bool:
    return isinstance(part.stored, np.ndarray)


def _by_heart(model: Any, view: _View) -> tuple[NDArray[np.bool_], str]:
    """(goes,) whether each record is known by heart, and what that was read from."""
    nearest = np.argsort(squares(view.stays_at, view.goes_at), axis=0, kind="stable")[:NEAREST]
    alone = view.same(nearest).mean(axis=0) < SAME / NEAREST
    log = getattr(model, "log", None)
    if log is None or not len(log.ids):
        return alone, f"the nearest records that stay, in {view.place}"
    doubt = 1 - confidence(np.exp(np.asarray(log.fit, dtype=np.float64).T))
    names = _names(view.goes)
    at = np.minimum(np.searchsorted(log.ids, names), len(log.ids) - 1)
    enough = min(UNSURE, max(TIMES * float(np.median(doubt)), LEAST))
    return np.where(log.ids[at] == names, doubt[at] > enough, alone), "the training log"


def _copied(view: _View, reach: float) -> NDArray[np.bool_]:
    """(goes,) whether a record that stays is nearly the same, and of its class."""
    apart = squares(view.stay, view.go)
    first = np.argmin(apart, axis=0)
    return np.asarray(view.same(first[None])[0] & (apart.min(axis=0) < max(reach**2, ROUNDING)))


def _entangled(crowd: NDArray[np.float64], goes: NDArray[np.float64]) -> int:
    """How many of a crowd have one that goes among their ten nearest, the crowd's own counted with them."""
    found = 0
    for start in range(0, len(crowd), AT_ONCE):
        part = crowd[start : start + AT_ONCE]
        first = squares(part, goes).min(axis=1)
        apart = squares(part, crowd)
        apart[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        found += int(((apart < first[:, None]).sum(axis=1) < NEAREST).sum())
    return found


def _entanglement(view: _View) -> float | None:
    """Within the class where there are classes."""
    if not (np.isfinite(view.stays_at).all() and np.isfinite(view.goes_at).all()) or not view.stays_at.shape[1]:
        return None
    if view.stays.task != "classification":
        return entanglement(view.stays_at, view.goes_at).relative
    return mean_relative(by_class(view.stays_at, view.goes_at, _label(view.stays), _label(view.goes)))


def _label(part: Table) -> Labels:
    label = part.label
    if label is None:
        msg = "hardness compares records with those of their class, and these data have no labels"
        raise DataError(msg)
    return label


def _names(data: Table) -> NDArray[Any]:
    """(n,) ids as an array."""
    ids = data.ids
    return ids if isinstance(ids, np.ndarray) else np.array(ids.to_pylist(), dtype=object)
