"""Forgotten records end at their aims, or it says that they did not; what it needs it asks for; its laws."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from expunge import (
    Addition,
    Correction,
    Owners,
    Quote,
    Records,
    Refusal,
    Retrain,
    Run,
    Table,
    TorchLearner,
    fingerprint,
)
from expunge.errors import LearnError, ParameterError, RefusedError
from expunge.learners.torch import early, shadow
from expunge.measures.loss import true_class_scores
from expunge.methods.torch import confidence_matching as module
from expunge.methods.torch._never_seen import Aims, answers
from expunge.methods.torch.confidence_matching import ConfidenceMatching, Loop, aims_of
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import a_quote_keeps_its_word, inputs_are_left_alone
from expunge.testing.networks import dropping, mislabelled, wide
from expunge.testing.requests import rows_like

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = Run(key=b"a key for tests")


LEARNER = TorchLearner(wide, partial(torch.optim.Adam, lr=0.03), epochs=40, batch_size=32, shadow=0.3)
SHORT = replace(LEARNER, epochs=4)
DATA, UNSEEN = mislabelled(200, 0, 1), mislabelled(150, 5000, 2)
METHOD = ConfidenceMatching(LEARNER, held_out=UNSEEN, lr=6e-3)
FEW = replace(METHOD, weight=5.0, epochs=4.0)  # of 200 records a single one weighs too little to be moved in time
TARGET = Owners([1])


@contract(Case(FEW, DATA, examples=2, portable=False, shrink=False))
def test_it_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("law", [a_quote_keeps_its_word, inputs_are_left_alone])
def test_with_batch_norm_dropout_and_the_log_alone(law: Law) -> None:
    learner = TorchLearner(dropping, partial(torch.optim.Adam, lr=0.03), epochs=4, batch_size=8)
    law(Case(ConfidenceMatching(learner, held_out=UNSEEN, lr=6e-3), DATA, examples=2, portable=False, shrink=False))


# -- what it reaches ---------------------------------------------------------------------------------------------------


def gap(method: ConfidenceMatching, at_work: Callable[..., Any], *, moved: bool) -> float:
    """Mean distance from the aims, in logits."""
    with at_work(method, DATA, TARGET) as work:
        before = work.teacher()
        held = answers(work, before, work.records(method.held_out or DATA, "given"))
        stays, goes = answers(work, before, work.retained), answers(work, before, work.forgotten)
        aims = aims_of(work.model, stays, goes, held, goes.names)
        if moved:
            method.unlearn(work)
        return float(np.mean(answers(work, work.student, work.forgotten).margins - aims.margins))


@pytest.mark.parametrize("learner", [LEARNER, replace(LEARNER, shadow=0.0)])
def test_forgotten_records_end_at_their_aims(learner: TorchLearner, at_work: Callable[..., Any]) -> None:
    method = replace(METHOD, learner=learner)
    assert gap(method, at_work, moved=False) > 1.5
    assert abs(gap(method, at_work, moved=True)) < 0.6


def test_without_the_loop_what_is_retained_pulls_them_up_again(at_work: Callable[..., Any]) -> None:
    light = replace(METHOD, weight=1.0, epochs=6.0)
    assert abs(gap(light, at_work, moved=True)) < gap(replace(light, gain=0.0), at_work, moved=True)


def test_what_was_not_reached_is_an_error_that_says_retrain() -> None:
    net = METHOD.learn(DATA, RUN)
    with pytest.raises(LearnError, match=r"did not end where they should: .* Retrain without them"):
        replace(METHOD, lr=1e-6).forget(net, TARGET, DATA, RUN)


def test_lost_accuracy_is_an_error_that_says_retrain(monkeypatch: pytest.MonkeyPatch) -> None:
    net = METHOD.learn(DATA, RUN)
    monkeypatch.setattr(module, "GAP", 1e9)
    with pytest.raises(LearnError, match=r"of the accuracy on held-out records, .* Retrain without"):
        replace(METHOD, lr=1.0, held_out=mislabelled(300, 5000, 2, wrong=0.0)).forget(net, TARGET, DATA, RUN)


def test_with_nothing_to_move_it_only_keeps_what_stays() -> None:
    learner = replace(SHORT, validation=0.2, shadow=0.0)
    out = early.held_out(DATA, RUN, 0.2)
    target = Records(DATA.take(out).ids[:2].tolist())
    method = ConfidenceMatching(learner, weight=1.0, lr=6e-3)
    net = method.learn(DATA, RUN)
    found = {
        fingerprint(each.forget(net, target, DATA, RUN).model.weights)
        for each in (method, replace(method, weight=50.0, gain=0.9, apart=5.0))
    }
    assert len(found) == 1
    other = replace(method, distil=0.9).forget(net, target, DATA, RUN)
    assert fingerprint(other.model.weights) not in found


def test_the_held_out_records_decide_where_they_end() -> None:
    net = METHOD.learn(DATA, RUN)
    gone = DATA.take(DATA.change(TARGET).out)  # type: ignore[union-attr]
    place = np.searchsorted(np.array(net.classes), np.asarray(gone.label))
    sure = []
    for held in (UNSEEN, mislabelled(150, 5000, 2, wrong=0.45)):
        method = replace(FEW, held_out=held)
        said = method.predict(method.forget(net, TARGET, DATA, RUN).model, gone)
        sure.append(said[np.arange(len(gone)), place].mean())
    assert sure[1] < sure[0]


def test_what_validation_held_out_serves_as_well() -> None:
    learner = replace(LEARNER, validation=0.25, epochs=20)
    method = ConfidenceMatching(learner, lr=6e-3)
    net = method.learn(DATA, RUN)
    out = early.held_out(DATA, RUN, 0.25)
    target = Records(DATA.take(~out).ids[:3].tolist())
    assert isinstance(method.quote(net, target, DATA, RUN), Quote)


def test_nothing_that_was_written_down_of_them_stays_and_all_else_does() -> None:
    net = METHOD.learn(DATA, RUN)
    hidden = DATA.take(shadow.hidden(DATA, RUN, 0.3)).ids[:2].tolist()
    target = Records([*hidden, *DATA.take(~shadow.hidden(DATA, RUN, 0.3)).ids[:2].tolist()])
    left = FEW.forget(net, target, DATA, RUN).model
    assert left.shadow is not None
    assert net.shadow is not None
    assert set(net.shadow.ids) - set(left.shadow.ids) == set(target.ids)
    assert len(left.shadow.scores) == len(net.shadow.scores) - 2


def test_a_correction_is_learned_and_its_log_goes() -> None:
    net = METHOD.learn(DATA, RUN)
    rows = DATA.take(DATA.change(TARGET).out)  # type: ignore[union-attr]
    turned = np.where(np.asarray(rows.label) == "ham", "spam", "ham")
    right = Table.from_arrays(np.asarray(rows.features), turned, rows.ids, rows.owners)
    done = FEW.forget(net, Correction(right), DATA, RUN)
    assert done.model.log is not None
    assert not set(rows.ids.tolist()) & set(done.model.log.ids.tolist())
    after = DATA.after(Correction(right))
    again = METHOD.quote(done.model, Records(rows.ids[:1].tolist()), after, RUN)
    assert isinstance(again, Refusal)
    assert again.kind == "instead"
    assert "1 of the records came or were corrected after" in again.reason


def test_a_corrected_record_ends_at_what_is_right_now_and_not_as_unsure_as_one_that_was_never_seen() -> None:
    net = METHOD.learn(DATA, RUN)
    rows = DATA.take(DATA.change(TARGET).out)  # type: ignore[union-attr]
    turned = np.where(np.asarray(rows.label) == "ham", "spam", "ham")
    right = Table.from_arrays(np.asarray(rows.features), turned, rows.ids, rows.owners)
    done = replace(METHOD, epochs=20.0).forget(net, Correction(right), DATA, RUN)
    before, after = (
        true_class_scores(METHOD.predict(model, right), model.classes or (), turned) for model in (net, done.model)
    )
    assert before.mean() < 0.3
    assert after.mean() > 0.6


def test_a_rate_that_moves_nothing_is_no_forgetting() -> None:
    with pytest.raises(LearnError, match="did not end where they should"):
        replace(METHOD, lr=1e-9).forget(METHOD.learn(DATA, RUN), TARGET, DATA, RUN)


def test_additions_are_learned_without_anything_to_move() -> None:
    net = METHOD.learn(DATA, RUN)
    new = rows_like(DATA, [9000], seed=0)
    done = METHOD.forget(net, Addition(new), DATA, RUN)
    assert done.examples > 0
    assert fingerprint(done.model.weights) != fingerprint(net.weights)


# -- the loop ----------------------------------------------------------------------------------------------------------


def test_the_shift_goes_against_what_is_missing_and_ends_somewhere(at_work: Callable[..., Any]) -> None:
    with at_work(METHOD, DATA, TARGET) as work:
        goes = answers(work, work.teacher(), work.forgotten)
        low, high = (Loop(work, Aims(goes.margins + far, None), gain=0.5) for far in (-100.0, 100.0))
        batch = next(work.forgotten.batches(0))
        for loop, sign in ((low, -1), (high, 1)):
            loop.losses(batch)
            assert sign * loop.shift == 0.5 * module.FASTEST
            for _ in range(9):
                loop.losses(batch)
            assert sign * loop.shift == module.FARTHEST
        near = Loop(work, Aims(goes.margins - 0.2, None), gain=0.5)
        missed, apart = (float(each.detach()) for each in near.losses(batch))
        assert near.shift == pytest.approx(-0.1, abs=1e-4)
        assert missed == pytest.approx(0.3**2 / 2, abs=1e-3)
        assert apart == 0


def test_dropout_has_no_part_in_where_a_record_is_seen(at_work: Callable[..., Any]) -> None:
    learner = TorchLearner(dropping, partial(torch.optim.Adam, lr=0.03), epochs=4, batch_size=8)
    method = ConfidenceMatching(learner, held_out=UNSEEN, lr=6e-3)
    with at_work(method, DATA, TARGET) as work:
        goes = answers(work, work.teacher(), work.forgotten)
        loop = Loop(work, Aims(goes.margins, None), gain=1.0)
        missed, _ = loop.losses(next(work.forgotten.batches(0)))
        assert float(missed.detach()) == pytest.approx(0, abs=1e-8)
        assert work.student.training


# -- what it needs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "target", "kind", "reason"),
    [
        ({"held_out": None}, TARGET, "misconfigured", "needs 20 at least, of its classes, got 0: give held_out=Table"),
        ({"held_out": UNSEEN.take(slice(0, 19))}, TARGET, "misconfigured", "got 19"),
        ({"learner": replace(SHORT, shadow=0.0, log=False)}, TARGET, "misconfigured", "give log=True or shadow=0.2"),
        ({}, Records(range(20)), "instead", "20 records are more than 10% of the 180 that stay"),
    ],
)
def test_it_says_what_it_lacks(change: dict[str, Any], target: Any, kind: str, reason: str) -> None:
    method = replace(METHOD, **{"learner": SHORT, **change})
    net = method.learn(DATA, RUN)
    answer = method.quote(net, target, DATA, RUN)
    assert isinstance(answer, Refusal)
    assert answer.kind == kind
    assert reason in answer.reason
    with pytest.raises(RefusedError):
        method.forget(net, target, DATA, RUN)


def test_held_out_records_of_a_class_it_does_not_know_are_refused() -> None:
    strange = Table.from_arrays(np.zeros((30, 6)), ["egg"] * 30, np.arange(30) + 5000)
    method = replace(METHOD, learner=SHORT, held_out=strange)
    answer = method.quote(method.learn(DATA, RUN), TARGET, DATA, RUN)
    assert isinstance(answer, Refusal)


def test_regression_is_refused() -> None:
    method = ConfidenceMatching(replace(SHORT, shadow=0.0), held_out=UNSEEN)
    data = patients(60, numbers=True)
    answer = method.quote(method.learn(data, RUN), Records(data.ids[:1].tolist()), data, RUN)
    assert isinstance(answer, Refusal)
    assert "scores of classes" in answer.reason


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"lr": 0}, "lr to be a number above 0"),
        ({"epochs": -1}, "epochs to be a number above 0"),
        ({"distil": 1.5}, "distil to be a share"),
        ({"apart": -1}, "apart to be a number above 0"),
        ({"held_out": 7}, "held_out to be a Table with labels"),
    ],
)
def test_settings_that_are_not_possible(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        replace(METHOD, **setting)


def test_it_costs_a_tenth_and_less_than_it_quotes() -> None:
    net = METHOD.learn(DATA, RUN)
    quote = METHOD.quote(net, TARGET, DATA, RUN)
    assert isinstance(quote, Quote)
    done = METHOD.forget(net, TARGET, DATA, RUN)
    plain = replace(LEARNER, shadow=0.0)
    assert done.examples <= quote.examples < 0.2 * plain.visits(DATA.after(TARGET), RUN)
    assert Retrain(plain).quote(net, TARGET, DATA, RUN).examples > quote.examples  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("optimizer", "rate"),
    [
        (partial(torch.optim.AdamW, lr=2e-3), 6e-3),
        (torch.optim.Adam, 3e-3),
        (partial(torch.optim.SGD, lr=0.1), 1e-3),
    ],
)
def test_the_rate_goes_by_what_the_network_was_trained_with(
    optimizer: Any, rate: float, at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, method = [], ConfidenceMatching(replace(SHORT, optimizer=optimizer), held_out=UNSEEN)
    monkeypatch.setattr(ConfidenceMatching, "_judge", lambda *_: None)
    with at_work(method, DATA, TARGET) as work:
        step = work.step

        def watched(loss: Any, used: torch.optim.Optimizer) -> None:
            rates.append(used.param_groups[0]["lr"])
            step(loss, used)

        monkeypatch.setattr(work, "step", watched)
        method.unlearn(work)
    assert rates[0] < max(rates) == pytest.approx(rate, rel=0.15)
    assert rates[-1] == pytest.approx(module.LAST * rate, rel=0.3)
