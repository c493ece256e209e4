"""Amnesiac trains as its learner does, writes down every step, and takes back those that met the forgotten."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from expunge import Addition, Records, Refusal, Run, TorchLearner, fingerprint
from expunge.codec import decode, encode
from expunge.errors import MismatchError, ParameterError
from expunge.learners.torch import cosine
from expunge.learners.torch.network import weights_of
from expunge.methods.torch import amnesiac
from expunge.methods.torch.amnesiac import Amnesiac, Diary
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import a_quote_keeps_its_word, inputs_are_left_alone, learning_is_a_pure_function
from expunge.testing.networks import Cnn, dropping, mlp, noisy, pictures
from expunge.testing.requests import rows_like

SGD = partial(torch.optim.SGD, lr=0.2, momentum=0.9)
ADAM = partial(torch.optim.Adam, lr=0.05)
LEARNER = TorchLearner(mlp, SGD, epochs=20, batch_size=8)
SHORT = replace(LEARNER, epochs=3)
RUN = Run(key=b"a key for tests")


@contract(Case(Amnesiac(LEARNER), examples=2, portable=False, shrink=False))
def test_amnesiac(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("law", [learning_is_a_pure_function, a_quote_keeps_its_word, inputs_are_left_alone])
def test_with_batch_norm(law: Law) -> None:
    method = Amnesiac(TorchLearner(Cnn, SGD, epochs=2, batch_size=8))
    law(Case(method, pictures(24), examples=2, portable=False, shrink=False))


@pytest.mark.parametrize(
    ("learner", "data"),
    [
        (SHORT, patients(24)),
        (replace(SHORT, optimizer=ADAM, schedule=cosine, accumulate=2), patients(24, several=True)),
        (replace(SHORT, factory=dropping), patients(24)),
        (TorchLearner(Cnn, SGD, epochs=2, batch_size=8, augment=noisy), pictures(24)),
    ],
    ids=["plain", "adam", "dropout", "pictures"],
)
def test_it_learns_what_its_learner_learns_bit_for_bit(learner: TorchLearner, data: Any) -> None:
    model = Amnesiac(learner).learn(data, RUN)
    assert fingerprint(model.net) == fingerprint(learner.learn(data, RUN))
    assert len(model.steps) == learner.epochs * 3
    assert sorted(np.concatenate([step.ids for step in model.steps[:3]])) == sorted(data.ids)


def initial(data: Any) -> dict[str, Any]:
    """Weights before the first step."""
    weights = SHORT.go_on(None, data, 0, RUN, 3).weights
    assert weights is not None
    return weights


def test_with_every_step_taken_back_it_is_the_network_before_its_first() -> None:
    data = patients(24)
    model = Amnesiac(SHORT).learn(data, RUN)
    done = Amnesiac(SHORT).forget(model, Records(data.ids[1:]), data, RUN).model
    assert done.steps == ()
    for name, held in initial(data).items():
        np.testing.assert_allclose(done.net.weights[name], held, atol=1e-5)


def assert_taken_back(target: Records) -> None:
    data = patients(24)
    model = Amnesiac(SHORT).learn(data, RUN)
    done = Amnesiac(SHORT).forget(model, target, data, RUN).model
    met = [step for step in model.steps if set(step.ids.tolist()) & target.ids]
    assert 0 < len(met) < len(model.steps)
    assert len(done.steps) == len(model.steps) - len(met)
    assert not any(set(step.ids.tolist()) & target.ids for step in done.steps)
    assert not set(done.net.log.ids.tolist()) & target.ids
    for name, held in model.net.weights.items():
        np.testing.assert_allclose(done.net.weights[name], held - sum(step.update[name] for step in met), atol=1e-5)


def test_the_steps_that_met_the_forgotten_are_subtracted_and_leave_the_diary() -> None:
    assert_taken_back(Records([5]))


def test_steps_of_others_taken_back_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    total = amnesiac._sum
    monkeypatch.setattr(amnesiac, "_sum", lambda name, steps, like: total(name, steps[1:], like))
    with pytest.raises(AssertionError):
        assert_taken_back(Records([5]))


def test_one_request_after_the_other_ends_as_both_at_once() -> None:
    data, method = patients(24), Amnesiac(SHORT)
    model = method.learn(data, RUN)
    first, second = Records([5]), Records([394])
    apart = method.forget(method.forget(model, first, data, RUN).model, second, data.after(first), RUN).model
    both = method.forget(model, Records([5, 394]), data, RUN).model
    assert [step.ids.tolist() for step in apart.steps] == [step.ids.tolist() for step in both.steps]
    for name, held in both.net.weights.items():
        np.testing.assert_allclose(apart.net.weights[name], held, atol=1e-5)


def test_statistics_of_batch_norm_are_those_of_the_retained() -> None:
    data = pictures(24)
    method = Amnesiac(TorchLearner(Cnn, SGD, epochs=2, batch_size=24))
    model = method.learn(data, RUN)
    target = Records([5, 394])
    done = method.forget(model, target, data, RUN)
    module: Any = method.learner.module(done.model.net)
    with torch.no_grad():
        seen = module.seen[0](torch.tensor(np.asarray(data.after(target).features))[:, None])
    wanted = seen.mean((0, 2, 3))
    torch.testing.assert_close(module.seen[1].running_mean, wanted, rtol=1e-4, atol=1e-5)
    assert done.examples == -(-22 // 3)
    assert set(weights_of(module)) == set(model.net.weights)


def test_the_model_comes_back_from_bytes_and_a_single_class_has_no_diary() -> None:
    data, method = patients(24), Amnesiac(SHORT)
    model = method.learn(data, RUN)
    back = decode(encode(model))
    assert isinstance(back, Diary)
    assert fingerprint(back) == fingerprint(model)
    assert back.classes == ("ham", "spam", "unsure")
    of_one = data.take(np.asarray(data.label) == "ham")
    assert method.learn(of_one, RUN).steps == ()


def test_it_only_takes_away_and_says_so() -> None:
    data, method = patients(24), Amnesiac(SHORT)
    refused = method.quote(method.learn(data, RUN), Addition(rows_like(data, [7001], 1)), data, RUN)
    assert isinstance(refused, Refusal)
    assert "only takes away" in refused.reason


def test_another_model_is_refused() -> None:
    data = patients(24)
    net = SHORT.learn(data, RUN)
    for ask in (
        lambda: Amnesiac(SHORT).predict(net, data),
        lambda: Amnesiac(SHORT).quote(net, Records([5]), data, RUN),
    ):
        with pytest.raises(MismatchError, match="Diary"):
            ask()


def loop(module: Any, batches: Any, epochs: int) -> None:
    """Train in a way that nobody sees into."""


@pytest.mark.parametrize("hidden", [{"validation": 0.2}, {"loop": loop}])
def test_learners_whose_steps_cannot_be_written_down_are_refused(hidden: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(hidden))):
        Amnesiac(replace(SHORT, **hidden))


def test_its_recipe_is_not_the_learners() -> None:
    assert Amnesiac(SHORT).recipe() != SHORT.recipe()
    assert Amnesiac(SHORT).recipe() != Amnesiac(LEARNER).recipe()
