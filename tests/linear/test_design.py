"""Blocks: dense and sparse records give the same products, in any number of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from expunge.errors import DataError
from expunge.linear import design
from expunge.linear.design import as_matrix, blocks, norms

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(11, 3)) * (RANDOM.random((11, 3)) < 0.6)


@pytest.mark.parametrize("rows", [1, 4, 11, 99])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("made", [np.asarray, sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_products_are_those_of_the_whole(rows: int, bias: Any, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design, "ROWS", rows)
    whole = np.hstack([X, np.ones((11, 1))]) if bias else X
    V, S, c = RANDOM.normal(size=(whole.shape[1], 2)), RANDOM.normal(size=(11, 2)), RANDOM.normal(size=11)
    parts = list(blocks(as_matrix(made(X)), bias=bias))
    assert len(parts) == -(-11 // rows)
    assert np.vstack([part.forward(V) for part in parts]) == pytest.approx(whole @ V)
    assert sum(part.back(S[part.rows]) for part in parts) == pytest.approx(whole.T @ S)
    for weights in (c, np.abs(c)):
        assert sum(part.gram(weights[part.rows]) for part in parts) == pytest.approx((whole.T * weights) @ whole)
    assert np.vstack([part.dense() for part in parts]) == pytest.approx(whole)
    assert np.vstack([part.squared().dense() for part in parts]) == pytest.approx(whole**2)
    lengths = norms(as_matrix(made(X)), bias=bias)
    assert (lengths >= np.linalg.norm(whole, axis=1)).all()
    assert lengths == pytest.approx(np.linalg.norm(whole, axis=1), rel=1e-13)


def test_integers_and_half_precision_are_taken_as_they_are() -> None:
    for kind in (np.int64, np.float32, np.bool_):
        part = next(iter(blocks(as_matrix(np.eye(2, dtype=kind)), bias=False)))
        assert part.X.dtype == np.float64


def test_a_number_in_two_pieces_is_one_number() -> None:
    twice = sparse.csr_matrix((np.array([1.0, 1.0]), np.array([0, 0]), np.array([0, 2])), shape=(1, 1))
    assert norms(as_matrix(twice), bias=False) == pytest.approx([2.0])
    assert twice.nnz == 2, "the matrix that was given is left alone"


@pytest.mark.parametrize("made", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_finite_number_is_refused(made: Any, bad: float) -> None:
    wrong = X.copy()
    wrong[7, 1] = bad
    with pytest.raises(DataError, match="row 7"):
        as_matrix(made(wrong))


@pytest.mark.parametrize("wrong", [np.zeros(3), np.array([["a"]]), np.zeros((1, 1, 1))])
def test_what_is_no_matrix_of_numbers_is_refused(wrong: Any) -> None:
    with pytest.raises(DataError, match="rows and columns"):
        as_matrix(wrong)
