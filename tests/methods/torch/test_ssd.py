"""SSD dampens what the forgotten lean on, and nothing else; by hand on one weight, and by its laws."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from expunge import Addition, Correction, Label, Quote, Records, Refusal, Run, Table, TorchLearner, fingerprint
from expunge.errors import ParameterError
from expunge.methods.torch.ssd import Ssd, dampening
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import a_quote_keeps_its_word, learning_is_a_pure_function
from expunge.testing.networks import Cnn, mlp, pictures
from expunge.testing.requests import rows_like

if TYPE_CHECKING:
    from collections.abc import Callable

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
LEARNER = TorchLearner(mlp, SGD, epochs=60, batch_size=40)
SHORT = replace(LEARNER, epochs=5, batch_size=8)
TARGET = Records([5, 394])


@contract(Case(Ssd(LEARNER, alpha=2.0), examples=2, portable=False, shrink=False))
def test_ssd(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("law", [learning_is_a_pure_function, a_quote_keeps_its_word])
def test_with_batch_norm_and_without_labels(law: Law) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8)
    law(Case(Ssd(learner, alpha=1.0, label_free=True), pictures(24), examples=2, portable=False, shrink=False))


def changed(method: Ssd, data: Table, target: Any = TARGET) -> tuple[dict[str, Any], dict[str, Any]]:
    """Weights before and after."""
    run = Run(key=b"a key for tests")
    net = method.learn(data, run)
    after = method.forget(net, target, data, run).model.weights
    assert net.weights is not None
    assert after is not None
    return net.weights, after


def test_one_weight_by_hand() -> None:
    """Squared error of w x: gradients 2 (w x - y) x."""
    x, y = np.array([[1.0], [2.0], [-1.0]], np.float32), np.array([0.0, 1.0, 3.0])
    learner = TorchLearner(partial(nn.Linear, 1, 1, bias=False), SGD, epochs=1)
    before, after = changed(Ssd(learner, alpha=1.0, lambda_=0.5), Table.from_arrays(x, y), Records([2]))
    w = float(before["weight"][0, 0])
    squares = (2 * (w * x[:, 0] - y) * x[:, 0]) ** 2
    assert squares[2] > squares.mean()
    assert after["weight"][0, 0] == pytest.approx(w * 0.5 * squares.mean() / squares[2], rel=1e-5)


def test_a_large_alpha_is_the_identity_bit_for_bit() -> None:
    before, after = changed(Ssd(SHORT, alpha=1e12), patients())
    assert fingerprint(before) == fingerprint(after)


def test_alpha_and_lambda_of_zero_leave_nothing_that_the_forgotten_lean_on(at_work: Callable[..., Any]) -> None:
    with at_work(Ssd(SHORT, alpha=0.0, lambda_=0.0), patients(), TARGET) as work:
        method = Ssd(SHORT, alpha=0.0, lambda_=0.0)
        gone = method._importance(work, work.forgotten)
        before = {name: held.detach().clone() for name, held in work.student.named_parameters()}
        method.unlearn(work)
        for name, held in work.student.named_parameters():
            assert torch.equal(held, torch.where(gone[name] > 0, 0.0, before[name]))


@given(st.lists(st.tuples(*[st.floats(0, 1e6)] * 2), min_size=1, max_size=5), *[st.floats(0, 100)] * 2)
def test_dampening_never_enlarges_and_selects_by_alpha(
    pairs: list[tuple[float, float]], alpha: float, lambda_: float
) -> None:
    gone, everyone = torch.tensor(pairs, dtype=torch.float64).T
    factor = dampening(gone, everyone, alpha, lambda_)
    assert bool(((factor >= 0) & (factor <= 1)).all())
    assert bool((factor[gone <= alpha * everyone] == 1).all())


def test_without_labels_none_is_looked_at() -> None:
    data, run = patients(), Run(key=b"a key for tests")
    held = np.asarray(data.label)
    others = Table.from_arrays(data.features, np.roll(held, 1), data.ids, classes=("ham", "spam", "unsure"))
    net = SHORT.learn(data, run)
    for label_free in (True, False):
        method = Ssd(SHORT, alpha=1.0, label_free=label_free)
        ends = [fingerprint(method.forget(net, TARGET, each, run).model.weights) for each in (data, others)]
        assert (ends[0] == ends[1]) == label_free


def test_a_class_goes_and_the_others_stay() -> None:
    data, run = patients(40), Run(key=b"a key for tests")
    method = Ssd(LEARNER)  # as published, for classes
    net = method.learn(data, run)
    done = method.forget(net, Label("unsure"), data, run)
    truth, (before, after) = np.asarray(data.label), (method.predict(model, data) for model in (net, done.model))
    gone = truth == "unsure"
    assert before[gone, 2].mean() > 0.6
    assert after[gone, 2].mean() < 0.4
    assert (np.array(net.classes)[after.argmax(1)] == truth)[~gone].mean() > 0.8


def test_statistics_of_batch_norm_are_taken_anew(counted_by_batch_norm: Callable[..., int]) -> None:
    method = Ssd(TorchLearner(Cnn, SGD, epochs=2, batch_size=8), alpha=1.0)
    assert counted_by_batch_norm(method, pictures(24), TARGET) == 0


def test_new_rows_are_not_learned_and_that_is_said() -> None:
    data, run = patients(), Run(key=b"a key for tests")
    method = Ssd(SHORT)
    net = method.learn(data, run)
    refused = method.quote(net, Addition(rows_like(data, [7001], 1)), data, run)
    assert isinstance(refused, Refusal)
    assert refused.kind == "instead"
    quote = method.quote(net, Correction(rows_like(data, data.ids[:2].tolist(), 1)), data, run)
    assert isinstance(quote, Quote)
    assert any("not learned" in sentence for sentence in quote.assumptions)


@pytest.mark.parametrize("wrong", [{"alpha": -1}, {"lambda_": "1"}, {"alpha": float("nan")}])
def test_settings_that_are_not_possible_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="at least 0"):
        Ssd(SHORT, **wrong)
