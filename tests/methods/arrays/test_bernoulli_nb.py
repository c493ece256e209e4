"""Bernoulli naive Bayes keeps the laws, dense and sparse, and is scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.naive_bayes import BernoulliNB as Theirs

from expunge import Records, Run, Table, fingerprint
from expunge.errors import DataError, ParameterError
from expunge.methods.arrays.bernoulli_nb import BernoulliNB
from expunge.testing import Case, Law, contract, patients

RUN, METHOD = Run(key=b"k"), BernoulliNB()


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


@pytest.mark.parametrize("seed", range(3))
def test_sparse_rows_make_the_same_model(seed: int) -> None:
    dense, packed = known(seed), known(seed, packed=True)
    for target in (Records([]), Records([3]), Records(range(100))):
        models = [METHOD.forget(METHOD.learn(data, RUN), target, data, RUN).model for data in (dense, packed)]
        assert fingerprint(models[0]) == fingerprint(models[1])
        made = [METHOD.predict(model, data) for model, data in zip(models, (dense, packed), strict=True)]
        assert made[0] == pytest.approx(made[1], abs=1e-12)


@contract(
    Case(BernoulliNB(), words(), examples=2),
    Case(BernoulliNB(), words(packed=True), examples=2, portable=False),
)
def test_it_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(BernoulliNB(), Theirs()), (BernoulliNB(0.1, binarize=0.5), Theirs(alpha=0.1, binarize=0.5))]
)
@pytest.mark.parametrize("seed", range(3))
def test_it_is_scikit_learns(ours: Any, theirs: Any, seed: int) -> None:
    data = known(seed)
    target = Records(range(0, 300, 7))
    model = ours.forget(ours.learn(data, RUN), target, data, RUN).model
    rest = data.after(target)
    theirs.fit(rest.features, rest.label)
    assert ours.predict(model, data) == pytest.approx(theirs.predict_proba(data.features), abs=1e-9)


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="alpha to be a finite number above 0"):
        BernoulliNB(alpha=0.0)
    with pytest.raises(ParameterError, match="fit_prior to be True or False"):
        BernoulliNB(fit_prior=None)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="binarize to be a finite number"):
        BernoulliNB(binarize=np.nan)


def test_zeros_that_are_above_the_threshold_are_not_sparse() -> None:
    with pytest.raises(DataError, match="threshold of 0 or more"):
        BernoulliNB(binarize=-1.0).learn(known(0, packed=True), RUN)
    with pytest.raises(DataError, match="column 'x0': row 1 is missing"):
        METHOD.learn(Table.from_arrays(np.array([[1.0], [np.nan]]), ["a", "b"]), RUN)
