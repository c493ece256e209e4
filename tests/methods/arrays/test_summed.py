"""Closed forms of sums: rows are answered block by block, and a half-made one cannot be made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from expunge import Column, Ridge, Run, Table
from expunge.errors import DataError
from expunge.methods.arrays._closed import ClosedForm
from expunge.methods.arrays._summed import Summed, in_blocks, of_fixed_point
from expunge.sums.blocks import ROWS
from expunge.sums.fixed import Fixed

RUN = Run(key=b"k")


@pytest.mark.parametrize("n", [0, 1, ROWS, ROWS + 1])
def test_rows_are_answered_in_their_order_block_by_block(n: int) -> None:
    X, seen = np.arange(2.0 * n).reshape(n, 2), []

    def scores(solved: float, rows: Any) -> Any:
        seen.append(len(rows))
        return solved * rows.sum(axis=1)

    assert in_blocks(scores, 2.0, Table.from_arrays(X)).tolist() == (2 * X.sum(axis=1)).tolist()
    assert max(seen) <= ROWS


def test_a_row_that_is_no_number_is_named_wherever_its_block_is() -> None:
    X = np.zeros((ROWS + 3, 1))
    X[ROWS + 1] = np.nan
    with pytest.raises(DataError, match=f"column 'x0': row {ROWS + 1} is missing"):
        in_blocks(lambda _, rows: rows, None, Table.from_arrays(X))


def test_a_form_that_says_too_little_is_none() -> None:
    @dataclass(frozen=True)
    class Half(Summed):
        def solve(self, summary: Any) -> Any:
            return summary

    for unfinished in (ClosedForm, Summed, Half):
        with pytest.raises(TypeError, match="abstract"):
            unfinished()  # type: ignore[abstract]


def test_targets_stay_when_a_column_goes() -> None:
    random = np.random.default_rng(0)
    data = Table.from_arrays(random.normal(size=(30, 3)), random.normal(size=(30, 2)))
    method, target = Ridge(), Column("x1")
    done = method.forget(method.learn(data, RUN), target, data, RUN)
    assert done.model.statistic == method.kind.of(data.after(target))
    assert done.examples == 0


def test_the_resolution_is_told() -> None:
    assert "multiples of 0.25" in of_fixed_point(Fixed(0.25))[0]
