"""SalUn moves the weights of its mask, and no other by a single bit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from expunge import Records, TorchLearner
from expunge.errors import ParameterError
from expunge.methods.torch import salun
from expunge.methods.torch._importance import summed, weights
from expunge.methods.torch.salun import SalUn, largest, random_labels
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import a_quote_keeps_its_word, learning_is_a_pure_function
from expunge.testing.networks import Cnn, mlp, pictures

if TYPE_CHECKING:
    from collections.abc import Callable

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
LEARNER = TorchLearner(mlp, SGD, epochs=60, batch_size=40)
SHORT = replace(LEARNER, epochs=5, batch_size=8)
TARGET = Records([5, 394])


@contract(Case(SalUn(LEARNER), examples=2, portable=False, shrink=False))
def test_salun(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("law", [learning_is_a_pure_function, a_quote_keeps_its_word])
def test_with_batch_norm(law: Law) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8)
    law(Case(SalUn(learner, epochs=2), pictures(24), examples=2, portable=False, shrink=False))


def assert_masked(at_work: Callable[..., Any], factory: Any, data: Any) -> None:
    method = SalUn(replace(SHORT, factory=factory), share=0.3, epochs=3, lr=0.05, momentum=0.9, weight_decay=0.1)
    with at_work(method, data, TARGET) as work:
        movable = largest(summed(work, work.forgotten), 0.3)
        before = {name: held.clone() for name, held in weights(work.student).items()}
        method.unlearn(work)
        moved = {name: held != before[name] for name, held in weights(work.student).items()}
    assert not any(bool((moved[name] & ~movable[name]).any()) for name in moved)
    assert sum(int(each.sum()) for each in moved.values()) > 0.9 * sum(int(each.sum()) for each in movable.values())


@pytest.mark.parametrize(("factory", "data"), [(mlp, patients()), (Cnn, pictures())], ids=["rows", "pictures"])
def test_weights_outside_of_the_mask_keep_every_bit(factory: Any, data: Any, at_work: Callable[..., Any]) -> None:
    assert_masked(at_work, factory, data)


def test_masked_gradients_alone_are_caught(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """As the authors' code did: momentum and weight decay move what has no gradient."""

    def gradients_alone(held: Any, before: Any, movable: Any) -> None:
        for name, each in held.items():
            each.copy_(torch.where(movable[name], each, each * 0.999))

    monkeypatch.setattr(salun, "_put_back", gradients_alone)
    with pytest.raises(AssertionError):
        assert_masked(at_work, mlp, patients())


def test_no_weight_may_move_at_a_share_of_zero_and_all_at_one(at_work: Callable[..., Any]) -> None:
    for share in (0.0, 1.0):
        method = SalUn(SHORT, share=share, epochs=2)
        with at_work(method, patients(), TARGET) as work:
            before = {name: held.clone() for name, held in weights(work.student).items()}
            method.unlearn(work)
            same = [bool((held == before[name]).all()) for name, held in weights(work.student).items()]
        assert all(same) if share == 0 else not any(same)


@given(st.lists(st.lists(st.floats(-9, 9), min_size=1, max_size=6), min_size=1, max_size=3), st.floats(0, 1))
def test_the_mask_is_the_share_with_the_largest_gradients(rows: list[list[float]], share: float) -> None:
    found = {str(k): torch.tensor(row) for k, row in enumerate(rows)}
    mask = torch.cat([largest(found, share)[name] for name in found])
    sizes = torch.cat(list(found.values())).abs()
    assert int(mask.sum()) == round(share * len(mask))
    if mask.any() and not mask.all():
        assert sizes[mask].min() >= sizes[~mask].max()


def test_labels_belong_to_the_record_and_the_epoch(at_work: Callable[..., Any]) -> None:
    data, drawn = patients(), []
    for target in (Records(data.ids[:20]), Records(data.ids[10:20])):
        with at_work(SalUn(SHORT), data, target) as work:
            for epoch in (0, 1):
                labels = random_labels(work, epoch).tolist()
                drawn.append(dict(zip(work.forgotten.data.ids.tolist(), labels, strict=True)))
            first = random_labels(work, 0)
    assert all(drawn[2][name] == drawn[0][name] for name in drawn[2])
    assert drawn[0] != drawn[1]
    assert set(drawn[0].values()) == {0, 1, 2}
    assert len(first) == 10


@pytest.mark.parametrize("wrong", [{"share": 1.5}, {"epochs": 0}, {"lr": -1.0}])
def test_settings_that_are_not_possible_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="SalUn needs"):
        SalUn(SHORT, **wrong)


def test_batch_norm_counts_the_retained_alone(counted_by_batch_norm: Callable[..., int]) -> None:
    method = SalUn(TorchLearner(Cnn, SGD, epochs=2, batch_size=8), epochs=2)
    assert counted_by_batch_norm(method, pictures(24), TARGET) == 2 * 3


def test_counts_visits_of_the_mask_too(at_work: Callable[..., Any]) -> None:
    method = SalUn(SHORT, epochs=3)
    with at_work(method, patients(40), TARGET) as work:
        method.unlearn(work)
        assert work.visits == 2 + 3 * 40
        assert work.visits <= method.most(38, 2)
        assert np.isfinite(work.visits)
