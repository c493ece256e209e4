"""What a value becomes depends on that value alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from expunge import Table
from expunge.errors import DataError, LearnError
from expunge.methods.trees._coded import (
    codes_of,
    fixed,
    gathered,
    refuse_heavy,
    schema_of,
    spread_out,
    values,
    weights,
    words_of,
)

MOST = float(np.finfo(np.float64).max)


def test_a_code_belongs_to_its_name_whoever_else_is_there() -> None:
    some, others = codes_of(pa.array(["b", "a", None, "b"])), codes_of(pa.array(["zz", "a", "b"]))
    assert some[1] == others[1]
    assert some[0] == some[3] == others[2]
    assert some[2] == 0
    assert (some >= 0).all()
    assert (some <= 2**30).all()


def test_columns_of_every_type_are_read() -> None:
    frame = pa.table(
        {
            "number": pa.array([1, None]),
            "truth": pa.array([True, False]),
            "date": pa.array([dt.date(1970, 1, 3), None]),
            "text": pa.array(["a", None]),
        }
    )
    data = Table.from_arrays(frame, [0, 1])
    schema = schema_of(data, (), (), None)
    assert schema.coded.tolist() == [False, False, False, True]
    X = values(data, schema)
    assert X[0, :3].tolist() == [1.0, 1.0, 2.0]
    assert np.isnan(X[1, [0, 2]]).all()
    assert X[1, 3] == 0


def test_spreading_keeps_the_order() -> None:
    x = np.sort(np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(500) ** 0.5)
    assert (np.diff(spread_out(np.sort(x))) >= 0).all()


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@example(x=0.0, near=0.0, step=1, fine=-3)
@example(x=0.0, near=0.0, step=-2, fine=5)
@given(x=NUMBERS, near=NUMBERS, step=st.integers(-12, 12), fine=st.integers(-(2**12), 2**12))
def test_a_cut_of_a_spread_column_is_a_number_of_the_column(x: float, near: float, step: int, fine: int) -> None:
    """Also between the steps of that scale, and a float beside the cut: where rounding would show."""
    for at in (near, *spread_out(np.array([x])), step, step + fine * 2.0**-50):
        cut = np.clip(at, *spread_out(np.array([-MOST, MOST])))
        number = float(gathered(np.array([cut]))[0])
        beside = np.array([x, number, np.nextafter(number, -np.inf), np.nextafter(number, np.inf)])
        beside = beside[np.isfinite(beside)]
        assert ((beside < number) == (spread_out(beside) < cut)).all()


def test_finite_numbers_whose_sum_overflows_are_finite() -> None:
    huge = Table.from_arrays([[MOST, 1.0], [MOST, 2.0], [-MOST, 0.0]], [0, 1, 0])
    assert (values(huge, schema_of(huge, (), (), None)) == huge.features).all()
    endless = Table.from_arrays([[MOST, np.inf], [MOST, -np.inf]], [0, 1])
    with pytest.raises(DataError, match="column 'x1': row 0 holds inf"):
        values(endless, schema_of(endless, (), (), None))


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (np.array([[True], [False]]), {"0", "1"}),
        (np.array([[2**53], [2**62 + 1]]), {"9.007199254740992e+15", "4.611686018427388e+18"}),
        (np.array([[2.0], [np.nan]]), {"2"}),
        (pa.table({"x0": pa.array([True, None])}), {"true"}),
        (pa.table({"x0": pa.array([2**53 + 1, None])}), {"9007199254740993"}),
        (pa.table({"x0": pa.array([dt.date(2024, 1, 3), None])}), {"2024-01-03"}),
        (pa.table({"x0": pa.array([dt.datetime(2024, 1, 3), None])}), {"2024-01-03 00:00:00"}),  # noqa: DTZ001
        (pa.table({"x0": pa.array(["Bern", None])}), {"Bern"}),
    ],
    ids=["truth", "large", "numbers", "truth in a frame", "large in a frame", "dates", "moments", "text"],
)
def test_every_code_has_its_word(features: Any, words: set[str]) -> None:
    data = Table.from_arrays(features, [0, 1])
    said = words_of(data, "x0")
    codes = values(data, schema_of(data, ("x0",), (), None))[:, 0]
    assert {said[code] for code in codes} - {"missing"} == words
    assert set(said.values()) == words | {"missing"}
    with pytest.raises(DataError, match="no column 'y'"):
        words_of(data, "y")


def test_a_weight_is_no_text_and_no_date() -> None:
    for column in (["a", "b"], [dt.date(2024, 1, 3)] * 2):
        data = Table.from_arrays(pa.table({"x": [1.0, 2.0], "w": pa.array(column)}), [0, 1])
        with pytest.raises(DataError, match="a weight is a whole number"):
            weights(data, "w")
    truths = Table.from_arrays(pa.table({"w": pa.array([True, False])}), [0, 1])
    assert weights(truths, "w").tolist() == [1, 0]
    gap = Table.from_arrays(pa.table({"w": pa.array([True, None])}), [0, 1])
    with pytest.raises(DataError, match="row 1 holds no weight"):
        weights(gap, "w")


def test_weights_and_targets_that_do_not_fit_are_sentences() -> None:
    data = Table.from_arrays([[0.5], [1.0]], [0, 1], columns=["w"])
    with pytest.raises(DataError, match="row 0 holds no weight"):
        weights(data, "w")
    assert weights(data, None).tolist() == [1, 1]
    with pytest.raises(LearnError, match="counts up to"):
        refuse_heavy(1 << 29)
    with pytest.raises(DataError, match="row 1"):
        fixed(np.array([0.0, 1e300]), 2.0**-20)
    with pytest.raises(DataError, match="rows of columns"):
        schema_of(Table.from_arrays(np.zeros((2, 3, 3)), [0, 1]), (), (), None)
