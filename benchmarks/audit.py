"""The audit's statistics: do they raise false alarms, what do they see, and how long do they take.

Part 1, calibration and power, on drawn scores whose law is known: without effect both arms are one law; a planted
effect is a shift of known size. No model is trained.

    python benchmarks/audit.py [--write] [--quick]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from unittest.mock import patch

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from sisa import head, machine, row, told

from expunge.measures import epsilon
from expunge.measures.epsilon import epsilon_bounds, largest_bound, set_bound, smallest_epsilon
from expunge.measures.forgetting_score import score
from expunge.measures.lira import Lira, lira, lira_p, lira_seen
from expunge.measures.roc import roc

Arm = NDArray[np.float64]
LEVEL = 0.05 / 11  # what Holm leaves the first of the full tier's figures
SHIFTS = (0.0, 0.5, 1.0, 2.0, 4.0)
SCORE_NOTES = """
F of two arms of one law is what perfect forgetting gets: the ceiling. *Error*: over records. The ceiling depends on the
unit of the confidence, so it is measured and never looked up.
"""
EPSILON_NOTES = """
Share of records whose bound is above 0 / median bound. *N*: models an arm, half of which choose the threshold. *Same
models*: the bound with threshold and direction chosen on the models it is judged on, as it must not be. *Seen*: the
epsilon of randomised response that the judged half sees with power 0.8; *largest*: the bound that it gives without an
error. *Set*: share of sets of 100 records whose bound from mean scores is above 0.
"""
LIRA_NOTES = """
*Excludes a half*: share of draws without effect whose interval lies off 0.5, of 0.05 promised; *one sample*: the same
where both halves of the models are drawn as one, as they must not be. *p*: share of draws with a permutation p-value of
at most 0.05. *Together*: share of the variance that all records of a model have in common. *Would have been seen*: the
accuracy that the audit says it would have seen with a chance of 0.8, at the level that is left to one of eleven
figures; *seen*: how often a shift that leads to it on average is.
"""


@dataclass(frozen=True)
class Size:
    """How much is drawn."""

    records: int  # of a ceiling
    repeats: int  # of a bound
    draws: int  # of two arms for the attack
    bar: int  # records of the speed bars, of 1,000 and 5,000


FULL, QUICK = Size(600, 3000, 400, 1000), Size(60, 300, 40, 100)


def arm(seed: int, models: int, records: int, shift: float = 0.0, together: float = 0.0) -> Arm:
    """Normal scores, of which a share of the variance is the model's own."""
    random = np.random.default_rng([seed, models, records])
    own = random.normal(size=(models, 1)) * np.sqrt(together)
    return np.asarray(own + random.normal(size=(models, records)) * np.sqrt(1 - together) + shift)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall-clock seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


# -- the forgetting score ----------------------------------------------------------------------------------------------


def ceilings(size: Size) -> Iterator[str]:
    """F of two arms of one law, by N, by spread and by shape; and beside a shift."""
    yield "\n## The forgetting score of NeurIPS 2023\n"
    yield head("N", "F without effect", "error", "median epsilon", "undefined", "ms a record")
    for models in (32, 64, 128, 256, 512):
        one, other = 2 * arm(1, models, size.records), 2 * arm(2, models, size.records)
        cpu, _ = timed(lambda pair=(one, other): score(*pair))  # type: ignore[misc]
        found = score(one, other)
        error = found.points.std() / np.sqrt(size.records)
        cells = [f"{found.score:.3f}", f"{error:.3f}", f"{np.nanmedian(found.epsilons):.2f}", str(found.undefined)]
        yield row([str(models), *cells, f"{1000 * cpu / size.records:.2f}"])
    yield head("law at N = 128", "F without effect")
    random = np.random.default_rng(3)
    shape = (2, 128, size.records)
    for spread in (0.1, 0.3, 1.0, 2.0, 5.0):
        yield row([f"normal, deviation {spread}", f"{score(*random.normal(0, spread, shape)).score:.3f}"])
    yield row(["Laplace, scale 2", f"{score(*random.laplace(0, 2, shape)).score:.3f}"])
    yield row(["Student's t of 3, scale 2", f"{score(*(2 * random.standard_t(3, shape))).score:.3f}"])
    yield from shifted(size)
    yield SCORE_NOTES


