"""Trees come back from their arrays, and a record ends where the rule of the nodes leads it."""

from __future__ import annotations

import numpy as np
import pytest

from expunge import Forest, Run, Table, fingerprint
from expunge.codec import decode, encode

RUN = Run(key=b"a key for tests")


@pytest.mark.parametrize("numbers", [False, True])
def test_a_loaded_forest_says_the_same_and_goes_on_the_same(*, numbers: bool) -> None:
    random = np.random.default_rng(4)
    X = random.normal(size=(80, 3))
    X[::7, 1] = np.nan
    data = Table.from_arrays(X, X[:, 0] * 3 if numbers else X[:, 0] > 0)
    forest = Forest(trees=4, share=0.5)
    model = forest.learn(data, RUN)
    loaded = decode(encode(model))
    assert fingerprint(loaded) == fingerprint(model)
    assert (forest.predict(loaded, data) == forest.predict(model, data)).all()


def test_a_prediction_is_the_mean_of_the_leaves() -> None:
    random = np.random.default_rng(4)
    X = random.normal(size=(60, 2)).round(1)
    X[::5, 0] = np.nan
    data = Table.from_arrays(X, random.integers(0, 3, 60))
    forest = Forest(trees=5, share=1.0, min_leaf=3)
    model = forest.learn(data, RUN)
    expected = np.zeros((60, 3))
    for number in range(5):
        tree = forest.tree(model, number)
        for row, x in enumerate(X):
            v = 0
            while tree.feature[v] >= 0:
                value = x[tree.feature[v]]
                left = tree.missing_left[v] if np.isnan(value) else value < tree.threshold[v]
                v = tree.left[v] if left else tree.right[v]
            expected[row] += tree.value[v] / tree.weight[v]
    assert np.allclose(forest.predict(model, data), expected / 5)


def test_a_regression_predicts_the_mean_at_any_offset() -> None:
    y = np.array([1.5, 2.5, -4.0]) + 2.0**35
    data = Table.from_arrays([[0.0], [0.0], [0.0]], y)
    forest = Forest(trees=2, share=1.0)
    assert forest.predict(forest.learn(data, RUN), data).tolist() == [2.0**35] * 3
