from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from expunge.learners.torch import asked as asked_module
from expunge.learners.torch import products, stacked
from expunge.learners.torch.asked import Asked
from expunge.learners.torch.products import same

if TYPE_CHECKING:
    from collections.abc import Sequence


def networks(count: int, width: int, *, norm: bool = False) -> list[nn.Module]:
    parts = [nn.BatchNorm1d(width)] if norm else []
    return [
        nn.Sequential(nn.Linear(4, width), *parts, nn.Dropout(0.3), nn.ReLU(inplace=True), nn.Linear(width, 3)).eval()
        for _ in range(count)
    ]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    pays: dict[Any, Any] = {}
    monkeypatch.setattr(stacked, "PAYS", pays)
    monkeypatch.setattr(stacked, "faster", lambda *_: True)
    monkeypatch.setattr(asked_module, "MET", Counter())
    monkeypatch.setattr(asked_module, "OFTEN", 2)
    return pays


@settings(max_examples=25)
@given(count=st.integers(1, 6), width=st.sampled_from([1, 8, 17]), rows=st.integers(1, 40), norm=st.booleans())
def test_scores_have_the_bits_of_each(count: int, width: int, rows: int, *, norm: bool) -> None:
    modules = networks(count, width, norm=norm)
    given = torch.randn(rows, 4)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr(stacked, "faster", lambda *_: True)
        patch.setattr(asked_module, "OFTEN", 1)
        asked = Asked(modules)
        for _ in range(3):
            made = asked.scores(given.clone())
            assert all(same(one, module(given.clone())) for one, module in zip(made, modules, strict=True))


def test_it_is_tried_when_it_is_asked_often(found: dict[Any, Any]) -> None:
    asked = Asked(networks(3, 8))
    given = torch.randn(9, 4)
    with torch.inference_mode():
        asked.scores(given)
        asked.scores(given)
        assert not found
        asked.scores(given)
        assert list(found.values()) == [True]


def test_a_program_that_differs_in_the_last_bit_is_rejected(
    found: dict[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = products.linear

    def off(given: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        made = right(given, weight, bias).clone()
        made[-1, -1, -1] = torch.nextafter(made[-1, -1, -1], torch.tensor(99.0))
        return made

    monkeypatch.setattr(products, "linear", off)
    monkeypatch.setattr(products, "is_one_call", lambda *_, **__: True)
    modules, given = networks(3, 8), torch.randn(9, 4)
    asked = Asked(modules)
    with torch.inference_mode():
        for _ in range(4):
            made = asked.scores(given)
            assert all(same(one, module(given.clone())) for one, module in zip(made, modules, strict=True))
    assert list(found.values()) == [False]


class First(nn.Module):
    """A module that changes what it is given."""

    def forward(self, given: Tensor) -> Tensor:
        return given.mul_(2)


@pytest.mark.parametrize("modules", [[First(), First()], [nn.Linear(4, 2), nn.Linear(4, 2, bias=False)]])
def test_others_go_one_by_one(found: dict[Any, Any], modules: Sequence[nn.Module]) -> None:
    given = torch.randn(5, 4)
    with torch.inference_mode():
        made = Asked(modules).scores(given)
        assert all(same(one, module(given.clone())) for one, module in zip(made, modules, strict=True))
    assert not found
