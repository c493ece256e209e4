"""RMIA against its formula pair by pair, on no effect and planted ones, and against scoring bugs of public code."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import kstest

from expunge.errors import DataError, ParameterError
from expunge.measures.auc import rank_auc
from expunge.measures.rmia import ratios, rmia

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Scores = NDArray[np.float64]


def by_hand(tested: Scores, reference: Scores, inside: NDArray[np.bool_] | None, a: float) -> list[Fraction]:
    """The ratios in exact arithmetic, one record and one model at a time."""
    found = []
    for record in range(len(tested)):
        said: dict[bool, list[Fraction]] = {True: [], False: []}
        for model in range(len(reference)):
            learned = inside is not None and bool(inside[model, record])
            said[learned].append(Fraction(float(reference[model, record])))
        out = sum(said[False], Fraction(0)) / len(said[False])
        slope = Fraction(a)
        within = sum(said[True], Fraction(0)) / len(said[True]) if said[True] else slope * out + 1 - slope
        found.append(Fraction(float(tested[record])) / ((within + out) / 2))
    return found


def drawn(seed: int, models: int, *, online: bool) -> tuple[Scores, Scores, NDArray[np.bool_] | None]:
    random = np.random.default_rng(seed)
    inside = random.random((models, 7)) < 0.5
    inside[0] = False  # each record needs a model that did not learn it
    return random.random(7), random.random((models, 7)), inside if online else None


@given(
    st.integers(0, 10**6), st.integers(1, 8), st.booleans(), st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([1, 2])
)
def test_it_is_its_formula_pair_by_pair(seed: int, models: int, online: bool, a: float, gamma: int) -> None:  # noqa: FBT001
    tested, reference, inside = drawn(seed, models, online=online)
    others, its, _ = drawn(seed + 1, models, online=False)
    mine, theirs = ratios(tested, reference, inside=inside, a=a), ratios(others, its, a=a)
    x, z = by_hand(tested, reference, inside, a), by_hand(others, its, None, a)
    assert mine == pytest.approx([float(one) for one in x])
    found = rmia(mine, theirs, gamma)
    assert found.scores.tolist() == [sum(one >= gamma * other for other in z) / len(z) for one in x]
    assert found.p.tolist() == [(1 + sum(other >= one for other in z)) / (1 + len(z)) for one in x]
    assert found.population == len(z)


@given(st.integers(0, 10**6), st.permutations(range(7)))
def test_a_record_scores_alone_as_it_does_among_others_in_any_order(seed: int, order: list[int]) -> None:
    tested, reference, inside = drawn(seed, 11, online=True)
    assert inside is not None
    found = ratios(tested, reference, inside=inside)
    assert ratios(tested[order], reference[:, order], inside=inside[:, order]).tolist() == found[order].tolist()
    alone = [ratios(tested[[k]], reference[:, [k]], inside=inside[:, [k]])[0] for k in range(7)]
    assert alone == found.tolist()
    population = np.random.default_rng(seed).random(9)
    assert rmia(found, population[::-1]).scores.tolist() == rmia(found, population).scores.tolist()
    assert rmia(found[order], population).scores.tolist() == rmia(found, population).scores[order].tolist()


@given(st.integers(0, 10**6), st.integers(1, 8))
def test_scores_are_shares_and_a_larger_gamma_gives_no_larger_ones(seed: int, models: int) -> None:
    tested, reference, _ = drawn(seed, models, online=False)
    tested[0], reference[:, 1] = 0.0, 0.0  # a model that excludes a record; models that all do
    mine = ratios(tested, reference, a=1)
    assert np.isfinite(mine).all()
    one, two = (rmia(mine, np.ones(5), gamma).scores for gamma in (1.0, 2.0))
    assert ((one >= 0) & (one <= 1) & (two <= one)).all()


def planted(seed: int, models: int, shift: float) -> tuple[Scores, Scores, Scores]:
    """Ratios of 400 records by which a model is surer by a shift in log-odds, of 400 by which it is not, and of z."""
    random = np.random.default_rng(seed)
    usual = random.normal(1, 2, size=1600)  # some records are easy, others are not
    reference = expit(usual + random.normal(size=(models, 1600)))
    tested = expit(usual + random.normal(size=1600) + shift * (np.arange(1600) < 400))
    found = ratios(tested, reference)
    return found[:400], found[400:800], found[800:]


@pytest.mark.parametrize("models", [1, 8])
def test_without_effect_p_values_are_uniform_and_false_alarms_as_rare_as_they_should_be(models: int) -> None:
    p = np.concatenate([rmia(one, population).p for one, _, population in (planted(k, models, 0.0) for k in range(10))])
    assert kstest(p, "uniform").statistic < 0.05
    assert np.mean(p <= 0.05) <= 0.05 + 0.02
    scores = np.concatenate([rmia(one, z).scores for one, _, z in (planted(k, models, 0.0) for k in range(10))])
    assert scores.mean() == pytest.approx(0.5, abs=0.02)


def test_a_planted_effect_is_seen_and_better_with_more_models() -> None:
    found = {}
    for models in (1, 2, 4, 8):
        known, unknown, population = planted(1, models, 2.0)
        found[models] = rank_auc(rmia(known, population).scores, rmia(unknown, population).scores)
    assert found[1] > 0.7
    assert found[1] < found[2] < found[8]


def test_it_finds_more_than_the_score_alone() -> None:
    random = np.random.default_rng(2)
    usual = random.normal(1, 4, size=800)
    tested = expit(usual + random.normal(size=800) + 2.0 * (np.arange(800) < 400))
    mine = ratios(tested, expit(usual + random.normal(size=(4, 800))), a=1)
    assert rank_auc(mine[:400], mine[400:]) > rank_auc(tested[:400], tested[400:]) + 0.1


def test_what_is_kept_below_stands_out_on_the_other_side() -> None:
    pushed, _, population = planted(3, 4, -2.0)
    assert np.mean(rmia(pushed, population).scores) < 0.4


# -- bugs of public code -----------------------------------------------------------------------------------------------


def largest(tested: Scores, reference: Scores, *, inside: NDArray[np.bool_], a: float) -> Scores:
    """Those inside are set to zero and the largest half is averaged: zeros where few are out, a choice where many."""
    out = -np.sort(-(reference * ~inside), axis=0)[: max(len(reference) // 2, 1)].mean(axis=0)
    return np.asarray(tested / ((1 + a) / 2 * out + (1 - a) / 2))


def all_models(tested: Scores, reference: Scores, *, inside: NDArray[np.bool_], a: float) -> Scores:
    """The mean of whichever models there are, most of them inside."""
    return np.asarray(tested / reference.mean(axis=0))


def is_half_and_half(score: Callable[..., Scores]) -> bool:
    """Whether models that all learned a record, or all did not, say the same however many there are."""
    said = {True: 0.9, False: 0.3}
    found = []
    for sides in ([True, False], [True, True, True, False], [True, False, False, False]):
        reference = np.array([[said[side]] for side in sides])
        found.append(float(score(np.array([0.6]), reference, inside=np.array(sides)[:, None], a=0.3)[0]))
    return bool(np.allclose(found, 1.0))


def test_known_bugs_are_caught() -> None:
    assert is_half_and_half(ratios)
    assert not is_half_and_half(largest)
    assert not is_half_and_half(all_models)


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: ratios([0.5], [[0.5, 0.5]]), DataError, r"the same records, got \(1,\) and \(1, 2\)"),
        (lambda: ratios([0.5], [0.5]), DataError, r"of shape \(models, n\), at least one, got shape \(1,\)$"),
        (lambda: ratios([0.5], np.zeros((0, 1))), DataError, "at least one"),
        (lambda: ratios([1.5], [[0.5]]), DataError, "with others among them"),
        (lambda: ratios([np.nan], [[0.5]]), DataError, "with others among them"),
        (lambda: ratios([0.5], [[0.5]], inside=[[True]]), DataError, "record 0 has none"),
        (lambda: ratios([0.5], [[0.5]], inside=[[1]]), DataError, "for inside"),
        (lambda: ratios([0.5], [[0.5]], a=1.5), ParameterError, "a in "),
        (lambda: rmia([1.0], []), DataError, "one for each record"),
        (lambda: rmia([np.nan], [1.0]), DataError, "with others among them"),
        (lambda: rmia([1.0], [1.0], 0.0), ParameterError, "gamma above 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(ask: Callable[[], object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ask()
