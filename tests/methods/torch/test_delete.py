"""DELETE trains on the forgotten alone, towards what the network said of the other classes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from expunge import Label, Records, Refusal, Run, Table, TorchLearner, fingerprint
from expunge.errors import ParameterError
from expunge.methods.torch.delete import Delete, without
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import a_quote_keeps_its_word, inputs_are_left_alone
from expunge.testing.networks import Cnn, mlp, pictures

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
LEARNER = TorchLearner(mlp, SGD, epochs=60, batch_size=40)
SHORT = replace(LEARNER, epochs=5, batch_size=8)


@contract(Case(Delete(LEARNER), examples=2, portable=False, shrink=False))
def test_delete(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("law", [a_quote_keeps_its_word, inputs_are_left_alone])
def test_with_batch_norm(law: Law) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8)
    law(Case(Delete(learner), pictures(24), examples=2, portable=False, shrink=False))


@given(
    st.integers(2, 6).flatmap(
        lambda k: st.tuples(st.lists(st.floats(-50, 50), min_size=k, max_size=k), st.integers(0, k - 1))
    )
)
def test_the_others_keep_their_ratios(drawn: tuple[list[float], int]) -> None:
    logits, own = torch.tensor([drawn[0]], dtype=torch.float64), drawn[1]
    found = without(logits, torch.tensor([own]))[0]
    others = [k for k in range(len(drawn[0])) if k != own]
    assert found[own] == 0
    torch.testing.assert_close(found[others], torch.softmax(logits[0, others], 0))


def test_a_class_is_no_longer_named_and_the_rest_is_as_it_was() -> None:
    data, run = patients(40), Run(key=b"a key for tests")
    method = Delete(LEARNER)
    net = method.learn(data, run)
    after = method.predict(method.forget(net, Label("unsure"), data, run).model, data)
    truth = np.asarray(data.label)
    assert not (after.argmax(1) == 2)[truth == "unsure"].any()
    assert (np.array(net.classes)[after.argmax(1)] == truth)[truth != "unsure"].mean() > 0.8


def test_no_retained_record_is_looked_at() -> None:
    data, run, target = patients(40), Run(key=b"a key for tests"), Records([5, 394])
    change = data.change(target)
    assert change is not None
    gone = np.isin(np.arange(len(data)), change.out)
    features = np.where(gone[:, None], data.features, 0.0)
    label = np.where(gone, np.asarray(data.label), "ham")
    others = Table.from_arrays(features, label, data.ids, classes=("ham", "spam", "unsure"))
    for factory, table, rest in ((mlp, data, others), (Cnn, pictures(40), None)):
        method = Delete(replace(SHORT, factory=factory))
        net = method.learn(table, run)
        end = method.forget(net, target, table, run)
        if rest is not None:
            assert fingerprint(end.model.weights) == fingerprint(method.forget(net, target, rest, run).model.weights)
            continue
        assert net.weights is not None
        assert end.model.weights is not None  # batch norm counts no forgotten record
        for name in ("seen.1.running_mean", "seen.1.running_var", "seen.1.num_batches_tracked"):
            assert np.array_equal(net.weights[name], end.model.weights[name])


def test_a_teacher_that_is_the_student_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A teacher that moves along pulls nowhere in particular: the published loss falls step by step."""
    data, run, target = patients(40), Run(key=b"a key for tests"), Records([5, 394])
    method = Delete(replace(SHORT, epochs=20), epochs=20, lr=0.05)
    net = method.learn(data, run)
    gone = data.take(data.change(target).out)  # type: ignore[union-attr]  # they are there
    before = torch.tensor(method.predict(net, gone)).log()
    own = torch.tensor(np.searchsorted(np.array(net.classes), np.asarray(gone.label)))
    wanted = without(before, own)

    def distance() -> float:
        found = torch.tensor(method.predict(method.forget(net, target, data, run).model, gone)).log()
        return float(torch.nn.functional.kl_div(found, wanted, reduction="batchmean"))

    right = distance()
    start = float(torch.nn.functional.kl_div(before, wanted, reduction="batchmean"))
    assert right < 0.5 * start
    monkeypatch.setattr("expunge.methods.torch._unlearning.Unlearning.teacher", lambda work: work.student)
    assert distance() > right


def test_numbers_are_refused() -> None:
    data, run = patients(numbers=True), Run(key=b"a key for tests")
    method = Delete(replace(SHORT, optimizer=torch.optim.Adam))
    refused = method.quote(method.learn(data, run), Records([5]), data, run)
    assert isinstance(refused, Refusal)
    assert "scores of classes" in refused.reason


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"lr": 0}])
def test_settings_that_are_not_possible_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="Delete needs"):
        Delete(SHORT, **wrong)
