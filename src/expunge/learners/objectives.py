"""Which estimators of scikit-learn minimise an objective that a linear learner of ours can minimise.

Examples
--------
>>> from sklearn.linear_model import LogisticRegression
>>> from sklearn.svm import LinearSVC
>>> refuse_other(LogisticRegression())
>>> penalised(LinearSVC()), penalised(LogisticRegression())
(True, False)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import (
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.svm import LinearSVC

from expunge.errors import ParameterError

KNOWN = (LogisticRegression, Ridge, LinearRegression, RidgeClassifier, LinearSVC, PoissonRegressor, GammaRegressor)


def refuse_other(given: Any) -> None:
    """Raise for an estimator whose objective is not one of ours."""
    head: Any = given
    if not isinstance(given, KNOWN) or hasattr(given, "Cs"):  # LogisticRegressionCV calls itself a LogisticRegression
        kinds = ", ".join(kind.__name__ for kind in KNOWN)
        msg = f"a linear learner takes {kinds}, or a Pipeline that ends in one; got {head!r}"
        raise ParameterError(msg)
    params: dict[str, Any] = head.get_params()
    plain = not getattr(head, "l1_ratio", 0) and params.get("penalty", "l2") in ("deprecated", "l2")
    alpha: object = params.get("alpha", params.get("C", 1.0) or -1.0)  # 1 / C is the penalty
    for wrong, why in (
        (not plain, "its penalty is not the squared length"),
        (params.get("loss", "squared_hinge") != "squared_hinge", "the plain hinge has no derivative"),
        (params.get("positive", False), "its parameters are bounded"),
        (params.get("intercept_scaling", 1) != 1 and penalised(head), "its intercept is scaled"),
        (params.get("multi_class") == "crammer_singer", "its classes share a margin"),
        (not isinstance(alpha, int | float | np.number), "it has a penalty for each output"),
        (isinstance(alpha, int | float) and not alpha >= 0, "its penalty is negative, or no number"),
        (any(of < 0 for of in getattr(params.get("class_weight"), "values", tuple)()), "a class weight is negative"),
    ):
        if wrong:
            msg = f"a linear learner cannot minimise the objective of {head!r}: {why}"
            raise ParameterError(msg)


def penalised(head: Any) -> bool:
    """Whether an estimator's intercept is penalised as its coefficients are."""
    return isinstance(head, LinearSVC) or getattr(head, "solver", None) == "liblinear"
