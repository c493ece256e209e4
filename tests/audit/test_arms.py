"""Parts of the data and what models say of them: nobody is asked what it cannot know, and held out means unseen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from expunge.audit.arms import Answers, Four, Missing, Parts, answers, parts
from expunge.data.table import Table
from expunge.errors import DataError
from expunge.learners.sklearn import Fitted, SklearnLearner
from expunge.values import Addition, Batch, Column, Correction, Label, Owners, Records

if TYPE_CHECKING:
    from expunge.protocol import Run
    from expunge.values import Target


def table(ids: list[Any], owners: list[Any] | None = None, label: list[Any] | None = None) -> Table:
    """Rows whose first feature is ten times their place."""
    X = np.column_stack([np.arange(len(ids)) * 10.0, np.ones(len(ids))])
    return Table.from_arrays(X, ["ab"[k % 2] for k in range(len(ids))] if label is None else label, ids, owners)


def held(part: Table | Missing) -> list[Any]:
    assert isinstance(part, Table)
    names: list[Any] = np.asarray(part.ids).tolist()
    return names


DATA = table([1, 2, 3, 4], owners=["ann", "bob", "ann", "eve"])


@pytest.mark.parametrize(
    ("target", "retained", "forgotten"),
    [
        (Records([2, 9]), [1, 3, 4], [2]),
        (Records([]), [1, 2, 3, 4], []),
        (Owners(["ann"]), [2, 4], [1, 3]),
        (Label("b"), [1, 3], [2, 4]),
        (Column("x1"), [1, 2, 3, 4], []),
        (Column("nowhere"), [1, 2, 3, 4], []),
        (Batch([Records([3]), Column("x0")]), [1, 2, 4], [3]),
        (Addition(table([5], owners=["dan"])), [1, 2, 3, 4, 5], []),
        (Correction(table([3], label=["b"])), [1, 2, 4, 3], [3]),
    ],
)
def test_what_is_retained_and_what_is_forgotten(target: Target, retained: list[int], forgotten: list[int]) -> None:
    found = parts(DATA, target, None)
    assert (held(found.retained), held(found.forgotten)) == (retained, forgotten)
    assert found.test == Missing("no test records were given")
    for _, part in found.each():
        assert isinstance(part, Missing) or part.names == DATA.names


def test_a_corrected_record_is_forgotten_as_it_was() -> None:
    found = parts(DATA, Correction(table([3], label=["b"])), None)
    assert isinstance(found.forgotten, Table)
    assert isinstance(found.retained, Table)
    assert found.forgotten.label is not None
    assert found.retained.label is not None
    assert (found.forgotten.label.tolist(), found.retained.label.tolist()) == (["a"], ["a", "b", "b", "b"])


@given(ids=st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True))
def test_a_test_that_shares_a_record_is_refused(ids: list[int]) -> None:
    shared = [name for name in ids if name in {1, 2, 3, 4}]
    if not shared:
        assert held(parts(DATA, Records([2]), table(ids)).test) == ids
        return
    with pytest.raises(DataError, match=rf"^{len(shared)} test records .*the first: {shared[0]}\)"):
        parts(DATA, Records([2]), table(ids))


def test_a_test_that_shares_an_added_record_is_refused() -> None:
    with pytest.raises(DataError, match="the first: 5"):
        parts(DATA, Addition(table([5], owners=["dan"])), table([5]))


def test_names_as_text_are_compared_as_text() -> None:
    data = table(["p1", "p2"])
    with pytest.raises(DataError, match="the first: 'p2'"):
        parts(data, Records(["p1"]), table(["p3", "p2"]))
    assert held(parts(data, Records(["p1"]), table([1, 2])).test) == [1, 2]


def test_columns_of_the_test_are_found_by_name() -> None:
    turned = Table.from_arrays([[7.0, 8.0, 9.0]], ["a"], [9], columns=["x1", "other", "x0"])
    found = parts(DATA, Records([1]), turned).test
    assert isinstance(found, Table)
    assert found.features.tolist() == [[9.0, 7.0]]
    with pytest.raises(DataError, match="lack 'x1'"):
        parts(DATA, Records([1]), Table.from_arrays([[7.0]], ["a"], [9]))


@pytest.mark.parametrize(("data", "test"), [(DATA, None), (None, DATA)])
def test_tables_without_labels_are_refused(data: Table | None, test: Table | None) -> None:
    bare = Table.from_arrays(np.ones((1, 2)), None, [9])
    with pytest.raises(DataError, match="labels"):
        parts(data or bare, Records([1]), test or bare)


# Answers


@dataclass(frozen=True)
class Says:
    """A model, or a learner, that answers the same to everyone."""

    answer: Any
    classes: Any = None

    def learn(self, data: Table, run: Run) -> Says:
        return self

    def predict(self, model: Any, data: Table) -> Any:
        return self.answer


def test_scores_without_names_are_refused() -> None:
    nameless = Says(np.ones((4, 1)))
    with pytest.raises(DataError, match="this Says does not"):
        answers(nameless, nameless, DATA)


def test_an_empty_part_is_not_asked_about() -> None:
    empty = DATA.take(slice(0, 0))
    assert answers(Says(None), Says(None), empty) == Missing("there is no such record")
    assert answers(Says(None), Says(None), Missing("none")) == Missing("none")


def test_a_model_that_forgot_everything_says_so() -> None:
    found = answers(SklearnLearner(LinearRegression()), Fitted(None, (), ()), DATA)
    assert isinstance(found, Missing)
    assert "forgotten everything" in found.reason


def test_regression_has_no_classes() -> None:
    found = answers(Says([1, 2, 3, 4], classes=("a",)), Says(None, classes=("a",)), DATA)
    assert isinstance(found, Answers)
    assert found.classes is None
    assert found.predicted.dtype == np.dtype(np.float64)


FLAGGED = Table.from_arrays(np.zeros((4, 2)), np.eye(4, 3, dtype=bool), classes=["a", "b", "c"])
NUMBERS = Table.from_arrays(np.zeros((4, 2)), np.eye(4, 3))


def test_several_targets_have_no_names_and_several_labels_need_them() -> None:
    said = Says(np.full((4, 3), 0.25))
    found = answers(said, said, NUMBERS)
    assert isinstance(found, Answers)
    assert (found.classes, found.label.shape) == (None, (4, 3))
    with pytest.raises(DataError, match="this Says does not"):
        answers(said, said, FLAGGED)


def test_several_labels_come_in_the_order_of_the_models_columns() -> None:
    said = Says(np.full((4, 3), 0.25), classes=("c", "a", "b"))
    found = answers(said, said, FLAGGED)
    assert isinstance(found, Answers)
    assert found.label.tolist() == np.eye(4, 3, dtype=bool)[:, [2, 0, 1]].tolist()
    wrong = Answers(said.answer, ("c", "a", "d"), FLAGGED)
    with pytest.raises(DataError, match=r"missing \['d'\], unknown \['b'\]"):
        _ = wrong.label


@pytest.mark.parametrize(
    ("data", "test", "words"),
    [
        (FLAGGED, table([9]), "labels in 3 columns for each, got one label"),
        (
            FLAGGED,
            Table.from_arrays(np.ones((1, 2)), [[True]], [9]),
            "labels in 3 columns for each, got labels in 1 col",
        ),
        (FLAGGED, Table.from_arrays(np.ones((1, 2)), [[1.0, 0.0, 0.0]], [9]), "3 columns for each, got targets in 3"),
        (DATA, Table.from_arrays(np.ones((1, 2)), [[True, False]], [9]), "one label for each, got labels in 2 columns"),
    ],
)
def test_a_test_with_labels_of_another_sort_is_refused(data: Table, test: Table, words: str) -> None:
    with pytest.raises(DataError, match=words):
        parts(data, Records([1]), test)


def test_labels_are_asked_for_in_words() -> None:
    with pytest.raises(DataError, match="has none"):
        _ = Answers(np.ones(1), None, Table.from_arrays([[1.0]])).label


def test_fours_and_parts_are_gone_through_by_name() -> None:
    assert dict(Four(1, 2, 3, 4).map(str).each()) == {"original": "1", "forgotten": "2", "oracle": "3", "second": "4"}
    assert dict(Parts(1, 2, 3).map(str).each()) == {"retained": "1", "forgotten": "2", "test": "3"}
