"""A picture of a tree: boxes that do not meet, lines that follow the questions, frames where something changed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from expunge.errors import MissingExtraError, ParameterError
from expunge.trees import picture
from expunge.trees.labelled import LabelledTree
from expunge.trees.picture import TreeDisplay

NAMES, CLASSES = ("age", "size", "town"), ("ill", "well")


def labelled(nodes: Any) -> LabelledTree:
    return LabelledTree(nodes, NAMES, CLASSES, {"town": {0.0: "Bern"}})


@given(st.data(), st.integers(0, 5) | st.none())
def test_boxes_stand_apart_and_each_between_its_sides(trees: Any, data: st.DataObject, depth: int | None) -> None:
    tree = labelled(data.draw(trees))
    boxes = TreeDisplay(tree, depth=depth).boxes
    if depth is None:
        assert sorted(box.node for box in boxes) == list(range(len(tree)))
    ends = [box.x for box in boxes if tree.is_leaf(box.node) or box.cut]
    assert sorted(ends) == list(range(len(ends)))
    for level in {box.y for box in boxes}:
        line = sorted(box.x for box in boxes if box.y == level)
        assert all(then - first >= 1 for first, then in pairwise(line))
    for place, box in enumerate(boxes):
        below = [other for other in boxes if other.parent == place]
        assert len(below) == (0 if tree.is_leaf(box.node) or box.cut else 2)
        if below:
            assert {other.node for other in below} == set(tree.sides(box.node))
            assert min(other.x for other in below) < box.x < max(other.x for other in below)
            assert all(other.y == box.y + 1 for other in below)


@given(st.data())
def test_beside_itself_nothing_changed(trees: Any, data: st.DataObject) -> None:
    tree = labelled(data.draw(trees))
    assert {box.fate for box in TreeDisplay(tree, before=tree, depth=None).boxes} == {"same"}


def test_a_changed_count_and_a_part_that_was_built_again_are_told_apart(grow: Any) -> None:
    below = (1, False, 3.0, False, ((2, 0),), ((0, 2),))
    before = labelled(grow((0, False, 42.5, True, below, ((0, 5),))))
    fewer = (1, False, 3.0, False, ((1, 0),), ((0, 2),))
    counted = TreeDisplay(labelled(grow((0, False, 42.5, True, fewer, ((0, 5),)))), before)
    assert [box.fate for box in counted.boxes] == ["passed", "passed", "passed", "same", "same"]
    other = (1, False, 2.0, False, ((2, 0),), ((0, 2),))
    again = TreeDisplay(labelled(grow((0, False, 42.5, True, other, ((0, 5),)))), before)
    assert [box.fate for box in again.boxes] == ["same", "rebuilt", "rebuilt", "rebuilt", "same"]
    leaf = TreeDisplay(labelled(grow((0, False, 42.5, True, ((2, 2),), ((0, 5),)))), before)
    assert [box.fate for box in leaf.boxes] == ["same", "rebuilt", "same"]


@settings(max_examples=5, deadline=None)
@given(st.data())
def test_every_box_is_drawn_with_what_it_says(trees: Any, data: st.DataObject) -> None:
    tree = labelled(data.draw(trees))
    display = TreeDisplay(tree, before=tree, depth=2).plot()
    said = [text.get_text() for text in display.ax_.texts]
    for box in display.boxes:
        assert any(tree.counts(box.node)[:20] in words for words in said)
    assert len(display.ax_.lines) == len(display.boxes) - 1
    display.figure_.canvas.draw()


def test_it_is_drawn_on_axes_that_are_given_and_means_have_a_colour(grow: Any) -> None:
    ax = Figure().subplots()
    nodes = grow((0, False, 1.0, False, ((1.0,),), ((3.0,),)))
    display = TreeDisplay(LabelledTree(nodes, NAMES)).plot(ax)
    assert display.ax_ is ax
    colours = [text.get_bbox_patch().get_facecolor() for text in ax.texts if text.get_bbox_patch()]  # type: ignore[union-attr]
    assert colours[1] == (1.0, 1.0, 1.0, 1.0) != colours[2]


def test_without_matplotlib_the_extra_is_named(grow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'expunge\[demo\]'"):
        TreeDisplay(labelled(grow(((1, 0),)))).plot()
    with pytest.raises(ParameterError, match="TreeDisplay needs depth"):
        TreeDisplay(labelled(grow(((1, 0),))), depth=-2)
