"""Labels as people have them, made canonical: one for each record, or several side by side.

One for each record is a class or a number. Several are columns of truth values, each a class that a record carries or
not (multi-label), or columns of numbers, each a target of one regression. The classes of the former are its columns:
they are declared with the table, and no record brings one or takes one away.

Examples
--------
>>> carried = as_labels([[1, 0, 1], [0, 0, 1]], 2)
>>> carried
array([[ True, False,  True],
       [False, False,  True]])
>>> names = as_classes(["sharp", "flat", "red"], carried)
>>> task_of(carried, names), arranged(carried, names, ("red", "flat", "sharp"))[1].tolist()
('multilabel', [True, False, False])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from expunge.data.columns import as_arrow, as_int64, as_numpy, refuse_missing
from expunge.data.features import is_frame
from expunge.errors import DataError
from expunge.values import Scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

Labels: TypeAlias = NDArray[Any]
"""(n,) bool, int64, float64 or text, one for each record; (n, k) bool or float64, several side by side."""

Task: TypeAlias = Literal["classification", "multilabel", "regression"]
"""One class for each record, any number of classes for each record, or numbers."""

KINDS = "several labels for each record are truth values (0 and 1 count), or floats as targets of a regression"


def as_labels(given: Any, rows: int) -> Labels:
    """Labels in one of four types, bool, int64, float64 and text; several side by side are bool or float64.

    Parameters
    ----------
    given : (n,) array, sequence or column; (n, k) array, sequence of sequences or frame
    rows : n

    Raises
    ------
    DataError
        If a label is missing, mixed in type or not one of these, or the number of them is wrong; of several side by
        side, if some columns are truth values and others are not.
    """
    several = _columns(given)
    if several is None:
        return _one_each(given, rows, "label")
    if len(several[0][1]) != rows:
        msg = f"label: {rows} rows need {rows} of them, got {len(several[0][1])}"
        raise DataError(msg)
    parts = [_flags_or_numbers(part, rows, f"label, column {name!r}") for name, part in several]
    first, kind = several[0][0], parts[0].dtype.kind
    other = next((name for (name, _), part in zip(several, parts, strict=True) if part.dtype.kind != kind), None)
    if other is not None:
        held = ("truth values", "numbers") if kind == "b" else ("numbers", "truth values")
        msg = f"label: column {first!r} holds {held[0]}, column {other!r} holds {held[1]}; {KINDS}"
        raise DataError(msg)
    return np.column_stack(parts)


def names_of(given: Any) -> tuple[Any, ...] | None:
    """What a frame of labels calls its columns; None where labels are no frame."""
    return tuple(nw.from_native(given, eager_only=True).columns) if is_frame(given) else None


def as_several(names: str | Sequence[str] | None) -> list[str] | None:
    """Columns of a frame that are labels side by side; None where it is one, or none."""
    if names is None or isinstance(names, str):
        return None
    several = list(names)
    if not several or len(set(several)) < len(several):
        msg = f"label names one column of the frame or several different ones, got {several}"
        raise DataError(msg)
    return several


def as_classes(given: Any, label: Labels | None, named: tuple[Any, ...] | None = None) -> tuple[Scalar, ...] | None:
    """Declared classes, sorted, after checking that each label is one of them; of multi-label data the columns.

    Those are called as ``given``, else as ``named`` by their frame, else by their places, and stay in their order.
    """
    if given is not None and (isinstance(given, str | bytes) or not hasattr(given, "__len__")):
        msg = f"classes are declared as a collection, e.g. ['no', 'yes']; got {given!r}"
        raise DataError(msg)
    if label is not None and label.ndim > 1:
        return _of_columns(given, label, named)
    if given is None:
        return None
    declared = np.unique(_one_each(given, len(given), "label"))
    if label is not None and len(label):
        if label.dtype.kind != declared.dtype.kind:
            msg = (
                f"label: row 0 holds {label[0].item()!r}, of another type than the declared classes {declared.tolist()}"
            )
            raise DataError(msg)
        known = np.isin(label, declared)
        if not known.all():
            row = int(np.argmin(known))
            held = label[row].item()
            msg = f"label: row {row} holds {held!r}, which is not one of the declared classes {declared.tolist()}"
            raise DataError(msg)
    return tuple(declared.tolist())


def task_of(label: Labels | None, classes: tuple[Scalar, ...] | None) -> Task | None:
    """What labels ask for: numbers that nobody declared to be classes are a regression; None without labels.

    >>> task_of(np.array([1, 2]), None), task_of(np.array([1.0, 2.0]), None), task_of(np.array([1.0]), (1.0, 2.0))
    ('classification', 'regression', 'classification')
    """
    if label is None:
        return None
    if label.ndim > 1 and label.dtype.kind == "b":
        return "multilabel"
    return "regression" if label.dtype.kind == "f" and classes is None else "classification"


def said(label: Labels | None) -> str:
    """What a record has, in words.

    >>> said(np.zeros((2, 3), bool)), said(np.zeros((2, 1))), said(np.zeros(2))
    ('labels in 3 columns', 'targets in 1 column', 'label')
    """
    if label is None:
        return "no label"
    if label.ndim == 1:
        return "label"
    count, what = label.shape[1], "labels" if label.dtype.kind == "b" else "targets"
    return f"{what} in {count} column{'s' * (count > 1)}"


def schema(label: Labels | None) -> str | None:
    """Type of a label; of several, how many they are."""
    if label is None:
        return None
    return label.dtype.kind if label.ndim == 1 else f"{label.dtype.kind} x {label.shape[1]}"


def take(labels: Labels, rows: NDArray[np.intp] | slice) -> Labels:
    """Some of the labels; text in its shortest type, so that a forgotten long label leaves no trace in the type."""
    taken = labels[rows]
    if taken.dtype.kind != "U":
        return taken
    return taken.astype(f"<U{np.strings.str_len(taken).max(initial=1)}")


def coded(label: Labels | None) -> tuple[Labels, NDArray[np.intp]]:
    """Distinct labels, sorted, and (n,) the place of each record's among them; several side by side count as one."""
    held = np.zeros(0) if label is None else label
    names, codes = np.unique(held, return_inverse=True, axis=None if held.ndim == 1 else 0)
    return names, codes.reshape(len(held))


