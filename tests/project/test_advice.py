"""Rules of thumb: a learner and a number of shards for any table, each with its reason."""

from __future__ import annotations

from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.project.advice import LINEAR, MOST, RARE, ROWS, TREES, learner_for, shards_for


@pytest.mark.parametrize(
    ("kinds", "rows", "classes", "linear"),
    [
        (["number"], 50_000, 2, False),
        (["number", "text"], 50_000, 2, True),
        (["number"], 999, 2, True),
        (["number"], 50_000, 26, True),
        ([], 1_000, 20, False),
    ],
)
def test_trees_unless_there_is_a_reason(kinds: list[str], rows: int, classes: int, linear: bool) -> None:  # noqa: FBT001
    for task in ("classification", "regression"):
        found = learner_for(task, kinds, rows, classes)
        assert (found.name, found.options) == (LINEAR if linear else TREES)[task]
        assert found.reason.startswith("A linear model, because" if linear else "Gradient-boosted trees")


def test_every_learner_that_is_advised_exists_with_its_options() -> None:
    for name, options in (*LINEAR.values(), *TREES.values()):
        module, _, title = name.rpartition(".")
        assert getattr(import_module(module), title)(**options)


@given(st.integers(0, 10**8), st.none() | st.integers(0, 10**8), st.none() | st.integers(0, 10**8))
def test_shards_are_a_power_of_two_within_every_limit(rows: int, rarest: int | None, owners: int | None) -> None:
    number, reason = shards_for(rows, rarest, owners)
    assert 1 <= number <= MOST
    assert number & (number - 1) == 0
    assert reason
    if number > 1:
        assert rows >= number * ROWS
        assert all(count is None or count >= number * RARE for count in (rarest, owners))
    assert shards_for(2 * rows, rarest, owners).number >= number or rows == 0, "more rows, not fewer shards"


@pytest.mark.parametrize(
    ("rows", "rarest", "owners", "number", "said"),
    [
        (48_842, 11_687, None, 8, "about 6,105 of 48,842 rows, and a deletion learns one of them again: about 12 %"),
        (5_574, 747, None, 2, "about 50 % of the work"),
        (500, None, None, 1, "2,000 rows, and these are 500: so it is one"),
        (48_842, 30, None, 1, "20 records of the rarest class, which has 30"),
        (48_842, None, 50, 2, "about 50 %"),
        (48_842, None, 10, 1, "20 owners, and these are 10"),
        (10**7, None, None, 64, "about 2 % of the work"),
        (0, None, None, 1, "these are 0"),
    ],
)
def test_the_reason_says_what_a_deletion_costs_or_what_is_too_few(
    rows: int, rarest: int | None, owners: int | None, number: int, said: str
) -> None:
    found = shards_for(rows, rarest, owners)
    assert found.number == number
    assert said in found.reason
