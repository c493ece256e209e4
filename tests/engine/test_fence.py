"""The fence: covers exactly what was erased, forgets nothing on the way to bytes and back, and gives no name away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data.table import Table
from expunge.engine.fence import Fence, refused_rows, tokens, tokens_among, tokens_of
from expunge.values import Batch, Column, Correction, Label, Owners, Records, Target

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


# -- classes -----------------------------------------------------------------------------------------------------------


def relabelled(name: str) -> Table:
    return Table.from_arrays(
        np.arange(24.0).reshape(12, 2), [name] * 12, ids=np.arange(12), owners=[TEXTS[n % 4] for n in range(12)]
    )


def test_records_of_a_class_stay_out_when_they_are_relabelled_until_it_is_readmitted() -> None:
    fence = raised(Fence(), Label("b"))
    expected = [label == "b" for label in ["a", "b", "c"] * 4]
    assert fence.covers(KEY, relabelled("a")).tolist() == expected
    again = Fence.from_spelled(fence.spelled())
    assert again.covers(KEY, relabelled("a")).tolist() == expected
    assert not fence.lowered(KEY, Label("b")).covers(KEY, TABLE).any()
    assert fence.lowered(KEY, Label("a")).covers(KEY, relabelled("a")).tolist() == expected


def test_what_an_older_version_wrote_is_read() -> None:
    said = raised(Fence(), Records([3])).spelled()
    del said["classed"], said["superseded"]
    assert Fence.from_spelled(said).covers(KEY, TABLE).tolist() == [n == 3 for n in range(12)]


@pytest.mark.parametrize("target", [Owners(["person 1"]), Label("c")])
def test_a_record_comes_back_with_its_owner_or_class_and_not_before(target: Any) -> None:
    fence = raised(Fence(), target)
    assert fence.lowered(KEY, Records([5])).knows(KEY, ("record", 5))
    assert not fence.lowered(KEY, target).knows(KEY, ("record", 5))


# -- corrections -------------------------------------------------------------------------------------------------------


def person(name: int, age: Any, town: str, *, label: str = "ill", owner: str = "ann") -> Table:
    rows = np.array([[age, town]], object)
    return Table.from_arrays(rows, [label], ids=[name], owners=[owner], columns=["age", "town"])


WRONG, RIGHT = person(7, 40.0, "Bern"), person(7, 41.0, "Bern")
MENDED = Fence().corrected(KEY, WRONG, RIGHT)


@pytest.mark.parametrize(
    ("row", "stale"),
    [
        (WRONG, True),
        (RIGHT, False),
        (person(7, 40.0, "Thun", label="well", owner="bob"), True),  # whatever else it says
        (WRONG.drop("town"), True),
        (person(7, "40", "Bern"), True),  # declared as text
        (WRONG.drop("age"), False),
        (person(7, 42.0, "Bern"), False),
        (person(8, 40.0, "Bern"), False),
    ],
)
def test_a_row_is_stale_when_it_says_what_was_wrong(row: Table, stale: bool) -> None:  # noqa: FBT001
    for fence in (MENDED, Fence.read(MENDED.written()), Fence.from_spelled(MENDED.spelled())):
        assert fence.stale(KEY, row).tolist() == [stale]
    assert MENDED.stale(b"another", row).tolist() == [False]
    assert not MENDED.covers(KEY, row).any()


@pytest.mark.parametrize("right", [person(7, 40.0, "Bern", label="well"), person(7, 40.0, "Bern", owner="bob")])
def test_owner_and_label_count_as_columns(right: Table) -> None:
    fence = Fence().corrected(KEY, WRONG, right)
    assert fence.stale(KEY, WRONG).tolist() == [True]
    assert fence.stale(KEY, right).tolist() == [False]


def test_what_is_right_again_may_come_again() -> None:
    back = MENDED.corrected(KEY, RIGHT, WRONG)
    assert back.stale(KEY, WRONG).tolist() == [False]
    assert back.stale(KEY, RIGHT).tolist() == [True]


def test_a_value_that_only_reads_like_the_wrong_one_is_not_stale() -> None:
    fence = Fence().corrected(KEY, person(7, "7", "Bern"), person(7, "007", "Bern"))
    assert [fence.stale(KEY, person(7, age, "Bern")).tolist() for age in ("7", "007")] == [[True], [False]]


def test_without_the_right_row_all_that_it_said_is_wrong() -> None:
    fence = Fence().corrected(KEY, WRONG)
    assert fence.stale(KEY, person(7, 1.0, "Bern", label="well", owner="bob")).tolist() == [True]


def test_a_target_rights_what_its_corrections_change() -> None:
    rows = Table.from_arrays([[99.0, 1.0], [99.0, 1.0]], ["a", "a"], ids=[0, 77], owners=["person 0", "x"])
    fence = Fence().righted(KEY, Batch([Records([5]), Correction(rows)]), TABLE)
    assert fence.stale(KEY, TABLE).tolist() == [n == 0 for n in range(12)]
    assert not fence.stale(KEY, TABLE.take(slice(0, 0))).any()


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        (person(0, 1.0, "Bern", owner="person 1"), 1),  # given to somebody erased
        (person(0, 1.0, "Bern", label="c"), 1),  # given to an erased class
        (person(0, 1.0, "Bern"), 0),
        (person(1, 1.0, "Bern", owner="person 1"), 0),  # erased itself: it changes nothing
    ],
)
def test_a_correction_that_gives_a_record_to_the_erased_is_counted(rows: Table, refused: int) -> None:
    fence = raised(raised(Fence(), Owners(["person 1"])), Label("c"))
    assert refused_rows(fence, KEY, rows) == refused
