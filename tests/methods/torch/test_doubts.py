"""A method that, as published, misses on planted records says so, and no plan picks it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from expunge import Empirical, Plan, Records, Refusal, Retrain, Run, TorchLearner, plan
from expunge.catalog import entries, load
from expunge.errors import LearnError
from expunge.methods.torch.finetune import Finetune
from expunge.methods.torch.neggrad import NegGrad
from expunge.methods.torch.scrub import Scrub
from expunge.testing import Case, patients
from expunge.testing.laws import forgetting_ends_near_the_oracle
from expunge.testing.networks import mlp

LEARNER = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.5, momentum=0.9), epochs=60, batch_size=40)
UNSEEN = patients(60).take(np.arange(40, 60))
# What a user brings; classes alone; what needs more than 40 records, and has its planted case in its own test.
OWN = {"callable", "logit_masking", "confidence_matching", "rewind"}
NAMES = [entry.name for entry in entries() if entry.shelf == "torch" and entry.name not in OWN]


def published(name: str) -> Any:
    kind: Any = load(name)
    return kind(LEARNER, **({"held_out": UNSEEN} if "held_out" in kind.__dataclass_fields__ else {}))


def assert_misses_are_doubted(method: Any) -> None:
    """A LearnError is no miss that nobody hears of: nothing is delivered."""
    try:
        forgetting_ends_near_the_oracle(Case(method))
    except LearnError:
        return
    except AssertionError:
        assert method.doubt, f"{type(method).__name__} misses on the planted case: say so"


@pytest.mark.parametrize("name", NAMES)
def test_who_misses_with_the_published_settings_says_so(name: str) -> None:
    assert_misses_are_doubted(published(name))


def test_a_miss_that_is_not_said_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scrub, "doubted", None)
    with pytest.raises(AssertionError, match="Scrub misses"):
        assert_misses_are_doubted(published("scrub"))


def test_no_plan_picks_a_method_that_is_known_to_miss() -> None:
    data, run = patients(), Run(key=b"k")
    net, target = LEARNER.learn(data, run), Records(data.ids[:1].tolist())
    fine, chosen = Finetune(LEARNER), Finetune(LEARNER, epochs=20, lr=0.5)
    asked: dict[str, Any] = {"published": fine, "retrain": Retrain(LEARNER)}
    found = plan(asked, net, target, data, run, at_least=Empirical())
    assert isinstance(found, Plan)
    assert found.name == "retrain"
    assert found.answers["published"].examples < found.quote.examples  # type: ignore[union-attr]
    found = plan({**asked, "chosen": chosen}, net, target, data, run, at_least=Empirical())
    assert isinstance(found, Plan)
    assert found.name == "chosen"
    found = plan([fine], net, target, data, run, at_least=Empirical())
    assert isinstance(found, Refusal)
    assert "finetune: is not picked, for with a small learning rate it does next to nothing" in found.reason


def test_a_doubt_is_about_the_settings_as_published() -> None:
    assert Scrub(LEARNER).doubt == Scrub(LEARNER, held_out=UNSEEN).doubt == Scrub.doubted
    assert Scrub(LEARNER, lr=0.02).doubt is None
    assert NegGrad(LEARNER).doubt is None
    assert NegGrad(LEARNER, cap=None).doubt
