"""Forgotten records go to three methods by how far they were learned by heart, least first."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from expunge import Addition, Correction, Quote, Records, Refusal, Run, Table, TorchLearner, fingerprint
from expunge.errors import ParameterError
from expunge.learners.torch.network import Log
from expunge.methods.torch import memorisation_tiers
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch.amnesiac import Amnesiac
from expunge.methods.torch.delete import Delete
from expunge.methods.torch.finetune import Finetune
from expunge.methods.torch.memorisation_tiers import MemorisationTiers, memorised, tiers, tiers_of
from expunge.methods.torch.neggrad import NegGrad
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import a_quote_keeps_its_word
from expunge.testing.networks import Cnn, mlp, pictures
from expunge.testing.requests import rows_like

if TYPE_CHECKING:
    from collections.abc import Callable

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
LEARNER = TorchLearner(mlp, SGD, epochs=60, batch_size=40)
SHORT = replace(LEARNER, epochs=5, batch_size=8)
RUN = Run(key=b"a key for tests")
UNSEEN = patients(60).take(np.arange(40, 60))
HEALED = Finetune(LEARNER, epochs=10, lr=0.5)


@contract(
    Case(
        MemorisationTiers(LEARNER, "alone", HEALED, NegGrad(LEARNER, alpha=0.9, lr=0.1, held_out=UNSEEN)),
        examples=2, portable=False, shrink=False,
    )
)  # fmt: skip
def test_memorisation_tiers(case: Case, law: Law) -> None:
    law(case)


def test_with_batch_norm_and_units_held_out_by_the_learner() -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8, validation=0.4)
    method = MemorisationTiers(learner, None, Finetune(learner, epochs=1), NegGrad(learner, epochs=1))
    a_quote_keeps_its_word(Case(method, pictures(24), examples=2, portable=False, shrink=False))


# -- who goes where ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told(PostHoc):
    """A method that writes down whom it was handed, and moves every weight a little."""

    needs: ClassVar[frozenset[Any]] = frozenset({"forgotten"})
    learner: Any
    name: str
    told: list[Any] = field(default_factory=list, compare=False)

    def most(self, retained: int, forgotten: int) -> int:
        return forgotten

    def unlearn(self, work: Any) -> None:
        start = float(next(work.student.parameters()).flatten()[0].detach())
        self.told.append((self.name, sorted(work.forgotten.data.ids.tolist()), len(work.retained), start))
        work.count(len(work.forgotten))
        with torch.no_grad():
            for held in work.student.parameters():
                held.add_(1.0)


def told(low: Any = None, **settings: Any) -> tuple[MemorisationTiers, list[Any]]:
    """The method over three that write down, in one list, whom they were handed."""
    seen: list[Any] = []
    low, middle, high = (low or Told(SHORT, "low", seen), Told(SHORT, "middle", seen), Told(SHORT, "high", seen))
    return MemorisationTiers(SHORT, low, middle, high, **settings), seen


def assert_sent_by_score() -> None:
    data = patients()
    net = SHORT.learn(data, RUN)
    method, seen = told()
    gone = data.ids[[0, 3, 7, 11, 20, 21, 30, 33, 39]].tolist()
    done = method.forget(net, Records(gone), data, RUN)
    assert net.log is not None
    sure = dict(zip(net.log.ids.tolist(), np.exp(net.log.fit).mean(axis=0), strict=True))
    assert [name for name, *_ in seen] == ["low", "middle", "high"]
    parts = [ids for _, ids, *_ in seen]
    assert sorted(chain(*parts)) == sorted(gone)
    for before, after in pairwise(parts):
        assert min(sure[name] for name in before) > max(sure[name] for name in after)
    everyone = sorted(sure.values(), reverse=True)
    assert min(sure[name] for name in parts[0]) >= everyone[13]
    assert max(sure[name] for name in parts[2]) <= everyone[26]
    assert {stays for *_, stays, _ in seen} == {31}
    starts = [start for *_, start in seen]
    np.testing.assert_allclose(np.diff(starts), [1, 1], atol=1e-5)
    assert done.examples == len(gone)
    for name, held in (net.weights or {}).items():
        np.testing.assert_allclose((done.model.weights or {})[name], held + 3, atol=1e-5)


def test_each_goes_to_the_method_of_its_third_and_the_methods_follow_each_other() -> None:
    assert_sent_by_score()


@pytest.mark.parametrize("wrong", ["upside down", "backwards", "each from the start"])
def test_another_order_is_caught(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if wrong == "upside down":
        right = memorised
        monkeypatch.setattr(memorisation_tiers, "memorised", lambda log: -right(log))
    elif wrong == "backwards":
        stages = MemorisationTiers._stages
        monkeypatch.setattr(MemorisationTiers, "_stages", lambda *given: reversed(list(stages(*given))))
    else:
        monkeypatch.setattr("expunge.methods.torch._unlearning.fill", lambda module, _: module)
    with pytest.raises(AssertionError):
        assert_sent_by_score()


def test_who_was_least_learned_by_heart_is_left_alone_when_that_is_asked() -> None:
    data = patients()
    net = SHORT.learn(data, RUN)
    assert net.log is not None
    low = net.log.ids[tiers(net.log) == 0][:3].tolist()
    method, seen = told("alone")
    quote = method.quote(net, Records(low), data, RUN)
    assert isinstance(quote, Quote)
    assert "3 of the 3 records were least learned by heart and are left as they are" in quote.assumptions[-1]
    done = method.forget(net, Records(low), data, RUN)
    assert seen == []
    assert fingerprint(done.model.weights) == fingerprint(net.weights)
    assert done.model.log is not None
    assert not set(low) & set(done.model.log.ids.tolist())
    other, seen = told()
    quote = other.quote(net, Records(low), data, RUN)
    assert isinstance(quote, Quote)
    assert not any("left as they are" in said for said in quote.assumptions)
    other.forget(net, Records(low), data, RUN)
    assert [(name, ids) for name, ids, *_ in seen] == [("low", sorted(low))]


def test_without_a_choice_the_low_ones_go_to_the_middle_method() -> None:
    low, middle, high = MemorisationTiers(SHORT).methods
    assert low == middle == Finetune(SHORT, epochs=10, lr=0.1)
    assert (type(high).__name__, high.epochs, high.lr) == ("SalUn", 5, 0.1)  # type: ignore[attr-defined]


def test_new_and_corrected_rows_are_learned_though_their_old_ones_are_left_alone() -> None:
    data = patients()
    net = SHORT.learn(data, RUN)
    assert net.log is not None
    low = net.log.ids[tiers(net.log) == 0][:2].tolist()
    for target, gone in ((Addition(rows_like(data, [7001], 1)), 0), (Correction(rows_like(data, low, 1)), 2)):
        method, seen = told("alone")
        method.forget(net, target, data, RUN)
        assert [(name, ids) for name, ids, *_ in seen] == [("middle", [])]
        quote = method.quote(net, target, data, RUN)
        assert isinstance(quote, Quote)
        assert any("left as they are" in said for said in quote.assumptions) == bool(gone)


def test_whom_the_log_does_not_know_is_high() -> None:
    data = patients()
    net = SHORT.learn(data, RUN)
    assert net.log is not None
    kept = net.log.ids != 5
    short = replace(net, log=Log(net.log.ids[kept], net.log.fit[:, kept]))
    assert tiers_of(short, data.take(data.ids == 5)).tolist() == [2]
    none = replace(net, log=Log(net.log.ids[:0], net.log.fit[:, :0]))
    assert tiers_of(none, data.take(slice(0, 2))).tolist() == [2, 2]


@given(st.lists(st.floats(-5, 0), min_size=1, max_size=20), st.randoms())
def test_tiers_are_thirds_and_no_order_of_records_moves_them(fits: list[float], random: Any) -> None:
    log = Log(np.arange(len(fits)), np.array([fits]))
    found = tiers(log)
    assert np.bincount(found, minlength=3).max() - np.bincount(found, minlength=3).min() <= 1
    sure = np.exp(np.array(fits))
    for low, high in ((0, 1), (1, 2)):
        if (found == low).any() and (found == high).any():
            assert sure[found == low].min() >= sure[found == high].max()


# -- what it says ------------------------------------------------------------------------------------------------------


def test_a_network_without_a_log_is_refused() -> None:
    learner = replace(SHORT, log=False)
    net = learner.learn(patients(), RUN)
    refused = MemorisationTiers(learner).quote(net, Records([5]), patients(), RUN)
    assert isinstance(refused, Refusal)
    assert "training log" in refused.reason


def test_what_a_method_lacks_is_said_of_its_tier() -> None:
    data = patients()
    net = SHORT.learn(data, RUN)
    assert net.log is not None
    high = Records(net.log.ids[tiers(net.log) == 2][:2].tolist())
    refused = MemorisationTiers(SHORT, high=NegGrad(SHORT)).quote(net, high, data, RUN)
    assert isinstance(refused, Refusal)
    assert refused.reason.startswith("high records go to NegGrad: where a forgotten record stops counting")
    numbers = patients(numbers=True)
    net = replace(SHORT, optimizer=torch.optim.Adam).learn(numbers, RUN)
    assert net.log is not None
    high = Records(net.log.ids[tiers(net.log) == 2][:2].tolist())
    method = MemorisationTiers(replace(SHORT, optimizer=torch.optim.Adam))
    refused = method.quote(net, high, numbers, RUN)
    assert isinstance(refused, Refusal)
    assert "high records go to SalUn, which works on scores of classes" in refused.reason


def test_that_a_method_learns_nothing_is_said() -> None:
    data = patients()
    net = SHORT.learn(data, RUN)
    method = MemorisationTiers(SHORT, high=Delete(SHORT))
    quote = method.quote(net, Correction(rows_like(data, data.ids[:3].tolist(), 1)), data, RUN)
    assert isinstance(quote, Quote)
    assert any("not learned" in sentence for sentence in quote.assumptions)


@pytest.mark.parametrize("wrong", [{"low": "left"}, {"middle": "alone"}, {"high": Amnesiac(SHORT)}, {"high": HEALED}])
def test_settings_that_are_not_possible_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=f"MemorisationTiers needs {next(iter(wrong))} to be a method that"):
        MemorisationTiers(SHORT, **wrong)


def test_records_held_out_while_it_was_trained_are_sent_to_nobody(at_work: Callable[..., Any]) -> None:
    learner = replace(SHORT, validation=0.5)
    data: Table = patients()
    with at_work(MemorisationTiers(learner), data, Records(data.ids[:9].tolist())) as work:
        assert len(work.forgotten) < 9
        assert set(work.forgotten.data.ids.tolist()) <= set(work.model.log.ids.tolist())
