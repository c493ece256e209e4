"""Nearest centroid keeps the laws, and decides as scikit-learn's does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid as Theirs

from expunge import Records, Run, Table
from expunge.errors import ParameterError
from expunge.methods.arrays.nearest_centroid import NearestCentroid
from expunge.testing import Case, Law, contract

RUN = Run(key=b"k")


def known(seed: int, n: int = 300, d: int = 4) -> Table:
    """Classes that overlap; numbers far from zero."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, n)
    X = random.normal(size=(n, d)) @ random.normal(size=(d, d)) + 0.8 * y[:, None] + 50.0
    return Table.from_arrays(X, np.array(["a", "b", "c"])[y])


@contract(
    Case(NearestCentroid(), examples=3),
)
def test_it_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize(("ours", "theirs"), [(NearestCentroid(), Theirs())])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_scikit_learns(ours: Any, theirs: Any, seed: int) -> None:
    data = known(seed)
    target = Records(range(0, 300, 7))
    model = ours.forget(ours.learn(data, RUN), target, data, RUN).model
    rest = data.after(target)
    theirs.fit(rest.features, rest.label)
    decided = np.array(model.classes)[ours.predict(model, data).argmax(axis=1)]
    assert (decided == theirs.predict(data.features)).all()


def test_means_are_scikit_learns() -> None:
    data = known(0)
    assert NearestCentroid().learn(data, RUN).solved.means == pytest.approx(
        Theirs().fit(data.features, data.label).centroids_
    )
    with pytest.raises(ParameterError, match="power of two"):
        NearestCentroid(3.0)
