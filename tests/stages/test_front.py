"""What fitted stages make of given records; agreement with scikit-learn is in test_features.py."""

from __future__ import annotations

import numpy as np
import pytest

from expunge import Table
from expunge.errors import DataError
from expunge.stages.features import Coding, Feature
from expunge.stages.front import Turn, matrix

TABLE = Table.from_arrays(np.array([["Bern", 1.0], [None, 2.0], ["Genf", 4.0]], dtype=object), columns=["town", "age"])


@pytest.mark.parametrize(
    ("coding", "wanted"),
    [
        (Coding("town", ("Bern", None), filled=False, fill=None, other="ignore"), [0, 1, -1]),
        (Coding("town", ("Bern", "Zug"), filled=True, fill="Zug", other="ignore"), [0, 1, -1]),
        (Coding("town", ("Bern", "Genf"), filled=False, fill=None, other="ignore"), [0, -1, 1]),
    ],
)
def test_categories_find_their_places(coding: Coding, wanted: list[int]) -> None:
    made = matrix(TABLE, [Feature("town", "hot", 0, place) for place in range(2)], (coding,))
    assert made.tolist() == [[float(place == at) for place in range(2)] for at in wanted]


def test_ranks_of_the_unknown_and_the_missing() -> None:
    coding = Coding("town", ("Bern",), filled=False, fill=None, other=-1.0)
    filled = Feature("town", "rank", 0, fill=3, exponent=1)
    assert matrix(TABLE, [filled], (coding,)).ravel().tolist() == [0.0, 1.5, -1.0]
    with pytest.raises(DataError, match="row 1 lacks a value"):
        matrix(TABLE, [Feature("town", "rank", 0, open=True)], (coding,))


def test_turns_come_last_and_no_record_is_no_row() -> None:
    turn = Turn(np.array([1.0]), np.array([[2.0, -1.0]]))
    features = [Feature("age", "number")]
    assert matrix(TABLE, features, (), (turn,)).tolist() == [[0.0, 0.0], [2.0, -1.0], [6.0, -3.0]]
    assert matrix(TABLE.take(slice(0, 0)), features, (), (turn,)).shape == (0, 2)


def test_a_number_that_is_infinite_is_refused_by_column_and_row() -> None:
    table = Table.from_arrays(np.array([[1.0], [np.inf]]), columns=["age"])
    with pytest.raises(DataError, match="column 'age': row 1 is missing or infinite"):
        matrix(table, (Feature("age", "number", fill=0),), ())
