"""How a tree lies in memory: rows of integers in a few tables, shared by all versions of that tree.

A version of a tree is the row of its root. Rows are written once, while a version is made, and never changed
afterwards: forgetting makes new rows for the nodes that change and shares all others. A row counts who refers to it
(`REFS`, the one field that changes); when nobody does, it is zeroed and may be taken again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from expunge.methods.trees._compiled import kernel, lent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Fields of a node. A leaf has FEATURE -1, its first chunk of records as LEFT and their number as RIGHT.
LEFT, RIGHT, REFS, WEIGHT, FEATURE, SIDE, STAT, USED, SKIPPED = range(9)
NODE = 9
TO_LEFT, TO_RIGHT, TO_LARGER = range(3)  # SIDE: where a missing number goes; to the larger child where none is known

# Fields of what is known of one candidate feature of a node; then its cuts, then the sums going left at each cut.
NAME, LEVEL, BASE_LOW, BASE_HIGH, TOP, AT_BASE, AT_TOP, MISSING, CUTS = range(9)
HEAD = 9

# Settings of a forest, as the kernels take them.
FEATURES, CANDIDATES, WIDTH, MIN_SPLIT, MAX_DEPTH, MIN_LEAF, NUMBERS = range(7)

JOB = 5  # fields of what is still to be made: parent, side, first and last record, depth
CHUNK = 8  # fields of a chunk of a leaf's records: the next chunk, and seven slots (-1: empty)

# Counters of a pool: first free and first fresh row of nodes, statistics and chunks; whether there was no room.
NODES, STATS, CHUNKS, FRESH, FULL, COUNTERS = 0, 1, 2, 3, 6, 7


class Pool(NamedTuple):
    """The tables of one tree.

    Attributes
    ----------
    nodes : (cap, NODE) int32
    cuts : (cap,) float64
        ``x < cut`` goes left at a node; of a category, ``x == cut``.
    sums : (cap, width)
        Of the records under a node: of each class how many there are; or how many, and their targets in two limbs.
    stats : (rows, features * (HEAD + candidates * (1 + width)))
        What is known of each candidate of the nodes that are not small.
    chunks : (rows, CHUNK) int32
    counters : (COUNTERS,) int64
    """

    nodes: NDArray[np.int32]
    cuts: NDArray[np.float64]
    sums: NDArray[Any]
    stats: NDArray[Any]
    chunks: NDArray[np.int32]
    counters: NDArray[np.int64]


class Held(NamedTuple):
    """The records, each in a slot.

    Attributes
    ----------
    X : (slots, d) float64
        Numbers and codes of categories; NaN is a missing number.
    y : (slots,) int64
        Class, or target in fixed point.
    weight : (slots,) int64
    """

    X: NDArray[np.float64]
    y: NDArray[np.int64]
    weight: NDArray[np.int64]


class Rule(NamedTuple):
    """What a forest was asked for.

    Attributes
    ----------
    settings : (7,) int64
        FEATURES, CANDIDATES, WIDTH, MIN_SPLIT, MAX_DEPTH, MIN_LEAF, NUMBERS (1: regression).
    names : (d,) uint32
        A keyed hash of the name of each feature.
    categories : (d,) uint8
        Whether a feature is one of codes.
    """

    settings: NDArray[np.int64]
    names: NDArray[np.uint32]
    categories: NDArray[np.uint8]


@kernel
def lent_pool(p: Pool) -> Pool:
    """The pool, lent to a kernel by its caller."""
    return Pool(lent(p.nodes), lent(p.cuts), lent(p.sums), lent(p.stats), lent(p.chunks), lent(p.counters))


@kernel
def lent_held(h: Held) -> Held:
    """The records, lent."""
    return Held(lent(h.X), lent(h.y), lent(h.weight))


@kernel
def lent_rule(r: Rule) -> Rule:
    """The rule, lent."""
    return Rule(lent(r.settings), lent(r.names), lent(r.categories))
