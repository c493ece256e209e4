"""Records in the order of their ids, whatever came and went."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge import Table, fingerprint
from expunge.errors import DataError, MismatchError
from expunge.sums.rows import Rows


def table(*, text: bool, responding: bool, n: int = 30) -> Table:
    """Records whose ids do not follow the rows; one name is long."""
    random = np.random.default_rng(0)
    ids = (np.arange(n) * 389 + 5) % 1009
    names = [f"n{number}" + "x" * (50 if number == 5 else 0) for number in ids.tolist()] if text else ids
    y = random.normal(size=n) if responding else random.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1])
    return Table.from_arrays(random.normal(size=(n, 2)), y, names)


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("responding", [True, False])
@given(cut=st.integers(1, 29))
@settings(max_examples=8, deadline=None)
def test_parts_add_up_and_can_be_taken_away(text: bool, responding: bool, cut: int) -> None:  # noqa: FBT001
    data = table(text=text, responding=responding)
    first, then, whole = (
        Rows.of(data.take(rows), responding=responding)
        for rows in (slice(0, cut), slice(cut, None), slice(None, None, -1))
    )
    assert first.plus(then) == whole == then.plus(first)
    left = whole.minus(first)
    assert left == then
    assert (left.ids.dtype, hash(left), left.labels) == (then.ids.dtype, hash(then), then.labels)
    assert whole.at([1]) == Rows.of(data.drop("x0"), responding=responding)


def test_what_is_not_there_cannot_go_and_what_is_cannot_come_again() -> None:
    data = table(text=False, responding=False)
    rows = Rows.of(data)
    few = Rows.of(data.take(slice(0, 3)))
    with pytest.raises(MismatchError, match="do not hold them"):
        few.minus(rows)
    with pytest.raises(MismatchError, match="there already"):
        rows.plus(few)
    with pytest.raises(DataError, match="NUL"):
        Rows.of(Table.from_arrays(np.zeros((1, 1)), ["a"], ["n\0"]))
    assert rows != "rows"


def test_zero_has_one_sign() -> None:
    one, other = (
        Rows.of(Table.from_arrays(np.array([[zero]]), np.array([zero])), responding=True) for zero in (0.0, -0.0)
    )
    assert fingerprint(one) == fingerprint(other)
