"""NegGrad+ descends and ascends, and stops where a record looks as if it had never been seen."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from expunge import Addition, Correction, Quote, Records, Refusal, Run, Table, TorchLearner, fingerprint
from expunge.errors import LearnError, ParameterError
from expunge.methods.torch import neggrad
from expunge.methods.torch.finetune import Finetune
from expunge.methods.torch.neggrad import NegGrad, usual
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import (
    a_quote_keeps_its_word,
    forgetting_ends_near_the_oracle,
    inputs_are_left_alone,
    learning_is_a_pure_function,
)
from expunge.testing.networks import Cnn, mlp, pictures
from expunge.testing.requests import planted, rows_like

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
LEARNER = TorchLearner(mlp, SGD, epochs=60, batch_size=40)
SHORT = replace(LEARNER, epochs=5, batch_size=8)
RUN = Run(key=b"a key for tests")

TARGET = Records([5, 394])
UNSEEN = patients(60).take(np.arange(40, 60))


@contract(Case(NegGrad(LEARNER, alpha=0.9, lr=0.1, held_out=UNSEEN), examples=2, portable=False, shrink=False))
def test_neggrad(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("law", [a_quote_keeps_its_word, inputs_are_left_alone, forgetting_ends_near_the_oracle])
def test_ascent_alone(law: Law) -> None:
    law(Case(NegGrad(LEARNER, alpha=0.0, held_out=UNSEEN), examples=2, portable=False, shrink=False))


@pytest.mark.parametrize("law", [learning_is_a_pure_function, a_quote_keeps_its_word])
def test_with_batch_norm_and_units_held_out_by_the_learner(law: Law) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8, validation=0.4)
    law(Case(NegGrad(learner, epochs=2), pictures(24), examples=2, portable=False, shrink=False))


# -- its two terms -----------------------------------------------------------------------------------------------------


def assert_step(at_work: Callable[..., Any], *, capped: bool) -> None:
    """One step by hand on all records: down a CE(R), up (1 - a) CE(F) of the rows below their cap."""
    method = NegGrad(replace(SHORT, batch_size=64), alpha=0.7, epochs=1, lr=0.3, cap=None, held_out=UNSEEN)
    data = patients()
    with at_work(method, data, planted(data)) as work:
        held = work.records(UNSEEN, "any")
        losses = cross_entropy(work.original()(held.batch(np.arange(20)).given), held.targets, reduction="none")
        wanted = usual(losses.detach(), held.targets, work.forgotten.targets)
        other = work.original()
        retained, forgotten = (side.batch(np.arange(len(side))) for side in (work.retained, work.forgotten))
        goes = cross_entropy(other(forgotten.given), forgotten.target, reduction="none")
        counts = torch.ones_like(goes)
        if capped:  # as many times the usual loss that one record counts, and another does not
            cap = float((goes.detach() / wanted).sort().values[:2].mean())
            method, counts = replace(method, cap=cap), (goes.detach() < cap * wanted).float()
            assert counts.sum() == 1
        loss = 0.7 * cross_entropy(other(retained.given), retained.target) - 0.3 * (goes * counts).mean()
        slopes = torch.autograd.grad(loss, list(other.parameters()))
        method.unlearn(work)
        for mine, start, slope in zip(work.student.parameters(), other.parameters(), slopes, strict=True):
            torch.testing.assert_close(mine, start - 0.3 * slope)


def test_a_step_is_down_the_one_and_up_the_other(at_work: Callable[..., Any]) -> None:
    assert_step(at_work, capped=False)


def test_a_record_above_its_cap_does_not_count(at_work: Callable[..., Any]) -> None:
    assert_step(at_work, capped=True)


def test_the_wrong_sign_is_caught(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    right = neggrad._capped
    monkeypatch.setattr(neggrad, "_capped", lambda *given: -right(*given))
    with pytest.raises(AssertionError):
        assert_step(at_work, capped=False)


def test_with_all_weight_on_the_retained_it_is_fine_tuning(at_work: Callable[..., Any]) -> None:
    """Bit for bit, from the same key; one epoch, for the rates of later ones differ."""
    ends = []
    for factory, data in ((mlp, patients()), (Cnn, pictures())):
        plain = Finetune(replace(SHORT, factory=factory), epochs=1, lr=0.2)
        method = NegGrad(plain.learner, alpha=1.0, epochs=1, lr=0.2, weight_decay=5e-4, cap=None)
        for each in (plain, method):
            with at_work(plain, data, TARGET) as work:
                each.unlearn(work)
                ends.append(fingerprint(work.net()))
    assert ends[0] == ends[1]
    assert ends[2] == ends[3]


def test_ascent_alone_looks_at_no_retained_record() -> None:
    data = patients()
    kept = [name for name in data.ids.tolist() if name not in (5, 394)]
    others = data.after(Correction(rows_like(data, kept, 3)))
    net = SHORT.learn(data, RUN)
    for alpha in (0.0, 0.5):
        method = NegGrad(SHORT, alpha=alpha, epochs=2, held_out=UNSEEN)
        ends = [fingerprint(method.forget(net, TARGET, each, RUN).model.weights) for each in (data, others)]
        assert (ends[0] == ends[1]) == (alpha == 0)


def test_ascent_alone_learns_nothing_new_and_says_so() -> None:
    data = patients()
    net = SHORT.learn(data, RUN)
    new, corrected = Addition(rows_like(data, [7001], 1)), Correction(rows_like(data, data.ids[:2].tolist(), 1))
    ascent, both = (NegGrad(SHORT, alpha=alpha, held_out=UNSEEN) for alpha in (0.0, 0.9))
    assert isinstance(ascent.quote(net, new, data, RUN), Refusal)
    assert isinstance(both.quote(net, new, data, RUN), Quote)
    for method, said in ((ascent, True), (both, False)):
        quote = method.quote(net, corrected, data, RUN)
        assert isinstance(quote, Quote)
        assert any("not learned" in sentence for sentence in quote.assumptions) == said


# -- the cap -----------------------------------------------------------------------------------------------------------


def assert_bounded(alpha: float, momentum: float, slack: float) -> None:
    """Ten times the epochs at ten times the rate: the forgotten are as unknown as strangers, and not more by far."""
    data = patients()
    method = NegGrad(LEARNER, alpha=alpha, epochs=100, lr=0.1, momentum=momentum, held_out=UNSEEN)
    target, net = planted(data), LEARNER.learn(data, RUN)
    gone = data.take(data.change(target).out)  # type: ignore[union-attr]  # records carry it
    strangers = usual(losses_of(net, UNSEEN), places(net, UNSEEN), places(net, gone))
    found = losses_of(method.forget(net, target, data, RUN).model, gone)
    assert bool((found < strangers + slack).all())


def losses_of(net: Any, data: Table) -> Tensor:
    return cross_entropy(torch.tensor(LEARNER.predict(net, data)).log(), places(net, data), reduction="none")


def places(net: Any, data: Table) -> Tensor:
    return torch.tensor(np.searchsorted(np.array(net.classes), np.asarray(data.label)))


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_with_a_cap_it_stays_bounded(alpha: float) -> None:
    assert_bounded(alpha, momentum=0.0, slack=3.0)
    assert_bounded(alpha, momentum=0.9, slack=40.0)  # which carries on for a while


def test_a_cap_left_out_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = neggrad._capped
    monkeypatch.setattr(neggrad, "_capped", lambda work, batch, _: right(work, batch, None))
    for momentum, slack in ((0.0, 3.0), (0.9, 40.0)):
        with pytest.raises((AssertionError, LearnError)):
            assert_bounded(0.0, momentum, slack)


@given(
    st.lists(st.tuples(st.floats(0, 9), st.integers(0, 3)), min_size=1),
    st.lists(st.integers(0, 4), max_size=6),
)
def test_a_cap_is_the_mean_of_the_class_and_of_all_where_there_is_none(
    held: list[tuple[float, int]], gone: list[int]
) -> None:
    losses, classes = (torch.tensor(each) for each in zip(*held, strict=True))
    found = usual(losses.double(), classes, torch.tensor(gone, dtype=torch.int64))
    for place, own in enumerate(gone):
        mine = [loss for loss, name in held if name == own] or [loss for loss, _ in held]
        assert float(found[place]) == pytest.approx(np.mean(mine))


def test_several_labels_numbers_and_a_loss_that_is_a_mean_have_caps_too() -> None:
    for kind in ({"numbers": True}, {"several": True}):
        data, unseen = patients(**kind), patients(60, **kind).take(np.arange(40, 60))
        method = NegGrad(replace(SHORT, optimizer=torch.optim.Adam), epochs=2, held_out=unseen)
        assert method.forget(method.learn(data, RUN), TARGET, data, RUN).examples > 0
    method = NegGrad(replace(SHORT, loss=cross_entropy), alpha=0.5, epochs=2, held_out=UNSEEN)
    assert method.forget(method.learn(patients(), RUN), TARGET, patients(), RUN).examples > 0


def test_a_cap_needs_unseen_records() -> None:
    data = patients()
    net = SHORT.learn(data, RUN)
    refused = NegGrad(SHORT).quote(net, TARGET, data, RUN)
    assert isinstance(refused, Refusal)
    assert refused.kind == "misconfigured"
    assert "cap=None" in refused.reason
    for method in (NegGrad(SHORT, cap=None), NegGrad(SHORT, alpha=1.0), NegGrad(SHORT, held_out=UNSEEN)):
        assert isinstance(method.quote(net, TARGET, data, RUN), Quote)
    assert isinstance(NegGrad(SHORT).quote(net, Addition(rows_like(data, [7001], 1)), data, RUN), Quote)


def test_batch_norm_counts_the_retained_alone(counted_by_batch_norm: Callable[..., int]) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8)
    assert counted_by_batch_norm(NegGrad(learner, alpha=0.5, epochs=2, cap=None), pictures(24), TARGET) == 2 * 3


@pytest.mark.parametrize(
    "wrong", [{"alpha": 1.5}, {"epochs": 0}, {"lr": 0}, {"cap": 0}, {"held_out": 3}, {"momentum": None}]
)
def test_settings_that_are_not_possible_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="NegGrad needs"):
        NegGrad(SHORT, **wrong)
