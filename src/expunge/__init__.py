"""expunge makes trained models forget, says exactly what it promises, and measures whether the promise holds."""

from __future__ import annotations

import importlib as _importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from expunge.codec import fingerprint
    from expunge.data.table import Table
    from expunge.learners.sklearn import SklearnLearner
    from expunge.learners.torch import TorchLearner
    from expunge.methods.arrays._cost import closed_form_cost, expected_cost
    from expunge.methods.arrays._placement import Band
    from expunge.methods.arrays.arcane import Arcane
    from expunge.methods.arrays.bernoulli_nb import BernoulliNB
    from expunge.methods.arrays.categorical_nb import CategoricalNB
    from expunge.methods.arrays.complement_nb import ComplementNB
    from expunge.methods.arrays.gaussian_nb import GaussianNB
    from expunge.methods.arrays.k_neighbors_classifier import KNeighborsClassifier
    from expunge.methods.arrays.k_neighbors_regressor import KNeighborsRegressor
    from expunge.methods.arrays.linear_discriminant_analysis import LinearDiscriminantAnalysis
    from expunge.methods.arrays.linear_regression import LinearRegression
    from expunge.methods.arrays.multinomial_nb import MultinomialNB
    from expunge.methods.arrays.nearest_centroid import NearestCentroid
    from expunge.methods.arrays.newton import Newton
    from expunge.methods.arrays.pca import PCA
    from expunge.methods.arrays.pipeline import Pipeline
    from expunge.methods.arrays.quadratic_discriminant_analysis import QuadraticDiscriminantAnalysis
    from expunge.methods.arrays.retrain import Retrain
    from expunge.methods.arrays.ridge import Ridge
    from expunge.methods.arrays.sisa import Sisa
    from expunge.methods.trees.forest import Forest
    from expunge.planner import Plan, plan
    from expunge.protocol import Key, Run
    from expunge.sklearn import ExpungeClassifier, ExpungeRegressor
    from expunge.sklearn.forest import ExpungeForestClassifier, ExpungeForestRegressor
    from expunge.tuning import Tuned, tune
    from expunge.values import (
        Addition,
        Batch,
        Bounded,
        Certified,
        Column,
        Correction,
        Empirical,
        Exact,
        Forgotten,
        Label,
        Owners,
        Quote,
        Records,
        Refusal,
        Suppressed,
    )

_HOMES = {
    "codec": ("fingerprint",),
    "data.table": ("Table",),
    "learners.sklearn": ("SklearnLearner",),
    "learners.torch": ("TorchLearner",),
    "methods.arrays.bernoulli_nb": ("BernoulliNB",),
    "methods.arrays.categorical_nb": ("CategoricalNB",),
    "methods.arrays.complement_nb": ("ComplementNB",),
    "methods.arrays.gaussian_nb": ("GaussianNB",),
    "methods.arrays.k_neighbors_classifier": ("KNeighborsClassifier",),
    "methods.arrays.k_neighbors_regressor": ("KNeighborsRegressor",),
    "methods.arrays.linear_discriminant_analysis": ("LinearDiscriminantAnalysis",),
    "methods.arrays.linear_regression": ("LinearRegression",),
    "methods.arrays.multinomial_nb": ("MultinomialNB",),
    "methods.arrays.nearest_centroid": ("NearestCentroid",),
    "methods.arrays.pca": ("PCA",),
    "methods.arrays.pipeline": ("Pipeline",),
    "methods.arrays.quadratic_discriminant_analysis": ("QuadraticDiscriminantAnalysis",),
    "methods.arrays.ridge": ("Ridge",),
    "methods.arrays.retrain": ("Retrain",),
    "methods.arrays._placement": ("Band",),
    "methods.arrays.newton": ("Newton",),
    "methods.arrays._cost": ("closed_form_cost", "expected_cost"),
    "methods.arrays.arcane": ("Arcane",),
    "methods.arrays.sisa": ("Sisa",),
    "methods.trees.forest": ("Forest",),
    "planner": ("Plan", "plan"),
    "protocol": ("Key", "Run"),
    "sklearn": ("ExpungeClassifier", "ExpungeRegressor"),
    "sklearn.forest": ("ExpungeForestClassifier", "ExpungeForestRegressor"),
    "tuning": ("Tuned", "tune"),
    "values": (
        "Addition",
        "Batch",
        "Bounded",
        "Certified",
        "Column",
        "Correction",
        "Empirical",
        "Exact",
        "Forgotten",
        "Label",
        "Owners",
        "Quote",
        "Records",
        "Refusal",
        "Suppressed",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Addition",
    "Arcane",
    "Band",
    "Batch",
    "BernoulliNB",
    "Bounded",
    "CategoricalNB",
    "Certified",
    "Column",
    "ComplementNB",
    "Correction",
    "Empirical",
    "Exact",
    "ExpungeClassifier",
    "ExpungeForestClassifier",
    "ExpungeForestRegressor",
    "ExpungeRegressor",
    "Forest",
    "Forgotten",
    "GaussianNB",
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "Key",
    "Label",
    "LinearDiscriminantAnalysis",
    "LinearRegression",
    "MultinomialNB",
    "NearestCentroid",
    "Newton",
    "Owners",
    "PCA",
    "Pipeline",
    "Plan",
    "QuadraticDiscriminantAnalysis",
    "Quote",
    "Records",
    "Refusal",
    "Retrain",
    "Ridge",
    "Run",
    "Sisa",
    "SklearnLearner",
    "Suppressed",
    "Table",
    "TorchLearner",
    "Tuned",
    "closed_form_cost",
    "expected_cost",
    "fingerprint",
    "plan",
    "tune",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that ``import expunge`` stays light."""
    if name not in _HOME_OF:
        msg = f"module 'expunge' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(_importlib.import_module(f"expunge.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
