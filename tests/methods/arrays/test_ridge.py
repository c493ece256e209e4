"""Ridge keeps the laws, is scikit-learn's where that is well-conditioned, and Fraction's where the data are tiny."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model

from expunge import ExpungeRegressor, Records, Run, Table, fingerprint
from expunge.errors import DataError, ParameterError
from expunge.methods.arrays.ridge import Ridge
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")


@contract(
    Case(Ridge(), patients(numbers=True), examples=3),
    Case(Ridge(alpha=0.0, fit_intercept=False), patients(numbers=True, owned=False), examples=2, portable=False),
    Case(Ridge(resolution=2.0**-8), patients(numbers=True, several=True), examples=2, portable=False),
)
def test_ridge_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


def table(seed: int, n: int = 300, d: int = 4, offset: float = 0.0, targets: int = 1) -> tuple[Any, Any]:
    """Columns of several scales, and one or several targets."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) * 10.0 ** np.arange(d) + offset
    y = X @ random.normal(size=(d, targets)) + random.normal(size=(n, targets))
    return X, y[:, 0] if targets == 1 else y


@pytest.mark.parametrize("alpha", [0.0, 1.0, 100.0])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("targets", [1, 2])
def test_it_is_scikit_learns(alpha: float, intercept: bool, targets: int) -> None:  # noqa: FBT001
    X, y = table(0, targets=targets)
    data, target = Table.from_arrays(X, y), Records(range(0, 300, 7))
    method = Ridge(alpha, fit_intercept=intercept)
    model = method.forget(method.learn(data, RUN), target, data, RUN).model
    rest = data.after(target)
    theirs = linear_model.Ridge(alpha, fit_intercept=intercept).fit(rest.features, rest.label)
    scale = float(np.abs(y).max())
    assert method.predict(model, data) / scale == pytest.approx(theirs.predict(X) / scale, abs=1e-9)
    assert model.solved.coef == pytest.approx(np.atleast_2d(theirs.coef_), rel=1e-7, abs=1e-9)
    assert model.solved.intercept == pytest.approx(np.broadcast_to(theirs.intercept_, targets), rel=1e-6, abs=1e-6)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_of_tiny_data_it_is_what_fractions_say(seed: int) -> None:
    random = np.random.default_rng(seed)
    x, y = random.integers(-50, 50, 6) / 4 + 1e6, random.integers(-50, 50, 6) / 8
    data = Table.from_arrays(x[:, None], y)
    model = Ridge(0.5).forget(Ridge(0.5).learn(data, RUN), Records([0]), data, RUN).model
    a, b = [Fraction(value) for value in x[1:]], [Fraction(value) for value in y[1:]]
    mean, middle = sum(a) / 5, sum(b) / 5
    inner = sum((one - mean) ** 2 for one in a) + Fraction(1, 2)
    exact = sum((one - mean) * (two - middle) for one, two in zip(a, b, strict=True)) / inner
    assert model.solved.coef[0, 0] == pytest.approx(float(exact), rel=1e-14, abs=1e-300)


def test_an_offset_of_a_hundred_million_is_harmless() -> None:
    X, y = table(1, d=2)
    y = y - y.mean()
    near, far = (Table.from_arrays(np.round(X * 64) / 64 + offset, y) for offset in (0.0, 1e8))
    method = Ridge()
    ours = [method.predict(method.learn(data, RUN), data) for data in (near, far)]
    assert ours[0] == pytest.approx(ours[1], rel=1e-9, abs=1e-7)


def test_integers_and_a_frame_of_arrow_are_numbers_too() -> None:
    X, y = table(2, d=2)
    whole = np.rint(X).astype(np.int32)
    frame = pa.table({"x0": pa.array(whole[:, 0]), "x1": pa.array(whole[:, 1])})
    models = [Ridge().learn(Table.from_arrays(given, y), RUN) for given in (whole, whole.astype(float), frame)]
    assert len({fingerprint(model) for model in models}) == 1
    with pytest.raises(DataError, match="column 'x0' holds large_string, and sums are over numbers"):
        Ridge().learn(Table.from_arrays(np.array([["a"], ["b"]], object), [1.0, 2.0]), RUN)


def test_it_works_behind_the_face_of_an_estimator() -> None:
    X, y = table(3)
    model = ExpungeRegressor(Ridge(), key=b"k").fit(X, y)
    model.forget(Records([7]))
    assert model.predict(X) == pytest.approx(linear_model.Ridge().fit(np.delete(X, 7, 0), np.delete(y, 7)).predict(X))


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="alpha to be a finite number of at least 0"):
        Ridge(-1.0)
    with pytest.raises(ParameterError, match="fit_intercept to be True or False"):
        Ridge(fit_intercept="yes")  # type: ignore[arg-type]
