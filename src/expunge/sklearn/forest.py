"""`ExpungeForestClassifier` and `ExpungeForestRegressor`: forests as scikit-learn has them, which forget to the bit.

They are `Forest` with the parameters of scikit-learn's forests, and beside ``quote`` and ``forget`` have importances,
an out-of-bag score and trees to be looked at. Missing values and columns of text or categories need no preprocessing.

Examples
--------
>>> import numpy as np
>>> from expunge import ExpungeForestClassifier, Records, fingerprint
>>> X = np.random.default_rng(0).normal(size=(200, 3))
>>> y = np.where(X[:, 0] > 0, "ill", "well")
>>> forest = ExpungeForestClassifier(10, key=b"a secret of your own").fit(X, y)
>>> forest.forget(Records([7])).claim
Exact()
>>> rest = np.arange(200) != 7
>>> again = ExpungeForestClassifier(10, key=b"a secret of your own").fit(X[rest], y[rest], ids=np.flatnonzero(rest))
>>> fingerprint(forest.model_) == fingerprint(again.model_)
True
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from expunge.data.table import Table
from expunge.errors import DataError
from expunge.methods.trees._refusals import refuse_coarse, refuse_unknown
from expunge.methods.trees.forest import Forest
from expunge.sklearn.estimators import ExpungeClassifier, ExpungeRegressor
from expunge.sklearn.face import Face
from expunge.trees.labelled import LabelledTree
from expunge.values import Addition, Batch, Correction, Target

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray
    from sklearn.utils import Tags

WEIGHT = "sample_weight"  # the column that the weights are kept in


class _ForestFace(Face):
    """What both forests share."""

    task: Literal["classification", "regression"]

    def __init__(  # noqa: PLR0913  (a parameter each, as in scikit-learn)
        self,
        n_estimators: int = 100,
        *,
        share: float = 1.0,
        max_features: int | None = None,
        cuts: int = 3,
        max_depth: int = 20,
        min_samples_split: int = 2,
        min_samples_leaf: int = 1,
        categorical_features: Sequence[str] = (),
        spread: Sequence[str] = (),
        n_jobs: int | None = None,
        key: bytes | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.share = share
        self.max_features = max_features
        self.cuts = cuts
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.categorical_features = categorical_features
        self.spread = spread
        self.n_jobs = n_jobs
        self.key = key
        self.random_state = random_state

    def fit(self, X: Any, y: Any, ids: Any = None, owners: Any = None, sample_weight: Any = None) -> Self:
        """Learn, and return the estimator itself.

        Parameters
        ----------
        X : (n, d) array, or a pandas, polars or Arrow frame
            NaN and null are missing values. Columns of text, and categories of a frame, are categories.
        y : (n,) array
        ids : (n,) int or str, optional
            Unique and stable names of the records; the positions 0 to n - 1 when there are none.
        owners : (n,) int or str, optional
            Whose record it is: all records of an owner are in the same trees.
        sample_weight : (n,) whole numbers, optional
            How often each record counts. They are kept as a column of ``table_``; rows that a correction brings keep
            the weight of those in whose place they come, and rows that are added count once, unless they have the
            column, too.
        """
        method, table = self._usable(), self._taken_in(X, y, ids, owners)
        for parameter, named in (("categorical_features", method.categorical), ("spread", method.spread)):
            refuse_unknown(parameter, named, table.names)
        if self.task == "regression" and len(table):
            refuse_coarse(method.resolution, np.asarray(table.label))
        if sample_weight is not None:
            method.set_params(weight=WEIGHT)
            table = _weighted(table, _whole(sample_weight, table))
        return self._learned(method, table)

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """(d,) how much of the decrease in impurity each feature brought, of all trees; together one."""
        check_is_fitted(self, "model_")
        importances: NDArray[np.float64] = self.method_.importances(self.model_)
        return importances

    def tree(self, number: int) -> LabelledTree:
        """One tree to be read: `expunge.trees.text.tree_text` writes it, `expunge.trees.picture` draws it."""
        check_is_fitted(self, "model_")
        return LabelledTree.of(self.method_, self.model_, self.table_, self.run_, number)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # -- what stands around the method ---------------------------------------------------------------------------------

    def _method(self) -> Any:
        return Forest(task=self.task, **self._settings())

    def _settings(self) -> dict[str, Any]:
        return {
            "trees": self.n_estimators,
            "share": self.share,
            "features": self.max_features,
            "cuts": self.cuts,
            "max_depth": self.max_depth,
            "min_split": self.min_samples_split,
            "min_leaf": self.min_samples_leaf,
            "categorical": _as_names(self.categorical_features),
            "spread": _as_names(self.spread),
        }

    def _inner(self) -> Any:
        return None

    def _threads(self) -> int:
        asked = 1 if self.n_jobs is None else self.n_jobs
        return max(1, (os.cpu_count() or 1) + 1 + asked) if asked < 0 else asked

    def _checks(self, *, text: bool) -> dict[str, Any]:
        return super()._checks(text=text) | ({} if text else {"ensure_all_finite": "allow-nan"})

    def _features(self, table: Table) -> tuple[str, ...]:
        return tuple(name for name in table.names if name != WEIGHT)

    def _taken_in(self, X: Any, y: Any, ids: Any, owners: Any) -> Table:
        table = super()._taken_in(X, y, ids, owners)
        if WEIGHT in table.names:
            msg = f"{WEIGHT!r} is what the weights are called: give that feature another name"
            raise DataError(msg)
        return table

    def _meant(self, target: Target) -> Target:
        target = super()._meant(target)
        return target if WEIGHT not in self.table_.names else _with_weights(target, self.table_)

    def _out_of_bag(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Predictions of each record by the trees that it is not in, and (n,) whether there are any."""
        check_is_fitted(self, "model_")
        if self.share >= 1:
            msg = (
                f"with share={self.share} every record is in every tree: none is out of bag, so there is no such score"
            )
            raise AttributeError(msg)
        said = np.asarray(self.method_.out_of_bag(self.model_, self.table_, self.run_))
        return said, np.isfinite(said).reshape(len(said), -1).all(axis=1)


