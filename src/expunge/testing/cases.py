"""What a method is tried on: a `Case`, and small data with everything in them that methods stumble over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from expunge.data.table import Table
from expunge.protocol import Run
from expunge.values import Name


def patients(rows: int = 40, *, numbers: bool = False, owned: bool = True, several: bool = False) -> Table:
    """Records to try a method on: three classes (one rare) or numbers, owners with several records, exact duplicates.

    Ids do not follow the rows, the last owner holds the tail, and the labels of one owner are wrong, so that a model
    which learned them differs from one which did not. With ``several`` labels for each record the classes are columns
    of truth values, one of them rare and one that goes with any other, and the numbers are two.
    """
    random = np.random.default_rng(20)
    features = random.normal(size=(rows, 3)).round(3)
    features[rows // 2] = features[rows // 4]
    label = (features @ [2.0, -1.0, 0.5] > 0).astype(np.int64)
    owner = np.arange(rows) * 3 % (rows // 3)
    owner[-3:] = rows
    label[owner == 1] = 1 - label[owner == 1]
    label[[2, rows // 3, rows - 1]] = 2
    label[rows // 2] = label[rows // 4]
    target = features @ [1.0, 2.0, -1.0] + label if numbers else np.array(["ham", "spam", "unsure"])[label]
    names = None
    if several and numbers:
        target = np.column_stack([target, features[:, 0] - label])
    elif several:
        target, names = np.column_stack([label == 1, label == 2, features[:, 2] > 0]), ("spam", "unsure", "late")
    ids, owners = (np.arange(rows) * 389 + 5) % 1009, owner if owned else None
    return Table.from_arrays(features, target, ids, owners, classes=names)


@dataclass(frozen=True)
class Case:
    """A method, and what to try it on.

    Parameters
    ----------
    method : Method
    data : Table
    key : bytes
    examples : int
        Random streams tried for each law.
    columns : bool
        Whether the method can learn when a column is gone (a ColumnTransformer by name cannot).
    groups : callable, optional
        From (data, key) to sets of ids that share fate, a shard say: each is forgotten as a whole.
    portable : bool
        Whether a fresh process can import the method's class.
    shrink : bool
        Whether a failure is reduced to a small one, which takes a while.
    overshoot : float
        Share of the distance between original and oracle that forgetting may go beyond the oracle (law 10).
    broken : mapping
        Laws that this method is known to break, each with the reason.
    """

    method: Any
    data: Table = field(default_factory=patients, repr=False)
    key: bytes = b"a key for tests"
    examples: int = 8
    columns: bool = True
    groups: Callable[[Table, bytes], Iterable[Iterable[Name]]] | None = None
    portable: bool = True
    shrink: bool = True
    overshoot: float = 0.25
    broken: Mapping[str, str] = field(default_factory=dict)

    def run(self) -> Run:
        """A run with an empty store."""
        return Run(key=self.key)

    def tried(self, law: Callable[[st.DataObject], None]) -> None:
        """Check a law on random data drawn by Hypothesis."""
        quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
        phases = set(Phase) if self.shrink else {Phase.generate}
        limits = settings(
            max_examples=self.examples, deadline=None, database=None, suppress_health_check=quiet, phases=phases
        )
        limits(given(st.data())(law))()
