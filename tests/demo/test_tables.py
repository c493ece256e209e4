"""The tables: a request is the same model only where certificate, publication and oracle agree; they fit 80 columns."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from expunge.audit.arms import Four, Missing
from expunge.audit.membership import Membership
from expunge.audit.replay import Replay
from expunge.demo import tables
from expunge.demo.tables import Request

PRINT, OTHER = "a" * 64, "b" * 64


def request(**other: Any) -> Request:
    """A request of which everything agrees, but for what is given."""
    held: dict[str, Any] = {"certified": PRINT, "published": PRINT, "forgotten": PRINT, "oracle": PRINT, "vetoes": ()}
    held |= other
    seen = Membership(1.0, 0.43, 1.0, 1, 114)
    replay = Replay(held["forgotten"] == held["oracle"], held["forgotten"], held["oracle"], 1234.5)
    report: Any = SimpleNamespace(
        vetoes=held["vetoes"], replay=held.get("replay", replay), membership=Four(seen, seen, seen, Missing("no other"))
    )
    model = {
        "fingerprint": {"before": OTHER, "after": held["certified"]},
        "seconds": {"spent": 0.001},
        "examples": {"spent": 1000, "retraining": 1000},
    }
    return Request("10 wrong ones", {"models": [model]}, 1.0, held["published"], report)


def printed(grid: Any) -> str:
    file = StringIO()
    Console(file=file, width=80).print(grid)
    return file.getvalue()


def test_one_model_throughout_is_the_same() -> None:
    assert request().same
    assert "yes" in printed(tables.costs([request()]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"certified": OTHER},
        {"published": OTHER},
        {"oracle": OTHER},
        {"forgotten": OTHER},
        {"vetoes": ("no",)},
        {"replay": Missing("nothing to compare")},
    ],
)
def test_whatever_does_not_agree_is_not_the_same(wrong: dict[str, Any]) -> None:
    assert not request(**wrong).same
    assert "NO" in printed(tables.costs([request(**wrong)]))


def test_the_widest_figures_fit_80_columns() -> None:
    wide = request()
    seen = wide.report.membership.original
    wide.report.membership = Four(seen, seen, seen, seen)  # type: ignore[misc]  # it stands in for a report
    for grid in (tables.costs([wide]), tables.memberships([wide]), tables.memberships([request()])):
        assert "…" not in printed(grid)
        assert max(map(len, printed(grid).splitlines())) <= 80


def test_the_search_shows_every_part_with_its_control() -> None:
    part = {"searched": 123_456_789, "unit": "records", "found": 0, "control": "blind"}
    scan = {"needles": 4, "parts": [{"name": "models, checkpoints and other sealed blobs, opened", **part}]}
    said = printed(tables.search(scan))
    assert "123,456,789 records" in said
    assert "blind" in said
    assert max(map(len, said.splitlines())) <= 80
