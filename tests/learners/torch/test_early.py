"""Stopping early: by units of the shard's own, whole, chosen by their names; the best epoch is kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from expunge import Records, Run, Table, TorchLearner, fingerprint
from expunge.errors import LearnError
from expunge.learners.torch import early
from expunge.testing import patients
from expunge.testing.networks import mlp

RUN = Run(key=b"a key for tests")
LEARNER = TorchLearner(mlp, partial(torch.optim.Adam, lr=0.3), epochs=12, batch_size=8, validation=0.3)


def epochs_of(learner: TorchLearner, data: Table) -> int:
    log = learner.learn(data, RUN).log
    assert log is not None
    return len(log.fit)


@pytest.mark.parametrize("owned", [False, True])
def test_units_are_held_out_whole_and_no_other_record_moves_them(*, owned: bool) -> None:
    data = patients(60, owned=owned)
    out = early.held_out(data, RUN, 0.3)
    units = np.asarray(data.units)
    assert not set(units[out]) & set(units[~out])
    assert 5 < out.sum() < 30
    rest = data.after(Records(data.ids[:7].tolist()))
    assert np.array_equal(early.held_out(rest, RUN, 0.3), out[7:])
    assert not np.array_equal(early.held_out(data, Run(key=b"another"), 0.3), out)


@pytest.mark.parametrize("share", [0.0, 0.999999])
def test_where_all_or_none_would_be_held_out_all_are_trained_on(share: float) -> None:
    assert not early.held_out(patients(24), RUN, share).any()


def test_the_held_out_are_not_trained_on() -> None:
    data = patients(24)
    model, out = LEARNER.learn(data, RUN), early.held_out(data, RUN, 0.3)
    assert model.log is not None
    assert model.log.ids.tolist() == sorted(data.take(~out).ids.tolist())


def test_the_epoch_that_fits_the_held_out_best_is_kept() -> None:
    data = patients(24)
    out = early.held_out(data, RUN, 0.3)
    losses = []
    for epochs in range(1, 13):
        model = replace(LEARNER, epochs=epochs, validation=0.0).learn(data.take(~out), RUN)
        if model.classes != LEARNER.classes(data):
            pytest.skip("the held-out have a class of their own")
        losses.append(loss(model, data.take(out)))
    best = loss(LEARNER.learn(data, RUN), data.take(out))
    assert min(losses) == pytest.approx(best, rel=1e-4)
    assert best < losses[-1], "the last is not the best here, or this shows nothing"


def loss(model: Any, data: Table) -> float:
    scores = LEARNER.predict(model, data)
    own = scores[np.arange(len(data)), np.searchsorted(model.classes, np.asarray(data.label))]
    return float(-np.log(own).mean())


def test_training_stops_when_the_best_is_long_past() -> None:
    data = patients(24)
    assert epochs_of(LEARNER, data) == 12
    stopped = [epochs_of(replace(LEARNER, patience=patience), data) for patience in (1, 2, 11)]
    assert stopped == sorted(stopped)
    assert stopped[0] < 12


def test_a_loss_that_is_never_a_number_is_a_sentence_and_no_untrained_network() -> None:
    data = patients(24)
    features = np.asarray(data.features).copy()
    features[early.held_out(data, RUN, 0.3), 0] = np.nan
    holed = Table.from_arrays(features, data.label, data.ids, data.owners)
    with pytest.raises(LearnError, match=r"held-out records was no finite number in any epoch.*hold NaN"):
        LEARNER.learn(holed, RUN)


def test_the_order_of_the_held_out_changes_nothing() -> None:
    data = patients(24)
    learner = replace(LEARNER, patience=3)
    assert fingerprint(learner.learn(data, RUN)) == fingerprint(learner.learn(data.take(np.arange(24)[::-1]), RUN))


@pytest.mark.parametrize("epoch", [1, 3, 6, 11])
def test_weights_of_an_epoch_that_is_no_earlier_than_the_best_are_not_kept(epoch: int) -> None:
    plain = replace(LEARNER, epochs=epoch, validation=0.0)
    net = replace(LEARNER, rewind=epoch).learn(patients(60), RUN)
    trained = patients(60).take(~early.held_out(patients(60), RUN, 0.3))
    there = {k: fingerprint(replace(plain, epochs=k).learn(trained, RUN).weights) for k in range(1, 13)}
    best = next(k for k, known in there.items() if known == fingerprint(net.weights))
    assert (net.early is not None) == (epoch < best)
    if net.early is not None:
        assert fingerprint(net.early) == there[epoch]
