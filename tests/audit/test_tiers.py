"""Tiers: the price is told before, and is what learning takes; what is no tier is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from expunge import Records, Retrain, Run, Table
from expunge.audit.report import audit
from expunge.audit.tiers import LEAST, MODELS, models_of, visits
from expunge.errors import ParameterError

RUN, TARGET = Run(key=b"tiers"), Records([1, 2, 3])
X = np.random.default_rng(0).normal(size=(40, 2))
DATA = Table.from_arrays(X, np.where(X[:, 0] > 0, "yes", "no"))


class Counted(Retrain):
    """Retraining that counts the records that it learns from."""

    met: list[int]

    def learn(self, data: Table, run: Run) -> Any:
        self.met.append(len(data))
        return super().learn(data, run)


@pytest.mark.parametrize(("tier", "models"), [("quick", None), ("replay", None), ("standard", 5), ("full", 8)])
def test_the_price_is_what_it_takes(tier: Any, models: int | None, by_rote: Callable[..., Any]) -> None:
    method = Counted(by_rote())
    object.__setattr__(method, "met", [])
    model = method.learn(DATA, RUN)
    done = method.forget(model, TARGET, DATA, RUN)
    forgetting = sum(method.met) - len(DATA)
    method.met.clear()
    audit(method, model, done, TARGET, DATA, RUN, tier=tier, models=models)
    assert sum(method.met) == visits(method, TARGET, DATA, RUN, tier, models=models, forgetting=forgetting)


@pytest.mark.parametrize("tier", sorted(MODELS))
def test_fewer_than_the_least_are_refused(tier: Any) -> None:
    assert models_of(tier, None) == MODELS[tier]
    for models in (LEAST[tier] - 1, True, 2.0):
        with pytest.raises(ParameterError, match=f"the {tier} tier needs at least {LEAST[tier]} models"):
            models_of(tier, models)  # type: ignore[arg-type]


def test_there_are_four_tiers() -> None:
    with pytest.raises(ParameterError, match="a tier is one of quick, replay, standard, full; got 'thorough'"):
        models_of("thorough", None)  # type: ignore[arg-type]
