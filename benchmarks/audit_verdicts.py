"""What the standard tier says where the answer is known: nothing done, half of it, too much, and the real thing.

Digits with one label in seven wrong, so that a model learns by heart; a random forest of 30 trees; 40 of 600 records
go. Each seed has data, key and oracles of its own; all arms of a seed are placed among the same eight.

    python benchmarks/audit_verdicts.py [--write] [--seeds N]
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from sisa import head, machine, row, told
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

from expunge import Correction, Empirical, Forgotten, Records, Retrain, Run, Sisa, Table
from expunge.audit.figures import FIGURES
from expunge.audit.report import Report, audit

GONE = range(40)
SAID = {
    "do nothing": "the model as it was",
    "half": "learned again without half of the records",
    "too much": "learned again with other labels for them",
    "retrain": "learned again without them, under another key",
    "sisa": "forgotten by `Sisa`, exact; among oracles of `Sisa`",
}
NOTES = """
Audits of the standard tier by their verdict on leakage, and how often each figure detects. With nothing to be found
(*retrain*, *sisa*) at most one audit in twenty should say *detected*, all figures together. *Too much* is detected, and
as overshoot where figures say on which side. *Share*: the smallest effect that a silent audit would have seen, as a
share of what doing nothing leaves; median over audits.
"""


def digits(seed: int) -> tuple[Table, Table]:
    """600 records to learn and 400 held out."""
    random = np.random.default_rng(seed)
    shapes, digit = load_digits(return_X_y=True)
    drawn = random.permutation(len(shapes))[:1000]
    label = np.where(random.random(1000) < 1 / 7, random.integers(0, 10, 1000), digit[drawn])
    X = shapes[drawn]
    return Table.from_arrays(X[:600], label[:600]), Table.from_arrays(X[600:], label[600:], ids=np.arange(600, 1000))


def audited(seed: int) -> Iterator[tuple[str, Report]]:
    """All arms of one seed."""
    data, test = digits(seed)
    run, target, kept = Run(key=f"seed {seed}".encode()), Records(GONE), dict[str, bytes]()
    other = replace(run, key=f"another key {seed}".encode())
    forest = RandomForestClassifier(30)
    method: Any = Retrain(forest)
    original = method.learn(data, run)
    wrong = Table.from_arrays(data.take(slice(0, 40)).features, (np.asarray(data.label)[:40] + 5) % 10)
    models = {
        "do nothing": original,
        "half": method.learn(data.after(Records(range(20))), other),
        "too much": method.learn(data.after(Correction(wrong)), other),
        "retrain": method.learn(data.after(target), other),
    }
    for arm, model in models.items():
        done = Forgotten(model, Empirical(), 0)
        yield arm, audit(method, original, done, target, data, run, test=test, tier="standard", kept=kept)
    method = Sisa(forest, shards=3)
    original = method.learn(data, run)
    yield "sisa", audit(method, original, method.forget(original, target, data, run), target, data, run, test=test,
                        tier="standard")  # fmt: skip


def report(seeds: int) -> Iterator[str]:
    """The tables."""
    found: dict[str, list[Report]] = {arm: [] for arm in SAID}
    for seed in range(seeds):
        for arm, made in audited(seed):
            found[arm].append(made)
    yield "# What the audit says where the answer is known\n\n"
    yield f"`python benchmarks/audit_verdicts.py`: {seeds} seeds, {machine('numpy', 'scipy', 'scikit-learn')}.\n\n"
    yield head("arm", "what it is", "detected", "as overshoot", "not detected", "inconclusive", "share")
    for arm, what in SAID.items():
        kinds = Counter(each.verdict.kind for each in found[arm])
        over = sum(each.verdict.overshoot for each in found[arm])
        shares = [each.verdict.share for each in found[arm] if each.verdict.share is not None]
        share = f"{np.median(shares):.2f}" if shares else ""
        yield row(
            [arm, what, *map(str, (kinds["detected"], over, kinds["not detected"], kinds["inconclusive"])), share]
        )
    yield "\n"
    yield head("figure", "about", *SAID)
    for figure in FIGURES:
        seen = [sum(one.name == figure.name and one.verdict.kind == "detected" for each in reports
                    for one in each.findings) for reports in found.values()]  # fmt: skip
        yield row([figure.name, figure.about, *map(str, seen)])
    yield NOTES


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/audit_verdicts.md")
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    told(report(given.seeds), "audit_verdicts.md" if given.write else None)


if __name__ == "__main__":
    main()
