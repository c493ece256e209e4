"""Masked small gradients: which weights start anew, how slowly the others go, and what is left to it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from expunge import Records, Table, TorchLearner
from expunge.errors import ParameterError
from expunge.methods.torch import masked_small_gradients
from expunge.methods.torch._importance import weights
from expunge.methods.torch._unlearning import Unlearning
from expunge.methods.torch.masked_small_gradients import MaskedSmallGradients, least, pull, rising_and_falling
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import a_quote_keeps_its_word, learning_is_a_pure_function
from expunge.testing.networks import Cnn, Words, dropping, mlp, pictures

if TYPE_CHECKING:
    from collections.abc import Callable

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
LEARNER = TorchLearner(mlp, SGD, epochs=60, batch_size=40)
SHORT = replace(LEARNER, epochs=5, batch_size=8)
TARGET = Records([5, 394])


@contract(Case(MaskedSmallGradients(LEARNER, lr=0.1), examples=2, portable=False, shrink=False))
def test_masked_small_gradients(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("law", [learning_is_a_pure_function, a_quote_keeps_its_word])
def test_with_batch_norm(law: Law) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8)
    law(Case(MaskedSmallGradients(learner, epochs=2), pictures(24), examples=2, portable=False, shrink=False))


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=8), st.floats(0, 1))
def test_the_mask_is_the_share_with_the_smallest_gradients(row: list[float], share: float) -> None:
    found = torch.tensor(row)
    mask = least({"a": found}, share)["a"]
    assert int(mask.sum()) == round(share * len(row))
    if mask.any() and not mask.all():
        assert found[mask].abs().max() <= found[~mask].abs().min()


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 7])
def test_the_rate_rises_to_one_and_falls_without_reaching_zero(epochs: int) -> None:
    rates = [rising_and_falling(epoch, epochs) for epoch in range(epochs)]
    top = rates.index(1.0)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates) > 0


def test_weights_of_linear_layers_and_convolutions_take_part(at_work: Callable[..., Any]) -> None:
    for factory, data, names in (
        (dropping, patients(), {"1.weight", "4.weight"}),
        (Cnn, pictures(), {"seen.0.weight", "said.1.weight"}),
    ):
        with at_work(MaskedSmallGradients(replace(SHORT, factory=factory)), data, TARGET) as work:
            assert set(pull(work)) == names


def assert_new(at_work: Callable[..., Any]) -> None:
    """Without training (a rate of next to nothing), chosen weights are a fresh network's, the others as they were."""
    method = MaskedSmallGradients(SHORT, share=0.3, epochs=1, lr=1e-30, weight_decay=0.0)
    with at_work(method, patients(), TARGET) as work:
        chosen = least(pull(work), 0.3)
        before = {name: held.clone() for name, held in weights(work.student).items()}
        fresh = weights(work.fresh("masked small gradients"))
        method.unlearn(work)
        for name, held in weights(work.student).items():
            mask = chosen.get(name, torch.zeros_like(held, dtype=torch.bool))
            assert torch.equal(held[mask], fresh[name][mask])
            assert torch.equal(held[~mask], before[name][~mask])


def test_chosen_weights_are_a_fresh_networks(at_work: Callable[..., Any]) -> None:
    assert_new(at_work)


def test_the_wrong_end_of_the_mask_is_caught(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def most(found: Any, share: float) -> Any:
        return {name: ~mask for name, mask in least(found, 1 - share).items()}

    monkeypatch.setattr(masked_small_gradients, "least", most)
    with pytest.raises(AssertionError):
        assert_new(at_work)


def test_damped_weights_stay_and_all_else_moves(at_work: Callable[..., Any]) -> None:
    method = MaskedSmallGradients(SHORT, damping=0.0, epochs=2, lr=0.1, weight_decay=0.0)
    with at_work(method, patients(), TARGET) as work:
        chosen = least(pull(work), 0.3)
        before = {name: held.clone() for name, held in weights(work.student).items()}
        method.unlearn(work)
        for name, held in weights(work.student).items():
            if name in chosen:
                assert torch.equal(held[~chosen[name]], before[name][~chosen[name]])
            else:
                assert not torch.equal(held, before[name])


def test_the_gradient_is_that_of_retained_minus_forgotten(at_work: Callable[..., Any]) -> None:
    with at_work(MaskedSmallGradients(SHORT), patients(), TARGET) as work:
        few = work.retained.data.take(slice(0, 2))
        loss = torch.zeros(())
        for sign, data in ((1, few), (-1, work.forgotten.data)):
            batch = next(work.records(data, "any").chunks())
            loss = loss + sign * torch.nn.functional.cross_entropy(work.student(batch.given), batch.target) * 2
        loss.backward()  # type: ignore[no-untyped-call]
        for name, held in pull(work).items():
            wanted = work.student.get_parameter(name).grad
            torch.testing.assert_close(held.float(), wanted, rtol=1e-4, atol=1e-6)


def test_the_rate_is_that_of_the_epoch(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    rates, step = [], Unlearning.step

    def seen(loss: Any, optimizer: Any) -> None:
        rates.append(optimizer.param_groups[0]["lr"])
        step(loss, optimizer)

    monkeypatch.setattr(Unlearning, "step", staticmethod(seen))
    method = MaskedSmallGradients(replace(SHORT, batch_size=40), epochs=3, lr=0.1)
    with at_work(method, patients(), TARGET) as work:
        method.unlearn(work)
    assert rates == pytest.approx([0.05, 0.1, 0.05])


def test_batch_norm_counts_the_retained_alone(counted_by_batch_norm: Callable[..., int]) -> None:
    method = MaskedSmallGradients(TorchLearner(Cnn, SGD, epochs=2, batch_size=8), epochs=2)
    assert counted_by_batch_norm(method, pictures(24), TARGET) == 2 * 3


def test_tied_weights_are_drawn_once(at_work: Callable[..., Any]) -> None:

    data = Table.from_arrays(np.random.default_rng(1).integers(0, 10, (20, 4)), np.arange(20) % 3, np.arange(20))
    method = MaskedSmallGradients(TorchLearner(Words, partial(torch.optim.SGD, lr=0.1), epochs=1), epochs=1)
    with at_work(method, data, Records([3])) as work:
        method.unlearn(work)
        assert work.student.back.weight is work.student.vectors.weight


@pytest.mark.parametrize("wrong", [{"share": -0.1}, {"damping": 2}, {"epochs": True}, {"lr": 0}])
def test_settings_that_are_not_possible_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="MaskedSmallGradients needs"):
        MaskedSmallGradients(SHORT, **wrong)
