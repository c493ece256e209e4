"""Records and their sums go together; a row that the stages have made does not depend on those beside it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from expunge import Column, Table, fingerprint
from expunge.errors import MismatchError
from expunge.stages.front import Turn
from expunge.stages.instances import Instances, turned
from expunge.stages.specification import stages_of

FILLED = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
FRONT = ColumnTransformer(
    [("number", FILLED, ["age", "year"]), ("places", OneHotEncoder(handle_unknown="ignore"), ["town", "year"])]
)
KIND = Instances(stages_of([FRONT]))


def table(seed: int = 0, rows: int = 16) -> Table:
    """Numbers with gaps, categories of text and of numbers, one column that is both."""
    random = np.random.default_rng(seed)
    frame = pa.table(
        {
            "town": random.choice(np.array(["Bern", "Zug", "Genf", "Uri", None], object), rows).tolist(),
            "age": np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows)),
            "year": random.choice([1990.0, 1991.0, -0.0, np.nan], rows),
            "left": np.arange(rows),
        }
    )
    return Table.from_arrays(frame, random.choice(["a", "b", "c"], rows).tolist(), random.permutation(rows))


@given(st.integers(0, 2**32 - 1), st.integers(1, 15))
@settings(max_examples=30, deadline=None)
def test_parts_add_up_and_can_be_taken_away(seed: int, cut: int) -> None:
    data = table(seed)
    first, then, whole = (KIND.of(data.take(rows)) for rows in (slice(0, cut), slice(cut, None), slice(None, None, -1)))
    assert first.plus(then) == whole == then.plus(first)
    left = whole.minus(first)
    assert fingerprint(left) == fingerprint(then)
    assert (left.count, KIND.classes(left)) == (then.count, KIND.classes(then))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_records_that_were_kept_come_out_as_those_that_are_asked(seed: int) -> None:
    data = table(seed)
    front, mapped = KIND.solved(KIND.of(data.take(slice(0, 8))).plus(KIND.of(data.take(slice(8, None)))))
    asked = KIND.matrix(front, data.take(np.argsort(data.ids)))
    assert mapped.X.tobytes() == asked.tobytes()
    assert mapped.count == len(mapped.y) == 16


@pytest.mark.parametrize("column", ["town", "age", "year", "left"])
def test_a_column_is_taken_out_of_both(column: str) -> None:
    assert KIND.without(KIND.of(table()), column) == KIND.of(table().after(Column(column)))


def test_who_is_not_there_cannot_go() -> None:
    data = table()
    few = KIND.of(data.take(slice(0, 3)))
    with pytest.raises(MismatchError):
        few.minus(KIND.of(data))


def test_other_stages_have_other_names_and_equal_ones_the_same() -> None:
    kinds = [Instances(stages_of([stage])) for stage in (StandardScaler(), StandardScaler(), MinMaxScaler())]
    assert len({kind.name for kind in [*kinds, Instances(kinds[0].stages, responding=True)]}) == 3


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_a_row_is_turned_by_itself(seed: int, rows: int, width: int) -> None:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 9))
    turns = [Turn(random.normal(size=9), random.normal(size=(9, width)))]
    together = turned(X, turns)
    assert all(turned(X[row : row + 1], turns).tolist() == [together[row].tolist()] for row in range(rows))
    np.testing.assert_allclose(together, (X - turns[0].shift) @ turns[0].matrix, atol=1e-12)
