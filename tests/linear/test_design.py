"""Blocks: dense and sparse records give the same products, in any number of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from expunge.errors import DataError
from expunge.linear import design
from expunge.linear.design import Picked, as_matrix, blocks, counts, depth, fullest, norms

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


@pytest.mark.parametrize("made", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("rows", [[3, 4, 5], [10, 0, 4], [2, 3, 5, 6], [], list(range(11))])
def test_picked_records_are_those_of_a_copy_bit_for_bit(made: Any, rows: list[int], monkeypatch: Any) -> None:
    monkeypatch.setattr(design, "ROWS", 4)
    held, places = as_matrix(made(X)), np.array(rows, dtype=np.intp)
    picked = Picked(held, places)
    assert picked.shape == (len(rows), 3)
    assert len(picked) == len(rows)
    V, S = RANDOM.normal(size=(4, 1)), RANDOM.normal(size=(len(rows), 1))
    both = zip(blocks(picked, bias=True), blocks(held[places], bias=True), strict=True)
    for mine, other in both:
        assert (mine.forward(V) == other.forward(V)).all()
        assert (mine.back(S[mine.rows]) == other.back(S[mine.rows])).all()
    assert (norms(picked, bias=True) == norms(held[places], bias=True)).all()
    again = picked[np.arange(len(rows))[::-1]].gathered()
    assert (np.asarray(again if made is np.asarray else again.toarray()) == X[rows][::-1]).all()


def test_neighbours_are_not_copied() -> None:
    assert np.shares_memory(Picked(X, np.arange(2, 7)).gathered(), X)
    assert not np.shares_memory(Picked(X, np.array([2, 4, 3, 5])).gathered(), X)  # as many as from first to last


@pytest.mark.parametrize("made", [np.asarray, sparse.csr_array])
def test_zeros_are_not_counted(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design, "ROWS", 4)
    held = as_matrix(made(X))
    assert (counts(held) == (X != 0).sum(axis=1)).all()
    assert fullest(held) == (X != 0).sum(axis=1).max()
    assert fullest(Picked(held, np.array([3]))) == (X[3] != 0).sum()
    assert fullest(held[:0]) == 0


def test_a_sum_in_parts_is_not_as_deep() -> None:
    assert depth(100) == 100 + 1 + 1 + 2
    assert depth(10**6) == 4096 + 1 + 245 + 2
    assert depth(10**6, 256) == 256 + 16 + 245 + 2


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 4096])
def test_a_sum_in_parts_is_the_sum(rows: int) -> None:
    many, S = RANDOM.normal(size=(rows, 3)), RANDOM.normal(size=(rows, 2))
    (part,) = blocks(many, bias=False)
    assert part.back(S) == pytest.approx(many.T @ S)
    V = RANDOM.normal(size=(3, 1))
    assert part.forward(V) == pytest.approx(many @ V)
    assert part.again(V) == pytest.approx(many @ V)
