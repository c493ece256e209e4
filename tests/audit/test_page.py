"""The page: verdict first, nothing fetched or run, nobody named; as a parser, arithmetic and a browser see it."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from expunge import Owners, Retrain, Run, Table
from expunge.audit.arms import Missing
from expunge.audit.document import document
from expunge.audit.markup import EMPTY
from expunge.audit.page import page
from expunge.audit.report import Report, audit
from expunge.audit.wording import MARKS

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [
    "quick", "replay", "untested", "perfect", "nothing", "overshoot", "blind", "false",
    "full", "full nothing", "several", "numbers",
]  # fmt: skip
HEADINGS = ["The picture", "Record by record", "The numbers", "What this does not show", "By what it was made"]
NASTY = "</style><script>alert(1)</script><img src=http://x onerror='a'>\" & \u202e"


class Read(HTMLParser):
    """Elements, text, and whether all that was opened was closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.headings: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text.append(data)
        if self.open[-1:] in (["h1"], ["h2"]):
            self.headings.append(data)


def read(report: Report, **given: Any) -> Read:
    made = Read(page(report, **given))
    assert made.open == []
    return made


# What it is


@pytest.mark.parametrize("name", NAMES)
def test_it_is_one_whole_page_that_fetches_and_runs_nothing(reports: dict[str, Report], name: str) -> None:
    text = page(reports[name])
    made = Read(text)
    assert made.open == []
    tags = {tag for tag, _ in made.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "base", "image", "use", "a"}
    for _, attributes in made.elements:
        assert not [key for key in attributes if key.startswith("on") or key in {"src", "href", "srcset", "data"}]
    assert not re.search(r"url\(|@import|https?:|//", text)
    policy = next(held["content"] for tag, held in made.elements if held.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert text.encode()
    assert len(text) < 400_000


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_comes_first_then_pictures_numbers_and_limits(reports: dict[str, Report], name: str) -> None:
    made = read(reports[name], title="A title")
    mark, word = MARKS[reports[name].verdict.kind]
    wanted = HEADINGS if name.startswith("full") else [one for one in HEADINGS if one != "Record by record"]
    assert made.headings == ["A title", f"{mark} {word}", *wanted]


def test_every_figure_has_a_picture_with_words(reports: dict[str, Report]) -> None:
    for name in ("perfect", "full nothing"):
        made = read(reports[name])
        pictures = [held["aria-label"] for tag, held in made.elements if held.get("role") == "img"]
        count = len(reports[name].findings) + 2 * (reports[name].full is not None)
        assert len(pictures) == count
        assert all(len(said) > 40 for said in pictures)
        drawn = [held for tag, held in made.elements if tag == "svg" and "strip" in held.get("class", "")]
        assert all(held["role"] == "img" for held in drawn)


def test_overshoot_is_on_the_other_side_and_said(reports: dict[str, Report]) -> None:
    text = " ".join(read(reports["overshoot"]).text)
    assert "Detected (overshoot)" in text
    assert "← overshoot" in text
    assert "doing nothing →" in text
    by_attack = page(reports["full nothing"])
    lira = by_attack[by_attack.index("<b>U-LiRA: forgotten") : by_attack.index("<b>U-LiRA by all")]
    assert "overshoot" not in lira  # it does not know which way


def test_what_speaks_against_publishing_is_listed(reports: dict[str, Report]) -> None:
    for name in ("nothing", "perfect"):
        made = " ".join(read(reports[name]).text)
        assert ("Do not publish this model" in made) == bool(reports[name].vetoes)
        assert ("Nothing that this audit looked at" in made) == (not reports[name].vetoes)
    listed = page(reports["nothing"]).count("<li>")
    assert listed - page(replace(reports["nothing"], vetoes=())).count("<li>") == len(reports["nothing"].vetoes)


def test_where_nothing_can_be_drawn_it_says_why(reports: dict[str, Report]) -> None:
    assert "There is none: no answers about held-out records: no test records were given." in " ".join(
        read(reports["untested"]).text
    )


def test_fingerprints_cost_and_digest_are_those_of_the_document(reports: dict[str, Report]) -> None:
    given: dict[str, Any] = {"fingerprints": {"data before": "c0ffee"}, "visits": 12345, "environment": {"numpy": "9"}}
    text = " ".join(read(reports["full"], **given).text)
    assert str(document(reports["full"], **given)["digest"]) in text
    for said in ("c0ffee", "12,345 record visits", "26 models learned", "numpy 9"):
        assert said in text


# What it must not be


def nasty(value: Any) -> Any:
    """The same value with every text that is not one of a few words replaced by what an attacker would write."""
    if isinstance(value, str):
        fixed = {"detected", "not detected", "inconclusive", "no evidence", "leakage", "damage"}
        return value if value in {*fixed, "quick", "replay", "standard", "full"} else NASTY
    if isinstance(value, tuple):
        return tuple(map(nasty, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: nasty(getattr(value, field.name)) for field in fields(value)})
    return value


@pytest.mark.parametrize("name", NAMES)
def test_no_text_becomes_markup(reports: dict[str, Report], name: str) -> None:
    given: dict[str, Any] = {"title": NASTY, "fingerprints": {NASTY: NASTY}, "environment": {NASTY: NASTY}}
    made = read(nasty(reports[name]), **given)
    clean = read(reports[name], title="A", fingerprints={"A": "A"}, environment={"A": "A"})
    assert {tag for tag, _ in made.elements} <= {tag for tag, _ in clean.elements} | {"p", "li"}
    assert not [tag for tag, _ in made.elements if tag in {"script", "img"}]
    assert "<script>alert(1)</script>" in made.headings[0]  # there, as text


def test_it_names_no_record_and_no_owner() -> None:
    rng = np.random.default_rng(0)
    X, names = rng.normal(size=(60, 2)), [f"record {k}" for k in range(60)]
    tables = [
        Table.from_arrays(X[at], X[at, 0] > 0, names[at], [f"owner {name}" for name in names[at]])
        for at in (slice(40), slice(40, 60))
    ]
    method, run, target = Retrain(DecisionTreeClassifier()), Run(key=b"k"), Owners(["owner record 3", "owner record 4"])
    model = method.learn(tables[0], run)
    done = method.forget(model, target, tables[0], run)
    report = audit(method, model, done, target, tables[0], run, test=tables[1], tier="standard", models=5)
    assert not re.search(r"(record|owner) \d", page(report))


# How it looks, by arithmetic


def colours(scheme: str) -> dict[str, str]:
    """The colours of a scheme, as the sheet names them."""
    sheet = resources.files("expunge.audit").joinpath("page.css").read_text(encoding="utf-8")
    roots = re.findall(r":root {.*?}", sheet, re.DOTALL)
    blocks = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", root)) for root in roots]
    assert len(blocks) == 3
    assert set(blocks[0]) == set(blocks[1]) == set(blocks[2])
    return blocks[["light", "dark", "print"].index(scheme)]


def contrast(one: str, other: str) -> float:
    """Of two colours, as the web's guidelines define it (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_text_and_marks_stand_out_from_what_is_behind_them(scheme: str) -> None:
    held = colours(scheme)
    for text, papers in {"ink": ("paper", "sheet", "band"), "soft": ("paper", "sheet")}.items():
        assert all(contrast(held[text], held[paper]) >= 4.5 for paper in papers)
    for kind in ("bad", "calm", "doubt", "none"):
        assert contrast(held[kind], held[f"{kind}-paper"]) >= 4.5
        assert contrast(held["ink"], held[f"{kind}-paper"]) >= 4.5
    for mark in ("original", "forgotten", "oracle", "second", "chance", "limit"):
        assert min(contrast(held[mark], held["sheet"]), contrast(held[mark], held["band"])) >= 3


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


# How it looks, in a browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FRAME = """<!doctype html><meta charset="utf-8"><body style="margin:0"><div id="said"></div>
<iframe id="it" style="border:0;width:{width}px;height:900px" srcdoc="{page}"></iframe>
<script>
onload = () => {{
  const inner = document.getElementById("it").contentDocument, root = inner.documentElement;
  const shown = [...inner.querySelectorAll("h1, h2, figure, svg.strip, table, dl")];
  const flat = shown.filter(one => one.getBoundingClientRect().height < 8).length;
  const inside = one => one.closest(".wide") || one.getBoundingClientRect().right <= {width} + 0.5;
  const out = [...inner.querySelectorAll("main *:not(svg *)")].filter(one => !inside(one)).length;
  const marks = [...inner.querySelectorAll("svg.strip > circle, svg.strip path, svg.strip text")];
  const lost = marks.filter(one => {{
    const box = one.getBoundingClientRect(), field = one.closest("figure").getBoundingClientRect();
    return box.width === 0 || box.left < field.left || box.right > field.right;
  }}).length;
  document.getElementById("said").textContent =
    [root.scrollWidth, flat, out, lost, inner.fonts.size, performance.getEntriesByType("resource").length].join(" ");
}};
</script>"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["full nothing", "overshoot", "replay", "numbers"])
def test_a_browser_shows_all_of_it_within_the_width(
    reports: dict[str, Report], name: str, width: int, tmp_path: Path
) -> None:
    browser = next((found for program in BROWSERS if (found := shutil.which(program))), None)
    if browser is None:
        pytest.skip(f"no browser was found here; looked for {', '.join(BROWSERS)}")
    place = tmp_path / "frame.html"
    place.write_text(FRAME.format(width=width, page=html.escape(page(reports[name]))), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    asked = [*command, "--window-size=1400,1000", "--virtual-time-budget=4000", "--dump-dom", place.as_uri()]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=300, check=False)
    said = re.search(r'<div id="said">([^<]*)</div>', done.stdout)
    if done.returncode or said is None:
        pytest.skip(f"the browser does not start here: {done.stderr[-200:]}")
    across, flat, out, lost, fonts, fetched = map(int, said[1].split())
    assert across <= width
    assert (flat, out, lost, fonts, fetched) == (0, 0, 0, 0, 0)


def test_missing_parts_stay_readable(reports: dict[str, Report]) -> None:
    none = Missing("nobody asked")
    bare = replace(
        reports["quick"],
        utility=reports["quick"].utility.map(lambda _: replace(reports["quick"].utility.oracle, retained=none)),
        membership=reports["quick"].membership.map(lambda _: none),
    )
    assert "There is none: nobody asked." in " ".join(read(bare).text)


def test_the_full_tier_says_that_its_verdict_is_the_methods(reports: dict[str, Report]) -> None:
    for name, report in reports.items():
        text, shown = str(report).replace("\n", " "), " ".join(read(report).text)
        assert ("The verdict is the method's" in text) == (report.tier == "full"), name
        assert ("models that the method made forget, under other keys" in shown) == (report.tier == "full"), name
        assert report.tier != "full" or "forgotten: the model under audit" not in shown, name
