"""What a module's outputs mean for each task: targets, losses, how well a record fits, and scores.

Classification: one output a class, log-odds (cross-entropy; softmax). Several labels a record: one output a label
(binary cross-entropy; logistic). Regression: one output a number (squared error; as it is).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from expunge.errors import DataError, LearnError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.torch.network import Task
    from expunge.values import Scalar

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From outputs and targets to one loss a record, or to their mean."""


def task_of(data: Table, wanted: Task | None) -> Task:
    """The task that the labels stand for, or the one that is wanted where they allow it.

    Raises
    ------
    DataError
        When there are no labels, or they are of another kind.
    """
    label = data.label
    if label is None:
        msg = "learning needs a label for each record, and this table has none: give y, or name the label column"
        raise DataError(msg)
    kinds: tuple[Task, ...]
    if label.dtype.kind == "f":
        kinds = ("regression",)
    elif label.ndim == 2:
        kinds = ("multilabel",)
    else:
        kinds = ("classification", "regression") if label.dtype.kind in "iu" else ("classification",)
    if wanted is not None and wanted not in kinds:
        msg = f"labels of type {label.dtype} and shape {label.shape} are for {' or '.join(kinds)}, not for {wanted}"
        raise DataError(msg)
    return wanted or kinds[0]


def count_of(data: Table, task: Task, classes: tuple[Scalar, ...] | None) -> int:
    """How many numbers a module has to give for a record."""
    if task != "regression":
        return len(classes or ())
    label = data.label
    return 1 if label is None or label.ndim == 1 else label.shape[1]


def targets(data: Table, task: Task, classes: tuple[Scalar, ...] | None) -> Tensor:
    """(n,) places among the classes, or (n, k) truths or numbers, as the losses take them."""
    label: NDArray[Any] = data.label if data.label is not None else np.zeros(0)
    if task == "classification":
        return torch.tensor(np.searchsorted(np.array(classes), label).astype(np.int64))
    return torch.tensor(label.astype(np.float32).reshape(len(label), -1))


def checked(outputs: Any, batch: int, count: int, task: Task) -> Tensor:
    """The outputs as (batch, count) numbers.

    Raises
    ------
    LearnError
        When a module gives something else.
    """
    if isinstance(outputs, Tensor) and outputs.ndim == 1 and count == 1:
        outputs = outputs[:, None]
    if not isinstance(outputs, Tensor) or tuple(outputs.shape) != (batch, count):
        got = f"shape {tuple(outputs.shape)}" if isinstance(outputs, Tensor) else f"a {type(outputs).__name__}"
        what = {"classification": "class", "multilabel": "label", "regression": "number"}[task]
        msg = f"the module must give shape {(batch, count)} for {batch} records, one output a {what}, and gave {got}"
        hint = ": declare the table's classes, or let the factory ask for `outputs`" if task != "regression" else ""
        raise LearnError(msg + hint)
    return outputs


def losses(outputs: Tensor, target: Tensor, task: Task, own: Loss | None) -> Tensor:
    """(batch,) losses, or their mean where a loss of the user's gives only that.

    Raises
    ------
    ParameterError
        When a loss of the user's gives neither.
    """
    if own is not None:
        made = own(outputs, target)
        if not isinstance(made, Tensor) or tuple(made.shape) not in ((), (len(target),)):
            got = f"shape {tuple(made.shape)}" if isinstance(made, Tensor) else f"a {type(made).__name__}"
            msg = f"a loss must give one number a record, or their mean, for outputs and targets; got {got}"
            raise ParameterError(msg)
        return made
    if task == "classification":
        return functional.cross_entropy(outputs, target, reduction="none")
    if task == "multilabel":
        return functional.binary_cross_entropy_with_logits(outputs, target, reduction="none").mean(1)
    return functional.mse_loss(outputs, target, reduction="none").mean(1)


def scores(outputs: Tensor, task: Task) -> NDArray[np.float64]:
    """(n, count) scores in [0, 1], for classification summing to one; for regression the numbers, (n,) for one."""
    wide = outputs.detach().cpu().double()
    if task == "classification":
        return np.asarray(torch.softmax(wide, 1))
    if task == "multilabel":
        return np.asarray(torch.sigmoid(wide))
    return np.asarray(wide[:, 0] if wide.shape[1] == 1 else wide)
