"""Memorisation by definition and by proxy: by hand, without effect, planted, and each beside the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import rankdata, spearmanr

from expunge.errors import DataError
from expunge.measures.memorisation import confidence, memorisation, ranks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@given(st.integers(0, 10**6), st.integers(2, 12))
def test_it_is_the_difference_of_two_shares_record_by_record(seed: int, models: int) -> None:
    random = np.random.default_rng(seed)
    inside, right = random.random((models, 5)) < 0.6, random.random((models, 5)) < 0.5
    inside[0], inside[1] = True, False
    found = memorisation(np.where(inside, right, np.nan), np.where(inside, np.nan, right)).score
    by_hand = [right[inside[:, k], k].mean() - right[~inside[:, k], k].mean() for k in range(5)]
    assert found == pytest.approx(by_hand)


def test_without_effect_the_interval_holds_0_as_often_as_it_should() -> None:
    held = []
    for share in (0.1, 0.5, 0.95):
        random = np.random.default_rng(int(100 * share))
        found = memorisation(random.random((24, 1000)) < share, random.random((16, 1000)) < share)
        held.append(np.mean(np.abs(found.score) <= 1.96 * found.error))
        assert found.score.mean() == pytest.approx(0, abs=0.02)
    assert min(held) >= 0.93


def test_a_planted_effect_is_seen_in_its_size() -> None:
    random = np.random.default_rng(0)
    found = memorisation(random.random((40, 500)) < 0.9, random.random((40, 500)) < 0.3)
    assert found.score.mean() == pytest.approx(0.6, abs=0.02)
    assert np.mean(found.score > 1.96 * found.error) > 0.95


@given(st.integers(0, 10**6), st.integers(1, 20))
def test_confidence_is_the_mean_over_epochs_in_which_a_record_was_met(seed: int, epochs: int) -> None:
    random = np.random.default_rng(seed)
    logged = np.where(random.random((6, epochs)) < 0.7, random.random((6, epochs)), np.nan)
    found = confidence(logged)
    by_hand = [0.0 if np.isnan(row).all() else float(np.nanmean(row)) for row in logged]
    assert found == pytest.approx(by_hand)
    assert [float(confidence(logged[k : k + 1])[0]) for k in range(6)] == found.tolist()
    assert confidence(np.asfortranarray(logged)).tolist() == found.tolist()
    assert confidence(logged[::-1]).tolist() == found[::-1].tolist()


def test_scores_in_single_precision_may_pass_one_by_rounding() -> None:
    assert confidence(np.array([[1.0000001]], dtype=np.float32)).tolist() == [1.0]


@given(st.lists(st.integers(0, 5), max_size=12))
def test_ranks_are_those_of_scipy_and_the_first_of_equals_is_lower(scores: list[int]) -> None:
    assert ranks(scores).tolist() == (rankdata(scores, method="ordinal") - 1).tolist()


def trained(models: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Confidences by epoch of the first model, whether each learned each record, whether each is right.

    Records differ by how much others teach of them; what others do not, a model learns by heart, late.
    """
    random = np.random.default_rng(seed)
    taught, epochs = random.normal(0.5, 2, size=300), np.arange(30)
    inside = random.random((models, 300)) < 0.7
    heart = np.where(inside, 4.0, 0.0)
    last = taught + heart + random.normal(size=(models, 300))
    first = taught[:, None] * np.minimum(epochs / 5, 1) + heart[0][:, None] * (epochs / 29) ** 2
    return expit(first + random.normal(scale=0.5, size=(300, 30))), inside, last > 0


def test_the_proxy_ranks_records_as_the_definition_does() -> None:
    logged, inside, right = trained(60)
    truth = memorisation(np.where(inside, right, np.nan), np.where(inside, np.nan, right)).score
    met = inside[0]
    proxy, late = 1 - confidence(logged)[met], 1 - logged[met, -1]
    assert spearmanr(truth[met], proxy).statistic > 0.6
    assert spearmanr(truth[met], proxy).statistic > spearmanr(truth[met], late).statistic
    shuffled = np.random.default_rng(1).permutation(proxy)
    assert abs(spearmanr(truth[met], shuffled).statistic) < 0.2  # which a proxy of nothing is


def test_a_model_scored_on_what_it_was_trained_on_alone_is_caught() -> None:
    """Arms that are mixed up say that nothing is known by heart."""
    _, inside, right = trained(60)
    honest = memorisation(np.where(inside, right, np.nan), np.where(inside, np.nan, right)).score
    mixed = memorisation(right[::2], right[1::2]).score
    assert honest.mean() > 0.2 > abs(mixed.mean())


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: memorisation([[0.5]], [[1.0]]), "with others among them"),
        (lambda: memorisation([1.0], [1.0]), r"got shape \(1,\)"),
        (lambda: memorisation(np.zeros((2, 0)), np.zeros((2, 0))), r"got shape \(2, 0\)"),
        (lambda: memorisation([[1.0, 1.0]], [[1.0]]), r"got \(2,\) and \(1,\)"),
        (lambda: memorisation([[1.0, np.nan]], [[1.0, 1.0]]), "trained on it for each record; record 1 has none"),
        (lambda: memorisation([[1.0, 1.0]], [[np.nan, 1.0]]), "trained without it for each record; record 0 has none"),
        (lambda: confidence([0.5]), "a row for each record"),
        (lambda: confidence([[1.5]]), "with others among them"),
        (lambda: confidence([[-0.5]]), "with others among them"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(ask: Callable[[], Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ask()
