"""`ExpungeClassifier` and `ExpungeRegressor`: scikit-learn estimators that can forget, by any method.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Owners, Sisa
>>> X = np.random.default_rng(0).normal(size=(60, 3))
>>> y = np.where(X[:, 0] > 0, "ill", "well")
>>> model = ExpungeClassifier(Sisa(LogisticRegression(), shards=4), key=b"a secret of your own")
>>> model = model.fit(X, y, owners=[f"patient {k % 20}" for k in range(60)])
>>> quote = model.quote(Owners(["patient 7"]))
>>> model.forget(Owners(["patient 7"])).examples == quote.examples < 57  # one shard of four
True
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.multiclass import check_classification_targets

from expunge.data.columns import as_arrow, refuse_missing
from expunge.data.table import Table
from expunge.errors import DataError
from expunge.sklearn.face import Face
from expunge.values import Addition, Batch, Correction, Target

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ExpungeClassifier(ClassifierMixin, Face):
    """A classifier that can forget records, owners, classes and columns, and take corrections and additions.

    It keeps its training data and its key, because learning again needs them: whoever holds the fitted estimator, or a
    pickle of it, holds both. After `forget` nothing of the forgotten remains in either.

    Whatever is fitted outside of it forgets nothing: put a scaler or an encoder inside the method,
    ``ExpungeClassifier(Sisa(make_pipeline(StandardScaler(), LogisticRegression())))``. Where records have owners, a
    search must split by them: ``GridSearchCV(..., cv=GroupKFold()).fit(X, y, groups=owners, owners=owners)``.

    Parameters
    ----------
    method : method, optional
        How it learns and forgets, e.g. ``Retrain(GaussianNB())``; ``Sisa(LogisticRegression())`` when there is none.
    key : bytes, optional
        Secret; every random choice is derived from it. Same key, data and environment: same model, bit for bit. It is
        kept as a `Key`, which never prints.
    random_state : int, RandomState or None
        Makes the key when none is given, for reproducible experiments. Such a key is **not** secret: a seed can be
        guessed, and whoever knows the key can aim requests at every shard. With neither key nor random_state each fit
        draws a fresh secret key, ``run_.key``.

    Attributes
    ----------
    model_ : model of the method
        What `fingerprint` takes.
    table_ : Table
        The training data: a copy, without what was forgotten.
    run_ : Run
        Key, checkpoints and the pace measured by `fit`, from which a quote's seconds follow.
    method_ : method
        A clone of ``method``.
    classes_ : (classes,) array
        Classes that the model knows, sorted, in the type of ``y``; a class leaves with its last record.
    n_features_in_, feature_names_in_ : int, array
        As in scikit-learn; after forgetting a `Column`, X must come without it.

    Examples
    --------
    >>> import numpy as np
    >>> from expunge import Label, Records
    >>> X = np.arange(90.0).reshape(30, 3)
    >>> model = ExpungeClassifier(random_state=0).fit(X, np.repeat(["a", "b", "c"], 10))
    >>> model.forget(Records([4, 17])).claim
    Exact()
    >>> forgotten = model.forget(Label("b"))
    >>> model.classes_
    array(['a', 'c'], dtype='<U1')
    """

    classes_: NDArray[Any]

    def predict(self, X: Any) -> NDArray[Any]:
        """(n,) the class with the highest score, in the type of ``y``; of equal ones the first."""
        best = self._predicted(X).argmax(axis=1)
        predicted: NDArray[Any] = self.classes_[best]
        return predicted

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(n, classes) scores that sum to one, in the order of ``classes_``; how they come about is the method's."""
        return self._predicted(X)

    def _default(self) -> Any:
        return LogisticRegression()

    def _as_labels(self, y: NDArray[Any]) -> NDArray[Any]:
        refuse_missing(as_arrow(y, "label"), "label")  # scikit-learn would call these labels continuous
        check_classification_targets(y)
        self._dtype = np.dtype(np.str_) if y.dtype.kind == "U" else y.dtype  # text without a length: that is content
        return y

    def _seen(self, model: Any, table: Table) -> dict[str, Any]:
        known = getattr(model, "classes", None)
        names = np.array(np.unique(np.asarray(table.label)) if known is None else known)
        known_type = names.astype(self._dtype)  # which a correction may bring a class too large for
        return {"classes_": known_type if (known_type == names).all() else names}


class ExpungeRegressor(RegressorMixin, Face):
    """A regressor that can forget records, owners and columns, and take corrections and additions.

    All that `ExpungeClassifier` says of training data, key and what is fitted outside holds here too.

    Parameters
    ----------
    method : method, optional
        How it learns and forgets, e.g. ``Retrain(Lasso())``; ``Sisa(Ridge())`` when there is none.
    key : bytes, optional
        Secret; every random choice is derived from it.
    random_state : int, RandomState or None
        Makes the key when none is given; such a key is **not** secret.

    Attributes
    ----------
    model_, table_, run_, method_, n_features_in_, feature_names_in_
        As of `ExpungeClassifier`; the labels of ``table_`` are float64.

    Examples
    --------
    >>> import numpy as np
    >>> from expunge import Column, Records
    >>> X = np.arange(90.0).reshape(30, 3)
    >>> model = ExpungeRegressor(random_state=0).fit(X, X[:, 0], ids=[f"r{k}" for k in range(30)])
    >>> model.forget(Records(["r4", "r17"])).claim
    Exact()
    >>> forgotten = model.forget(Column("x2"))
    >>> model.predict(X[:2, :2]).shape
    (2,)
    """

    def predict(self, X: Any) -> NDArray[np.float64]:
        """(n,) predictions."""
        return self._predicted(X)

    def _default(self) -> Any:
        return Ridge()

    def _as_labels(self, y: NDArray[Any]) -> NDArray[Any]:
        try:
            return y.astype(np.float64)  # so that whole numbers can be corrected to fractions
        except (TypeError, ValueError) as other:
            msg = f"ExpungeRegressor needs numbers for y ({other}); ExpungeClassifier takes classes"
            raise DataError(msg) from other

    def _meant(self, target: Target) -> Target:
        return _in_floats(super()._meant(target))


def _in_floats(target: Target) -> Target:
    """A target whose new labels are floats, like those of the table, however they were written down."""
    match target:
        case Batch(targets):
            return Batch(map(_in_floats, targets))
        case Correction(rows) | Addition(rows) if rows.label is not None and rows.label.dtype.kind in "biu":
            columns = rows.gathered().columns
            return type(target)(Table(replace(columns, label=rows.label.astype(np.float64))))
    return target
