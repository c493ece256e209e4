"""A report drawn by matplotlib, for notebooks and papers, in the manner of scikit-learn's displays.

All figures stand on one axis, each in units of its own: 0 is the oracles' mean, 1 the end of the band where perfect
forgetting ends, and the side of the original is always the right one. So what lies left of the band is overshoot.
Where nothing was learned to be placed among (quick, replay), it is recognising records by their loss, with intervals.

Matplotlib is optional: ``pip install 'expunge[demo]'``.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Records, Retrain, Run, Table
>>> from expunge.audit.report import audit
>>> X = np.random.default_rng(0).normal(size=(60, 3))
>>> table, test = (Table.from_arrays(X[at], X[at, 0] > 0, ids=np.arange(60)[at]) for at in (slice(40), slice(40, 60)))
>>> method, run, target = Retrain(LogisticRegression()), Run(key=b"example"), Records([3, 4])
>>> model = method.learn(table, run)
>>> report = audit(method, model, method.forget(model, target, table, run), target, table, run, test=test)
>>> display = AuditDisplay.from_report(report)
>>> [row.name for row in display.rows]
['original (do nothing)', 'forgotten', 'oracle', 'second oracle']
>>> display.plot().ax_.get_title()
'No evidence'
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from expunge.audit.arms import TITLES, Missing
from expunge.audit.wording import MARKS
from expunge.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from expunge.audit.report import Report
    from expunge.audit.standard import Finding

COLOURS = {"original": "#a63f26", "forgotten": "#1a5a8a", "oracle": "#33704a", "second": "#33704a"}
MARKERS = {"original": "s", "forgotten": "D", "oracle": "o", "second": "o"}
BAND = "#dde8f0"


@dataclass(frozen=True)
class Row:
    """One line of the display.

    Attributes
    ----------
    name, verdict : str
        The verdict is empty where the row is a model.
    points : mapping of str to tuple of float
        Original, forgotten and oracles, along the axis.
    interval : (float, float) or None
    """

    name: str
    verdict: str
    points: dict[str, tuple[float, ...]]
    interval: tuple[float, float] | None = None


class AuditDisplay:
    """The picture of a report; make it by `from_report`.

    Parameters
    ----------
    rows : sequence of Row
    title, axis : str
    placed : bool
        Whether rows are figures placed among oracles', with a band from -1 to 1; else models.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, rows: tuple[Row, ...], *, title: str, axis: str, placed: bool) -> None:
        self.rows = rows
        self.title = title
        self.axis = axis
        self.placed = placed

    @classmethod
    def from_report(cls, report: Report) -> Self:
        """The display of a report.

        Raises
        ------
        DataError
            If nothing in the report can be drawn, with the reason.
        """
        title = MARKS[report.verdict.kind][1] + (" (overshoot)" if report.verdict.overshoot else "")
        if report.findings:
            axis = "distance from the oracles' mean, in half widths of the band; doing nothing is to the right"
            return cls(tuple(map(_placed, report.findings)), title=title, axis=axis, placed=True)
        rows = []
        for (arm, name), (_, one) in zip(TITLES.each(), report.membership.each(), strict=True):
            if not isinstance(one, Missing):
                rows.append(Row(name, "", {arm: (one.auc,)}, (one.low, one.high)))
        if not rows:
            reason = next((one.reason for _, one in report.membership.each() if isinstance(one, Missing)), "")
            msg = f"a display draws figures of models, and this report has none: {reason}"
            raise DataError(msg)
        axis = "chance that a forgotten record fits better than a held-out one (screening)"
        return cls(tuple(rows), title=title, axis=axis, placed=False)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to; without one, in a figure of its own.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        if find_spec("matplotlib") is None:
            msg = "a display needs matplotlib, which is not installed: pip install 'expunge[demo]'"
            raise MissingExtraError(msg)
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(8, 1.2 + 0.42 * len(self.rows)), layout="constrained")
        self.ax_, self.figure_ = ax, ax.get_figure(root=True)  # type: ignore[assignment]
        if self.placed:
            ax.axvspan(-1, 1, color=BAND, zorder=0)
            ax.set_xscale("symlog", linthresh=2.0)
            ax.xaxis.set_major_formatter("{x:g}")
        ax.axvline(0.0 if self.placed else 0.5, color="0.4", lw=1, ls="--", zorder=1)
        for at, row in enumerate(self.rows):
            self._draw(ax, row, at)
        ax.set(title=self.title, xlabel=self.axis, yticks=range(len(self.rows)), ylim=(len(self.rows) - 0.4, -0.6))
        ax.set_yticklabels([row.name for row in self.rows])
        if self.placed:
            self._legend(ax)
        return self

    @staticmethod
    def _draw(ax: Axes, row: Row, at: int) -> None:
        if row.interval is not None:
            ax.plot(row.interval, (at, at), color="0.4", lw=2, zorder=2)
        for arm in ("oracle", "second", "original", "forgotten"):
            values = row.points.get(arm, ())
            alone = len(values) == 1
            style: dict[str, Any] = {"s": 55 if alone else 22, "alpha": 1.0 if alone else 0.55, "zorder": 3 + alone}
            ax.scatter(values, [at] * len(values), color=COLOURS[arm], marker=MARKERS[arm], **style)
        if row.verdict:
            ax.annotate(row.verdict, (1.01, at), xycoords=("axes fraction", "data"), va="center", fontsize="small")

    @staticmethod
    def _legend(ax: Axes) -> None:
        for arm, name in (("original", "original"), ("forgotten", "forgotten"), ("oracle", "oracles")):
            ax.scatter([], [], color=COLOURS[arm], marker=MARKERS[arm], label=name)
        ax.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)


def _placed(one: Finding) -> Row:
    """A figure in half widths of its band, the original's side to the right."""
    mean, old = one.forgotten.mean, one.original
    half = (one.forgotten.high - one.forgotten.low) / 2
    unit = half or max((abs(value - mean) for value in (old.value, one.forgotten.value, *one.oracles)), default=0.0)
    side = (-1.0 if old.apart < 0 else 1.0) / (unit or 1.0)
    points = {"original": (old.value,), "forgotten": (one.forgotten.value,), "oracle": one.oracles}
    found = {arm: tuple((value - mean) * side for value in values) for arm, values in points.items()}
    word = MARKS[one.verdict.kind][1].lower() + (" (overshoot)" if one.verdict.overshoot else "")
    return Row(one.name, word, found)
