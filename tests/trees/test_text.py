"""A tree as text: one line a question, an else and an answer, and nothing rounded."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.errors import ParameterError
from expunge.trees.labelled import LabelledTree
from expunge.trees.text import tree_text

NAMES, CLASSES = ("age", "size", "town"), ("ill", "well")


def test_it_reads_like_a_program(grow: Any) -> None:
    made = grow((0, False, 42.5, True, (2, True, 0.0, False, ((3, 0),), ((1, 1),)), ((0, 5),)))
    tree = LabelledTree(made, NAMES, CLASSES, {"town": {0.0: "Bern"}})
    assert tree_text(tree).splitlines() == [
        "if age < 42.5 or missing:",
        "    if town is Bern:",
        "        ill  (ill 3)",
        "    else:",
        "        ill  (ill 1, well 1)",
        "else:",
        "    well  (well 5)",
    ]
    assert tree_text(tree, depth=1).splitlines() == [
        "if age < 42.5 or missing:",
        "    ... 1 more levels, 2 leaves  (ill 4, well 1)",
        "else:",
        "    well  (well 5)",
    ]
    assert tree_text(tree, depth=0) == "... 2 more levels, 3 leaves  (ill 4, well 6)"


@given(st.data())
def test_every_node_and_threshold_stands_in_it(trees: Any, data: st.DataObject) -> None:
    nodes = data.draw(trees)
    tree = LabelledTree(nodes, NAMES, CLASSES)
    lines = tree_text(tree).splitlines()
    questions = int((nodes.feature >= 0).sum())
    assert len(lines) == tree.leaves() + 2 * questions
    read = [float(of[1]) for line in lines if (of := re.search(r"< (\S+?)(?: or missing)?:$", line))]
    assert read == nodes.threshold[(nodes.feature >= 0) & ~nodes.categorical].tolist()
    assert tree_text(tree, depth=tree.depth()) == tree_text(tree)


def test_a_tree_deeper_than_python_recurses_is_written(grow: Any) -> None:
    depth, places = 3000, np.arange(3000)
    made = grow(((1, 0),))
    node = type(made)
    deep = node(
        np.r_[np.zeros(depth, int), -np.ones(depth + 1, int)],
        np.zeros(2 * depth + 1, bool),
        np.r_[places, np.full(depth + 1, np.nan)].astype(float),
        np.zeros(2 * depth + 1, bool),
        np.zeros(2 * depth + 1, bool),
        np.r_[places + depth, -np.ones(depth + 1, int)],
        np.r_[places + 1, -np.ones(depth + 1, int)],
        np.ones(2 * depth + 1, int),
        np.ones((2 * depth + 1, 2), int),
    )
    deep.right[depth - 1] = 2 * depth
    assert tree_text(LabelledTree(deep, NAMES, CLASSES)).count("\n") == 3 * depth


def test_a_depth_that_is_none_is_refused(grow: Any) -> None:
    with pytest.raises(ParameterError, match="tree_text needs depth"):
        tree_text(LabelledTree(grow(((1, 0),)), NAMES, CLASSES), depth=-1)