def arranged(label: Labels, names: Sequence[Scalar], wanted: Sequence[Scalar]) -> Labels:
    """(n, k) truth values whose columns are called ``names``, in the order of ``wanted``.

    Raises
    ------
    DataError
        If these are not the same names.
    """
    have, want = ([(type(name).__name__, name) for name in each] for each in (names, wanted))  # True is not 1
    if have == want:
        return label
    if set(have) != set(want):
        missing, unknown = ([name for _, name in a if (_, name) not in b] for a, b in ((want, have), (have, want)))
        msg = f"labels in columns must be called {list(wanted)}: missing {missing}, unknown {unknown}"
        raise DataError(msg)
    return label[:, [have.index(name) for name in want]]


def joined(
    first: Labels | None,
    then: Labels | None,
    names: tuple[Scalar, ...] | None = None,
    others: tuple[Scalar, ...] | None = None,
) -> Labels | None:
    """Labels of both, which must be of one type; those of multi-label data are found by the names of their columns.

    Parameters
    ----------
    first, then : labels
    names, others : classes of the tables that they are of
    """
    if first is None and then is None:
        return None
    if first is None or then is None or (first.dtype.kind, first.ndim) != (then.dtype.kind, then.ndim):
        raise _unlike(first, then)
    if names is not None and others is not None and task_of(first, names) == "multilabel":
        then = arranged(then, others, names)
    if first.shape[1:] != then.shape[1:]:
        raise _unlike(first, then)
    return np.concatenate([first, then])


def _unlike(first: Labels | None, then: Labels | None) -> DataError:
    kinds = ["none" if label is None else f"{label.dtype}" + _width(label) for label in (first, then)]
    return DataError(f"the labels of the new rows must be like those of the table: {kinds[0]}, got {kinds[1]}")


# -- one for each record -----------------------------------------------------------------------------------------------


