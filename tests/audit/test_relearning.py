"""Relearning: who is shown belongs to their names, only the others are asked about, and corrected records come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.audit.arms import Answers, Missing, Parts, parts
from expunge.audit.further import Sides
from expunge.audit.relearning import Relearning, shown
from expunge.data.table import Table
from expunge.protocol import Run
from expunge.values import Correction, Records

if TYPE_CHECKING:
    from expunge.audit.figures import Model

RUN = Run(key=b"key")


def table(rows: int, first: int = 0) -> Table:
    X = np.random.default_rng(first).normal(size=(rows, 2))
    return Table.from_arrays(X, np.where(np.arange(rows) % 2, "yes", "no"), np.arange(rows) + first)


def sides(gone: int, stay: int = 30) -> Sides:
    return Sides(table(stay, 1000), table(gone), b"key")


@dataclass(frozen=True)
class Noted:
    """A learner that goes on by writing down whom it was given, in which epochs."""

    passes: int = 40

    def cannot_go_on(self, schedule: str) -> str | None:
        return None

    def go_on(self, state: Any, data: Table, epochs: int, run: Run, of: int) -> Any:
        return (data, epochs)


@given(st.integers(10, 200), st.integers(0, 5))
def test_a_tenth_is_shown_and_five_at_the_least(gone: int, seed: int) -> None:
    few = shown(sides(gone))
    assert few.sum() == max(5, round(gone / 10))
    turned = np.random.default_rng(seed).permutation(gone)
    again = shown(Sides(table(30, 1000), table(gone).take(turned), b"key"))
    assert (again == few[turned]).all()


def test_another_key_shows_others() -> None:
    assert (shown(sides(100)) != shown(Sides(table(30, 1000), table(100), b"other"))).any()


def test_it_goes_on_with_the_retained_and_those_shown() -> None:
    beside = sides(40)
    data, epochs = Relearning().after(Noted(), None, beside, RUN)
    assert set(data.ids.tolist()) == set(range(1000, 1030)) | set(np.flatnonzero(shown(beside)).tolist())
    assert epochs == 4
    assert Relearning(epochs=3).visits(Noted(), 30, 40) == 3 * len(data)


@pytest.mark.parametrize(("gone", "had"), [(9, False), (10, True)])
def test_too_few_cannot_be_divided(gone: int, *, had: bool) -> None:
    found = Relearning().after(Noted(), None, sides(gone), RUN)
    assert isinstance(found, Missing) != had
    assert had or "9 forgotten records are too few" in found.reason


@dataclass(frozen=True)
class Scores:
    """A model that scores some classes."""

    classes: tuple[str, ...] | None


@pytest.mark.parametrize(("classes", "had"), [(("no", "yes"), True), (None, True), (("no",), False)])
def test_a_class_that_a_model_has_no_score_for_is_said(classes: Any, *, had: bool) -> None:
    found = Relearning().after(Noted(), Scores(classes), sides(40), RUN)
    assert isinstance(found, Missing) != had
    assert had or "declare the classes of the table" in found.reason


def test_corrected_records_are_shown_as_they_were() -> None:
    data = table(60)
    mended = Table.from_arrays(np.full((20, 2), 7.0), ["yes"] * 20, np.arange(20))
    held = parts(data, Correction(mended), None)
    assert isinstance(held.retained, Table)
    assert isinstance(held.forgotten, Table)
    beside = Sides(held.retained, held.forgotten, b"key")
    given_, _ = Relearning().after(Noted(), None, beside, RUN)
    few = set(np.asarray(held.forgotten.ids)[shown(beside)].tolist())
    old = {name for name, row in zip(given_.ids.tolist(), given_.features, strict=True) if name < 20 and row[0] != 7}
    assert (len(given_), old) == (60, few)


def test_the_figures_are_of_those_that_were_not_shown() -> None:
    beside, none = sides(40), Missing("not asked")
    few, label = shown(beside), np.asarray(beside.forgotten.label)
    right = np.where(few, 1.0, 0.0)  # shown ones are known, the others wrong to the last
    no = np.where(label == "no", right, 1 - right)
    model: Model = Parts(none, Answers(np.column_stack([no, 1 - no]), ("no", "yes"), beside.forgotten), none)
    fit, accuracy = Relearning().figures(beside)
    assert accuracy.of(model, []) == 0.0
    assert fit.of(model, []) == -16.0
    assert fit.of(Parts(none, Missing("gone"), none), []) == Missing("gone")
    assert [one.name for one in (fit, accuracy)] == ["fit, relearned", "accuracy, relearned"]


def test_a_corrected_or_forgotten_name_may_be_text() -> None:
    named = Table.from_arrays(np.eye(40), ["a", "b"] * 20, [f"record {k}" for k in range(40)])
    target = Records([f"record {k}" for k in range(20)])
    beside = Sides(named.after(target), named.take(slice(20)), b"key")
    assert len(Relearning().after(Noted(), None, beside, RUN)[0]) == 25
