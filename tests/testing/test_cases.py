"""The data that laws are tried on hold what methods stumble over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

from expunge import Records, Retrain
from expunge.errors import ParameterError
from expunge.testing import Case, contract, patients


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("owned", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_patients_have_duplicates_owners_of_several_records_and_ids_out_of_order(
    *, numbers: bool, owned: bool, several: bool
) -> None:
    data = patients(numbers=numbers, owned=owned, several=several)
    assert any(len(data.twins(Records([name]))) for name in data.ids.tolist())
    assert (np.diff(data.ids) < 0).any()
    if owned:
        assert np.bincount(data.owners).max() > 1  # type: ignore[arg-type]  # they are owned
        assert len(set(data.owners[-3:].tolist())) == 1, "the tail is one person's"  # type: ignore[index]
    else:
        assert data.owners is None


def test_one_class_is_rare() -> None:
    label = patients().label
    assert label is not None
    assert (label == "unsure").sum() == 3


def test_several_labels_are_truth_values_or_numbers() -> None:
    flags, numbers = patients(several=True), patients(numbers=True, several=True)
    assert (flags.task, flags.classes) == ("multilabel", ("spam", "unsure", "late"))
    carried = np.asarray(flags.label)
    assert carried[:, 1].sum() == 3
    assert {0, 1, 2} <= set(carried.sum(axis=1).tolist())
    assert (numbers.task, np.asarray(numbers.label).shape) == ("regression", (40, 2))
    assert np.array_equal(flags.features, patients().features)


def test_each_example_starts_with_an_empty_store() -> None:
    case = Case(None)
    case.run().store["left"] = b"behind"
    assert not case.run().store


def test_a_law_is_tried_as_often_as_the_case_says() -> None:
    seen = []

    def law(draw: st.DataObject) -> None:
        seen.append(draw.draw(st.integers()))

    Case(None, examples=5).tried(law)
    assert len(seen) == 5


def test_a_law_that_fails_fails() -> None:
    def law(draw: st.DataObject) -> None:
        assert draw.draw(st.integers(0, 9)) > 9

    with pytest.raises(AssertionError):
        Case(None, shrink=False).tried(law)


def test_a_method_that_is_known_to_miss_must_say_so_itself() -> None:
    class Doubtful(Retrain):
        doubt = "it does nothing"

    broken = {"forgetting_ends_near_the_oracle": "it does nothing"}
    assert contract(Case(Doubtful(GaussianNB()), broken=broken))
    with pytest.raises(ParameterError, match="Retrain is known not to end near the oracle: give it a doubt"):
        contract(Case(Retrain(GaussianNB()), broken=broken))
