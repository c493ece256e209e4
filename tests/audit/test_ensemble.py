"""Many models: under keys of their own, in any map, and from where an interrupted audit ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier

from expunge import Column, Records, Retrain, Run, Table, TorchLearner
from expunge.audit.arms import Answers, Missing, Parts, parts
from expunge.audit.ensemble import RETAINED, Ensemble
from expunge.methods.torch.finetune import Finetune
from expunge.testing.networks import mlp

TARGET, RUN = Records([3, 4, 5]), Run(key=b"an ensemble")


def said(model: Parts[Answers | Missing]) -> list[np.ndarray]:
    return [part.predicted for _, part in model.each() if isinstance(part, Answers)]


def same(one: Parts[Answers | Missing], other: Parts[Answers | Missing]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(said(one), said(other), strict=True))


@pytest.fixture
def make(known: Table, unknown: Table) -> Callable[..., Ensemble]:
    def made(method: Any, **given: Any) -> Ensemble:
        run = replace(RUN, **{name: given.pop(name) for name in ("map", "tick") if name in given})
        return Ensemble(method, known, TARGET, parts(known, TARGET, unknown), run, **given)

    return made


def test_each_model_has_a_key_of_its_own_and_the_same_next_time(by_rote: Any, make: Callable[..., Ensemble]) -> None:
    first, again = make(by_rote()).oracles("oracle", 3), make(by_rote()).oracles("oracle", 3)
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not any(same(first[a], first[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert not same(first[0], make(by_rote()).oracles("second oracle", 1)[0])


def test_a_pair_is_one_model_before_and_after(by_rote: Any, make: Callable[..., Ensemble]) -> None:
    nothing, perfect = make(by_rote(left=1.0)).pairs(2), make(by_rote(left=0.0)).pairs(2)
    assert all(same(pair.original, pair.forgotten) for pair in nothing)
    assert all(same(a.original, b.original) for a, b in zip(nothing, perfect, strict=True))
    assert isinstance(perfect[0].forgotten.forgotten, Answers)
    assert not same(perfect[0].original, perfect[0].forgotten)


def test_an_interrupted_audit_goes_on(by_rote: Any, make: Callable[..., Ensemble]) -> None:
    learned: list[bytes] = []

    class Counted(by_rote):  # type: ignore[misc]
        def learn(self, data: Table, run: Run) -> Any:
            if len(learned) == stop:
                raise KeyboardInterrupt
            learned.append(bytes(run.key))
            return super().learn(data, run)

    kept: dict[str, bytes] = {}
    stop = 2
    with pytest.raises(KeyboardInterrupt):
        make(Counted(), kept=kept).oracles("oracle", 5)
    assert len(kept) == 2
    stop = 99
    made = make(Counted(), kept=kept).oracles("oracle", 5)
    assert len(learned) == len(set(learned)) == 5
    assert all(same(a, b) for a, b in zip(made, make(by_rote()).oracles("oracle", 5), strict=True))


def test_what_is_kept_is_of_these_records_and_this_method(by_rote: Any, make: Callable[..., Ensemble]) -> None:
    kept: dict[str, bytes] = {}
    make(by_rote(), kept=kept).oracles("oracle", 2)
    make(by_rote(surer=1.0), kept=kept).oracles("oracle", 2)
    assert len(kept) == 4
    other = make(by_rote(), kept=kept)
    replace(other, data=other.data.take(slice(0, 150))).oracles("oracle", 2)
    assert len(kept) == 6


def test_no_model_is_kept_and_no_name(by_rote: Any, make: Callable[..., Ensemble]) -> None:
    kept: dict[str, bytes] = {}
    make(by_rote(), kept=kept).pairs(1)
    assert all(b"surer" not in blob for blob in kept.values())


def test_workers_hear_of_progress(by_rote: Any, make: Callable[..., Ensemble]) -> None:
    heard: list[tuple[str, int, int]] = []

    def lazily(fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return (fn(item) for item in items)

    make(by_rote(), map=lazily, tick=lambda *said: heard.append(said)).oracles("oracle", 3)
    assert heard == [("audit: oracle", done, 3) for done in range(4)]


def test_retained_records_are_asked_about_up_to_a_number(by_rote: Any) -> None:
    names = np.arange(RETAINED + 500)
    data = Table.from_arrays(np.zeros((len(names), 1)), np.where(names % 2, "yes", "no"), ids=names)
    asked = Ensemble(by_rote(), data, TARGET, parts(data, TARGET, None), RUN).asked
    assert isinstance(asked.retained, Table)
    assert len(asked.retained) == RETAINED
    assert not np.isin(np.asarray(asked.retained.ids), [3, 4, 5]).any()


def test_an_erased_column_is_asked_for_of_nobody_who_never_met_it() -> None:
    X = np.random.default_rng(0).normal(size=(60, 3))
    data, target = Table.from_arrays(X, X[:, 0] > 0), Column("x2")
    pairs = Ensemble(Retrain(DecisionTreeClassifier()), data, target, parts(data, target, None), RUN).pairs(1)
    assert isinstance(pairs[0].forgotten.retained, Answers)
    assert isinstance(pairs[0].original.retained, Answers)


def test_networks_train_together_to_the_same_bits() -> None:
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    data = Table.from_arrays(X, np.where(X[:, 0] > 0, "right", "left"))
    learner = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.1), epochs=2, batch_size=20, together=4, device="cpu")
    alone = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.1), epochs=2, batch_size=20, together=1, device="cpu")
    both = [
        Ensemble(method, data, TARGET, parts(data, TARGET, None), RUN).oracles("oracle", 3)
        for method in (Finetune(learner), Finetune(alone))
    ]
    assert all(same(a, b) for a, b in zip(*both, strict=True))
