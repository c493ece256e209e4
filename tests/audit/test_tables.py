"""Tables: as many cells as columns, the numbers of the report, and a reason in place of each that is missing."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.audit.layout import shown
from expunge.audit.report import Report
from expunge.audit.subgroups import Subgroups
from expunge.audit.tables import chip, numbers, table
from expunge.audit.verdict import Verdict
from expunge.measures.fairness import Fairness

NAMES = [
    "quick", "replay", "untested", "perfect", "nothing", "overshoot", "blind", "false",
    "full", "full nothing", "groups", "several", "numbers",
]  # fmt: skip


def cells(made: str) -> list[list[list[str]]]:
    """The cells of each row of each table."""
    return [
        [
            [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>([^<]*)<", row)]
            for row in re.findall(r"<tr[ >].*?</tr>", one)
        ]
        for one in re.findall(r"<table.*?</table>", made)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_a_cell_for_each_column(reports: dict[str, Report], name: str) -> None:
    tables = cells(numbers(reports[name]))
    assert tables
    for rows in tables:
        assert len({len(row) for row in rows}) == 1
        assert not {"nan", "inf", "None"} & {cell for row in rows for cell in row}


def test_no_report_is_left_out_here(reports: dict[str, Report]) -> None:
    assert set(NAMES) == set(reports)


def test_the_numbers_are_those_of_the_report(reports: dict[str, Report]) -> None:
    report = reports["full"]
    held = [cell for rows in cells(numbers(report)) for row in rows for cell in row]
    for one in report.findings:
        assert shown(one.forgotten.value) in held
        assert shown(one.original.value) in held
    assert report.full is not None
    assert shown(report.full.attacks["second"].accuracy) in held
    assert shown(report.full.klom["forgotten"]) in held
    text = unescape(numbers(report))
    assert f"an epsilon of {shown(report.full.largest)}" in text
    assert report.full.score is not None
    assert f"of 2023: {shown(report.full.score.score)}, of {shown(report.full.score.ceiling)}" in text


def test_a_curve_is_read_at_its_rates(reports: dict[str, Report]) -> None:
    full = reports["full nothing"].full
    assert full is not None
    told = next(rows for rows in cells(numbers(reports["full nothing"])) if "epsilon" in rows[0])
    one = full.attacks["original"]
    at_a_tenth = max(y for x, y in zip(one.fpr, one.tpr, strict=True) if x <= 0.1)
    assert told[1][3:6][-1] == shown(at_a_tenth)
    assert at_a_tenth > 0.9


def test_what_is_missing_says_why_and_is_no_number(reports: dict[str, Report]) -> None:
    text = unescape(numbers(reports["untested"]))
    assert "Not measured: no test records were given." in text
    assert "Recognising forgotten records by their loss" not in text
    assert "the quick tier learns nothing again" in unescape(numbers(reports["quick"]))
    assert len(cells(numbers(reports["quick"]))) == 2  # utility and membership of two models


def test_groups_and_insides_have_tables_where_they_were_measured(reports: dict[str, Report]) -> None:
    found = reports["groups"].subgroups
    assert isinstance(found, Subgroups)
    made = cells(numbers(reports["groups"]))[-1]
    assert made[0][-3:] == ["from the oracle", "95 %", "by chance"]
    assert [row[0] for row in made[1:]][:2] == ["accuracy: 0.0", "accuracy: 1.0"]
    assert isinstance(found.models.oracle, Fairness)
    assert made[1][3] == shown(found.models.oracle.groups[0].accuracy)
    assert "fewer than 20: 2.0 (5)" in unescape(numbers(reports["groups"]))
    inside = cells(numbers(reports["numbers"]))[-1]
    assert inside[0][0] == "features from the oracle's"
    assert [row[0] for row in inside[1:]] == ["retained", "forgotten", "test"]
    assert "the inside" not in numbers(reports["perfect"])


@given(st.lists(st.lists(st.text(), min_size=3, max_size=3), min_size=1, max_size=4))
def test_what_is_in_a_cell_is_text(rows: list[list[str]]) -> None:
    made = table("<caption>", ["a", "b", "<c>"], rows, words=1)
    assert made.count("<tr") == len(rows) + 1
    assert made.count("<td") == 2 * len(rows)
    assert "<caption>" not in made
    assert "<c>" not in made


def test_a_verdict_is_a_sign_and_a_word() -> None:
    assert chip(Verdict("detected", "", overshoot=True)).endswith(">◆ Detected (overshoot)</span>")
    assert 'class="chip not-detected"' in chip(Verdict("not detected", ""))
