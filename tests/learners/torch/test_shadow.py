"""The shadow: what it says, that it never saw what it is asked about, that the network beside it stays the same."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from expunge import Records, Run, Sisa, Table, TorchLearner, fingerprint
from expunge.codec import decode, encode
from expunge.errors import ParameterError
from expunge.learners.torch import Shadow, shadow
from expunge.testing import patients
from expunge.testing.networks import Cnn, mlp, pictures
from expunge.testing.requests import in_text

if TYPE_CHECKING:
    from expunge.learners.torch import Net

RUN = Run(key=b"a key for tests")
LEARNER = TorchLearner(mlp, partial(torch.optim.Adam, lr=0.05), epochs=8, batch_size=8, shadow=0.3)


def shadowed(learner: TorchLearner, data: Table) -> tuple[Net, Shadow]:
    net = learner.learn(data, RUN)
    assert net.shadow is not None
    return net, net.shadow


@pytest.mark.parametrize(
    ("learner", "data"),
    [
        (LEARNER, patients()),
        (replace(LEARNER, validation=0.2, patience=2), patients()),
        (replace(LEARNER, factory=Cnn), pictures()),
    ],
)
def test_the_network_itself_is_the_same_to_the_bit(learner: TorchLearner, data: Table) -> None:
    net, _ = shadowed(learner, data)
    assert fingerprint(replace(net, shadow=None)) == fingerprint(replace(learner, shadow=0.0).learn(data, RUN))


def test_units_are_hidden_whole_and_no_other_record_moves_them() -> None:
    data = patients(60)
    out, units = shadow.hidden(data, RUN, 0.3), np.asarray(data.units)
    assert not set(units[out]) & set(units[~out])
    assert 5 < out.sum() < 35
    assert np.array_equal(shadow.hidden(data.after(Records(data.ids[:7].tolist())), RUN, 0.3), out[7:])
    assert not np.array_equal(shadow.hidden(data, Run(key=b"another"), 0.3), out)


def test_it_tells_of_all_that_were_trained_on_and_of_the_hidden() -> None:
    data = patients(60)
    net, told = shadowed(replace(LEARNER, validation=0.2), data)
    assert net.log is not None
    assert told.ids.tolist() == net.log.ids.tolist()
    hidden = set(data.take(shadow.hidden(data, RUN, 0.3)).ids.tolist())
    assert told.ids[told.hidden].tolist() == sorted(hidden & set(told.ids.tolist()))
    assert told.traces.shape == (2, len(told.ids), 3)
    assert told.scores.shape == (told.hidden.sum(), 3)
    assert np.allclose(np.exp(told.traces).sum(2), 1, atol=1e-5)


def test_traces_are_what_the_network_said_after_a_quarter_and_a_half() -> None:
    data = patients()
    _, told = shadowed(LEARNER, data)
    for trace, epochs in zip(told.traces, (2, 4), strict=True):
        plain = replace(LEARNER, epochs=epochs, shadow=0.0)
        said = plain.predict(plain.learn(data, RUN), data)
        assert np.allclose(np.exp(trace), said[np.argsort(data.ids)], atol=1e-6)


def test_what_is_hidden_has_no_part_in_what_is_said_of_the_hidden() -> None:
    data = patients(60)
    _, told = shadowed(LEARNER, data)
    first = told.ids[told.hidden][0]
    _, without = shadowed(LEARNER, data.after(Records([int(first)])))
    assert np.array_equal(without.scores, told.scores[1:])  # of those that stay: the same second network
    other = told.ids[~told.hidden][0]
    _, without = shadowed(LEARNER, data.after(Records([int(other)])))
    assert not np.array_equal(without.scores, told.scores)


def test_it_belongs_to_the_set_of_records() -> None:
    data = patients()
    net = LEARNER.learn(data, RUN)
    backwards = data.take(np.arange(len(data))[::-1])
    assert fingerprint(LEARNER.learn(backwards, RUN)) == fingerprint(net)
    assert fingerprint(decode(encode(net))) == fingerprint(net)
    assert fingerprint(LEARNER.learn_together([data, data], [RUN, RUN])[1]) == fingerprint(net)
    assert LEARNER.recipe() != replace(LEARNER, shadow=0.2).recipe()
    _, told = shadowed(LEARNER, in_text(data))
    assert told.ids.tolist() == sorted(f"n{name}" for name in data.ids.tolist())


def test_taking_records_leaves_nothing_of_the_others() -> None:
    _, told = shadowed(LEARNER, patients())
    kept = np.arange(len(told.ids)) % 3 > 0
    left = told.take(kept)
    assert left.ids.tolist() == told.ids[kept].tolist()
    assert np.array_equal(left.traces, told.traces[:, kept])
    at = dict(zip(told.ids[told.hidden].tolist(), told.scores, strict=True))
    for name, scores in zip(left.ids[left.hidden].tolist(), left.scores, strict=True):
        assert np.array_equal(at[name], scores)


def test_where_training_stops_early_the_end_stands_for_what_was_not_reached() -> None:
    learner = replace(LEARNER, epochs=200, validation=0.3, patience=1)
    net, told = shadowed(learner, patients())
    assert net.log is not None
    assert len(net.log.fit) < 50
    said = learner.predict(net, patients())
    trained = np.isin(np.sort(patients().ids), told.ids)
    assert np.allclose(np.exp(told.traces[1]), said[np.argsort(patients().ids)][trained], atol=1e-6)


@pytest.mark.parametrize("share", [1e-9, 0.999999])
def test_where_all_or_none_would_be_hidden_there_is_none(share: float) -> None:
    assert replace(LEARNER, shadow=share).learn(patients(), RUN).shadow is None


def test_what_it_costs() -> None:
    data = patients(60)
    out = int(shadow.hidden(data, RUN, 0.3).sum())
    assert LEARNER.visits(data, RUN) == 8 * 60 + 8 * (60 - out) + math.ceil((2 * 60 + out) / 3)
    assert replace(LEARNER, shadow=1e-9).visits(data, RUN) == 8 * 60


def loop(*_: object) -> None:
    """No training at all."""


def test_what_cannot_have_one_says_so() -> None:
    with pytest.raises(ParameterError, match=r"shadow to be a share in \[0, 1\), got 1"):
        replace(LEARNER, shadow=1)
    with pytest.raises(ParameterError, match="a training loop of your own does not tell"):
        replace(LEARNER, loop=loop)
    with pytest.raises(ParameterError, match="this one is for regression: use shadow=0"):
        LEARNER.learn(patients(numbers=True), RUN)
    with pytest.raises(ParameterError, match="use slices=1"):
        Sisa(LEARNER, shards=2, slices=2).learn(patients(), RUN)
