"""A tree as text, to be read from top to bottom like a program.

Each question stands above what follows where it is true; the other side follows its ``else``. Thresholds are written
with every digit, so that the texts before and after a deletion can be compared line by line.

Examples
--------
>>> import numpy as np
>>> from expunge import Forest, Run, Table
>>> ages = np.array([[20.0], [30.0], [50.0], [60.0]])
>>> table, run = Table.from_arrays(ages, ["no", "no", "yes", "yes"], columns=["age"]), Run(key=b"example")
>>> forest = Forest(trees=1, share=1.0)
>>> model = forest.learn(table, run)
>>> print(tree_text(LabelledTree.of(forest, model, table, run, 0)))
if age < 22:
    no  (no 1)
else:
    if age < 43:
        no  (no 1)
    else:
        yes  (yes 2)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expunge.trees.labelled import LabelledTree, refuse_depth

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP = "    "


def tree_text(tree: LabelledTree, *, depth: int | None = None) -> str:
    """The whole tree, or its upper levels.

    Parameters
    ----------
    tree : LabelledTree
    depth : int or None
        Levels of questions; what lies below is said in one line each. None: all.
    """
    refuse_depth(depth, "tree_text")
    return "\n".join(_lines(tree, depth))


def _lines(tree: LabelledTree, depth: int | None) -> Iterator[str]:
    """One line a node and side; by a stack, since a tree may be deeper than Python recurses."""
    work: list[tuple[int, int] | str] = [(0, 0)]
    while work:
        at = work.pop()
        if isinstance(at, str):
            yield at
            continue
        node, level = at
        indent = STEP * level
        if tree.is_leaf(node):
            yield f"{indent}{_leaf(tree, node)}"
        elif level == depth:
            yield f"{indent}{_below(tree, node)}"
        else:
            left, right = tree.sides(node)
            yield f"{indent}if {tree.question(node)}:"
            work += [(right, level + 1), f"{indent}else:", (left, level + 1)]


def _leaf(tree: LabelledTree, node: int) -> str:
    return f"{tree.answer(node)}  ({tree.counts(node)})" if int(tree.nodes.weight[node]) else "nothing is known"


def _below(tree: LabelledTree, node: int) -> str:
    return f"... {tree.depth(node)} more levels, {tree.leaves(node):,} leaves  ({tree.counts(node)})"
