"""Bad Teacher: towards an untrained network on the forgotten, towards the original on some of the retained."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.nn.functional import kl_div, log_softmax, softmax

from expunge import Correction, TorchLearner, fingerprint
from expunge.errors import ParameterError
from expunge.methods.torch._unlearning import Unlearning
from expunge.methods.torch.bad_teacher import BadTeacher
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import forgetting_ends_near_the_oracle
from expunge.testing.networks import mlp, pictures
from expunge.testing.requests import planted, rows_like

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

LEARNER = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.5, momentum=0.9), epochs=60, batch_size=40)


@contract(Case(BadTeacher(LEARNER, epochs=5, lr=0.05), examples=2, portable=False, shrink=False))
def test_bad_teacher(case: Case, law: Law) -> None:
    law(case)


def test_as_published_it_does_next_to_nothing() -> None:
    with pytest.raises(AssertionError, match="next to nothing"):
        forgetting_ends_near_the_oracle(Case(BadTeacher(LEARNER)))


def test_laws_with_batch_norm(with_batch_norm: Callable[[Any], None]) -> None:
    with_batch_norm(BadTeacher)


def test_a_step_is_towards_either_teacher(small: Any, at_work: Callable[..., Any]) -> None:
    """By hand: everybody in one batch, one step of Adam."""
    method = BadTeacher(replace(small.rows, batch_size=64), share=1.0, lr=0.01, temperature=2.0)
    data = patients()
    with at_work(method, data, planted(data)) as work:
        other, good, bad = work.original(), work.teacher(), work.fresh("bad teacher")
        stays, goes = (side.batch(np.arange(len(side))).given for side in (work.retained, work.forgotten))
        wanted = torch.cat([softmax(good(stays) / 2, 1), softmax(bad(goes) / 2, 1)]).detach()
        optimizer = torch.optim.Adam(other.parameters(), lr=0.01)
        said = log_softmax(other(torch.cat([stays, goes])) / 2, 1)
        work.step(kl_div(said, wanted, reduction="batchmean"), optimizer)
        method.unlearn(work)
        for mine, theirs in zip(work.student.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_the_forgotten_end_near_the_untrained_network(at_work: Callable[..., Any]) -> None:
    data = patients()
    method = BadTeacher(LEARNER, epochs=40, lr=0.02)
    with at_work(method, data, planted(data)) as work:
        given, bad = work.forgotten.batch(np.arange(len(work.forgotten))).given, work.fresh("bad teacher")
        wanted = softmax(bad(given), 1).detach()
        before = float(kl_div(log_softmax(work.original()(given), 1), wanted, reduction="batchmean").detach())
        method.unlearn(work)
        after = float(kl_div(log_softmax(work.student(given), 1), wanted, reduction="batchmean").detach())
    assert after < 0.3 * before


def assert_kept(small: Any, at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, teacher: Any) -> None:
    """At the end both teachers are what they were, and share no memory with the student."""
    made: list[nn.Module] = []
    fresh = Unlearning.fresh

    def kept(network: nn.Module) -> nn.Module:
        made.append(network)
        return network

    monkeypatch.setattr(Unlearning, "teacher", lambda work: kept(teacher(work)))
    monkeypatch.setattr(Unlearning, "fresh", lambda work, *names: kept(fresh(work, *names)))
    method = BadTeacher(small.pictures, epochs=2, lr=0.01)
    with at_work(method, pictures(24), small.target) as work:
        method.unlearn(work)
        good, bad = made
        for held, wanted in ((good, work.original()), (bad, fresh(work, "bad teacher"))):
            known = wanted.state_dict()
            assert all(torch.equal(each, known[name]) for name, each in held.state_dict().items())
            theirs = {each.data_ptr() for each in held.state_dict().values()}
            assert not theirs & {each.data_ptr() for each in work.student.state_dict().values()}


def test_teachers_stay_what_they_were(small: Any, at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert_kept(small, at_work, monkeypatch, Unlearning.teacher)


def test_a_shallow_teacher_is_caught(small: Any, at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError):
        assert_kept(small, at_work, monkeypatch, lambda work: copy.copy(work.student))


def test_the_other_retained_records_are_not_looked_at(small: Any, at_work: Callable[..., Any]) -> None:
    data = patients()
    method = BadTeacher(small.rows, share=0.3, epochs=2)
    with at_work(method, data, small.target) as work:
        ids = work.retained.data.ids.tolist()
    net = small.rows.learn(data, small.run)
    for names, same in ((ids[12:], True), (ids[:12], False)):
        others = data.after(Correction(rows_like(data, names, 3)))
        ends = [fingerprint(method.forget(net, small.target, each, small.run).model.weights) for each in (data, others)]
        assert (ends[0] == ends[1]) == same
    assert method.forget(net, small.target, data, small.run).examples == -(-4 * 2 * (12 + 2) // 3)


def test_numbers_are_refused(refuses_numbers: Callable[[Any], None]) -> None:
    refuses_numbers(BadTeacher)


def test_batch_norm_counts_the_retained_alone(small: Any, counted_by_batch_norm: Callable[..., int]) -> None:
    learner = replace(small.pictures, batch_size=64)  # one batch, of both kinds
    assert counted_by_batch_norm(BadTeacher(learner, epochs=2, share=1.0), pictures(24), small.target) == 2


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"lr": 0}, {"share": 2}, {"temperature": 0}])
def test_settings_that_are_not_possible_are_refused(small: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="BadTeacher needs"):
        BadTeacher(small.rows, **wrong)
