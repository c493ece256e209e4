"""Pictures of an audit as inline SVG, drawn by hand: they need no network, no script and no plotting library.

Places along a picture are percentages, so that it fits any width and its letters keep their size. Each kind of model
has a shape of its own beside its colour: a square for the original, a diamond for the one that forgot, circles for
oracles; curves differ by their dashes. Each picture says in words what it shows.

Examples
--------
>>> drawn = strip([Lane("original", "original", (0.9,)), Lane("oracles", "oracle", (0.4, 0.5))], "two kinds")
>>> drawn.startswith('<svg role="img" aria-label="two kinds"'), drawn.count("<circle")
(True, 2)
>>> ticks(0.0, 1.0)
[0.0, 0.25, 0.5, 0.75, 1.0]
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from expunge.audit.layout import shown
from expunge.audit.markup import Html, element, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["original", "forgotten", "oracle", "second", "chance", "limit"]
LANE, AXIS = 26, 24
"""Heights in pixels."""
EDGE = 6.0
"""Percent left free on either side."""
NEAR = 2.2
"""Percent within which two dots would hide each other."""
CROWD = 24
"""Dots of one lane from which on they are drawn smaller."""
SHAPES = {
    "original": "M-5-5H5V5H-5Z",
    "forgotten": "M0-7 7 0 0 7-7 0Z",
    "second": "M0-6 6 5H-6Z",
}


@dataclass(frozen=True)
class Lane:
    """One kind of model on an axis: one figure, or many; with the ends of an interval where there is one."""

    name: str
    kind: Kind
    values: tuple[float, ...]
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Curve:
    """A line through points, each coordinate from 0 to 1."""

    name: str
    kind: Kind
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Ticks:
    """Marks of an axis: places from 0 to 1, and what stands there."""

    title: str
    marks: tuple[tuple[float, str], ...]


def strip(
    lanes: Sequence[Lane], said: str, *, band: tuple[float, float] | None = None, mean: float | None = None
) -> Html:
    """Lanes above one axis, scaled to what is on it.

    Parameters
    ----------
    lanes : sequence of Lane
    said : str
        What the picture shows, for those who do not see it.
    band : (float, float), optional
        Behind all lanes.
    mean : float, optional
        A dashed line through all lanes.
    """
    scale = _Scale.of([*(v for lane in lanes for v in (*lane.values, *(lane.interval or ()))), *(band or ())], mean)
    height = LANE * len(lanes)
    behind = [] if band is None else [_band(scale, band, height)]
    if mean is not None:
        behind.append(element("line", class_="mean", x1=scale.at(mean), x2=scale.at(mean), y1=0, y2=height))
    drawn = [_lane(lane, scale, LANE * k + LANE // 2) for k, lane in enumerate(lanes)]
    return element(
        "svg",
        *behind,
        *drawn,
        _axis(scale, height),
        role="img",
        aria_label=said,
        class_="strip",
        width="100%",
        height=height + AXIS,
    )


def plot(curves: Sequence[Curve], x: Ticks, y: Ticks, said: str) -> Html:
    """Curves over two axes; the letters beside them are text of the page."""
    grid = [element("line", x1=_share(at), x2=_share(at), y1="0%", y2="100%", class_="grid") for at, _ in x.marks]
    grid += [
        element("line", x1="0%", x2="100%", y1=_share(1 - at), y2=_share(1 - at), class_="grid") for at, _ in y.marks
    ]
    lines = [
        element(
            "polyline",
            points=" ".join(f"{100 * across:.2f},{100 * (1 - up):.2f}" for across, up in curve.points),
            class_=f"curve {curve.kind}",
            vector_effect="non-scaling-stroke",
        )
        for curve in curves
    ]
    area = element(
        "svg", *lines, viewBox="0 0 100 100", preserveAspectRatio="none", width="100%", height="100%", class_="area"
    )
    return element(
        "div",
        element("div", y.title, class_="y title", aria_hidden="true"),
        element("div", *(_mark(at, label, "bottom") for at, label in y.marks), class_="y marks", aria_hidden="true"),
        element("svg", *grid, area, role="img", aria_label=said, class_="field", width="100%", height="100%"),
        element("div", *(_mark(at, label, "left") for at, label in x.marks), class_="x marks", aria_hidden="true"),
        element("div", x.title, class_="x title", aria_hidden="true"),
        class_="plot",
    )


def sample(kind: Kind, *, curve: bool = False) -> Html:
    """What stands for one kind of model in a legend."""
    if curve:
        inside = element("line", x1=1, x2=33, y1=8, y2=8, class_=f"curve {kind}")
    else:
        inside = element("svg", _shape(kind, 4.0), x=9, y=8, overflow="visible")
    return element("svg", inside, width=34 if curve else 18, height=16, class_="sample", aria_hidden="true")


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most so many round numbers from ``low`` to ``high``."""
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * by for by in (1, 2, 2.5, 5, 10, 20) if span / (power * by) <= most - 1 + 1e-9)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


