"""What stands around a method so that it is an estimator of scikit-learn: key, data and run, ``quote`` and ``forget``.

All that decides and learns is the method's. The estimators (`expunge.sklearn.estimators`) add what ``y`` means.

Examples
--------
>>> import numpy as np
>>> from expunge import ExpungeClassifier, Records
>>> model = ExpungeClassifier(key=b"a secret of your own").fit(np.eye(4), ["a", "b", "a", "b"])
>>> model.key, len(model.table_), model.n_features_in_
(Key(***), 4, 4)
>>> model.forget(Records([3])).claim, len(model.table_)
(Exact(), 3)
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, get_args

import narwhals as nw
import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d, get_tags
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

from expunge.data.items import is_mapped
from expunge.data.table import Table
from expunge.errors import DataError, ParameterError
from expunge.methods.arrays.sisa import Sisa
from expunge.protocol import Key, Pace, Priced, Run
from expunge.store.sweep import sweep
from expunge.values import Target

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray
    from sklearn.utils import Tags

    from expunge.values import Forgotten, Quote, Refusal

VERBS = ("learn", "predict", "quote", "forget", "get_params")
TARGETS: tuple[type, ...] = get_args(Target)


class Face(ABC, BaseEstimator):
    """What all estimators here share: everything but the meaning of ``y``."""

    method_: Any
    model_: Any
    table_: Table
    run_: Run
    n_features_in_: int
    feature_names_in_: NDArray[Any]

    def __init__(self, method: Any = None, key: bytes | None = None, random_state: Any = None) -> None:
        self.method = method
        self.key = key
        self.random_state = random_state

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a parameter or an attribute; a key becomes one that never prints, however it is set."""
        if name == "key" and isinstance(value, bytes | bytearray | memoryview) and len(value):
            value = Key(value)
        super().__setattr__(name, value)

    def fit(self, X: Any, y: Any, ids: Any = None, owners: Any = None) -> Self:
        """Learn, and return the estimator itself.

        Parameters
        ----------
        X : (n, d) array, or a pandas, polars or Arrow frame
            A frame with named columns reaches the wrapped estimator as the frame it came as.
        y : (n,) array
        ids : (n,) int or str, optional
            Unique and stable names of the records; the positions 0 to n - 1 when there are none. A record keeps its
            name when others are forgotten.
        owners : (n,) int or str, optional
            Whose record it is. Owners place the records, so that a person costs one shard; they are not features.
        """
        return self._learned(self._usable(), self._taken_in(X, y, ids, owners))

    def _learned(self, method: Any, table: Table) -> Self:
        run = Run(_key_of(self.key, self.random_state), threads=self._threads())
        begun = perf_counter()
        model = method.learn(table, run)
        seconds = perf_counter() - begun
        visits = method.visits(table, run) if isinstance(method, Priced) else len(table)
        self._settle(model, table, replace(run, pace=Pace(seconds / max(visits, 1))), method)
        return self

    def quote(self, target: Target) -> Quote | Refusal:
        """What forgetting would promise and cost, or why it cannot be done; nothing is changed."""
        target = self._meant(target)
        quote: Quote | Refusal = self.method_.quote(self.model_, target, self.table_, self.run_)
        return quote

    def forget(self, target: Target) -> Forgotten[Any]:
        """Become what fitting without ``target`` would have made: model, data, classes, columns and checkpoints.

        A forget that is refused or fails leaves the estimator as it was.

        Raises
        ------
        RefusedError
            Whatever `quote` refuses.
        """
        target = self._meant(target)
        # On a copy of the store: the checkpoints of a forget that fails halfway must not stay.
        run = replace(self.run_, store=dict(self.run_.store))
        forgotten: Forgotten[Any] = self.method_.forget(self.model_, target, self.table_, run)
        table = self.table_.after(target).gathered()  # a view would keep the forgotten rows
        sweep(run.store, [forgotten.model])
        self._settle(forgotten.model, table, run, self.method_)
        return forgotten

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()  # type: ignore[no-untyped-call]
        if (inner := self._inner()) is not None:
            parts = [inner, *(part for part in inner.get_params().values() if hasattr(part, "__sklearn_tags__"))]
            # Where one part takes missing values (an imputer, say), the parts themselves say what is wrong with others.
            tags.input_tags.allow_nan = any(get_tags(part).input_tags.allow_nan for part in parts)
            tags.input_tags.positive_only = get_tags(inner).input_tags.positive_only
        return tags

    # -- the method ----------------------------------------------------------------------------------------------------

    def _method(self) -> Any:
        return Sisa(self._default()) if self.method is None else self.method

    def _inner(self) -> Any:
        """The scikit-learn estimator at the heart of the method, or None."""
        return _innermost(self._method())

    def _threads(self) -> int:
        return 1

    @abstractmethod
    def _default(self) -> Any: ...

    def _usable(self) -> Any:
        """A clone of the method, which later changes of the parameters do not reach; or what is wrong with it."""
        method, face = self._method(), type(self).__name__
        if isinstance(method, type) or not all(hasattr(method, verb) for verb in VERBS):
            called = f"{method.__name__}()" if isinstance(method, type) else repr(method)
            learns = hasattr(method, "fit") or (hasattr(method, "learn") and not hasattr(method, "forget"))
            wrap = f": wrap it, Sisa({called}) or Retrain({called})" if learns else ""
            msg = f"{face} takes a method such as Sisa(estimator) or Retrain(estimator), got {method!r}{wrap}"
            raise ParameterError(msg)
        inner = self._inner()
        other = "regressor" if is_classifier(self) else "classifier"
        if inner is not None and get_tags(inner).estimator_type == other:
            msg = f"{face} was given the method of a {type(inner).__name__}, which belongs in an Expunge{other.title()}"
            raise ParameterError(msg)
        return clone(method)

    # -- data ----------------------------------------------------------------------------------------------------------

    def _taken_in(self, X: Any, y: Any, ids: Any, owners: Any) -> Table:
        """The training data in columns of their own: what a caller does to its arrays later does not reach them."""
        if _is_named(X):
            X, y = validate_data(self, X, y, skip_check_array=True)
            _refuse_no_rows(X)
            y = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"), warn=True)
            check_consistent_length(X, y)
        else:
            X, y = validate_data(self, X, y, **self._checks(text=_holds_text(X)))
            if get_tags(self).input_tags.positive_only:
                check_non_negative(X, type(self).__name__)
        table = Table.from_arrays(np.array(X) if is_mapped(X) else X, self._as_labels(y), ids, owners)
        return table.take(np.arange(len(table))).gathered()

    def _shown(self, X: Any) -> Table:
        """Rows to predict for, as what the training data came as."""
        check_is_fitted(self, "model_")
        kind, names = self.table_.columns.kind, self._features(self.table_)
        if _is_named(X) and kind not in ("matrix", "objects"):
            validate_data(self, X, reset=False, skip_check_array=True)
            _refuse_no_rows(X)
            rows = Table.from_arrays(X)
        else:
            X = validate_data(self, X, reset=False, **self._checks(text=kind != "matrix"))
            rows = Table.from_arrays(X, columns=names)
        return Table(replace(rows.columns, kind=kind))

    def _checks(self, *, text: bool) -> dict[str, Any]:
        """What scikit-learn checks of an array; columns of any type are left for the wrapped estimator to judge."""
        if text:
            return {"dtype": object, "ensure_all_finite": False}
        return {"dtype": "numeric", "order": "C", "ensure_all_finite": not get_tags(self).input_tags.allow_nan}

    @abstractmethod
    def _as_labels(self, y: NDArray[Any]) -> NDArray[Any]: ...

    def _predicted(self, X: Any) -> NDArray[np.float64]:
        rows = self._shown(X)
        return np.asarray(self.method_.predict(self.model_, rows), dtype=np.float64)

    # -- state ---------------------------------------------------------------------------------------------------------

    def _meant(self, target: Target) -> Target:
        """The target, if it is one and there is a model to forget it."""
        check_is_fitted(self, "model_")
        asked: object = target
        if not isinstance(asked, TARGETS):
            kinds = ", ".join(kind.__name__ for kind in TARGETS)
            msg = f"{type(self).__name__} forgets a target ({kinds}), e.g. Records([417]); got {asked!r}"
            raise ParameterError(msg)
        return target

    def _settle(self, model: Any, table: Table, run: Run, method: Any) -> None:
        """Take on a new state: all of it, or, if some of it cannot be made, nothing."""
        names = self._features(table)
        state = {"model_": model, "table_": table, "run_": run, "method_": method, "n_features_in_": len(names)}
        if hasattr(self, "feature_names_in_"):
            state["feature_names_in_"] = np.array(names, dtype=object)
        vars(self).update(state | self._seen(model, table))

    def _features(self, table: Table) -> tuple[str, ...]:
        """The columns of the training data that rows to predict for have, too."""
        return table.names

    def _seen(self, model: Any, table: Table) -> dict[str, Any]:
        """Attributes that only one of the two estimators has."""
        return {}


