"""What changed for a tree, and the room to follow it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from expunge.methods.trees._compiled import kernel, lent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class News(NamedTuple):
    """What changed for a tree, and room for what follows from it.

    Attributes
    ----------
    slots : (m,) int32
        Records that go and records that come; their order changes.
    signs : (m,) int64
        -1 or 1 for each.
    alive : (all slots,) bool
        Whether a record is there afterwards.
    found : (records of the tree + m,) int32
        Slots of the records to build from are written here.
    jobs, seeds : (m, JOB) int64, (m,) uint64
        What is to be built, as `build` takes it.
    """

    slots: NDArray[np.int32]
    signs: NDArray[np.int64]
    alive: NDArray[np.bool_]
    found: NDArray[np.int32]
    jobs: NDArray[np.int64]
    seeds: NDArray[np.uint64]


class Desk(NamedTuple):
    """Room to look at one node.

    Attributes
    ----------
    again : (features,) bool
    later, signs : (m,)
    """

    again: NDArray[np.bool_]
    later: NDArray[np.int32]
    signs: NDArray[np.int64]


@kernel
def lent_news(n: News) -> News:
    """What changed, lent."""
    return News(lent(n.slots), lent(n.signs), lent(n.alive), lent(n.found), lent(n.jobs), lent(n.seeds))


@kernel
def lent_desk(d: Desk) -> Desk:
    """The room, lent."""
    return Desk(lent(d.again), lent(d.later), lent(d.signs))
