"""Which estimators have an objective that ours minimise, and which intercepts are penalised."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.linear_model import Lasso, LogisticRegression, LogisticRegressionCV, Ridge
from sklearn.svm import LinearSVC

from expunge.errors import ParameterError
from expunge.learners.objectives import KNOWN, penalised, refuse_other


@pytest.mark.parametrize("kind", KNOWN)
def test_what_is_known_is_taken_as_it_comes(kind: Any) -> None:
    refuse_other(kind())


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (Lasso(), "a linear learner takes LogisticRegression"),
        (LogisticRegressionCV(), "a linear learner takes LogisticRegression"),
        (LogisticRegression(l1_ratio=0.5), "not the squared length"),
        (LinearSVC(loss="hinge"), "the plain hinge has no derivative"),
        (Ridge(alpha=-1.0), "its penalty is negative"),
        (Ridge(positive=True), "its parameters are bounded"),
        (LogisticRegression(class_weight={0: -1.0}), "a class weight is negative"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_another_objective_is_refused_with_its_reason(other: Any, why: str) -> None:
    with pytest.raises(ParameterError, match=why):
        refuse_other(other)


def test_liblinear_penalises_the_intercept() -> None:
    assert penalised(LinearSVC())
    assert penalised(LogisticRegression(solver="liblinear"))
    assert not penalised(LogisticRegression())
