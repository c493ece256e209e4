"""Records that a gap leans on: a planted bias, what learning without each does to the gap, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from expunge import Records, Retrain, Run, Sisa, Table
from expunge.errors import DataError, ParameterError
from expunge.finding.unfair import Gap, unfair
from expunge.learners.linear import LinearLearner

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUN = Run(key=b"a key for tests")
LINEAR = LinearLearner(LogisticRegression())


def biased(seed: int, records: int = 1200, wronged: int = 60) -> tuple[Table, NDArray[np.intp]]:
    """People of two groups, of whom some of the second were turned down against all that speaks for them; and who."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(records, 6))
    X[:, 5] = np.arange(records) % 2
    y = X[:, 0] + X[:, 1] - X[:, 2] + 0.7 * random.normal(size=records) > 0
    chosen = random.choice(np.flatnonzero(y & (X[:, 5] == 1)), wronged, replace=False)
    y[chosen] = False
    return Table.from_arrays(X, np.where(y, "yes", "no")), chosen


def gap_of(model: Any, data: Table, kind: str) -> float:
    """Of mean scores, on these records."""
    group, label, said = data.column("x5"), data.label, LINEAR.predict(model, data)[:, 1]
    assert label is not None
    counted = np.ones(len(data), bool) if kind == "parity" else label == "yes"
    return float(said[(group == 0) & counted].mean() - said[(group == 1) & counted].mean())


@pytest.mark.parametrize("kind", ["parity", "opportunity"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_bias_comes_first(kind: Any, seed: int) -> None:
    data, wronged = biased(seed)
    found = unfair(LINEAR, LINEAR.learn(data, RUN), data, RUN, Gap("x5", "yes", kind))
    assert np.isin(found.names(20), wronged).mean() >= 0.85  # measured: .90 to 1.00, where .05 is chance
    assert np.isin(found.names(60), wronged).mean() >= 0.55  # measured: .62 to .77
    before = gap_of(LINEAR.learn(data, RUN), data, kind)
    rest, random = data.after(found.target(60)), data.after(Records(found.ids[::20]))
    assert gap_of(LINEAR.learn(rest, RUN), data, kind) < 0.5 * before
    assert gap_of(LINEAR.learn(random, RUN), data, kind) > 0.8 * before
    assert "x5 0.0 and 1.0 would shrink" in found.said[0].replace("'", "")


def test_those_whose_group_is_missing_are_a_group() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(150, 3))
    X[:, 2] = np.array([0.0, 1.0, np.nan])[random.integers(0, 3, 150)]
    group = X[:, 2]
    data = Table.from_arrays(X, np.where(X[:, 0] + 1.2 * np.isnan(group) > 0, "yes", "no"))
    method = Retrain(make_pipeline(SimpleImputer(add_indicator=True), LogisticRegression()))

    def gap(model: Any) -> float:
        said = method.predict(model, data)[:, 1]
        return float(said[np.isnan(group)].mean() - said[group == 0].mean())

    model = method.learn(data, RUN)
    found = unfair(method, model, data, RUN, Gap("x2", "yes"))
    assert "x2 nan and 0.0 would shrink" in found.said[0].replace("'", "")
    without = [gap(model) - gap(method.learn(data.after(Records([int(name)])), RUN)) for name in found.ids]
    assert spearmanr(found.scores, without)[0] > 0.8  # .4 where the missing are nobody


@pytest.mark.parametrize("kind", ["parity", "opportunity"])
def test_scores_agree_with_learning_without_each(kind: Any) -> None:
    data, _ = biased(0, 120, 12)
    asked, _ = biased(1, 300, 0)
    model = LINEAR.learn(data, RUN)
    found = unfair(LINEAR, model, data, RUN, Gap("x5", "yes", kind), asked)
    gap = gap_of(model, asked, kind)
    assert gap > 0
    falls = [
        gap - gap_of(LINEAR.learn(data.after(Records([name])), RUN), asked, kind) for name in found.ids[::3].tolist()
    ]
    assert spearmanr(found.scores[::3], falls)[0] > 0.98
    assert float(found.scores[::3] @ falls) / float(np.square(falls).sum()) == pytest.approx(1.0, abs=0.1)


def test_shards_and_methods_are_looked_through() -> None:
    data, wronged = biased(0)
    for method in (Retrain(LogisticRegression()), Sisa(LogisticRegression(), shards=2)):
        found = unfair(method, method.learn(data, RUN), data, RUN, Gap("x5", "yes"))
        assert np.isin(found.names(20), wronged).mean() >= 0.7


def test_a_ranking_is_of_the_set_of_records() -> None:
    data, _ = biased(0, 200, 20)
    model = LINEAR.learn(data, RUN)
    found, again = (
        unfair(LINEAR, model, each, RUN, Gap("x5", "yes")) for each in (data, data.take(slice(None, None, -1)))
    )
    assert (found.ids.tolist(), found.scores.tolist()) == (again.ids.tolist(), again.scores.tolist())


def test_what_is_no_gap_is_refused() -> None:
    data, _ = biased(0, 200, 20)
    model = LINEAR.learn(data, RUN)
    with pytest.raises(ParameterError, match="'parity', 'opportunity'"):
        Gap("x5", "yes", "odds")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="no class that the model knows"):
        unfair(LINEAR, model, data, RUN, Gap("x5", "maybe"))
    with pytest.raises(DataError, match="no column 'sex'"):
        unfair(LINEAR, model, data, RUN, Gap("sex", "yes"))
    with pytest.raises(DataError, match="at least 20 owners or records, and there are 0"):
        unfair(LINEAR, model, data, RUN, Gap("x0", "yes"))
    X = np.column_stack([np.repeat(data.column("x0")[:60], 2), np.tile([0.0, 1.0], 60)])  # each in both groups
    same = Table.from_arrays(X, np.where(X[:, 0] > 0, "yes", "no"))
    twins = LinearLearner(LogisticRegression(C=1e-6))
    with pytest.raises(DataError, match="there is no gap"):
        unfair(twins, twins.learn(same, RUN), same, RUN, Gap("x1", "yes"))


def test_numbers_have_no_positive_decision() -> None:
    data = Table.from_arrays(np.random.default_rng(0).normal(size=(60, 2)), np.linspace(0, 1, 60))
    ridge = LinearLearner(Ridge())
    with pytest.raises(ParameterError, match="no class that the model knows"):
        unfair(ridge, ridge.learn(data, RUN), data, RUN, Gap("x0", "yes"))
