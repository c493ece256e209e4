"""Sparse features: a table of them is the same table, and is never written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from expunge import Addition, Correction, Records, Run, Table
from expunge.data.compressed import as_rows, digests, is_compressed, joined
from expunge.errors import DataError
from expunge.learners.linear import LinearLearner

KINDS: list[Any] = [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix, sparse.dok_array]
seeds = st.integers(0, 2**32 - 1)


def numbers(seed: int, n: int = 12) -> Any:
    """A matrix with many zeros, and rows that repeat."""
    random = np.random.default_rng(seed)
    X = random.integers(-2, 3, (n, 5)) * (random.random((n, 5)) < 0.5).astype(float) + 0.0
    X[-2:] = X[:2]
    return X


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_any_kind_is_kept_as_the_same_rows(kind: Any) -> None:
    X = numbers(0)
    rows = as_rows(kind(X))
    assert is_compressed(rows)
    assert (rows.toarray() == X).all()
    assert rows.has_canonical_format
    assert (digests(rows, b"k") == digests(as_rows(sparse.csr_array(X)), b"k")).all()


def test_numbers_in_two_pieces_and_zeros_that_are_written_down_are_none() -> None:
    given = sparse.csr_array((np.array([1.0, 2.0, 0.0]), np.array([3, 3, 1]), np.array([0, 3])), shape=(1, 4))
    before = given.data.copy()
    assert as_rows(given).data.tolist() == [3.0]
    assert (given.data == before).all()
    whole = as_rows(sparse.csr_array(np.eye(3)))
    assert np.shares_memory(as_rows(whole).data, whole.data)


@given(seed=seeds)
@settings(max_examples=50, deadline=None)
def test_records_have_one_digest_exactly_if_they_say_the_same(seed: int) -> None:
    X = numbers(seed)
    made = digests(as_rows(sparse.csr_array(X)), b"k")
    same = (X[:, None] == X[None]).all(axis=2)
    assert ((made[:, None] == made[None]).all(axis=2) == same).all()
    assert (digests(as_rows(sparse.csr_array(X[[3]])), b"k")[0] == made[3]).all()
    assert not (digests(as_rows(sparse.csr_array(X)), b"other") == made).all(axis=1).any()


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_a_table_of_them_changes_as_a_dense_one_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    X, y = numbers(seed), np.arange(12) % 2
    thin, thick = Table.from_arrays(sparse.csr_array(X), y), Table.from_arrays(X, y)
    corrected = random.permutation(12)[:3]
    for target in (
        Records(random.permutation(12)[:4].tolist()),
        Correction(Table.from_arrays(X[:3] + 1.0, y[:3], corrected)),
        Addition(Table.from_arrays(X[:2], y[:2], [90, 91])),
    ):
        mine, other = thin.after(target), thick.after(target)
        assert is_compressed(mine.stored)
        assert (mine.features.toarray() == other.features).all()
        assert mine.ids.tolist() == other.ids.tolist()
        assert thin.twins(target).tolist() == thick.twins(target).tolist()
    assert thin.column("x2").tolist() == X[:, 2].tolist()
    assert (thin.drop("x1").features.toarray() == np.delete(X, 1, axis=1)).all()
    rows = thin.take(slice(3, 9))
    assert (rows.digests(b"k") == thin.digests(b"k")[3:9]).all()
    assert (rows.gathered().digests(b"k") == thin.digests(b"k")[3:9]).all()
    assert thin.schema() != thick.schema()


def test_a_linear_model_learns_from_them_what_it_learns_from_numbers_written_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = numbers(1, 200), np.random.default_rng(0).integers(0, 2, 200)
    learner, run = LinearLearner(LogisticRegression()), Run(key=b"k")
    dense = learner.learn(Table.from_arrays(X, y), run)

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError

    thin = Table.from_arrays(sparse.csr_array(X), y)
    monkeypatch.setattr(sparse.csr_array, "todense", refused)
    learned = learner.learn(thin, run)
    assert learned.weights == pytest.approx(dense.weights, abs=1e-9)
    assert learner.predict(learned, thin) == pytest.approx(learner.predict(dense, Table.from_arrays(X)), abs=1e-9)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="rows and columns, got complex128"):
        as_rows(sparse.csr_array(np.eye(2) * 1j))
    whole = as_rows(sparse.csr_array(np.eye(2, dtype=np.float32)))
    assert joined(whole, np.array([[0.5, 0.0]])).dtype == np.float32
    assert joined(whole, np.array([[0.1, 0.0]])).data[-1] == np.float32(0.1)
    with pytest.raises(TypeError, match="a number that does not fit into float32"):
        joined(whole, np.array([[1e300, 0.0]]))
    with pytest.raises(TypeError, match="same_kind"):
        joined(as_rows(sparse.csr_array(np.eye(2, dtype=int))), np.array([[0.5, 0.0]]))
    thin = Table.from_arrays(sparse.csr_array(np.eye(3)), [0, 1, 0])
    with pytest.raises(DataError, match="missing \\['x2'\\]"):
        thin.after(Addition(Table.from_arrays(np.eye(2), [0, 1], [7, 8])))
    frame = Table.from_arrays(np.array([["a", "b", "c"]]), [0], [9])
    with pytest.raises(DataError, match="one side is a matrix"):
        thin.after(Addition(frame))
