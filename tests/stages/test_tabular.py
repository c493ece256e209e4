"""Which sums a pipeline over columns keeps, and under which name a table remembers them."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from expunge import Column, Table
from expunge.stages.specification import stages_of
from expunge.stages.tabular import Tabular

TABLE = Table.from_arrays(np.array([[1.0, 5.0], [2.0, 7.0], [4.0, 6.0]]), ["a", "b", "a"])


def test_only_what_is_needed_is_kept() -> None:
    scaled = stages_of([StandardScaler()])
    for stages, needs, axes in (((), "means", None), (scaled, "means", 2), ((), "squares", 2), ((), "each", 3)):
        part = Tabular(stages, needs).of(TABLE).groups.parts[0]
        assert (None if part.second is None else part.second.ndim) == axes
    assert Tabular(scaled, "means").of(TABLE).orders == ()
    assert [name for name, _ in Tabular(stages_of([MinMaxScaler()]), "means").of(TABLE).orders] == ["x0", "x1"]


def test_other_stages_have_other_names_and_equal_ones_the_same() -> None:
    names = {
        Tabular(stages_of([stage]), "means").name for stage in (StandardScaler(), StandardScaler(), MinMaxScaler())
    }
    assert len(names) == 2
    assert Tabular((), "means").name != Tabular((), "squares").name


def test_a_column_is_taken_out_of_the_sums() -> None:
    kind = Tabular(stages_of([StandardScaler()]), "pooled")
    held = kind.of(TABLE)
    assert kind.without(held, "x0") == kind.of(TABLE.after(Column("x0")))
    assert kind.classes(held) == ("a", "b")