def shifted(size: Size) -> Iterator[str]:
    """F of a planted shift, as it is and beside the ceiling."""
    yield head("shift in deviations at N = 512", "F", "F / ceiling")
    records = size.records // 2
    never = 2 * arm(4, 512, records)
    ceiling = score(2 * arm(5, 512, records), never).score
    for shift in (0.0, 0.25, 0.5, 1.0, 2.0):
        found = score(2 * arm(6, 512, records, shift), never).score
        yield row([f"{shift}", f"{found:.3f}", f"{found / ceiling:.3f}"])


# -- bounds of epsilon -------------------------------------------------------------------------------------------------


def bounds(size: Size) -> Iterator[str]:
    """Power and false alarms of the bound, and what N can show at all."""
    yield "\n## Bounds of epsilon from split models\n"
    yield head("N", *(f"shift {shift}" for shift in SHIFTS), "same models, shift 0", "seen", "largest")
    for models in (16, 32, 64, 128, 256, 512):
        never, cells = arm(7, models, size.repeats), []
        for shift in SHIFTS:
            low = epsilon_bounds(arm(8, models, size.repeats, shift), never).low
            cells.append(f"{np.mean(low > 0):.3f} / {np.median(low):.2f}")
        with patch.object(epsilon, "_halves", lambda side, *_: (side, side)):
            leaked = np.mean(epsilon_bounds(arm(8, models, size.repeats), never).low > 0)
        half = models // 2, models // 2
        yield row(
            [str(models), *cells, f"{leaked:.3f}", f"{smallest_epsilon(half):.2f}", f"{largest_bound(*half):.2f}"]
        )
    yield from sets(size)
    yield EPSILON_NOTES


def sets(size: Size) -> Iterator[str]:
    """Sets of 100 records: the mean score of each model, and Holm over records."""
    shifts = (0.0, 0.1, 0.2, 0.4)
    yield head("set of 100, N = 64", *(f"shift {shift} of each" for shift in shifts), "shift 3 of one")
    found: dict[str, list[str]] = {"set, mean score": [], "some record, Holm": []}
    for shift in (*shifts, None):
        seen = []
        for k in range(size.draws):
            never, tested = arm(10_000 + k, 64, 100), arm(20_000 + k, 64, 100, shift or 0.0)
            tested[:, 0] += 3.0 * (shift is None)
            seen.append((set_bound(tested, never).low[0] > 0, epsilon_bounds(tested, never).some <= 0.05))
        for name, share in zip(found, np.mean(seen, axis=0), strict=True):
            found[name].append(f"{share:.3f}")
    for name, cells in found.items():
        yield row([name, *cells])


# -- the attack on each record -----------------------------------------------------------------------------------------


