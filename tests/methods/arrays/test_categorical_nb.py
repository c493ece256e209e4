"""Categorical naive Bayes keeps the laws, is scikit-learn's, and forgets a category that nobody has."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.naive_bayes import CategoricalNB as Theirs

from expunge import Records, Run, Table
from expunge.errors import ParameterError
from expunge.methods.arrays.categorical_nb import CategoricalNB
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")


def words() -> Table:
    """The cases' records as names."""
    data = patients()
    X = np.abs(np.rint(np.asarray(data.features) * 2)).astype(int).astype(str).astype(object)
    return Table.from_arrays(X, data.label, data.ids, data.owners)


@contract(Case(CategoricalNB(), words(), examples=2), Case(CategoricalNB(0.5), examples=2, portable=False))
def test_it_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("fit_prior", [True, False])
def test_it_is_scikit_learns(fit_prior: bool) -> None:  # noqa: FBT001
    random = np.random.default_rng(0)
    X, y = random.integers(0, 4, (300, 5)), random.integers(0, 3, 300)
    data, target = Table.from_arrays(X, y), Records(range(0, 300, 7))
    ours = CategoricalNB(0.3, fit_prior=fit_prior)
    model = ours.forget(ours.learn(data, RUN), target, data, RUN).model
    rest = data.after(target)
    theirs = Theirs(alpha=0.3, fit_prior=fit_prior).fit(rest.features, rest.label)
    assert ours.predict(model, data) == pytest.approx(theirs.predict_proba(X), abs=1e-9)


def test_a_category_that_nobody_has_leaves_the_model_and_a_new_one_can_be_asked() -> None:
    X = np.array([["red"], ["blue"], ["secret"], [None]], object)
    data, method = Table.from_arrays(X, ["a", "b", "b", "a"]), CategoricalNB()
    model = method.forget(method.learn(data, RUN), Records([2]), data, RUN).model
    assert "secret" not in repr(model)
    assert np.isfinite(method.predict(model, data)).all()


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="alpha to be a finite number above 0"):
        CategoricalNB(alpha=0.0)
    with pytest.raises(ParameterError, match="fit_prior"):
        CategoricalNB(fit_prior=0)  # type: ignore[arg-type]
