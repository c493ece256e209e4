"""Weights of naive Bayes over counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from expunge import Run, Table
from expunge.methods.arrays._counts import Weights
from expunge.methods.arrays.multinomial_nb import MultinomialNB


def test_dense_and_sparse_rows_score_alike() -> None:
    weights = Weights(np.log([[0.5, 0.5], [0.9, 0.1]]), np.log([0.25, 0.75]))
    rows = np.array([[2.0, 0.0], [0.0, 0.0]])
    made = weights.posterior(rows)
    assert made == pytest.approx(weights.posterior(sparse.csr_array(rows)))
    assert made[0, 0] == pytest.approx(0.25 * 0.25 / (0.25 * 0.25 + 0.75 * 0.81))
    assert made[1].tolist() == pytest.approx([0.25, 0.75])


def test_declared_shares_hold_for_the_classes_that_there_are() -> None:
    data = Table.from_arrays(np.zeros((3, 1)), ["a", "b", "b"])
    method = MultinomialNB(class_prior={"a": 1, "b": 1, "c": 2})
    model = method.learn(data, Run(key=b"k"))
    assert method.predict(model, data)[0] == pytest.approx([0.5, 0.5])