def attacks(size: Size) -> Iterator[str]:
    """False alarms of U-LiRA's interval and p-value, and the size of planted effects."""
    yield "\n## U-LiRA\n"
    yield head("models an arm", "together", "accuracy", "excludes a half", "above it", "one sample", "p")
    for models in (8, 16, 32, 64):
        for together in (0.0, 0.3, 0.9):
            yield row([str(models), f"{together}", *without_effect(models, together, size.draws)])
    yield head(
        "shift in deviations, 128 models, 200 records", "accuracy", "interval", "best there is", "TPR at FPR 0.001"
    )
    for shift in SHIFTS:
        found = lira(arm(9, 128, 200, shift), arm(10, 128, 200))
        rate = roc(found.tested, found.reference).at(0.001).tpr
        interval = f"[{found.low:.3f}, {found.high:.3f}]"
        yield row([f"{shift}", f"{found.accuracy:.3f}", interval, f"{ndtr(shift / 2):.3f}", f"{rate:.3f}"])
    yield head("shift of 100 records in deviations, 32 models", "interval above 0.5", "p at most 0.05")
    for shift in (0.1, 0.2, 0.3, 0.5):
        seen = []
        for k in range(size.draws // 4):
            tested, never = arm(30_000 + k, 32, 100, shift), arm(40_000 + k, 32, 100)
            seen.append((lira(tested, never, draws=500).low > 0.5, lira_p(tested, never, draws=39) <= 0.05))
        yield row([f"{shift}", *(f"{share:.2f}" for share in np.mean(seen, axis=0))])
    yield from promised(size)
    yield LIRA_NOTES


def promised(size: Size) -> Iterator[str]:
    """Whether an effect that "would have been seen" with a chance of 80 % is seen so often."""
    yield head("models an arm, 100 records", "together", "would have been seen", "shift that does it", "seen")
    for models in (16, 32, 64):
        for together in (0.0, 0.3):
            least = [lira_seen(*arms(70_000 + 2 * k, models, together=together), LEVEL, draws=499) for k in range(10)]
            smallest = float(np.mean(least))
            shift = leads_to(0.5 + smallest, models, together)
            count = max(10, size.draws // 4)
            seen = [lira_p(*arms(90_000 + 2 * k, models, shift, together), draws=499) <= LEVEL for k in range(count)]
            told_of = (f"{0.5 + smallest:.3f}", f"{shift:.2f}", f"{np.mean(seen):.2f} of {count}")
            yield row([f"{models}", f"{together}", *told_of])


def arms(seed: int, models: int, shift: float = 0.0, together: float = 0.0) -> tuple[Arm, Arm]:
    """An arm with an effect, and one without, of 100 records."""
    return arm(seed, models, 100, shift, together), arm(seed + 1, models, 100, together=together)


def leads_to(accuracy: float, models: int, together: float) -> float:
    """The shift at which the attack's mean accuracy is this."""
    low, high = 0.0, 4.0
    for _ in range(12):
        middle = (low + high) / 2
        found = [lira(*arms(98_000 + 2 * k, models, middle, together), draws=2) for k in range(40)]
        low, high = (middle, high) if np.mean([one.accuracy for one in found]) < accuracy else (low, middle)
    return (low + high) / 2


def without_effect(models: int, together: float, draws: int) -> list[str]:
    """Mean accuracy, and shares of false alarms of the interval (either side, above), one sample's, the p-value."""
    found = []
    for k in range(draws):
        one, other = (arm(seed + k, models, 100, together=together) for seed in (50_000, 60_000))
        made = lira(one, other, draws=500)
        low, high = one_sample(made, k)
        chance = lira_p(one, other, draws=19)
        off = not made.low <= 0.5 <= made.high
        found.append((made.accuracy, off, made.low > 0.5, not low <= 0.5 <= high, chance <= 0.05))
    return [f"{share:.3f}" for share in np.mean(found, axis=0)]


def one_sample(found: Lira, seed: int) -> tuple[float, float]:
    """The interval that takes the models of both halves for independent."""
    random = np.random.default_rng(seed)
    sides = (found.tested > 0).mean(axis=1), (found.reference <= 0).mean(axis=1)
    means = [side[random.integers(0, len(side), (500, len(side)))].mean(axis=1) for side in sides]
    low, high = np.quantile((means[0] + means[1]) / 2, [0.025, 0.975])
    return float(low), float(high)


# -- time --------------------------------------------------------------------------------------------------------------


def bars(size: Size) -> Iterator[str]:
    """Seconds of what an audit asks for, on one core."""
    few, many = size.bar, 5 * size.bar
    work: dict[str, Callable[[], object]] = {
        f"forgetting score, 512 + 512 models, {few:,} records": lambda: score(
            2 * arm(1, 512, few), 2 * arm(2, 512, few)
        ),
        f"the same, deviation 0.3: {few:,}": lambda: score(0.3 * arm(1, 512, few), 0.3 * arm(2, 512, few)),
        f"U-LiRA, 128 + 128 models, {many:,} records": lambda: lira(arm(1, 128, many), arm(2, 128, many)),
        f"its permutation p-value, 199 draws, {many:,}": lambda: lira_p(arm(1, 128, many), arm(2, 128, many)),
        f"bounds of epsilon, 512 + 512 models, {few:,} records": lambda: epsilon_bounds(
            arm(1, 512, few), arm(2, 512, few)
        ),
    }
    yield "\n## Seconds, one core\n"
    yield head("what", "CPU", "wall clock")
    for name, run in work.items():
        cpu, wall = timed(run)
        yield row([name, f"{cpu:.2f}", f"{wall:.2f}"])


def report(size: Size) -> Iterator[str]:
    """Part 1."""
    yield "# The audit's statistics\n\n"
    yield f"`python benchmarks/audit.py`: {machine('numpy', 'scipy')}.\n"
    for part in (ceilings, bounds, attacks, bars):
        yield from part(size)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/audit.md")
    parser.add_argument("--quick", action="store_true", help="a tenth of the draws: to try it, not for figures")
    given = parser.parse_args()
    told(report(QUICK if given.quick else FULL), "audit.md" if given.write else None)


if __name__ == "__main__":
    main()
