"""The display: marks at the figures in units of the band, doing nothing to the right, overshoot to the left."""

from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from expunge.audit import display as drawn
from expunge.audit.arms import Missing
from expunge.audit.display import AuditDisplay
from expunge.audit.report import Report
from expunge.errors import DataError, MissingExtraError

mpl.use("Agg")


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    plt.close("all")


@pytest.mark.parametrize("name", ["quick", "replay", "perfect", "nothing", "overshoot", "full", "several", "numbers"])
def test_every_tier_is_drawn(reports: dict[str, Report], name: str) -> None:
    made = AuditDisplay.from_report(reports[name]).plot()
    assert made.figure_ is made.ax_.figure
    labels = [label.get_text() for label in made.ax_.get_yticklabels()]
    assert labels == [row.name for row in made.rows]
    made.figure_.canvas.draw()


def test_it_is_drawn_where_it_is_asked_for(reports: dict[str, Report]) -> None:
    _, axes = plt.subplots(1, 2)
    made = AuditDisplay.from_report(reports["perfect"])
    assert made.plot(ax=axes[1]) is made
    assert made.ax_ is axes[1]
    assert not axes[0].collections


def test_figures_stand_in_units_of_their_band(reports: dict[str, Report]) -> None:
    report = reports["nothing"]
    for one, row in zip(report.findings, AuditDisplay.from_report(report).rows, strict=True):
        half = (one.forgotten.high - one.forgotten.low) / 2
        assert abs(row.points["forgotten"][0]) == pytest.approx(abs(one.forgotten.apart) / half)
        assert row.points["original"] == row.points["forgotten"]  # it did nothing
        assert row.points["original"][0] >= 0
        assert np.mean(row.points["oracle"]) == pytest.approx(0, abs=1e-9)
        assert row.verdict == one.verdict.kind


def test_overshoot_lies_to_the_left_and_says_so(reports: dict[str, Report]) -> None:
    row = next(row for row in AuditDisplay.from_report(reports["overshoot"]).rows if row.name == "fit")
    assert row.points["forgotten"][0] < -1 < 1 < row.points["original"][0]
    assert row.verdict == "detected (overshoot)"


def test_a_band_without_width_is_drawn_by_what_is_there(reports: dict[str, Report]) -> None:
    one = reports["perfect"].findings[0]
    flat = replace(one.forgotten, low=one.forgotten.mean, high=one.forgotten.mean)
    report = replace(reports["perfect"], findings=(replace(one, forgotten=flat),))
    row = AuditDisplay.from_report(report).rows[0]
    assert all(np.isfinite(value) for values in row.points.values() for value in values)
    AuditDisplay.from_report(report).plot()


def test_without_oracles_to_be_placed_among_it_is_recognition_with_intervals(reports: dict[str, Report]) -> None:
    found = AuditDisplay.from_report(reports["replay"])
    one = reports["replay"].membership.original
    assert not isinstance(one, Missing)
    assert found.rows[0].points == {"original": (one.auc,)}
    assert found.rows[0].interval == (one.low, one.high)
    assert len(AuditDisplay.from_report(reports["quick"]).rows) == 2


def test_where_there_is_nothing_to_be_drawn_it_says_why(reports: dict[str, Report]) -> None:
    with pytest.raises(DataError, match="no test records were given"):
        AuditDisplay.from_report(reports["untested"])


def test_without_matplotlib_it_names_the_extra(reports: dict[str, Report], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "find_spec", lambda name: None if name == "matplotlib" else object())
    made = AuditDisplay.from_report(reports["perfect"])
    with pytest.raises(MissingExtraError, match=r"pip install 'expunge\[demo\]'"):
        made.plot()