@dataclass(frozen=True)
class _Scale:
    """From a figure to its place along the axis."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], mean: float | None) -> _Scale:
        there = [value for value in (*values, *(() if mean is None else (mean,))) if math.isfinite(value)] or [0.0]
        low, high = min(there), max(there)
        if high - low <= 1e-9 * max(abs(low), abs(high)):
            wide = 0.5 * (abs(high) or 1.0)
            return cls(low - wide, high + wide)
        return cls(low, high)

    def percent(self, value: float) -> float:
        return EDGE + (100 - 2 * EDGE) * min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def at(self, value: float) -> str:
        return f"{self.percent(value):.2f}%"


def _band(scale: _Scale, band: tuple[float, float], height: int) -> Html:
    low, high = (scale.percent(end) for end in band)
    return element("rect", class_="band", x=f"{low:.2f}%", y=0, width=f"{max(high - low, 0.4):.2f}%", height=height)


def _lane(lane: Lane, scale: _Scale, middle: int) -> Html:
    drawn: list[str] = []
    if lane.interval is not None:
        low, high = map(scale.at, lane.interval)
        drawn.append(element("line", class_=f"interval {lane.kind}", x1=low, x2=high, y1=middle, y2=middle))
    if len(lane.values) > 1:
        radius = 4.0 if len(lane.values) < CROWD else 2.5
        drawn += [
            element("circle", class_=lane.kind, cx=f"{at:.2f}%", cy=f"{middle + off:.1f}", r=radius)
            for at, off in _spread([scale.percent(value) for value in lane.values], LANE / 2 - radius - 2)
        ]
    else:
        drawn += [_marked(lane, value, scale, middle) for value in lane.values if math.isfinite(value)]
    return joined(drawn)


def _marked(lane: Lane, value: float, scale: _Scale, middle: int) -> Html:
    """One figure with its number beside it, on the side that has room."""
    end = max(value, lane.interval[1]) if lane.interval else value
    right = scale.percent(end) < 72
    if lane.interval and not right:
        end = min(value, lane.interval[0])
    away, anchor = (11, "start") if right else (-11, "end")
    number = element("text", shown(value), x=away, dy="0.35em", text_anchor=anchor, class_="value")
    shape = element("svg", _shape(lane.kind, 4.5), x=scale.at(value), y=middle, overflow="visible")
    return joined([shape, element("svg", number, x=scale.at(end), y=middle, overflow="visible")])


def _shape(kind: Kind, radius: float) -> Html:
    if kind in SHAPES:
        return element("path", class_=kind, d=SHAPES[kind])
    return element("circle", class_=kind, r=radius)


def _spread(places: Sequence[float], reach: float) -> list[tuple[float, float]]:
    """Places with an offset each, so that dots that are near each other lie above and below the middle."""
    made: list[tuple[float, float]] = []
    row, before = 0, -math.inf
    for at in sorted(places):
        row = row + 1 if at - before < NEAR else 0
        before = at
        made.append((at, (0.0, -reach, reach)[row % 3]))
    return made


def _axis(scale: _Scale, top: int) -> Html:
    marks = ticks(scale.low, scale.high)
    drawn: list[str] = [element("line", class_="axis", x1="0%", x2="100%", y1=top, y2=top)]
    for value in marks:
        at, label = scale.at(value), f"{value:.10g}"
        drawn.append(element("line", class_="axis", x1=at, x2=at, y1=top, y2=top + 4))
        drawn.append(element("text", label, x=at, y=top + 17, text_anchor="middle", class_="tick"))
    return joined(drawn)


def _share(at: float) -> str:
    return f"{100 * at:.2f}%"


def _mark(at: float, label: str, side: str) -> Html:
    return element("span", label, style=f"{side}:{_share(at)}")
