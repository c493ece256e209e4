"""expunge makes trained models forget, says exactly what it promises, and measures whether the promise holds."""

from __future__ import annotations

import importlib as _importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from expunge.codec import fingerprint
    from expunge.data.table import Table
    from expunge.learners.sklearn import SklearnLearner
    from expunge.learners.torch import TorchLearner
    from expunge.methods.arrays._cost import expected_cost
    from expunge.methods.arrays._placement import Band
    from expunge.methods.arrays.newton import Newton
    from expunge.methods.arrays.retrain import Retrain
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
    "methods.arrays.retrain": ("Retrain",),
    "methods.arrays._placement": ("Band",),
    "methods.arrays.newton": ("Newton",),
    "methods.arrays._cost": ("expected_cost",),
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
    "Band",
    "Batch",
    "Bounded",
    "Certified",
    "Column",
    "Correction",
    "Empirical",
    "Exact",
    "ExpungeClassifier",
    "ExpungeForestClassifier",
    "ExpungeForestRegressor",
    "ExpungeRegressor",
    "Forest",
    "Forgotten",
    "Key",
    "Label",
    "Newton",
    "Owners",
    "Plan",
    "Quote",
    "Records",
    "Refusal",
    "Retrain",
    "Run",
    "Sisa",
    "SklearnLearner",
    "Suppressed",
    "Table",
    "TorchLearner",
    "Tuned",
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
