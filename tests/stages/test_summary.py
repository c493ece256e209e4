"""What closed forms are solved from, against the matrix of the very records."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from expunge import Table
from expunge.errors import LearnError, ParameterError
from expunge.stages.specification import stages_of
from expunge.stages.summary import Front, refuse_order
from expunge.stages.tabular import Tabular
from expunge.sums.summaries import ByClass, Joint, Totals

RANDOM = np.random.default_rng(4)
X = RANDOM.normal(size=(50, 3)) @ RANDOM.normal(size=(3, 3)) + 1e4
LABEL = np.array(["ham", "spam"])[(RANDOM.random(50) > 0.6).astype(int)]
FRONTS: dict[str, list[Any]] = {
    "none": [],
    "scaled": [StandardScaler()],
    "turned": [StandardScaler(), PCA(2)],
    "whitened, then scaled": [PCA(0.9, whiten=True), StandardScaler()],
}


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("needs", ["means", "squares", "pooled", "each"])
def test_moments_of_classes_are_those_of_the_matrix(front: str, needs: str) -> None:
    kind, table = Tabular(stages_of(FRONTS[front]), needs), Table.from_arrays(X, LABEL)
    fitted, summary = kind.solved(kind.of(table))
    Z = kind.matrix(fitted, table)
    parts = [Z[name == LABEL] for name in ("ham", "spam")]
    about = [part - part.mean(axis=0) for part in parts]
    each = np.array([part.T @ part for part in about])
    assert isinstance(summary, ByClass)
    size = max(1.0, abs(Z).max())
    np.testing.assert_allclose(summary.means, [part.mean(axis=0) for part in parts], atol=1e-9 * size)
    wanted = {
        "means": None,
        "squares": np.array([np.diagonal(part) for part in each]),
        "pooled": each.sum(axis=0),
        "each": each,
    }[needs]
    if wanted is None:
        assert summary.second is None
    else:
        assert summary.second is not None
        np.testing.assert_allclose(summary.second, wanted, atol=1e-7)
    if needs == "squares":
        assert summary.spread is not None
        np.testing.assert_allclose(summary.spread, ((Z - Z.mean(axis=0)) ** 2).sum(axis=0), atol=1e-7)


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("centred", [True, False])
def test_moments_with_targets_are_those_of_the_matrix(front: str, *, centred: bool) -> None:
    y = np.column_stack([X[:, 0] - 1e4, X[:, 1] ** 2 * 1e-6])
    kind, table = Tabular(stages_of(FRONTS[front]), "moments", centred=centred), Table.from_arrays(X, y)
    fitted, summary = kind.solved(kind.of(table))
    Z = kind.matrix(fitted, table)
    assert isinstance(summary, Joint)
    A, b = (Z - Z.mean(axis=0), y - y.mean(axis=0)) if centred else (Z, y)
    np.testing.assert_allclose(summary.xx, A.T @ A, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(summary.xy, A.T @ b, rtol=1e-8, atol=1e-6)


def test_sums_of_what_is_not_below_zero() -> None:
    kind, table = Tabular(stages_of([MinMaxScaler()]), "sums"), Table.from_arrays(X, LABEL)
    fitted, summary = kind.solved(kind.of(table))
    Z = kind.matrix(fitted, table)
    assert isinstance(summary, Totals)
    np.testing.assert_allclose(summary.totals, [Z[name == LABEL].sum(axis=0) for name in ("ham", "spam")], atol=1e-8)


def test_components_of_fewer_records_than_there_are_components_are_refused() -> None:
    kind = Tabular(stages_of([PCA(3)]), "pooled")
    with pytest.raises(LearnError, match="PCA of 2 records with 3 columns has at most 2 components"):
        kind.solved(kind.of(Table.from_arrays(X[:2], LABEL[:2])))


def test_an_order_that_cannot_be_is_refused() -> None:
    for front, needs, said in (
        ([PCA(2), MinMaxScaler()], "pooled", "after PCA a Pipeline takes"),
        ([PCA(2)], "sums", "leave PCA out"),
        ([], "features", "this one needs features"),
    ):
        with pytest.raises(ParameterError, match=said):
            refuse_order(stages_of(front), needs)


@pytest.mark.parametrize(("count", "most"), [(None, 0), (1, None), (0.5, None)])
def test_components_of_no_columns_are_none_or_refused_in_words(count: Any, most: int | None) -> None:
    kind = Tabular(stages_of([StandardScaler(), PCA(count)]), "means")
    held = kind.without(kind.of(Table.from_arrays(X[:, :1], LABEL)), "x0")
    if most is None:
        with pytest.raises(LearnError, match="with 0 columns has at most 0 components"):
            kind.solved(held)
    else:
        front, summary = kind.solved(held)
        assert isinstance(front, Front)
        assert isinstance(summary, ByClass)
        assert (front.turns[0].matrix.shape, summary.means.shape) == ((0, 0), (2, 0))
