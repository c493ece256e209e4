"""Replay: learn again without the target, and see whether the very same model comes out.

This is the definition of exact unlearning, tried: ``U(A(D), S, D)`` against ``A(D without S)``, bit for bit. Equal
fingerprints show that nothing in the model depends on the target. Different ones show that something else than the
remaining records, key, parameters and environment made the model; not what.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import Ridge
>>> from expunge import Records, Retrain, Run, Table
>>> table = Table.from_arrays(np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 1.0, 5.0]))
>>> method, run, target = Retrain(Ridge()), Run(key=b"example"), Records([2])
>>> model = method.learn(table, run)
>>> replay(method, method.forget(model, target, table, run).model, target, table, run).equal
True
>>> replay(method, model, target, table, run).equal  # doing nothing
False
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from expunge.audit.arms import Missing
from expunge.audit.layout import said
from expunge.codec import fingerprint
from expunge.errors import CodecError

if TYPE_CHECKING:
    from expunge.data.table import Table
    from expunge.protocol import Learner, Parted, Run
    from expunge.values import Target


@dataclass(frozen=True)
class Replay:
    """What came of learning again.

    Attributes
    ----------
    equal : bool
        Whether the fingerprints are the same.
    forgotten, oracle : str
        Fingerprints of the model under audit and of the one learned again.
    seconds : float
        What learning again took on the clock; two replays are equal whatever it was.
    """

    equal: bool
    forgotten: str
    oracle: str
    seconds: float = field(default=0.0, compare=False)


def relearn(
    method: Learner[Table, Any, Any], target: Target, data: Table, run: Run, *, key: bytes | None = None
) -> tuple[Any, float]:
    """The oracle, learned without the target with a store of its own, and the seconds it took.

    With a ``key`` of its own it is a second oracle: as perfect, and as far from the first as chance makes it.
    """
    afresh = run.afresh() if key is None else replace(run.afresh(), key=key)
    start = perf_counter()
    return method.learn(data.after(target), afresh), perf_counter() - start


def compared(forgotten: Any, oracle: Any, seconds: float = 0.0) -> Replay | Missing:
    """Two models by their fingerprints; `Missing` where a model has none."""
    try:
        mine, theirs = fingerprint(forgotten), fingerprint(oracle)
    except CodecError as unwritten:
        return Missing(f"the model has no fingerprint: {unwritten}")
    return Replay(mine == theirs, mine, theirs, seconds)


def replay(method: Learner[Table, Any, Any], model: Any, target: Target, data: Table, run: Run) -> Replay | Missing:
    """Learn again without the target and compare.

    Parameters
    ----------
    method : learner or method
        The one that made the model.
    model : model
        What forgetting made: the one that should be as if the target had never been there.
    target : Target
        What was forgotten.
    data : Table
        The data before forgetting.
    run : Run
        The key and threads that learned; its store is neither read nor written.
    """
    oracle, seconds = relearn(method, target, data, run)
    return compared(model, oracle, seconds)


@dataclass(frozen=True)
class Sample:
    """What came of learning one part again.

    Attributes
    ----------
    part, of : int
        Its number, and how many parts the forgetting touched.
    replay : Replay
    original : str
        Fingerprint of the part before: the control, for doing nothing would have left this one.
    """

    part: int
    of: int
    replay: Replay
    original: str


def sample(method: Parted, before: Any, after: Any, data: Table, run: Run, drawn: int) -> Sample | None:
    """Learn one touched part again, from nothing, and compare; None when no part was touched.

    Parameters
    ----------
    before, after : model
        The original and what forgetting made.
    data : Table
        The data without the target.
    drawn : int
        Which of the touched parts, modulo their number: a keyed hash of the request, so that nobody chooses.
    """
    touched = method.touched(before, data, run)
    if not touched:
        return None
    part = touched[drawn % len(touched)]
    start = perf_counter()
    again = method.relearn(part, data, run)
    seconds = perf_counter() - start
    original, mine = (fingerprint(method.part(model, part)) for model in (before, after))
    theirs = fingerprint(again)
    return Sample(part, len(touched), Replay(mine == theirs, mine, theirs, seconds), original)


def contradiction(found: Replay | Missing) -> str | None:
    """Why a claim of `Exact` cannot stand after this replay; None when it can."""
    if isinstance(found, Missing):
        return f"claimed Exact, yet it cannot be compared with the model learned again: {found.reason}"
    if found.equal:
        return None
    return (
        "claimed Exact, yet learning again gives another model:"
        f" fingerprint {found.forgotten[:16]} against {found.oracle[:16]}"
    )


def lines(found: Replay | Missing) -> list[str]:
    """The replay in words."""
    made = ["Learned again without the target"]
    if isinstance(found, Missing):
        return [*made, *said(f"Not compared: {found.reason}.")]
    if found.equal:
        made += said(f"The same model, bit for bit (fingerprint {found.oracle[:16]}); {found.seconds:.1f} s.")
    else:
        made += said(f"Another model: {found.forgotten[:16]} against {found.oracle[:16]}; {found.seconds:.1f} s.")
    return [
        *made,
        *said(
            "Equal shows that the model is what it would be had the target never been there. It says nothing of"
            " copies elsewhere, nor of what retained records tell about forgotten ones. Different shows that an exact"
            " claim is wrong, or was made in another environment; an approximate method differs by its nature."
        ),
    ]
