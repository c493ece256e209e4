"""Sums over sparse rows are those over the same rows written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from expunge.errors import DataError
from expunge.sums.fixed import Fixed
from expunge.sums.groups import Groups
from expunge.sums.sparse import checked_rows, sparse_sums


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
@settings(max_examples=20)
def test_they_are_the_dense_sums(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 5)) * 10.0 ** random.integers(-6, 8, (n, 5)) * (random.random((n, 5)) < 0.4)
    codes = random.integers(0, 2, n)
    F, shift = Fixed().integers(X, tuple("abcde"))
    made = sparse_sums(sparse.csr_array(X), codes, 2, tuple("abcde"), Fixed())
    expected = Groups.of(F, codes, (0, 1), "none", shift=shift)
    assert [part for part in made if part.count] == list(expected.parts)


def test_no_rows_and_no_numbers_are_zeros() -> None:
    made = sparse_sums(sparse.csr_array((3, 2)), np.array([0, 0, 0]), 1, ("a", "b"), Fixed())
    assert (made[0].count, made[0].mean().tolist()) == (3, [0.0, 0.0])


def test_a_number_that_is_missing_is_named_by_row_and_column() -> None:
    rows = sparse.csr_array(np.array([[1.0, 0.0], [0.0, np.nan]]))
    with pytest.raises(DataError, match="column 'b': row 1 is missing or infinite"):
        checked_rows(rows, ("a", "b"), Fixed())
    assert checked_rows(rows[:1], ("a", "b"), Fixed()).tolist() == [[1.0]]
