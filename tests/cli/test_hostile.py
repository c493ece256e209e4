"""Whatever is typed or lies in a file: no traceback, an exit code that is documented, and nothing half done."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expunge import cli
from expunge.cli.ending import BUG

DOCS = Path(__file__).resolve().parents[2] / "docs" / "errors"
CODES = {0, *(int(page.name.partition("-")[0]) for page in DOCS.glob("[0-9]*-*.md"))} - {BUG}
LOOKS = ["where", "quote", "status", "log", "verify", "scan", "predict", "methods"]  # change nothing, whatever is asked
OPTIONS = sorted(
    {"--project", "--json", "--records", "--owners", "--label", "--column", "--records-file", "--key", "--salt"}
    | {"--record", "--owner", "--model", "--last", "--request", "--wait", "--queue", "--yes", "--out", "--"}
)
ODD = [
    "",
    " ",
    "-",
    "--",
    "..",
    "../..",
    "a/b",
    "a,b",
    "7",
    "-7",
    "07",
    "7.0",
    "1e3",
    "NaN",
    "9" * 30,
    "x" * 1500,
    "'",
    '"',
]
ODD += [
    "\u202e",
    "\x1b[31m",
    "\ud800",
    "жена",
    "👩‍👩‍👧",
    "%s%n",
    "${HOME}",
    "$(id)",
    ";",
    "orders.csv",
    "expunge.toml",
    "no",
    "size",
]
words = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_characters="\0"), max_size=12))
arguments = st.lists(st.one_of(st.sampled_from(OPTIONS), words), max_size=6)
hostile = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sound(said: Any, typed: list[str]) -> None:
    """It ended as the documents say, in words."""
    assert said.code in CODES, said.err
    assert "Traceback" not in said.err
    assert (said.code == 0) or said.err.startswith(("error: ", "warning: ")) or "Usage" in said.out, said.err
    if "--json" in typed and said.out and "--help" not in typed:
        json.loads(said.out)


@pytest.fixture
def kept(shop: Any) -> Iterator[Any]:
    """A project that is as it was when the test is over."""
    before = shop.state()
    yield shop
    assert shop.state() == before


@hostile
@given(st.sampled_from(LOOKS), arguments)
def test_looking_survives_any_arguments_and_changes_nothing(kept: Any, command: str, typed: list[str]) -> None:
    if "--out" in typed:
        typed = [word for word in typed if word != "--out"]
    sound(kept(command, *typed), typed)


@hostile
@given(st.sampled_from(["--records", "--owners", "--label", "--column"]), words)
def test_forgetting_a_stranger_by_any_name_changes_nothing(kept: Any, kind: str, word: str) -> None:
    if word in ("no", "size") or (kind == "--records" and any(character.isdigit() for character in word)):
        return  # somebody who is there: integers are read as sources are, 7.0 is 7
    said = kept("forget", f"{kind}={word}")
    sound(said, [])
    assert said.code != 0


@hostile
@given(st.binary(max_size=80))
def test_any_file_of_names_is_read_or_refused(
    kept: Any, tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("names") / "ids"
    path.write_bytes(content)
    sound(kept("where", "--owners-file", path), [])
    sound(kept("verify", path), [])


@settings(hostile, max_examples=40)
@given(
    st.text(max_size=60) | st.sampled_from(["\n", '"', "[models.main]\n", "a = 1\n", "[x]\n", "=", "\ufeff"]),
    st.floats(0, 1),
)
def test_any_change_of_the_settings_is_a_sentence_or_harmless(kept: Any, text: str, place: float) -> None:
    path = Path("expunge.toml")
    whole = path.read_bytes()
    content = whole.decode()
    at = int(place * len(content))
    try:
        path.write_text(content[:at] + text + content[at:], encoding="utf-8", errors="replace")
        for command in (["status"], ["where", "--records", "3"]):
            sound(kept(*command), [])
    finally:
        path.write_bytes(whole)


ROWS = st.lists(st.lists(words.filter(lambda word: "\ud800" not in word), min_size=1, max_size=4), max_size=6)


@settings(hostile, max_examples=25)
@given(ROWS, st.sampled_from([",", ";", "\t"]))
def test_any_table_is_taken_or_refused_and_then_nothing_is_written(
    empty: Path, expunge: Callable[..., Any], rows: list[list[str]], comma: str
) -> None:
    shutil.rmtree(empty)
    empty.mkdir()
    os.chdir(empty)  # the folder that was here is gone
    (empty / "orders.csv").write_text(
        "\n".join(comma.join(row) for row in rows), encoding="utf-8", errors="surrogatepass"
    )
    said = expunge("init", "--source", "orders.csv", "--id", "7", "--label", "no")
    sound(said, [])
    if said.code:
        assert [path.name for path in empty.iterdir()] == ["orders.csv"]


@pytest.mark.parametrize(
    "row",
    ["../../etc/x", "a\\b", "'; DROP TABLE orders; --", "x" * 1024, "\u202eabc", '"q"', "échéancier-élevé", " leading"],
)
def test_ids_of_any_shape_are_forgotten_and_leave_no_trace(row: str, empty: Path, expunge: Callable[..., Any]) -> None:
    quoted = row.replace('"', '""')
    lines = [
        f'"{quoted}",{n % 5},{"yes" if n % 2 else "no"}' if n == 9 else f"r{n},{n % 5},{'yes' if n % 2 else 'no'}"
        for n in range(40)
    ]
    (empty / "orders.csv").write_text(
        "id,size,late\n" + "\n".join(lines) + "\n", encoding="utf-8", errors="surrogatepass"
    )
    assert expunge("init", "--source", "orders.csv", "--id", "id", "--label", "late").code == 0
    assert expunge("learn").code == 0
    (empty.parent / "ids").write_text(f"{row}\n", encoding="utf-8", errors="surrogatepass")
    said = expunge("forget", "--records-file", empty.parent / "ids", "--json")
    assert said.code == 0, said.err
    assert [name["outcome"] for name in said.document["names"]] == ["erased"]
    names = [path.name for path in empty.rglob("*")] + [path.name for path in (empty.parent / "secrets").rglob("*")]
    assert all(row not in name for name in names)
    mine = [path for path in empty.rglob("*") if path.is_file() and path.name != "orders.csv"]
    assert all(row.encode() not in path.read_bytes() for path in mine)


def test_every_command_takes_part() -> None:
    names = {command.callback.__name__ for command in cli.app.registered_commands if command.callback}
    assert set(LOOKS) <= names
