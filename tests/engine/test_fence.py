"""The fence: covers exactly what was erased, forgets nothing on the way to bytes and back, and gives no name away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data.table import Table
from expunge.engine.fence import Fence, tokens, tokens_among, tokens_of
from expunge.values import Batch, Column, Label, Owners, Records, Target

KEY = b"fence key"
NAMES = st.sets(st.integers(0, 11))
TEXTS = [f"person {n}" for n in range(4)]
TABLE = Table.from_arrays(
    np.arange(24.0).reshape(12, 2), ["a", "b", "c"] * 4, ids=np.arange(12), owners=[TEXTS[n % 4] for n in range(12)]
)
ERASURES: st.SearchStrategy[Target] = st.one_of(
    NAMES.map(Records), st.sets(st.sampled_from(TEXTS)).map(Owners), st.sampled_from("abc").map(Label)
)


def raised(fence: Fence, target: Target) -> Fence:
    change = TABLE.change(target)
    assert change is not None
    return fence.raised(KEY, target, TABLE.take(change.out))


@given(st.lists(ERASURES, max_size=4), st.booleans())
def test_it_covers_what_was_erased_and_nothing_else(targets: list[Target], batched: bool) -> None:  # noqa: FBT001
    fence = Fence()
    for target in [Batch(targets)] if batched else targets:
        fence = raised(fence, target)
    gone = np.zeros(12, bool)
    for target in targets:
        change = TABLE.change(target)
        assert change is not None
        gone[change.out] = True
    # An owner's other rows would stay out too; here each target took all that it covers.
    assert fence.covers(KEY, TABLE).tolist() == gone.tolist()
    assert Fence.read(fence.written()).covers(KEY, TABLE).tolist() == gone.tolist()


@given(ERASURES)
def test_under_another_key_it_covers_nothing(target: Target) -> None:
    assert not raised(Fence(), target).covers(b"another", TABLE).any()


def test_an_owners_rows_are_known_as_records_and_new_rows_of_theirs_stay_out() -> None:
    fence = raised(Fence(), Owners(["person 1"]))
    later = Table.from_arrays(np.zeros((2, 2)), ["a", "b"], ids=[100, 101], owners=["person 1", "person 2"])
    assert fence.covers(KEY, later).tolist() == [True, False]
    assert fence.knows(KEY, ("record", 5))
    assert not fence.knows(KEY, ("record", 6))


@pytest.mark.parametrize(
    ("target", "subject"),
    [
        (Records([3]), ("record", 3)),
        (Owners(["person 2"]), ("owner", "person 2")),
        (Label("b"), ("class", "str 'b'")),
    ],
)
def test_what_was_forgotten_is_known_until_it_is_readmitted(target: Any, subject: Any) -> None:
    fence = raised(Fence(), target)
    assert fence.knows(KEY, subject)
    lowered = fence.lowered(KEY, target)
    assert not lowered.knows(KEY, subject)


def test_a_column_that_was_forgotten_is_remembered_by_name() -> None:
    fence = raised(raised(Fence(), Column("x1")), Column("x1"))
    assert fence.columns == ("x1",)
    assert fence.knows(KEY, ("column", "x1"))


def test_it_holds_no_name() -> None:
    content = raised(raised(Fence(), Owners(TEXTS)), Records([7])).written()
    assert not any(text.encode() in content for text in TEXTS)


def test_names_that_no_table_could_hold_are_in_no_fence() -> None:
    assert len(tokens_of(KEY, "record", [2**70, -(2**63) - 1])) == 0
    assert len(tokens_of(KEY, "record", [])) == 0


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_membership_by_halves_is_membership(asked: list[int], fenced: list[int]) -> None:
    mine, theirs = (tokens(KEY, "record", np.array(names, np.int64)) for names in (asked, fenced))
    assert tokens_among(mine, theirs).tolist() == [name in fenced for name in asked]