def _one_each(given: Any, rows: int, what: str) -> Labels:
    column = as_arrow(given, what)
    if len(column) != rows:
        msg = f"{what}: {rows} rows need {rows} of them, got {len(column)}"
        raise DataError(msg)
    refuse_missing(column, what)
    kind = column.type
    if pa.types.is_integer(kind):
        return as_int64(column, what)
    if pa.types.is_boolean(kind):
        return as_numpy(column)
    if pa.types.is_floating(kind):
        return as_numpy(column.cast(pa.float64()))
    if pa.types.is_large_string(kind):
        row = pc.index(pc.ends_with(column, "\0"), value=True).as_py()
        if row >= 0:
            msg = f"{what}: row {row} holds {column[row].as_py()!r}; a class must not end in a NUL character"
            raise DataError(msg)
        return np.array(column.to_pylist(), dtype=np.str_)
    if rows == 0:
        return np.zeros(0)
    msg = f"{what} must be numbers, booleans or text, got {kind}"
    raise DataError(msg)


# -- several side by side ----------------------------------------------------------------------------------------------


def _columns(given: Any) -> list[tuple[Any, Any]] | None:
    """Name and content of each column; None where there is one label for each record."""
    if is_frame(given):
        frame = nw.from_native(given, eager_only=True)
        made = [(column.name, column.to_native()) for column in frame.iter_columns()]
    elif getattr(given, "ndim", 1) == 2 or _is_nested(given):
        matrix = _matrix(given)
        made = [(place, matrix[:, place]) for place in range(matrix.shape[1])]
    else:
        return None
    if not made:
        msg = "label: there is no column; give at least one, or no labels at all"
        raise DataError(msg)
    return made


def _is_nested(given: Any) -> bool:
    if not isinstance(given, list | tuple) or not given:
        return False
    return isinstance(given[0], list | tuple) or getattr(given[0], "ndim", 0) > 0


def _matrix(given: Any) -> NDArray[Any]:
    if hasattr(given, "tocsr"):
        msg = f"labels must be dense, got a sparse {type(given).__name__}: give .toarray()"
        raise DataError(msg)
    try:
        matrix = given if isinstance(given, np.ndarray) else np.asarray(given)  # a mask stays
    except ValueError as ragged:
        msg = f"labels in several columns must have rows of one length: {ragged}"
        raise DataError(msg) from ragged
    if matrix.ndim != 2:
        msg = f"label must be one value or one row of values for each record, got an array of shape {matrix.shape}"
        raise DataError(msg)
    return matrix


def _flags_or_numbers(given: Any, rows: int, what: str) -> Labels:
    """One of several columns: bool, or float64."""
    made = _one_each(given, rows, what)
    if made.dtype.kind in "fb":
        return made
    other = np.flatnonzero((made != 0) & (made != 1)) if made.dtype.kind == "i" else np.arange(rows)
    if other.size:
        row = int(other[0])
        msg = f"{what}: row {row} holds {made[row].item()!r}; {KINDS}"
        raise DataError(msg)
    return made.astype(bool)


def _of_columns(given: Any, label: Labels, named: tuple[Any, ...] | None) -> tuple[Scalar, ...] | None:
    """What the columns of multi-label data are called; None for several numbers."""
    count = label.shape[1]
    if label.dtype.kind != "b":
        if given is not None:
            msg = (
                f"classes name columns of truth values, and these labels are {count} numbers for each record:"
                " give y.astype(bool), or no classes for a regression"
            )
            raise DataError(msg)
        return None
    names: Sequence[Any] | None = named if given is None else given
    if names is None:
        return tuple(range(count))
    made: list[Scalar] = _one_each(names, len(names), "classes").tolist()
    if len(made) != count:
        msg = f"classes: {count} columns of labels need {count} names, got {len(made)}"
        raise DataError(msg)
    twice = next((name for place, name in enumerate(made) if name in made[:place]), None)
    if twice is not None:
        msg = f"classes that are columns must have different names, {twice!r} appears twice"
        raise DataError(msg)
    return tuple(made)


def _width(label: Labels) -> str:
    return "" if label.ndim == 1 else f" x {label.shape[1]}"
