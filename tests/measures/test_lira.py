"""The attack against its formula record by record, on no effect, on planted effects, and with its own bugs planted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import norm

from expunge.errors import DataError
from expunge.measures import lira as module
from expunge.measures.lira import FLOOR, lira, lira_p, lira_seen, ratios, splits
from expunge.measures.roc import roc

if TYPE_CHECKING:
    from numpy.typing import NDArray


def drawn(seed: int, *shape: int, shift: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=shape) + shift


def by_hand(tested: NDArray[Any], reference: NDArray[Any]) -> float:
    """The same, model by model and record by record, by scipy's normal law."""
    right: list[list[bool]] = [[], []]
    for k, (side, name) in enumerate(((tested, "mine"), (reference, "its"))):
        for model in range(len(side)):
            late = model >= len(side) // 2
            for record in range(side.shape[1]):
                odds = 0.0
                for law, sign in ((tested, 1), (reference, -1)):
                    half = law[: len(law) // 2, record] if late else law[len(law) // 2 :, record]
                    odds += sign * norm.logpdf(side[model, record], half.mean(0), half.std(0) + FLOOR).sum()
                right[k].append(odds > 0 if name == "mine" else odds <= 0)
    return float(np.mean([np.mean(side) for side in right]))


@pytest.mark.parametrize("shape", [(9, 4), (8, 3, 2)])
def test_it_is_what_it_says_record_by_record(shape: tuple[int, ...]) -> None:
    mine, its = drawn(1, *shape, shift=0.7), drawn(2, shape[0] + 3, *shape[1:])
    assert lira(mine, its).accuracy == pytest.approx(by_hand(mine, its))


def alone(seed: int, models: int, together: float) -> NDArray[np.float64]:
    """(models, 40) of which this share of the variance is the model's own."""
    own = drawn(seed + 10**6, models, 1) * np.sqrt(together)
    return np.asarray(drawn(seed, models, 40) * np.sqrt(1 - together) + own)


@pytest.mark.parametrize("together", [0.0, 0.5])
@pytest.mark.parametrize("models", [16, 32])
def test_without_effect_the_interval_holds_a_half_as_often_as_it_says(models: int, together: float) -> None:
    held = [lira(alone(k, models, together), alone(5000 + k, models, together), draws=200) for k in range(300)]
    assert np.mean([one.accuracy for one in held]) == pytest.approx(0.5, abs=0.01)
    assert np.mean([one.low <= 0.5 <= one.high for one in held]) >= 0.92


def test_halves_drawn_as_one_sample_exclude_a_half_too_often() -> None:
    """What each half finds by chance the other looks for: their accuracies err together."""
    random, excluded = np.random.default_rng(0), []
    for k in range(300):
        found = lira(alone(k, 32, 0.0), alone(5000 + k, 32, 0.0), draws=10)
        sides = (found.tested > 0).mean(axis=1), (found.reference <= 0).mean(axis=1)
        means = [side[random.integers(0, 32, (200, 32))].mean(axis=1) for side in sides]
        low, high = np.quantile((means[0] + means[1]) / 2, [0.025, 0.975])
        excluded.append(not low <= 0.5 <= high)
    assert np.mean(excluded) > 0.08


def test_the_p_value_is_uniform_without_effect_and_small_with_one() -> None:
    found = np.array([lira_p(alone(k, 8, 0.3), alone(5000 + k, 8, 0.3), draws=19) for k in range(300)])
    for level in (0.05, 0.2, 0.5):
        assert np.mean(found <= level) == pytest.approx(level, abs=0.08)
    assert lira_p(drawn(1, 16, 40) + 1, drawn(2, 16, 40), draws=99) == 0.01


def test_what_it_judged_by_draws_the_curve() -> None:
    mine, its = drawn(19, 128, 50), drawn(20, 128, 50)
    mine[:, :5] += 6  # few records, all sure
    found = lira(mine, its)
    assert found.accuracy == pytest.approx(((found.tested > 0).mean() + (found.reference <= 0).mean()) / 2)
    assert roc(found.tested, found.reference).at(0.001).tpr == pytest.approx(0.1, abs=0.02)
    assert roc(found.tested[:, 5:], found.reference[:, 5:]).area == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_a_planted_effect_is_seen_in_its_size(shift: float) -> None:
    found = lira(drawn(3, 400, 50, shift=shift), drawn(4, 400, 50))
    assert found.accuracy == pytest.approx(ndtr(shift / 2), abs=0.02)
    assert found.low > 0.5


def test_which_side_is_which_does_not_matter() -> None:
    mine, its = drawn(5, 20, 30, shift=1), drawn(6, 20, 30)
    assert lira(mine, its).accuracy == pytest.approx(lira(its, mine).accuracy)


def test_several_numbers_find_what_the_first_does_not() -> None:
    mine, its = drawn(7, 32, 30, 2), drawn(8, 32, 30, 2)
    mine[:, :, 1] += 2
    assert lira(mine[:, :, 0], its[:, :, 0]).accuracy < 0.55
    assert lira(mine, its).accuracy > 0.75


def test_the_bootstrap_takes_models_for_units() -> None:
    together = drawn(9, 32, 1) + 0.01 * drawn(10, 32, 60)  # what one model says of all its records hangs together
    apart = drawn(11, 32, 60)
    wide, narrow = (lira(one + 0.5, drawn(12, 32, 60)) for one in (together, apart))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_a_quantile_of_records() -> None:
    mine, its = drawn(13, 32, 20), drawn(14, 32, 20)
    mine[:, :4] += 4
    assert lira(mine, its).quantile(0.9) > 0.95
    assert lira(mine, its).quantile(0.5) < 0.65


def test_an_attack_scored_on_what_it_was_fitted_on_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def excluded() -> list[bool]:
        return [lira(drawn(k, 16, 100), drawn(500 + k, 16, 100), draws=200).low > 0.5 for k in range(40)]

    def on_its_own(models: int) -> Any:
        return [(slice(0, models // 2),) * 2, (slice(models // 2, models),) * 2]

    honest = lira(drawn(15, 10, 200), drawn(16, 10, 200)).accuracy
    alarms = np.mean(excluded())
    monkeypatch.setattr(module, "splits", on_its_own)
    assert honest == pytest.approx(0.5, abs=0.03)
    assert lira(drawn(15, 10, 200), drawn(16, 10, 200)).accuracy > 0.56
    assert alarms <= 0.1
    assert np.mean(excluded()) > 0.9


@given(models=st.integers(4, 300))
def test_models_that_are_fitted_on_are_none_that_are_judged(models: int) -> None:
    judged: list[int] = []
    for fitted, asked in splits(models):
        ours, theirs = set(range(models)[fitted]), set(range(models)[asked])
        assert len(ours) >= 2
        assert not ours & theirs
        judged += theirs
    assert sorted(judged) == list(range(models))


def test_no_model_is_judged_by_laws_it_is_part_of() -> None:
    mine, its = drawn(17, 8, 5), drawn(18, 8, 5)
    before = ratios(mine[:, :, None], its[:, :, None])
    mine[0] += 1000.0  # spoils the laws of the first half, which judge the second
    after = ratios(mine[:, :, None], its[:, :, None])
    assert np.array_equal(before[0][1:4], after[0][1:4])
    assert np.array_equal(before[1][:4], after[1][:4])
    assert not np.array_equal(before[1][4:], after[1][4:])


def test_an_attack_on_whether_the_answer_is_right_says_so_or_nothing() -> None:
    """Laws of 0 and 1: where all are right there is no spread, and the figure stays a figure."""
    found = lira(np.ones((8, 5)), np.ones((8, 5)))
    assert found.accuracy == 0.5
    assert np.isfinite(found.tested).all()


def test_names_given_by_lot_give_a_half() -> None:
    both = np.concatenate([drawn(21, 40, 60) + 2, drawn(22, 40, 60)])
    assert lira(both[:40], both[40:]).accuracy > 0.8
    named = np.random.default_rng(23).permutation(80)
    assert lira(both[named[:40]], both[named[40:]]).accuracy == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("mine", "its", "message"),
    [
        (drawn(1, 3, 5), drawn(2, 8, 5), "at least 4 models"),
        (drawn(1, 8, 5), drawn(2, 8, 6), "about the same records"),
        (drawn(1, 8, 0), drawn(2, 8, 0), "at least 4 models about each record"),
        (np.full((8, 5), np.inf), drawn(2, 8, 5), "finite answers"),
    ],
)
def test_what_cannot_be_judged_is_refused(mine: Any, its: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        lira(mine, its)


def test_what_could_have_been_seen_knows_that_records_hang_together() -> None:
    """Where all records of a model move together, chance moves the accuracy more, and less is seen."""
    random = np.random.default_rng(0)

    def arm(shared: float) -> Any:
        return random.normal(size=(16, 40)) + shared * random.normal(size=(16, 1))

    apart, together = (lira_seen(arm(shared), arm(shared), 0.05, draws=99) for shared in (0.0, 1.0))
    assert 0 < apart < together < 0.5
    assert lira_seen(arm(0.0), arm(0.0), 0.01, draws=99) > lira_seen(arm(0.0), arm(0.0), 0.2, draws=99)
