"""Sums over features pulled from sums over rows are, to the bit, the sums over the features of each row."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.stages import pulled
from expunge.sums import wide
from expunge.sums.groups import Groups
from expunge.sums.moments import Moments, Second

SECONDS: tuple[Second, ...] = ("none", "squares", "products")


@settings(deadline=None, max_examples=60, database=None)
@given(st.data())
def test_sums_of_features_are_exact(draw: st.DataObject) -> None:
    n, columns = draw.draw(st.integers(1, 6)), draw.draw(st.integers(1, 3))
    largest = draw.draw(st.sampled_from([3, 2**40, 2**61]))
    rows = np.zeros((n, 3 * columns), object)  # of each column a number, whether it is missing, and a category
    for place in range(columns):
        for row in range(n):
            at = draw.draw(st.integers(0, 2))
            rows[row, 3 * place + at] = draw.draw(st.integers(-largest, largest)) if at == 0 else 1
    factors = st.sampled_from([1, 7, -5, 2**70 + 3])
    terms = [
        [(3 * place + at, draw.draw(factors)) for at in range(draw.draw(st.integers(0, 3)))] for place in range(columns)
    ] + [[(0, 1)]]
    made = np.array([[sum(row[at] * by for at, by in own) for own in terms] for row in rows], object).reshape(n, -1)
    for second in SECONDS:
        held = Moments.of(rows.astype(np.float64), "products")
        whole = np.array(rows.astype(np.float64).astype(object) == rows)
        if not whole.all():  # float64 does not hold the row: not a row that comes in
            return
        found = pulled.pulled(held, terms, second)
        assert wide.as_integers(found.sums).tolist() == made.sum(axis=0).tolist()
        if second == "squares" and found.second is not None:
            assert wide.as_integers(found.second).tolist() == (made * made).sum(axis=0).tolist()
        if second == "products" and found.second is not None:
            assert wide.as_integers(found.second).tolist() == made.T.dot(made).tolist()


def test_plain_columns_are_taken_as_they_are_and_classes_stay_apart() -> None:
    rows = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    groups = Groups.of(rows, np.array([0, 1, 0]), ("ham", "spam"))
    found = pulled.groups(groups, [[(1, 1)], [(0, 1)]], "products")
    assert found == Groups.of(rows[:, ::-1].copy(), np.array([0, 1, 0]), ("ham", "spam"))
    assert found.classes == ("ham", "spam")
