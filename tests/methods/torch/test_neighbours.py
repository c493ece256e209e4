"""A quote counts the records that stay and are nearly copies of forgotten ones."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from expunge import Correction, Quote, Records, Run, Table, TorchLearner
from expunge.methods.torch import _neighbours
from expunge.methods.torch.finetune import Finetune
from expunge.testing.networks import Words, mlp
from expunge.testing.requests import rows_like

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

RUN = Run(key=b"a key for tests")
LEARNER = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.1), epochs=1)
GONE = Records([0, 1, 2])


def table(copies: Sequence[float], scale: float = 1.0) -> Table:
    """100 records, then a copy of each of the first with that much noise; the second feature on a scale of its own."""
    random = np.random.default_rng(0)
    made = random.normal(size=(100, 5))
    noise = random.normal(size=(len(copies), 5)) * np.array(copies)[:, None]
    features = np.concatenate([made, made[: len(copies)] + noise])
    features[:, 1] *= scale
    label = np.where(features[:, 0] > 0, "right", "left")
    return Table.from_arrays(features, label)


def said(data: Table, target: Any = GONE, learner: TorchLearner = LEARNER) -> list[str]:
    """Sentences about near-duplicates."""
    method = Finetune(learner, epochs=1)
    quote = method.quote(method.learn(data, RUN), target, data, RUN)
    assert isinstance(quote, Quote)
    return [sentence for sentence in quote.assumptions if "nearly the same" in sentence]


def test_near_copies_that_stay_are_counted() -> None:
    assert said(table([0.01, 0.02])) == [
        "2 records that stay are nearly the same as forgotten ones: what they share stays"
    ]
    assert said(table([0.01])) == ["1 record that stays is nearly the same as forgotten ones: what they share stays"]


def test_strangers_exact_copies_and_copies_of_others_are_not() -> None:
    assert said(table([])) == []
    assert said(table([0.0, 0.0])) == []
    assert said(table([0.01, 0.01]), Records([7])) == []
    assert said(table([0.01, 0.01]), Records([0, 1, 100, 101])) == []


def test_a_corrected_row_is_no_copy_of_its_old_one() -> None:
    data = table([])
    right = data.take(slice(0, 2)).gathered()
    right = Table(replace(right.columns, label=np.array(["left", "left"])), None)
    assert said(data, Correction(right)) == []
    assert said(data, Correction(rows_like(data, [0], 1))) == []


def test_closeness_is_what_the_network_is_handed() -> None:
    """Noise that matters beside the second feature's own scale, and drowns in the first's."""
    data = table([0.01, 0.01], scale=1e-4)
    features = np.array(data.features)
    features[100, 1] += 3e-4
    data = Table.from_arrays(features, np.asarray(data.label))
    assert "2 records" in said(data)[0]
    assert "1 record " in said(data, learner=replace(LEARNER, prepare=StandardScaler()))[0]


def test_large_data_are_sampled_by_the_keyed_order_of_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    data = table([0.01] * 60)
    everyone = Records(range(60))
    monkeypatch.setattr(_neighbours, "NUMBERS", 250)
    monkeypatch.setattr(_neighbours, "ASKED", 30)
    (sentence,) = said(data, everyone)
    assert "(50 of the 100 that stay and 30 of the 60 that go were looked at)" in sentence
    assert 5 < int(sentence.split()[0]) < 30
    backwards = data.take(np.arange(len(data))[::-1])
    assert said(backwards, everyone) == [sentence]


def test_tokens_have_no_distances() -> None:
    tokens = np.random.default_rng(0).integers(0, 10, (60, 4))
    tokens = np.concatenate([tokens, tokens[:3]])
    tokens[-3:, 0] = (tokens[-3:, 0] + 1) % 10
    data = Table.from_arrays(tokens, ["a", "b", "c"] * 21)
    assert said(data, learner=replace(LEARNER, factory=Words)) == []


def flat() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))


def test_pictures_are_compared_as_a_whole() -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (60, 4, 4)).astype(np.uint8)
    pictures = np.concatenate([pictures, pictures[:2] // 2 * 2])
    data = Table.from_arrays(pictures, ["a", "b"] * 31)
    assert "2 records" in said(data, learner=replace(LEARNER, factory=flat))[0]
