"""Importances and single trees, against what is known of the data."""

from __future__ import annotations

import numpy as np
import pytest

from expunge import Forest, Run, Table
from expunge.errors import ParameterError

RUN = Run(key=b"a key for tests")


@pytest.mark.parametrize("numbers", [False, True])
def test_the_feature_that_says_it_all_is_the_important_one(*, numbers: bool) -> None:
    X = np.random.default_rng(0).normal(size=(200, 3))
    data = Table.from_arrays(X, X[:, 2] + 1e6 if numbers else X[:, 2] > 0)
    forest = Forest(trees=6, share=1.0)
    model = forest.learn(data, RUN)
    assert forest.importances(model)[2] > 0.8
    tree = forest.tree(model, 0)
    assert tree.weight[0] == 200
    inner = tree.feature >= 0
    assert (tree.weight[inner] == tree.weight[tree.left[inner]] + tree.weight[tree.right[inner]]).all()
    assert np.isnan(tree.threshold[~inner]).all()


def test_thresholds_are_in_the_unit_of_the_column() -> None:
    """Whoever walks down the tree with the numbers of the table comes to what the forest says."""
    X = np.random.default_rng(1).normal(size=(200, 2)) * 3
    X[:, 0] = np.sign(X[:, 0]) * np.exp(3 * np.abs(X[:, 0]))
    X[::9, 1] = np.nan
    data = Table.from_arrays(X, X[:, 0] > 20)
    forest = Forest(trees=1, share=1.0, spread=("x0",))
    model = forest.learn(data, RUN)
    tree, said = forest.tree(model, 0), forest.predict(model, data)
    assert np.abs(tree.threshold[tree.feature == 0]).max() > 100  # on its own scale no number is above 40
    for x, scores in zip(X, said, strict=True):
        node = 0
        while tree.feature[node] >= 0:
            value = x[tree.feature[node]]
            goes = tree.missing_left[node] if np.isnan(value) else value < tree.threshold[node]
            node = int((tree.left if goes else tree.right)[node])
        assert (tree.value[node] / tree.weight[node] == scores).all()


def test_where_missing_ones_go_is_known_where_some_were() -> None:
    X = np.random.default_rng(2).normal(size=(200, 2))
    X[::5, 1] = np.nan
    data = Table.from_arrays(X, (X[:, 0] > 0) ^ (np.nan_to_num(X[:, 1]) > 0))
    forest = Forest(trees=20, share=1.0)
    model = forest.learn(data, RUN)
    trees = [forest.tree(model, number) for number in range(20)]
    assert not any(tree.missing_seen[tree.feature == 0].any() for tree in trees)
    assert any(tree.missing_left[tree.feature == 0].any() for tree in trees)  # as one would go
    assert all(tree.missing_seen[0] for tree in trees if tree.feature[0] == 1)
    assert any(tree.feature[0] == 1 for tree in trees)


def test_a_number_of_a_tree_is_whole() -> None:
    data = Table.from_arrays(np.eye(4), [0, 1, 0, 1])
    forest = Forest(trees=2)
    model = forest.learn(data, RUN)
    assert forest.tree(model, np.int64(1)).weight[0] == forest.tree(model, 1).weight[0]  # type: ignore[arg-type]
    for wrong in (1.5, True, -1, 2, "0"):
        with pytest.raises(ParameterError, match="this forest has trees 0 to 1, got"):
            forest.tree(model, wrong)  # type: ignore[arg-type]


def test_a_forest_without_a_split_has_no_importances() -> None:
    data = Table.from_arrays(np.ones((4, 2)), [0, 1, 0, 1])
    forest = Forest(trees=2)
    assert forest.importances(forest.learn(data, RUN)).tolist() == [0.0, 0.0]