class ExpungeForestClassifier(_ForestFace, ExpungeClassifier):
    """A random forest that forgets records, owners, classes and columns bit for bit, at a small part of a refit.

    All that `ExpungeClassifier` says of training data, key and what is fitted outside holds here too.

    Parameters
    ----------
    n_estimators : int
        Trees.
    share : float
        Of the trees, how many each record is in: the price of a deletion grows a little faster than
        ``share * n_estimators``. At 1 every tree learns from every record, which predicts best; at .1 a deletion walks
        a tenth of the trees, which suits tables of tens of thousands of rows (docs/forest.md has more).
    max_features : int or None
        Candidate features of a node; None: 1.5 times the square root of their number, rounded up.
    cuts : int
        Candidate cuts of each.
    max_depth, min_samples_split, min_samples_leaf : int
        As in scikit-learn; of whole numbers.
    categorical_features : sequence of str
        Columns of numbers that are names of categories. Columns of text and categories of a frame always are. The
        columns of an array are called x0, x1 and so on.
    spread : sequence of str
        Columns of numbers with heavy tails, which are cut on a logarithmic scale.
    n_jobs : int or None
        Threads, as in scikit-learn; no bit depends on it.
    key : bytes, optional
        Secret; every random choice is derived from it.
    random_state : int, RandomState or None
        Makes the key when none is given; such a key is **not** secret.

    Attributes
    ----------
    feature_importances_ : (d,) array
    oob_decision_function_ : (n, classes) array
        Probabilities by the trees that a record is not in; where ``share`` is below 1.
    oob_score_ : float
        Accuracy of these.
    model_, table_, run_, method_, classes_, n_features_in_, feature_names_in_
        As of `ExpungeClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from expunge import ExpungeForestClassifier, Label
    >>> X = np.random.default_rng(0).normal(size=(300, 3))
    >>> X[::7, 1] = np.nan  # missing
    >>> forest = ExpungeForestClassifier(share=0.3, random_state=0).fit(X, np.where(X[:, 0] > 0, "ill", "well"))
    >>> forest.oob_score_ > 0.9, int(forest.feature_importances_.argmax())
    (True, 0)
    >>> _ = forest.forget(Label("ill"))
    >>> forest.classes_
    array(['well'], dtype='<U4')
    """

    task = "classification"

    @property
    def oob_decision_function_(self) -> NDArray[np.float64]:
        """(n, classes) probabilities by the trees that a record is not in; NaN where there is none."""
        return self._out_of_bag()[0]

    @property
    def oob_score_(self) -> float:
        """Accuracy on records by the trees that they are not in."""
        said, known = self._out_of_bag()
        return float(accuracy_score(np.asarray(self.table_.label)[known], self.classes_[said[known].argmax(axis=1)]))

    def _as_labels(self, y: NDArray[Any]) -> NDArray[Any]:
        classes = super()._as_labels(y)
        return classes.astype(np.int64) if classes.dtype.kind == "f" else classes  # whole floats are names of classes


