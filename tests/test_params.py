"""Parameters as scikit-learn's searches read and set them: validated together, or left as they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from expunge.errors import ParameterError
from expunge.params import Params


@dataclass(frozen=True)
class Shards(Params):
    learner: Any
    shards: int = 4
    slices: int = 2

    def __post_init__(self) -> None:
        if self.shards * self.slices > 100:
            msg = f"too many pieces: {self.shards} x {self.slices}"
            raise ParameterError(msg)
        object.__setattr__(self, "shards", int(self.shards))


def test_parameters_are_the_fields_and_reach_into_values_that_have_some() -> None:
    found = Shards(LogisticRegression(C=3.0)).get_params()
    assert found["shards"] == 4
    assert found["learner__C"] == 3.0
    assert set(Shards(None).get_params()) == {"learner", "shards", "slices"}
    assert "learner__C" not in Shards(LogisticRegression()).get_params(deep=False)


def test_a_class_as_parameter_is_not_asked_for_its_parameters() -> None:
    assert set(Shards(LogisticRegression).get_params()) == {"learner", "shards", "slices"}


def test_setting_what_was_got_changes_nothing() -> None:
    method = Shards(Shards(LogisticRegression(C=2.0), slices=3))
    before = method.get_params()
    method.set_params(**{name: value for name, value in before.items() if "learner" not in name})
    assert method.get_params() == before


def test_set_params_sets_all_and_returns_the_same_object() -> None:
    method = Shards(LogisticRegression())
    assert method.set_params(shards=50, slices=1, learner__C=7.0) is method
    assert (method.shards, method.slices, method.learner.C) == (50, 1, 7.0)


def test_two_changes_are_validated_together() -> None:
    method = Shards(None, shards=50, slices=2)
    method.set_params(shards=2, slices=50)
    assert (method.shards, method.slices) == (2, 50)


def test_a_nested_change_goes_into_the_value_that_is_set_with_it() -> None:
    method = Shards(LogisticRegression(C=1.0))
    fresh = StandardScaler()
    method.set_params(learner=fresh, learner__with_mean=False)
    assert isinstance(method.learner, StandardScaler)
    assert method.learner.with_mean is False


def test_parameters_two_levels_down_are_reached() -> None:
    method = Shards(Shards(make_pipeline(StandardScaler(), LogisticRegression())))
    method.set_params(learner__shards=9, learner__learner__logisticregression__C=0.5)
    assert method.learner.shards == 9
    assert method.get_params()["learner__learner__logisticregression__C"] == 0.5


@pytest.mark.parametrize(
    "change",
    [
        {"shards": 1000},
        {"shards": 7, "bogus": 1},
        {"shards": 7, "learner__bogus": 1},
        {"shards": 7, "slices__deep": 1},
        {"learner__C": 9.0, "shards": 1000},
    ],
    ids=str,
)
def test_a_refused_change_leaves_every_parameter_as_it_was(change: dict[str, Any]) -> None:
    method = Shards(LogisticRegression(C=1.0))
    inner, before = method.learner, method.get_params()
    with pytest.raises(ValueError, match=r"too many|no parameter|Invalid parameter|no parameters of its own"):
        method.set_params(**change)
    assert method.get_params() == before
    assert method.learner is inner


def test_an_unknown_parameter_is_named_beside_those_there_are() -> None:
    with pytest.raises(ParameterError, match="Shards has no parameter 'depth'; it has learner, shards, slices"):
        Shards(None).set_params(depth=3)


def test_who_else_holds_the_inner_value_keeps_what_they_had() -> None:
    shared = LogisticRegression(C=1.0)
    one, other = Shards(shared), Shards(shared)
    one.set_params(learner__C=5.0)
    assert (one.learner.C, other.learner.C, shared.C) == (5.0, 1.0, 1.0)


def test_what_the_constructor_makes_of_a_parameter_is_what_is_set() -> None:
    method: Any = Shards(None)
    method.set_params(shards=True)
    assert type(method.shards) is int


def test_scikit_learn_can_clone_such_a_value() -> None:
    method = Shards(LogisticRegression(C=3.0), shards=5)
    twin = clone(method, safe=False)
    assert twin.get_params()["learner__C"] == 3.0
    assert clone(method).shards == 5
    assert clone(method).learner is not method.learner
