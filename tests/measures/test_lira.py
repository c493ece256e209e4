"""The attack against its formula record by record, on no effect, on planted effects, and with its own bugs planted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import norm

from expunge.errors import DataError
from expunge.measures import lira as module
from expunge.measures.lira import FLOOR, judged, lira

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


def test_without_effect_the_interval_holds_a_half_as_often_as_it_should() -> None:
    held = [lira(drawn(k, 32, 40), drawn(1000 + k, 32, 40), draws=200) for k in range(60)]
    assert np.mean([one.accuracy for one in held]) == pytest.approx(0.5, abs=0.01)
    assert np.mean([one.low <= 0.5 <= one.high for one in held]) >= 0.85


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
    mine, its = drawn(15, 10, 200), drawn(16, 10, 200)
    honest = lira(mine, its).accuracy

    def on_its_own(tested: Any, reference: Any) -> Any:
        laws = [(side.mean(axis=0), side.std(axis=0) + FLOOR) for side in (tested, reference)]
        return module._likelier(tested, *laws) > 0, module._likelier(reference, *laws) <= 0

    monkeypatch.setattr(module, "judged", on_its_own)
    assert honest == pytest.approx(0.5, abs=0.03)
    assert lira(mine, its).accuracy > 0.56


def test_no_model_is_judged_by_laws_it_is_part_of() -> None:
    mine, its = drawn(17, 8, 5), drawn(18, 8, 5)
    before = judged(mine[:, :, None], its[:, :, None])
    mine[0] += 1000.0  # spoils the laws of the first half, which judge the second
    after = judged(mine[:, :, None], its[:, :, None])
    assert np.array_equal(before[0][1:4], after[0][1:4])
    assert np.array_equal(before[1][:4], after[1][:4])


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