class ExpungeForestRegressor(_ForestFace, ExpungeRegressor):
    """A random forest of regression trees that forgets bit for bit, at a small part of a refit.

    All that `ExpungeForestClassifier` says holds here too.

    Parameters
    ----------
    n_estimators, share, max_features, cuts, max_depth, min_samples_split, min_samples_leaf
        As of `ExpungeForestClassifier`.
    resolution : float
        A power of two: targets are taken as whole multiples of it, so that their sums are exact. Where it makes all
        targets equal that differ, `fit` refuses it.
    categorical_features, spread, n_jobs, key, random_state
        As of `ExpungeForestClassifier`.

    Attributes
    ----------
    feature_importances_ : (d,) array
    oob_prediction_ : (n,) array
        By the trees that a record is not in; where ``share`` is below 1.
    oob_score_ : float
        R2 of these.
    model_, table_, run_, method_, n_features_in_, feature_names_in_
        As of `ExpungeRegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from expunge import Column, ExpungeForestRegressor
    >>> X = np.random.default_rng(0).normal(size=(300, 3))
    >>> forest = ExpungeForestRegressor(share=0.3, random_state=0).fit(X, X[:, 0])
    >>> forest.oob_score_ > 0.8
    True
    >>> _ = forest.forget(Column("x2"))
    >>> forest.predict(X[:2, :2]).shape
    (2,)
    """

    task = "regression"

    def __init__(  # noqa: PLR0913  (a parameter each, as in scikit-learn)
        self,
        n_estimators: int = 100,
        *,
        share: float = 1.0,
        max_features: int | None = None,
        cuts: int = 3,
        max_depth: int = 20,
        min_samples_split: int = 2,
        min_samples_leaf: int = 1,
        resolution: float = 2.0**-20,
        categorical_features: Sequence[str] = (),
        spread: Sequence[str] = (),
        n_jobs: int | None = None,
        key: bytes | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            n_estimators,
            share=share,
            max_features=max_features,
            cuts=cuts,
            max_depth=max_depth,
            min_samples_split=min_samples_split,
            min_samples_leaf=min_samples_leaf,
            categorical_features=categorical_features,
            spread=spread,
            n_jobs=n_jobs,
            key=key,
            random_state=random_state,
        )
        self.resolution = resolution

    @property
    def oob_prediction_(self) -> NDArray[np.float64]:
        """(n,) predictions by the trees that a record is not in; NaN where there is none."""
        return self._out_of_bag()[0]

    @property
    def oob_score_(self) -> float:
        """R2 on records by the trees that they are not in."""
        said, known = self._out_of_bag()
        return float(r2_score(np.asarray(self.table_.label)[known], said[known]))

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {"resolution": self.resolution}


def _as_names(given: Any) -> Any:
    """Names in a tuple, from any sequence or index of them; what is none is left for the method to refuse."""
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes) else given


# -- weights -----------------------------------------------------------------------------------------------------------


def _whole(weights: Any, table: Table) -> NDArray[np.int64]:
    """(n,) weights as whole numbers, or the sentence that says why they are none."""
    checked = _check_sample_weight(weights, np.empty((len(table), 1)), ensure_non_negative=True)
    whole: NDArray[np.int64] = checked.astype(np.int64)
    if (whole != checked).any():
        first = int(np.flatnonzero(whole != checked)[0])
        msg = "a forest counts records, so weights are whole numbers; multiply them by what makes them whole"
        raise DataError(f"{msg}: that of the record in row {first} is none")
    return whole


def _weighted(table: Table, weights: NDArray[np.int64]) -> Table:
    """The same records with their weights as a column more, in a type that holds both as they are."""
    columns = table.gathered().columns
    held, names = columns.features, (*columns.names, WEIGHT)
    features: Any
    if isinstance(held, pa.Table):
        features = held.append_column(WEIGHT, pa.array(weights))
    else:
        matrix = np.asarray(held)
        wide = np.result_type(matrix.dtype, {"f": np.float64, "i": np.int64}.get(matrix.dtype.kind, np.uint64))
        features = np.column_stack([matrix.astype(wide), weights.astype(wide)])
    return Table(replace(columns, features=features, names=names), None, table.classes)


def _with_weights(target: Target, table: Table) -> Target:
    """A target whose new rows have weights: those that they had, and 1 for what is new."""
    match target:
        case Batch(targets):
            return Batch([_with_weights(each, table) for each in targets])
        case Correction(rows) | Addition(rows) if WEIGHT not in rows.names:
            known = dict(zip(table.ids.tolist(), table.column(WEIGHT).tolist(), strict=True))
            weights = np.array([known.get(name, 1) for name in rows.ids.tolist()], dtype=np.int64)
            return type(target)(_weighted(rows, weights))
    return target
