"""Which learner for these columns, and how many shards: rules of thumb, each with the reason that the user reads.

The rules are our choice. They were measured on tables of 5,000 to 49,000 rows: trees in 8 shards predicted better than
a linear model on all rows, and below some 2,000 rows a shard predictions became noticeably worse.

Examples
--------
>>> shards_for(48_842, rarest=11_687).number
8
>>> print(shards_for(1_000).reason)
A shard should have 2,000 rows, and these are 1,000: so it is one, and a deletion learns everything again.
>>> learner_for("regression", ["number"] * 8, 20_640).name
'sklearn.ensemble.HistGradientBoostingRegressor'
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from expunge.methods.arrays._cost import expected_cost
from expunge.project.guesses import share

FEW = 1000  # rows, below which trees have too little to split
CLASSES = 20  # above, trees would be grown for each of too many
ROWS = 2000  # of a shard, at least
RARE = 20  # records of the rarest class, and owners, in each shard
SHARDS = 8  # the most, until shards have MANY rows
MANY = 10_000
MOST = 64
LINEAR: dict[str, tuple[str, dict[str, Any]]] = {
    "classification": ("sklearn.linear_model.LogisticRegression", {"max_iter": 1000}),
    "regression": ("sklearn.linear_model.Ridge", {}),
}
TREES: dict[str, tuple[str, dict[str, Any]]] = {
    "classification": ("sklearn.ensemble.HistGradientBoostingClassifier", {"early_stopping": False}),
    "regression": ("sklearn.ensemble.HistGradientBoostingRegressor", {"early_stopping": False}),
}


class Learner(NamedTuple):
    """A learner's class, its parameters, and why."""

    name: str
    options: dict[str, Any]
    reason: str


class Shards(NamedTuple):
    """How many shards, and why."""

    number: int
    reason: str


def learner_for(task: str, kinds: Collection[str], rows: int, classes: int = 0) -> Learner:
    """Trees, unless there is free text, few rows or many classes: then a linear model."""
    why = None
    if "text" in kinds:
        why = "there is free text, whose words make thousands of columns"
    elif rows < FEW:
        why = f"{rows:,} rows are few for trees"
    elif classes > CLASSES:
        why = f"trees would be grown for each of {classes:,} classes"
    if why is not None:
        return Learner(*LINEAR[task], f"A linear model, because {why}.")
    return Learner(
        *TREES[task],
        "Gradient-boosted trees: they take numbers of any scale, find what columns mean together and learn quickly.",
    )


def shards_for(rows: int, rarest: int | None = None, owners: int | None = None) -> Shards:
    """A power of two.

    Parameters
    ----------
    rows : int
    rarest : int, optional
        Records of the rarest class.
    owners : int, optional
    """
    limits = {f"{ROWS:,} rows, and these are {rows:,}": rows // ROWS}
    if rarest is not None:
        limits[f"{RARE} records of the rarest class, which has {rarest:,}"] = rarest // RARE
    if owners is not None:
        limits[f"{RARE} owners, and these are {owners:,}"] = owners // RARE
    tight = min(limits, key=lambda said: limits[said])
    fit = min(limits[tight], max(SHARDS, min(MOST, rows // MANY)))
    count = 1 << (max(1, fit).bit_length() - 1)
    if count == 1:
        return Shards(1, f"A shard should have {tight}: so it is one, and a deletion learns everything again.")
    cost = share(round(expected_cost(rows, count)), rows)
    return Shards(
        count,
        f"Each learns from about {rows // count:,} of {rows:,} rows, and a deletion learns one of them again: about"
        f" {cost} of the work. More shards make deletions cheaper and predictions worse.",
    )
