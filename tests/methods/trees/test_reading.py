"""Importances and single trees, against what is known of the data."""

from __future__ import annotations

import numpy as np
import pytest

from expunge import Forest, Run, Table

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


def test_a_forest_without_a_split_has_no_importances() -> None:
    data = Table.from_arrays(np.ones((4, 2)), [0, 1, 0, 1])
    forest = Forest(trees=2)
    assert forest.importances(forest.learn(data, RUN)).tolist() == [0.0, 0.0]
