"""A tree drawn by matplotlib, alone or beside what it was before a deletion.

Boxes are coloured by the class that most of their records have, the paler the more mixed they are; the width of a line
is the share of the records that take it. With ``before``, a node through which the forgotten record went has a dark
frame, and one whose question is another now, with all below it, an orange one: that part was built again.

Matplotlib is optional: ``pip install 'expunge[demo]'``.

Examples
--------
>>> import numpy as np
>>> from expunge import Forest, Run, Table
>>> ages = np.array([[20.0], [30.0], [50.0], [60.0]])
>>> table, run = Table.from_arrays(ages, ["no", "no", "yes", "yes"], columns=["age"]), Run(key=b"example")
>>> forest = Forest(trees=1, share=1.0)
>>> model = forest.learn(table, run)
>>> picture = TreeDisplay(LabelledTree.of(forest, model, table, run, 0)).plot()
>>> len(picture.ax_.texts) > 3
True
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from expunge.errors import MissingExtraError
from expunge.trees.labelled import LabelledTree, refuse_depth

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#2f6f9f", "#c2703d", "#4f8a54", "#8a5a9e", "#a8963a", "#4b8f8c", "#b05672", "#6b6f76")
SAME, PASSED, REBUILT = "#c4c8cc", "#23282d", "#d9720f"
WIDE, HIGH = 2.0, 1.1  # inches of a leaf, and of a level


@dataclass(frozen=True)
class Box:
    """One node as it is drawn.

    Attributes
    ----------
    node : int
    x, y : float
        In leaves from the left, and in levels from the top, downwards.
    parent : int or None
        Which box it hangs from.
    cut : bool
        Whether levels below it are left out.
    fate : {"same", "passed", "rebuilt"}
        Beside the tree before.
    """

    node: int
    x: float
    y: float
    parent: int | None
    cut: bool
    fate: str


class TreeDisplay:
    """A picture of one tree.

    Parameters
    ----------
    tree : LabelledTree
    before : LabelledTree, optional
        The same tree before records went: what changed is framed.
    depth : int or None
        Levels of questions that are drawn; None: all.

    Attributes
    ----------
    ax_, figure_ : of matplotlib, once it is drawn
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, tree: LabelledTree, before: LabelledTree | None = None, *, depth: int | None = 4) -> None:
        refuse_depth(depth, "TreeDisplay")
        self.tree, self.before, self.depth = tree, before, depth
        self.boxes = _placed(tree, before, depth)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw it, on a figure of its own where no axes are given.

        Raises
        ------
        MissingExtraError
            Without matplotlib.
        """
        if find_spec("matplotlib") is None:
            msg = "a picture of a tree needs the package 'matplotlib', which is not installed"
            raise MissingExtraError(f"{msg}: pip install 'expunge[demo]'")
        wide, deep = max(box.x for box in self.boxes) + 1, max(box.y for box in self.boxes) + 1
        self.ax_ = _axes(max(wide * WIDE, 4.0), max(deep * HIGH, 1.5)) if ax is None else ax
        self.figure_ = self.ax_.get_figure(root=True)  # type: ignore[assignment]  # axes stand on a figure
        for box in self.boxes:
            if box.parent is not None:
                self._line(box, self.boxes[box.parent])
        for box in self.boxes:
            self._box(box)
        self.ax_.set(xlim=(-0.6, wide - 0.4), ylim=(deep - 0.5, -0.5))
        self.ax_.axis("off")
        if self.before is not None:
            self._legend()
        return self

    # -- what is drawn -------------------------------------------------------------------------------------------------

    def _line(self, box: Box, parent: Box) -> None:
        weight = self.tree.nodes.weight
        share = int(weight[box.node]) / max(int(weight[0]), 1)
        self.ax_.plot([parent.x, box.x], [parent.y, box.y], color=SAME, lw=1 + 6 * share, zorder=1)
        if box.node == self.tree.sides(parent.node)[0]:  # the side of yes is always the left one, and said once
            middle = ((parent.x + box.x) / 2, (parent.y + box.y) / 2)
            how = {"xytext": (-6, 5), "textcoords": "offset points", "ha": "right", "va": "center"}
            self.ax_.annotate("yes", middle, fontsize=7, color=PASSED, **how)  # type: ignore[arg-type]

    def _box(self, box: Box) -> None:
        edge = {"same": SAME, "passed": PASSED, "rebuilt": REBUILT}[box.fate]
        shape = {
            "boxstyle": "round,pad=0.35",
            "fc": self._colour(box.node),
            "ec": edge,
            "lw": 1 if box.fate == "same" else 2,
        }
        self.ax_.text(box.x, box.y, self._said(box), ha="center", va="center", fontsize=8, bbox=shape, zorder=2)

    def _said(self, box: Box) -> str:
        tree, node = self.tree, box.node
        if tree.is_leaf(node):
            return f"{tree.answer(node)}\n{_cut(tree.counts(node))}"
        if box.cut:
            return f"{tree.leaves(node):,} leaves below\n{_cut(tree.counts(node))}"
        return f"{_cut(tree.question(node))}\n{_cut(tree.counts(node))}"

    def _colour(self, node: int) -> Any:
        """White where the classes are mixed; of means, the darker the larger."""
        from matplotlib.colors import to_rgb

        value = np.asarray(self.tree.nodes.value, dtype=np.float64)
        if self.tree.classes is None:
            low, high = float(value.min()), float(value.max())
            best, pure = 0, (float(value[node, 0]) - low) / (high - low) if high > low else 0.0
        else:
            held, kinds = value[node], max(len(self.tree.classes), 2)
            best = int(held.argmax())
            pure = (held[best] / max(held.sum(), 1.0) - 1 / kinds) / (1 - 1 / kinds)
        strength = 0.55 * max(pure, 0.0)
        return tuple(1 - strength * (1 - part) for part in to_rgb(COLOURS[best % len(COLOURS)]))

    def _legend(self) -> None:
        from matplotlib.patches import Patch

        said = {"passed": (PASSED, "a changed count"), "rebuilt": (REBUILT, "built again")}
        found = {box.fate for box in self.boxes}
        handles = [Patch(fc="white", ec=edge, lw=2, label=word) for fate, (edge, word) in said.items() if fate in found]
        if handles:
            self.ax_.legend(handles=handles, loc="upper right", frameon=False, fontsize=8)


def _cut(words: str, longest: int = 26) -> str:
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def _axes(wide: float, high: float) -> Axes:
    from matplotlib.figure import Figure

    made: Axes = Figure(figsize=(wide, high), layout="constrained").subplots()
    return made


# -- where each node stands --------------------------------------------------------------------------------------------


def _placed(tree: LabelledTree, before: LabelledTree | None, depth: int | None) -> list[Box]:
    """Boxes, each after the one it hangs from; a leaf takes one place, a question stands between its sides."""
    order = _walked(tree, before, depth)
    at: dict[int, float] = {}
    places = iter(range(len(order)))
    for node, _, _, ends, _ in order:
        if ends:
            at[node] = float(next(places))
    for node, _, _, ends, _ in reversed(order):
        if not ends:
            at[node] = sum(at[side] for side in tree.sides(node)) / 2
    number = {node: place for place, (node, *_) in enumerate(order)}
    return [
        Box(
            node,
            at[node],
            float(level),
            None if parent is None else number[parent],
            ends and not tree.is_leaf(node),
            fate,
        )
        for node, level, parent, ends, fate in order
    ]


def _walked(
    tree: LabelledTree, before: LabelledTree | None, depth: int | None
) -> list[tuple[int, int, int | None, bool, str]]:
    """From the root, the left side first: node, level, parent, whether nothing is drawn below it, and its fate."""
    found = []
    work: list[tuple[int, int, int | None, int | None]] = [(0, 0, None, None if before is None else 0)]
    while work:
        node, level, parent, was = work.pop()
        fate = "same" if before is None else _fate(tree, node, before, was)
        ends = tree.is_leaf(node) or level == depth
        found.append((node, level, parent, ends, fate))
        if not ends:
            old = (None, None) if before is None or was is None or fate == "rebuilt" else before.sides(was)
            pairs = list(zip(tree.sides(node), old, strict=True))
            work += [(side, level + 1, node, held) for side, held in reversed(pairs)]
    return found


def _fate(tree: LabelledTree, node: int, before: LabelledTree, was: int | None) -> str:
    """What became of a node that stood at the same place."""
    if was is None or tree.is_leaf(node) != before.is_leaf(was):
        return "rebuilt"
    if not tree.is_leaf(node) and tree.question(node) != before.question(was):
        return "rebuilt"
    same = tree.counts(node) == before.counts(was) and tree.answer(node) == before.answer(was)
    return "same" if same else "passed"
