"""An autoencoder is its network on records paired with themselves: same bits, alone and together, slice by slice."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn

from expunge import Run, Table, TorchLearner, fingerprint
from expunge.errors import EmptyModelError, LearnError, ParameterError
from expunge.learners.one_class import OneClass, as_one_class
from expunge.learners.torch import Autoencoder
from expunge.learners.torch.autoencoder import paired, pixels
from expunge.protocol import Continuing, Priced, Together, Wavering
from expunge.testing import patients
from expunge.testing.networks import bottleneck, noisy, pictures

RUN, DATA = Run(key=b"k"), patients(24)
NET = TorchLearner(bottleneck, partial(torch.optim.Adam, lr=0.02), epochs=2, batch_size=8, device="cpu")
CODER = Autoencoder(NET)


def test_it_is_the_network_on_records_paired_with_themselves() -> None:
    model = CODER.learn(DATA, RUN)
    made = NET.learn(Table.from_arrays(DATA.features, np.array(DATA.features), DATA.ids, DATA.owners), RUN)
    assert fingerprint(model) == fingerprint(made)
    error = ((NET.predict(model, DATA) - DATA.features) ** 2).mean(axis=1)
    assert CODER.predict(model, DATA).tolist() == (-error).tolist()
    assert CODER.scores(model, DATA, RUN).tolist() == (-error).tolist()


def test_labels_mean_nothing() -> None:
    bare = Table.from_arrays(DATA.features, None, DATA.ids, DATA.owners)
    assert fingerprint(CODER.learn(bare, RUN)) == fingerprint(CODER.learn(DATA, RUN))


def test_what_it_learned_from_it_gives_back_better() -> None:
    random = np.random.default_rng(0)
    line = random.normal(size=(200, 1)) * [1.0, -2.0, 0.5]
    coder = Autoencoder(replace(NET, factory=partial(through, 1), epochs=30))
    model = coder.learn(Table.from_arrays(line), RUN)
    other = random.normal(size=(200, 3)) * line.std(axis=0)
    own, others = (coder.predict(model, Table.from_arrays(each)).mean() for each in (line, other))
    assert own > 0.2 * others


def through(width: int, shape: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(nn.Linear(shape[0], width), nn.Linear(width, shape[0]))


def told(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), outputs))


def test_pictures_are_rows_of_shares_and_a_factory_is_told_how_many() -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (12, 4, 4)).astype(np.uint8)
    table = Table.from_arrays(drawn, np.zeros(12, int))
    assert np.array_equal(pixels(table), drawn.reshape(12, 16) / 255)
    coder = Autoencoder(replace(NET, factory=told, augment=noisy))
    model = coder.learn(table, RUN)
    assert model.outputs == 16
    assert (coder.predict(model, table) <= 0).all()
    assert coder.predict(model, table.take(slice(0, 0))).shape == (0,)
    assert paired(pictures(12)).label.shape == (12, 25)  # type: ignore[union-attr]  # it has one


def test_one_number_is_a_record_too() -> None:
    table = Table.from_arrays(np.arange(6.0)[:, None] / 6)
    model = CODER.learn(table, RUN)
    assert CODER.predict(model, table).shape == (6,)


def test_together_and_slice_by_slice_are_the_bits_of_one_alone() -> None:
    parts, runs = [DATA.take(slice(0, 12)), DATA.take(slice(12, 24))], [Run(key=b"a"), Run(key=b"b")]
    alone = [CODER.learn(part, run) for part, run in zip(parts, runs, strict=True)]
    assert list(map(fingerprint, CODER.learn_together(parts, runs))) == list(map(fingerprint, alone))
    gone = [CODER.go_on(None, part, 1, run, 2) for part, run in zip(parts, runs, strict=True)]
    both = CODER.go_on_together([None, None], parts, 1, runs, 2)
    assert list(map(fingerprint, both)) == list(map(fingerprint, gone))
    further = [CODER.go_on(net, DATA, 1, RUN, 2) for net in gone]
    again = CODER.go_on_together(both, [DATA, DATA], 1, [RUN, RUN], 2)
    assert list(map(fingerprint, again)) == list(map(fingerprint, further))
    asked = CODER.predict_together(alone, DATA)
    assert [made.tolist() for made in asked] == [CODER.predict(net, DATA).tolist() for net in alone]


def test_scores_that_become_part_of_a_model_keep_to_the_threads_of_the_run() -> None:
    seen: list[int] = []
    model = CODER.learn(DATA, RUN)

    class Watched(Autoencoder):
        def predict(self, model: Any, data: Table) -> Any:
            seen.append(torch.get_num_threads())
            return super().predict(model, data)

    Watched(NET).scores(model, DATA, Run(key=b"k", threads=2))
    assert seen == [2]
    assert torch.get_num_threads() == 1


def test_it_is_a_one_class_learner_with_all_that_slices_need() -> None:
    for kind in (OneClass, Continuing, Together, Priced, Wavering):
        assert isinstance(CODER, kind)
    assert as_one_class(CODER) is CODER
    assert CODER.cannot_go_on("cumulative") is None
    assert (CODER.passes, CODER.together, CODER.visits(DATA, RUN)) == (2, NET.together, 48)
    assert (CODER.packages, CODER.runs_on, CODER.wavers()) == (NET.packages, NET.runs_on, None)
    assert CODER.recipe() not in (NET.recipe(), Autoencoder(replace(NET, epochs=3)).recipe())
    assert "deterministic" in str(Autoencoder(replace(NET, deterministic=False)).wavers())


def test_a_network_of_nobody_says_so() -> None:
    with pytest.raises(EmptyModelError, match="holds no record"):
        CODER.predict(CODER.learn(DATA.take(slice(0, 0)), RUN), DATA)


def test_a_module_that_gives_something_else_is_a_sentence() -> None:
    wide = Autoencoder(replace(NET, factory=partial(nn.Linear, 3, 4)))
    with pytest.raises(LearnError, match="one output a number"):
        wide.learn(DATA, RUN)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (replace(NET, prepare=StandardScaler()), "records as they are, and its learner prepares them"),
        (replace(NET, task="classification"), "told of the task 'classification'"),
        (nn.Linear(3, 3), "takes a TorchLearner"),
    ],
    ids=["prepare", "task", "a module"],
)
def test_what_does_not_fit_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Autoencoder(wrong)


def test_a_bare_network_is_pointed_to_the_autoencoder() -> None:
    with pytest.raises(ParameterError, match="put it into an Autoencoder"):
        as_one_class(NET)
