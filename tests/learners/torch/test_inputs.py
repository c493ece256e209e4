"""Records as tensors: the same bits from memory, a memory map or a data set; augmentation that belongs to a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from torch.utils.data import TensorDataset

from expunge import Records, Run, Table, TorchLearner, fingerprint
from expunge.errors import DataError, LearnError, ParameterError
from expunge.learners.torch import course as training
from expunge.learners.torch import inputs
from expunge.testing import patients
from expunge.testing.networks import Cnn, Words, mlp, noisy, pictures

if TYPE_CHECKING:
    from pathlib import Path

RUN = Run(key=b"a key for tests")
CPU = torch.device("cpu")
LEARNER = TorchLearner(Cnn, epochs=2, batch_size=8, augment=noisy)


@given(st.integers(0, 60), st.integers(1, 70))
def test_batches_are_all_of_it_in_order_and_none_but_a_single_record_is_alone(count: int, size: int) -> None:
    parts = list(inputs.batches(count, size))
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(count))
    lengths = [part.stop - part.start for part in parts]
    assert all(length <= size + 1 for length in lengths)
    assert 1 not in lengths or count == 1 or size == 1


@pytest.mark.parametrize("kind", ["whole", "batch by batch", "memory map", "data set"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int16, ">f4"])
def test_wherever_the_records_are_the_bits_are_the_same(
    kind: str, dtype: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, label = (np.asarray(pictures(24).features) * 40 % 256).astype(dtype), np.arange(24) % 3
    expected = Table.from_arrays(shown, label)
    held = expected
    if kind != "whole":
        monkeypatch.setattr(inputs, "WHOLE", 0)
    if kind == "memory map":
        np.save(tmp_path / "shown.npy", shown)
        held = Table.from_arrays(np.load(tmp_path / "shown.npy", mmap_mode="r"), label)
    elif kind == "data set":
        native = shown.astype(shown.dtype.newbyteorder("="))
        held = Table.from_dataset(TensorDataset(torch.from_numpy(native), torch.from_numpy(label)))
    model = LEARNER.learn(held, RUN)
    scores = LEARNER.predict(model, held)
    monkeypatch.undo()
    oracle = LEARNER.learn(expected, RUN)
    assert fingerprint(model.weights) == fingerprint(oracle.weights)
    assert np.array_equal(scores, LEARNER.predict(oracle, expected))


def test_large_data_are_read_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    data, module = pictures(24), Cnn(3)
    assert inputs.Inputs(data, None, module, CPU).whole is not None
    monkeypatch.setattr(inputs, "WHOLE", 24 * 25 * 4 - 1)
    read = inputs.Inputs(data, None, module, CPU)
    assert read.whole is None
    assert read.finite()
    rows = np.array([3, 3, 0])
    assert torch.equal(read.batch(rows), torch.tensor(np.asarray(data.features)[rows]))


# -- augmentation ------------------------------------------------------------------------------------------------------


def added(data: Table, own: Any) -> dict[int, bytes]:
    """What each record of an epoch is changed by."""
    learner = TorchLearner(mlp, batch_size=5, augment=own)
    course = training.Course(learner, learner._begun(data, RUN), data, RUN, 1, CPU)
    made = {}
    for batch in course.batches(0):
        for row, changed in zip(batch.rows, batch.given, strict=True):
            made[int(course.data.ids[row])] = (changed - course.inputs.batch(np.array([row]))[0]).numpy().tobytes()
    return made


def drawing(record: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The planted bug: what it draws depends on who was there before."""
    return record + 0.1 * torch.randn(record.shape)


def test_what_a_record_is_changed_by_belongs_to_its_id_and_no_other_record_moves_it() -> None:
    data = Table.from_arrays(np.zeros((24, 3)), np.arange(24) % 2)
    rest = data.after(Records([7]))

    def unmoved(own: Any) -> bool:
        return added(rest, own).items() <= added(data, own).items()

    assert unmoved(noisy)
    assert len(set(added(data, noisy).values())) == 24
    assert not unmoved(drawing)


def test_another_epoch_changes_a_record_otherwise() -> None:
    data = patients(24)
    seeds = [inputs.augment_seeds(data, RUN, epoch).tolist() for epoch in (0, 1)]
    assert not set(seeds[0]) & set(seeds[1])


def test_a_record_is_changed_in_a_copy() -> None:
    batch = torch.zeros(2, 3)
    changed = inputs.augmented(batch, np.array([0, 1]), lambda record, _: record.add_(1), np.array([1, 2], np.uint64))
    assert batch.sum() == 0
    assert changed.sum() == 6


@pytest.mark.parametrize("wrong", [lambda record, _: record[:1], lambda record, _: record.numpy()])
def test_an_augmentation_that_gives_something_else_is_a_sentence(wrong: Any) -> None:
    with pytest.raises(ParameterError, match=r"augment must keep the shape of a record, \(3,\), and gave"):
        inputs.augmented(torch.zeros(2, 3), np.array([0, 1]), wrong, np.array([1, 2], np.uint64))


# -- preprocessing -----------------------------------------------------------------------------------------------------


class Placed(TransformerMixin, BaseEstimator):
    """A transformer that is not what it should be: what it makes of a record depends on the place."""

    def fit(self, X: Any, y: Any = None) -> Any:
        self.first_ = np.asarray(X)[0]
        return self

    def transform(self, X: Any) -> Any:
        return np.asarray(X) + self.first_ + 1e-3 * np.arange(len(X))[:, None]


def test_preprocessing_meets_the_records_in_an_order_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, data = TorchLearner(mlp, epochs=1, prepare=Placed()), patients(24)

    def orders() -> set[str]:
        return {fingerprint(learner.learn(data.take(rows), RUN)) for rows in (np.arange(24), np.arange(24)[::-1])}

    assert len(orders()) == 1
    monkeypatch.setattr(training, "ordered", lambda data, _: data)
    assert len(orders()) == 2


class Failing(Placed):
    def fit(self, X: Any, y: Any = None) -> Any:
        msg = "nothing to fit"
        raise ValueError(msg)


def test_preprocessing_that_fails_says_so() -> None:
    with pytest.raises(LearnError, match="Failing failed on 24 records: ValueError: nothing to fit"):
        TorchLearner(mlp, prepare=Failing()).learn(patients(24), RUN)


def test_text_is_no_number() -> None:
    data = Table.from_arrays(np.array([["a", 1.0], ["b", 2.0]], dtype=object), [0, 1])
    with pytest.raises(DataError, match="a network takes numbers, and column"):
        TorchLearner(mlp).learn(data, RUN)


def test_columns_of_whole_numbers_stay_whole() -> None:
    whole, mixed = pa.table({"a": [1, 2], "b": [3, 4]}), pa.table({"a": [1, 2], "b": [0.5, 4]})
    assert inputs.as_matrix(whole).dtype == np.int64
    assert inputs.as_matrix(whole).tolist() == [[1, 3], [2, 4]]
    assert inputs.as_matrix(mixed).dtype == np.float64
    tokens = pd.DataFrame({"first": np.arange(20) % 10, "second": np.arange(20) % 7})
    data = Table.from_arrays(tokens, np.arange(20) % 2)
    learner = TorchLearner(Words, epochs=1)
    assert learner.predict(learner.learn(data, RUN), data).shape == (20, 2)
