"""What naive Bayes of counts share: they keep the laws, dense and sparse, and are scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn import naive_bayes

from expunge import BernoulliNB, ComplementNB, MultinomialNB, Records, Run, Table, fingerprint
from expunge.errors import DataError, ParameterError
from expunge.methods.arrays._counts import Weights
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")
METHODS: list[Any] = [MultinomialNB, ComplementNB, BernoulliNB]
each = pytest.mark.parametrize("kind", METHODS, ids=lambda kind: kind.__name__)


def known(seed: int, n: int = 300, d: int = 6, *, packed: bool = False) -> Table:
    """Words counted, and some weighed; dense or sparse."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, n)
    X = random.poisson(0.4 + 0.5 * (y[:, None] == np.arange(d) % 3), (n, d)) * random.choice([1.0, 0.37], n)[:, None]
    return Table.from_arrays(sparse.csr_array(X) if packed else X, np.array(["a", "b", "c"])[y])


def words(*, packed: bool = False) -> Table:
    """The cases' records as counts."""
    data = patients()
    X = np.abs(np.rint(np.asarray(data.features) * 2))
    return Table.from_arrays(sparse.csr_array(X) if packed else X, data.label, data.ids, data.owners)


@contract(
    *(Case(kind(), words(), examples=2, portable=kind is not ComplementNB) for kind in METHODS),
    *(Case(kind(), words(packed=True), examples=2, portable=False) for kind in METHODS),
)
def test_they_keep_the_law(case: Case, law: Law) -> None:
    law(case)


@each
@pytest.mark.parametrize("seed", range(3))
def test_sparse_rows_make_the_same_model(kind: Any, seed: int) -> None:
    method, dense, packed = kind(), known(seed), known(seed, packed=True)
    for target in (Records([]), Records([3]), Records(range(100))):
        models = [method.forget(method.learn(data, RUN), target, data, RUN).model for data in (dense, packed)]
        assert fingerprint(models[0]) == fingerprint(models[1])
        made = [method.predict(model, data) for model, data in zip(models, (dense, packed), strict=True)]
        assert made[0] == pytest.approx(made[1], abs=1e-12)


@each
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_they_are_scikit_learns(kind: Any, own: bool, seed: int) -> None:  # noqa: FBT001
    options: dict[Any, Any] = {
        MultinomialNB: {"fit_prior": False},
        ComplementNB: {"norm": True},
        BernoulliNB: {"binarize": 0.5},
    }
    given = {"alpha": 0.1, **options[kind]} if own else {}
    ours, theirs = kind(**given), getattr(naive_bayes, kind.__name__)(**given)
    data, target = known(seed), Records(range(0, 300, 7))
    model = ours.forget(ours.learn(data, RUN), target, data, RUN).model
    rest = data.after(target)
    theirs.fit(rest.features, rest.label)
    assert ours.predict(model, data) == pytest.approx(theirs.predict_proba(data.features), abs=1e-9)


@pytest.mark.parametrize("kind", [MultinomialNB, ComplementNB])
def test_a_count_below_zero_is_refused(kind: Any) -> None:
    for X in (np.array([[1.0, 0.0], [0.0, -2.0]]), sparse.csr_array(np.array([[1.0, 0.0], [0.0, -2.0]]))):
        with pytest.raises(DataError, match="column 'x1': row 1 is below zero"):
            kind().learn(Table.from_arrays(X, ["a", "b"]), RUN)


@pytest.mark.parametrize("kind", [MultinomialNB, ComplementNB])
def test_a_number_that_cannot_be_held_is_named_in_sparse_rows(kind: Any) -> None:
    X = sparse.csr_array(np.array([[1.0, 0.0], [0.0, 2.0**40]]))
    with pytest.raises(DataError, match="column 'x1': row 1 is outside of the range"):
        kind().learn(Table.from_arrays(X, ["a", "b"]), RUN)


@each
def test_parameters_are_checked(kind: Any) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"alpha": 0.0}, "alpha to be a finite number above 0"),
        ({"fit_prior": None}, "fit_prior to be True or False"),
        ({"class_prior": [1.0]}, "takes class_prior by class"),
    ]
    for given, said in wrong:
        with pytest.raises(ParameterError, match=f"{kind.__name__}.*{said}"):
            kind(**given)


def test_dense_and_sparse_rows_score_alike() -> None:
    weights = Weights(np.log([[0.5, 0.5], [0.9, 0.1]]), np.log([0.25, 0.75]))
    rows = np.array([[2.0, 0.0], [0.0, 0.0]])
    made = weights.posterior(rows)
    assert made == pytest.approx(weights.posterior(sparse.csr_array(rows)))
    assert made[0, 0] == pytest.approx(0.25 * 0.25 / (0.25 * 0.25 + 0.75 * 0.81))
    assert made[1].tolist() == pytest.approx([0.25, 0.75])


def test_declared_shares_hold_for_the_classes_that_there_are() -> None:
    data = Table.from_arrays(np.zeros((3, 1)), ["a", "b", "b"])
    method = MultinomialNB(class_prior={"a": 1, "b": 1, "c": 2})
    model = method.learn(data, RUN)
    assert method.predict(model, data)[0] == pytest.approx([0.5, 0.5])
