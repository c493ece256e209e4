"""Pictures: marks stand where the figures are, in order, within the picture; each kind has a shape of its own."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from expunge.audit.drawing import EDGE, SHAPES, Curve, Lane, Ticks, plot, sample, strip, ticks

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def places(drawn: str, pattern: str) -> list[float]:
    return [float(at) for at in re.findall(pattern, drawn)]


@given(st.lists(NUMBERS, min_size=2, max_size=20), NUMBERS, NUMBERS)
def test_marks_stand_in_the_order_of_the_figures_and_within_the_picture(
    oracles: list[float], original: float, forgotten: float
) -> None:
    lanes = [
        Lane("original", "original", (original,)),
        Lane("forgotten", "forgotten", (forgotten,)),
        Lane("oracles", "oracle", tuple(oracles)),
    ]
    drawn = strip(lanes, "said", band=(min(oracles), max(oracles)), mean=oracles[0])
    dots = places(drawn, r'<circle class="oracle" cx="([\d.]+)%"')
    assert len(dots) == len(oracles)
    assert dots == sorted(dots)
    marks = places(drawn, r'<svg x="([\d.]+)%" y="\d+" overflow="visible"><path')
    assert len(marks) == 2
    assert all(EDGE - 0.01 <= at <= 100 - EDGE + 0.01 for at in (*dots, *marks))
    span = max(original, forgotten, *oracles) - min(original, forgotten, *oracles)
    assume(abs(original - forgotten) > span / 1000)
    assert (marks[0] < marks[1]) == (original < forgotten)


def test_places_are_shares_of_the_span_that_is_drawn() -> None:
    drawn = strip([Lane("a", "original", (0.0,)), Lane("b", "forgotten", (10.0,)), Lane("c", "oracle", (2.5, 5.0))], "")
    inner = 100 - 2 * EDGE
    assert places(drawn, r'cx="([\d.]+)%"') == [EDGE + inner / 4, EDGE + inner / 2]
    assert places(drawn, r'x="([\d.]+)%" y="\d+" overflow="visible"><path') == [EDGE, 100 - EDGE]


def test_the_band_lies_from_end_to_end_and_is_seen_even_when_it_has_no_width() -> None:
    lanes = [Lane("a", "original", (0.0,)), Lane("b", "forgotten", (10.0,))]
    drawn = strip(lanes, "", band=(5.0, 7.5))
    assert re.search(r'class="band" x="50.00%" y="0" width="22.00%"', drawn)
    assert re.search(r'class="band" x="50.00%" y="0" width="0.40%"', strip(lanes, "", band=(5.0, 5.0)))


def test_an_interval_reaches_over_its_lane_and_the_number_stands_beside_it() -> None:
    lanes = [Lane("a", "original", (2.0,), (0.0, 4.0)), Lane("b", "forgotten", (9.0,), (8.0, 10.0))]
    drawn = strip(lanes, "")
    assert 'class="interval original" x1="6.00%" x2="41.20%"' in drawn
    assert re.search(r'<svg x="41.20%" y="13" overflow="visible"><text x="11"', drawn)  # to the right: there is room
    assert re.search(r'<svg x="76.40%" y="39" overflow="visible"><text x="-11"', drawn)  # to the left: there is none


@pytest.mark.parametrize("values", [(0.0, 0.0), (3.0, 3.0), (-2.0, -2.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_figures_that_are_all_the_same_or_none_are_drawn(values: tuple[float, float]) -> None:
    drawn = strip([Lane("a", "original", values[:1]), Lane("b", "oracle", values[1:])], "")
    assert "nan" not in drawn
    assert "inf" not in drawn
    assert drawn.count('class="tick"') >= 2


def test_dots_near_each_other_do_not_hide_each_other() -> None:
    drawn = strip([Lane("c", "oracle", (0.0, 0.001, 0.002, 1.0))], "")
    heights = places(drawn, r'cy="([\d.]+)"')
    assert len(set(heights[:3])) == 3
    assert heights[3] == heights[0]


@given(NUMBERS, st.floats(1e-6, 1e6))
def test_ticks_are_few_even_and_within(low: float, span: float) -> None:
    assume(span > 1e-6 * abs(low))
    made = ticks(low, low + span)
    assert 2 <= len(made) <= 5
    steps = [after - before for before, after in pairwise(made)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)
    assert all(low - span / 1e6 <= at <= low + span * (1 + 1e-6) for at in made)


def test_labels_of_ticks_are_their_values() -> None:
    drawn = strip([Lane("a", "original", (0.51,)), Lane("b", "forgotten", (0.68,))], "")
    assert re.findall(r'class="tick">([^<]+)<', drawn) == ["0.55", "0.6", "0.65"]


def test_curves_go_up_the_picture_and_say_what_they_are() -> None:
    axis = Ticks("share", ((0.0, "0 %"), (1.0, "100 %")))
    drawn = plot([Curve("a", "forgotten", ((0.0, 0.0), (0.25, 1.0)))], axis, axis, "a curve < another")
    assert 'points="0.00,100.00 25.00,0.00"' in drawn
    assert 'aria-label="a curve &lt; another"' in drawn
    assert drawn.count("100 %") == 2


def test_no_two_kinds_have_one_shape() -> None:
    drawn = {kind: re.sub(kind, "", sample(kind)) for kind in ("original", "forgotten", "second", "oracle")}
    assert len(set(drawn.values())) == 4
    assert len(set(SHAPES.values())) == len(SHAPES)
