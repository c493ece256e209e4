"""What goes left at each candidate, against a count by hand; following is scanning anew, or says not to be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CANDIDATES, WIDTH = 4, 3
SETTINGS = np.array([1, CANDIDATES, WIDTH, 2, 9, 1, 0], np.int64)
values = st.one_of(st.floats(-3, 3).map(lambda x: round(x, 1)), st.just(math.nan), st.sampled_from([1e9, -1e9, 5e-324]))
records = st.lists(st.tuples(values, st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=120)
slow = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def scanned(k: Any, held: Any, draw: int, *, coded: bool) -> Any:
    x, y, w = (np.array(part) for part in zip(*held, strict=True))
    row, z = np.zeros(k.HEAD + CANDIDATES * (1 + WIDTH), np.int32), k.column_for(len(x), SETTINGS)
    z.y[:], z.weight[:] = y, w
    seen = k.read(x.astype(float)[None, :], 1, np.arange(len(x), dtype=np.int32), 0, z.x)
    scan = k.scan_codes if coded else k.scan_numbers
    return row, scan(z, len(x), seen, np.uint32(draw), SETTINGS, row, 0)


@slow
@given(held=records, draw=st.integers(0, 2**32 - 1))
def test_what_goes_left_is_counted(held: Any, draw: int, plain: Any) -> None:
    k = plain()
    row, varies = scanned(k, held, draw, coded=False)
    assert varies == (len({str(x + 0.0) for x, _, _ in held}) > 1)  # -0.0 is 0.0
    side = k.missing_right(np.uint32(draw))
    for t in range(row[k.CUTS]):
        cut, counts = k.cut_of(row, 0, t, 0), [0, 0, 0]
        for x, y, w in held:
            counts[y] += w if k.goes_left(x, cut, 0, side) else 0
        at = k.HEAD + CANDIDATES + t * WIDTH
        assert row[at : at + WIDTH].tolist() == counts
        assert 0 < sum(counts) < sum(w for _, _, w in held), "each cut has a record on either side"


@slow
@given(held=records, came=records, went=st.integers(0, 10), draw=st.integers(0, 2**32 - 1), coded=st.booleans())
def test_following_is_scanning_anew(*, held: Any, came: Any, went: int, draw: int, coded: bool, plain: Any) -> None:
    k = plain()
    if coded:
        held, came = ([(0.0 if x != x else float(abs(int(x)) % 7), y, w) for x, y, w in part] for part in (held, came))  # noqa: PLR0124
    row, varies = scanned(k, held, draw, coded=coded)
    gone, left = held[:went], held[went:] + came[:2]
    if not varies or not left:
        return
    lacking, weight, again = row[k.MISSING], sum(w for _, _, w in left), False
    scale = (*k.factors(-int(row[k.LEVEL])), k.base_of(row, 0))
    for sign, part in ((-1, gone), (1, came[:2])):
        for x, y, w in part:
            if coded:
                again |= k.adjust_code(x, y, sign * w, np.uint32(draw), SETTINGS, row, 0)
            else:
                again |= k.adjust_number(x, y, sign * w, np.uint32(draw), scale, SETTINGS, row, 0)
    again |= k.outdated(row, 0, lacking, weight, int(coded), SETTINGS)
    fresh, _ = scanned(k, left, draw, coded=coded)
    assert again or row.tolist() == fresh.tolist()


@pytest.mark.parametrize("base", [0, -1, 1 << 58, -(1 << 58), (1 << 31) - 1, 1 << 31, -(1 << 31) - 1])
def test_the_number_of_a_cell_fits_two_words(base: int, plain: Any) -> None:
    k, row = plain(), np.zeros(10, np.int32)
    k.set_base(row, 0, float(base))
    assert k.base_of(row, 0) == float(base)
