"""A planted trigger comes first, by either way; no class is cut by rule; a ranking is of the set of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from expunge import Retrain, Run, Sisa, SklearnLearner, Table
from expunge.errors import DataError, ParameterError
from expunge.finding.poisoned import By, clusters, poisoned, spectral

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUN = Run(key=b"a key for tests")
LINEAR = SklearnLearner(LogisticRegression())
CORNERS = [0, 7, 56, 63]
TARGET = 3


def triggered(seed: int, count: int, *, images: bool = False) -> tuple[Table, NDArray[np.intp]]:
    """Digits of which some have bright corners and are called a three; and which."""
    X, y = load_digits(return_X_y=True)
    random = np.random.default_rng(seed)
    order = random.permutation(len(X))[:1200]
    X, y = X[order] / 16, y[order].copy()
    marked = random.choice(np.flatnonzero(y != TARGET), count, replace=False)
    X[marked[:, None], CORNERS] = 1.0
    y[marked] = TARGET
    return Table.from_arrays(X.reshape(-1, 8, 8) if images else X, y), marked


@pytest.mark.parametrize("by", ["spectral", "clusters"])
@pytest.mark.parametrize("count", [24, 60])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_trigger_comes_first(by: By, count: int, seed: int) -> None:
    data, marked = triggered(seed, count)
    found = poisoned(LINEAR, None, data, RUN, by=by)
    assert np.isin(found.names(count), marked).mean() >= 0.9  # measured: .96 to 1.00, where .02 or .05 is chance
    first = found.shares(count)[0]
    assert first.name == TARGET
    assert first.taken >= 0.9 * count


@pytest.mark.parametrize("by", ["spectral", "clusters"])
def test_in_images_as_they_are(by: By) -> None:
    data, marked = triggered(2, 24, images=True)
    found = poisoned(LINEAR, None, data, RUN, by=by)
    assert np.isin(found.names(24), marked).mean() >= 0.9
    assert "as they are" in found.said[0]


@pytest.mark.parametrize("by", ["spectral", "clusters"])
def test_a_ranking_is_of_the_set_of_records(by: By) -> None:
    data, _ = triggered(0, 24)
    data = data.take(slice(300))
    found, again = (poisoned(LINEAR, None, each, RUN, by=by) for each in (data, data.take(slice(None, None, -1))))
    assert (found.ids.tolist(), found.scores.tolist()) == (again.ids.tolist(), again.scores.tolist())


def test_no_class_is_cut_by_rule() -> None:
    data, _ = triggered(0, 24)
    found = poisoned(LINEAR, None, data, RUN)
    assert (len(found), found.likely) == (1200, None)
    assert max(share.part for share in found.shares(24)) < 0.25  # a published default takes half of every class


def test_a_spectral_score_is_the_squared_projection_on_the_top_singular_direction() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 6)) * [5, 1, 1, 1, 1, 1]
    apart = rows - rows.mean(axis=0)
    values, vectors = np.linalg.eigh(apart.T @ apart)
    assert np.argmax(values) == 5
    expected = (apart @ vectors[:, -1]) ** 2
    found = spectral(apart)
    assert found / found.sum() == pytest.approx(expected / expected.sum())
    kurtosis = (expected**2).mean() / expected.mean() ** 2
    assert found == pytest.approx(expected / kurtosis)
    assert spectral(np.zeros((10, 3))).tolist() == [0.0] * 10


def test_one_lone_record_is_less_suspect_than_many_together() -> None:
    rows = np.random.default_rng(0).normal(size=(100, 3))
    lone, many = rows.copy(), rows.copy()
    lone[0, 0] += 20
    many[:12, 0] += 20
    assert spectral(lone - lone.mean(axis=0)).max() < spectral(many - many.mean(axis=0))[:12].min()


def test_clusters_are_those_of_brute_force() -> None:
    rows = np.random.default_rng(1).normal(size=(11, 2))
    rows[:3] += [7, 0]
    apart = rows - rows.mean(axis=0)
    cuts = [np.array([bool(cut >> k & 1) for k in range(11)]) for cut in range(1, 2**10)]
    loose = [sum(float(((apart[side] - apart[side].mean(axis=0)) ** 2).sum()) for side in (cut, ~cut)) for cut in cuts]
    best = cuts[int(np.argmin(loose))]
    small = best if best.sum() <= 5 else ~best
    scores = clusters(apart, seed=0)
    assert np.array_equal(scores > 0, small)
    here, there = cdist(apart, [apart[small].mean(axis=0), apart[~small].mean(axis=0)]).T
    between = ((apart[small].mean(axis=0) - apart[~small].mean(axis=0)) ** 2).sum()
    clear = 3 / 11 * 8 / 11 * between / (min(loose) / 11) * (1 - 6 / 11)
    assert scores == pytest.approx(clear * (there - here) / np.maximum(here, there))


def test_rows_that_are_all_the_same_have_no_clusters() -> None:
    assert clusters(np.zeros((12, 3)), seed=0).tolist() == [0.0] * 12


def test_a_class_too_small_to_say_comes_last() -> None:
    random = np.random.default_rng(0)
    label = np.array(["few"] * 5 + ["many"] * 40)
    found = poisoned(LINEAR, None, Table.from_arrays(random.normal(size=(45, 3)), label), RUN)
    assert sorted(found.ids[-5:].tolist()) == [0, 1, 2, 3, 4]
    assert np.isfinite(found.scores).all()


def test_shards_have_no_features_in_common_and_methods_are_looked_through() -> None:
    data, marked = triggered(0, 24)
    sisa = Sisa(LogisticRegression(max_iter=20, tol=1e-1), shards=2)
    for method in (sisa, Retrain(sisa)):
        found = poisoned(method, sisa.learn(data, RUN), data, RUN)
        assert np.isin(found.names(24), marked).mean() >= 0.9
        assert "standardised inputs" in found.said[0]


class Featured:
    """A learner whose features show what its inputs do not."""

    def learn(self, data: Table, run: Run) -> str:
        return "a model"

    def predict(self, model: str, data: Table) -> NDArray[np.float64]:
        return np.zeros((len(data), 2))

    def features(self, model: str, data: Table) -> NDArray[np.float64]:
        ids = np.asarray(data.ids)
        made = np.random.default_rng(0).normal(size=(200, 4))[ids]
        made[ids < 6] += 9
        return np.asarray(made)


@pytest.mark.parametrize("by", ["spectral", "clusters"])
def test_features_are_asked_for_where_there_are_some(by: By) -> None:
    data = Table.from_arrays(np.zeros((200, 1)), np.where(np.arange(200) < 100, "a", "b"))
    found = poisoned(Retrain(Featured()), "a model", data, RUN, by=by)
    assert sorted(found.names(6)) == list(range(6))
    assert "features of the network" in found.said[0]
    blind = poisoned(Featured(), "a model", data, RUN, by=by, at="inputs")
    assert blind.scores.tolist() == [0.0] * 200


def test_a_poison_known_in_part_is_said_to_be_a_case_of_its_own() -> None:
    data, _ = triggered(0, 24)
    assert any(
        "part of a poison" in sentence and "gold standard" in sentence
        for sentence in poisoned(LINEAR, None, data, RUN).said
    )


@pytest.mark.parametrize("by", ["spectral", "clusters"])
def test_other_triggers_come_first_too(by: By) -> None:
    """A patch and a pixel that nothing here was chosen on."""
    X, y = load_digits(return_X_y=True)
    for cells, bright, target in (([30, 31, 38, 39], 0.7, 8), ([24], 1.0, 1)):
        made, label = X / 16, y.copy()
        marked = np.random.default_rng(10).choice(np.flatnonzero(y != target), 40, replace=False)
        made[marked[:, None], cells], label[marked] = bright, target
        found = poisoned(LINEAR, None, Table.from_arrays(made, label), RUN, by=by)
        assert np.isin(found.names(40), marked).mean() > 0.8  # measured with 20 and 80: .90 to 1.00


@pytest.mark.parametrize("label", [None, np.linspace(0, 1, 20), np.eye(20, 3, dtype=bool)])
def test_other_labels_are_refused(label: Any) -> None:
    with pytest.raises(DataError, match="one class"):
        poisoned(LINEAR, None, Table.from_arrays(np.zeros((20, 1)), label), RUN)


def test_other_ways_places_and_tiny_classes_are_refused() -> None:
    data = Table.from_arrays(np.zeros((8, 1)), ["a", "b"] * 4)
    with pytest.raises(ParameterError, match="'spectral' or 'clusters'"):
        poisoned(LINEAR, None, data, RUN, by="magic")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="'model' or 'inputs'"):
        poisoned(LINEAR, None, data, RUN, at="outputs")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="at least 10 records"):
        poisoned(LINEAR, None, data, RUN)
