"""How well a model's answers fit the records: loss, decisions and error, one figure a record.

Columns of scores belong to the model's class names, and are found by name, never by position: two models may know
other classes, or the same in another order. Multi-label truth values come with a column for each of the model's classes
(`expunge.data.labels.arranged` sees to it), and a record that carries a class says nothing of the others.

Examples
--------
>>> import numpy as np
>>> scores, label = np.array([[0.9, 0.1], [0.5, 0.5]]), np.array(["spam", "eggs"])
>>> true_class_scores(scores, ("spam", "ham"), label)
array([0.9, 0. ])
>>> log_loss(scores, ("spam", "ham"), label).round(2)
array([ 0.11, 27.63])
>>> decisions(scores, ("spam", "ham"))  # a tie goes to the name that sorts first
array(['spam', 'ham'], dtype='<U4')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from expunge.data.labels import Labels
    from expunge.values import Scalar

SMALLEST = 1e-12
"""Scores below it count as it, so that a class that a model does not know costs 27.6 and not infinity."""

HALF = 0.5  # the score from which on a record carries a class
ROUNDING = 1e-6  # scores may stand this far outside [0, 1]: single precision does not sum to one exactly


def places(classes: Sequence[Scalar], wanted: Labels) -> NDArray[np.intp]:
    """(n,) column of the class that each of ``wanted`` names, -1 where the model does not know it.

    Raises
    ------
    DataError
        If a class has two columns, or classes and labels are of different types: ``1`` is neither ``True`` nor "1".
    """
    if wanted.ndim != 1:
        msg = f"each record has one class where classes exclude each other, got labels of shape {wanted.shape}"
        raise DataError(msg)
    if not len(classes) or not len(wanted):
        return np.full(len(wanted), -1, dtype=np.intp)
    names = _as_names(classes)
    if _kind(names) != _kind(wanted):
        msg = f"labels must be of the type of the model's classes ({_kind(names)}), got {_kind(wanted)}"
        raise DataError(msg)
    ranked = np.argsort(names, kind="stable")
    at = ranked[np.minimum(np.searchsorted(names[ranked], wanted), len(names) - 1)]
    return np.where(names[at] == wanted, at, -1)


def true_class_scores(scores: ArrayLike, classes: Sequence[Scalar], label: Labels) -> NDArray[np.float64]:
    """Score that each record's own class gets: 0 where the model does not know it.

    Parameters
    ----------
    scores : (n, classes) in [0, 1]
    classes : names of the columns
    label : (n,), or (n, classes) bool
        One class for each record, or for each class whether the record carries it.

    Returns
    -------
    (n,) in [0, 1], or (n, classes): the score where the record carries the class, one less the score where it does not

    Raises
    ------
    DataError
        If shapes or types do not fit, or a score is not a number in [0, 1].

    Examples
    --------
    >>> true_class_scores([[0.75, 0.25]], ("sharp", "red"), np.array([[True, False]]))
    array([[0.75, 0.75]])
    """
    held = _checked(scores, classes, len(label))
    if label.ndim > 1:
        return np.where(_truths(label, classes), held, 1 - held)
    at = places(classes, label)
    return np.where(at >= 0, held[np.arange(len(held)), at], 0.0) if len(classes) else np.zeros(len(label))


def log_loss(scores: ArrayLike, classes: Sequence[Scalar], label: Labels) -> NDArray[np.float64]:
    """``-ln`` of each record's true-class score, in nats: at most ``-ln(SMALLEST)``, which is 27.6.

    Of multi-label data the mean over the classes, which is the mean binary cross-entropy. Parameters and errors are
    those of `true_class_scores`; (n,).
    """
    costs = -np.log(np.maximum(true_class_scores(scores, classes, label), SMALLEST))
    return costs if costs.ndim == 1 else np.asarray(costs.mean(axis=1))


def decisions(scores: ArrayLike, classes: Sequence[Scalar]) -> Labels:
    """(n,) name of the class with the largest of the (n, classes) scores; of several, the one that sorts first."""
    held = _checked(scores, classes, None)
    if not held.shape[1]:
        msg = "a model without classes decides nothing: its scores have no column"
        raise DataError(msg)
    names = np.sort(_as_names(classes))
    decided: Labels = names[aligned(held, classes, names.tolist()).argmax(axis=1)]
    return decided


def carried(scores: ArrayLike, classes: Sequence[Scalar]) -> NDArray[np.bool_]:
    """(n, classes) the classes that a multi-label model decides each record to carry: those of one half and more.

    Examples
    --------
    >>> carried([[0.5, 0.25], [0.0, 0.75]], ("sharp", "red"))
    array([[ True, False],
           [False,  True]])
    """
    return np.asarray(_checked(scores, classes, None) >= HALF)


def correct(scores: ArrayLike, classes: Sequence[Scalar], label: Labels) -> NDArray[np.bool_]:
    """(n,) whether the decision is the record's class; a class that the model does not know is never right.

    Of multi-label data: whether the classes `carried` are those of the record, all of them and no other.

    Examples
    --------
    >>> correct(np.eye(2), ("yes", "no"), np.array(["yes", "maybe"]))
    array([ True, False])
    """
    if label.ndim > 1:
        held = _checked(scores, classes, len(label))
        return np.asarray((carried(held, classes) == _truths(label, classes)).all(axis=1))
    right = places(classes, label)
    return np.asarray((right >= 0) & (places(classes, decisions(scores, classes)) == right))


def aligned(scores: ArrayLike, classes: Sequence[Scalar], names: Sequence[Scalar]) -> NDArray[np.float64]:
    """(n, names) scores with the columns that ``names`` asks for: 0 for a class that the model does not know.

    Examples
    --------
    >>> aligned([[0.25, 0.75]], ("yes", "no"), ("maybe", "no", "yes"))
    array([[0.  , 0.75, 0.25]])
    """
    held = _checked(scores, classes, None)
    at = places(classes, _as_names(names))
    found = np.zeros((len(held), len(names)))
    found[:, at >= 0] = held[:, at[at >= 0]]
    return found


def squared_error(predicted: ArrayLike, label: Labels) -> NDArray[np.float64]:
    """(n,) squared difference of each of the (n,) predictions from its label, in squared units of the label.

    Of (n, targets) predictions the mean over the targets.

    Raises
    ------
    DataError
        If shapes differ, labels are no numbers, or a prediction is NaN.

    Examples
    --------
    >>> squared_error([1.0, 4.0], np.array([1.0, 2.0]))
    array([0., 4.])
    """
    held = np.asarray(predicted, dtype=np.float64)
    if held.shape != label.shape or label.dtype.kind not in "biuf":
        msg = f"squared error needs one prediction for each numeric label, got {held.shape} for {label.shape}"
        raise DataError(f"{msg} of type {_kind(label)}")
    _refuse_nan(held)
    errors = np.asarray((held - label) ** 2)
    return errors if errors.ndim == 1 else np.asarray(errors.mean(axis=1))


def r_squared(predicted: ArrayLike, label: Labels) -> float | None:
    """Share of the labels' variance that the predictions explain, at most 1; None where the labels do not vary.

    Of several targets the mean of their shares, None where one of them does not vary. Parameters and errors are those
    of `squared_error`.

    Examples
    --------
    >>> r_squared([1.0, 2.0, 3.0], np.array([1.0, 2.0, 6.0]))
    0.357142857142857...
    """
    errors = squared_error(predicted, label)
    if label.ndim > 1:
        each = [r_squared(*target) for target in zip(np.asarray(predicted).T, label.T, strict=True)]
        shares = [share for share in each if share is not None]
        return float(np.mean(shares)) if len(shares) == len(each) else None
    if not len(label) or (label == label[0]).all():
        return None
    numbers = label.astype(np.float64)
    return float(1 - errors.sum() / ((numbers - numbers.mean()) ** 2).sum())


def losses(predicted: ArrayLike, classes: Sequence[Scalar] | None, label: Labels) -> NDArray[np.float64]:
    """(n,) `log_loss` where there are classes, `squared_error` where there are none (regression).

    Examples
    --------
    >>> losses([2.0], None, np.array([5.0]))
    array([9.])
    """
    return squared_error(predicted, label) if classes is None else log_loss(predicted, classes, label)


def _as_names(classes: Sequence[Scalar]) -> NDArray[Any]:
    """Class names as an array of their one type, each once."""
    names = np.array(classes)
    if len({type(name) for name in classes}) > 1 or len(np.unique(names)) != len(classes):
        msg = f"classes must be different names of one type, got {list(classes)}"
        raise DataError(msg)
    return names


def _truths(label: Labels, classes: Sequence[Scalar]) -> Labels:
    """Multi-label truth values, or the sentence that says why these are none for such classes."""
    if label.dtype.kind != "b" or label.shape[1:] != (len(classes),) or not len(classes):
        msg = f"several labels are truth values, one for each of {len(classes)} classes, got {_kind(label)}"
        raise DataError(f"{msg} of shape {label.shape}")
    return label


def _kind(names: NDArray[Any]) -> str:
    return {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "text"}.get(names.dtype.kind, str(names.dtype))


def _checked(scores: ArrayLike, classes: Sequence[Scalar], rows: int | None) -> NDArray[np.float64]:
    """Scores as (n, classes) floats in [0, 1], or the sentence that says what they are."""
    held = np.asarray(scores, dtype=np.float64)
    if held.ndim != 2 or held.shape[1] != len(classes) or (rows is not None and len(held) != rows):
        wanted = "n" if rows is None else rows
        msg = f"scores must be of shape ({wanted}, {len(classes)}), one column a class, got {held.shape}"
        raise DataError(msg)
    _refuse_nan(held)
    outside = (held < -ROUNDING) | (held > 1 + ROUNDING)
    if outside.any():
        row = int(np.argmax(outside.any(axis=1)))
        msg = f"scores must be between 0 and 1, row {row} holds {held[row][outside[row]][0]}"
        raise DataError(msg)
    return np.clip(held, 0.0, 1.0)


def _refuse_nan(held: NDArray[np.float64]) -> None:
    missing = np.isnan(held)
    if missing.any():
        msg = f"a model's answers must be numbers, row {int(np.argwhere(missing)[0][0])} holds NaN"
        raise DataError(msg)