def _key_of(key: Any, random_state: Any) -> Key:
    """The key given, else one made of the random state, else a fresh secret one."""
    if key is None:
        key = secrets.token_bytes(32) if random_state is None else check_random_state(random_state).bytes(32)
    return Key(key)


def _innermost(method: Any) -> Any:
    """The scikit-learn estimator at the heart of a method, or None."""
    while method is not None and not hasattr(method, "__sklearn_tags__"):
        method = getattr(method, "learner", getattr(method, "estimator", None))
    return method


def _is_named(X: Any) -> bool:
    """Whether X is a frame whose columns all have names; without, it is an array for scikit-learn, and for us."""
    frame = nw.from_native(X, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        msg = f"X must be a table in memory, got a {type(X).__name__}: collect it first"
        raise DataError(msg)
    return isinstance(frame, nw.DataFrame) and all(isinstance(name, str) for name in frame.columns)


def _refuse_no_rows(frame: Any) -> None:
    if not len(frame):
        msg = "X needs at least one row, got a frame with none"
        raise DataError(msg)


def _holds_text(X: Any) -> bool:
    if hasattr(X, "toarray"):
        return False
    try:
        values = np.asarray(X)
    except ValueError:  # rows of several lengths: scikit-learn has the sentence
        return False
    return values.dtype.kind == "U" or (values.dtype.kind == "O" and any(isinstance(v, str) for v in values.flat))
