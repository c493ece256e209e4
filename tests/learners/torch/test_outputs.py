"""What outputs mean: tasks from labels, losses as scikit-learn and numpy compute them, scores that sum to one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from expunge import Table
from expunge.errors import DataError, LearnError, ParameterError
from expunge.learners.torch import outputs
from expunge.testing import patients

X = np.ones((4, 2))


@pytest.mark.parametrize(
    ("label", "wanted", "task"),
    [
        (["a", "b", "a", "b"], None, "classification"),
        ([1, 2, 1, 2], None, "classification"),
        ([1, 2, 1, 2], "regression", "regression"),
        ([True, False] * 2, None, "classification"),
        ([0.5, 1.0, 1.5, 2.0], None, "regression"),
        (np.eye(4), None, "regression"),
        (np.eye(4) > 0, None, "multilabel"),
    ],
)
def test_the_labels_say_what_the_task_is(label: Any, wanted: Any, task: str) -> None:
    assert outputs.task_of(Table.from_arrays(X, label), wanted) == task


@pytest.mark.parametrize(
    ("label", "wanted"),
    [(["a", "b"] * 2, "regression"), ([0.5] * 4, "classification"), (np.eye(4) > 0, "classification")],
)
def test_a_task_that_the_labels_are_not_for_is_refused(label: Any, wanted: Any) -> None:
    with pytest.raises(DataError, match=f"not for {wanted}"):
        outputs.task_of(Table.from_arrays(X, label), wanted)


def test_without_labels_there_is_no_task() -> None:
    with pytest.raises(DataError, match="needs a label for each record"):
        outputs.task_of(Table.from_arrays(X), None)


def test_a_module_gives_a_number_for_each_class_label_or_target() -> None:
    for data, count in (
        (patients(24), 3), (patients(24, several=True), 3), (patients(24, numbers=True), 1),
        (patients(24, numbers=True, several=True), 2),
    ):  # fmt: skip
        task = outputs.task_of(data, None)
        assert outputs.count_of(data, task, None if task == "regression" else data.present) == count
        wanted = outputs.targets(data, task, None if task == "regression" else data.present)
        assert len(wanted) == 24
        assert wanted.dtype == (torch.int64 if task == "classification" else torch.float32)


def test_losses_and_scores_are_those_of_the_field() -> None:
    made = torch.tensor(np.random.default_rng(0).normal(size=(6, 3)), dtype=torch.float32)
    places, truths = torch.tensor([0, 1, 2, 0, 1, 2]), (made > 0.2).float()
    scores = outputs.scores(made, "classification")
    assert np.allclose(scores.sum(1), 1)
    losses = outputs.losses(made, places, "classification", None)
    assert float(losses.mean()) == pytest.approx(log_loss(places.numpy(), scores), rel=1e-5)
    flags = outputs.scores(made, "multilabel")
    own = np.where(truths.numpy() > 0, flags, 1 - flags)
    assert np.allclose(outputs.losses(made, truths, "multilabel", None), -np.log(own).mean(1), rtol=1e-5)
    errors = outputs.losses(made, torch.zeros(6, 3), "regression", None)
    assert np.allclose(errors, (made.numpy() ** 2).mean(1), rtol=1e-5)
    assert outputs.scores(made, "regression").shape == (6, 3)
    assert outputs.scores(made[:, :1], "regression").shape == (6,)


@pytest.mark.parametrize("own", [torch.nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss(reduction="none")])
def test_a_loss_of_ones_own_gives_one_number_a_record_or_their_mean(own: Any) -> None:
    made, target = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    expected = outputs.losses(made, target, "classification", None).mean()
    assert torch.allclose(outputs.losses(made, target, "classification", own).mean(), expected)


@pytest.mark.parametrize("wrong", [lambda out, _: out, lambda *_: 3.0, lambda out, _: out[:2, 0]])
def test_a_loss_of_another_shape_is_a_sentence(wrong: Any) -> None:
    with pytest.raises(ParameterError, match="a loss must give one number a record, or their mean"):
        outputs.losses(torch.zeros(5, 3), torch.zeros(5, dtype=torch.int64), "classification", wrong)


def test_outputs_of_another_shape_are_a_sentence() -> None:
    assert outputs.checked(torch.zeros(5), 5, 1, "regression").shape == (5, 1)
    for made, got in ((torch.zeros(5, 2), r"shape \(5, 2\)"), ((1, 2), "a tuple"), (torch.zeros(5), r"shape \(5,\)")):
        with pytest.raises(LearnError, match=rf"must give shape \(5, 3\) for 5 records, .* and gave {got}"):
            outputs.checked(made, 5, 3, "classification")
