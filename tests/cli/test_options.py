"""From words to targets: split at commas, read from files, typed by the declared schema."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.cli.ending import UsageError
from expunge.cli.options import Asked, read_names, settings_of, text
from expunge.data.schema import Schema
from expunge.errors import DataError, SourceError
from expunge.values import Batch, Column, Label, Owners, Records

NUMBERS = Schema("row", "late", "who", (("size", "number"),), label_type="boolean")
WORDS = Schema("row", "late", None, (("size", "number"),), id_type="text", label_type="integer")

lines = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\ufeff"), min_size=1)


def test_words_become_targets_in_the_declared_types() -> None:
    assert Asked.of(records=["7,8", "9"]).target(NUMBERS) == Records([7, 8, 9])
    assert Asked.of(records=["7, 8"]).target(WORDS) == Records(["7", "8"])
    assert Asked.of(owners=["ann,bob"]).target(NUMBERS) == Owners(["ann", "bob"])
    assert Asked.of(labels=["yes"]).target(NUMBERS) == Label(value=True)
    assert Asked.of(labels=["2"]).target(WORDS) == Label(2)
    assert Asked.of(columns=["size"]).target(NUMBERS) == Column("size")


def test_several_kinds_are_a_batch() -> None:
    asked = Asked.of(records=["7"], owners=["ann"], labels=["no", "yes"], columns=["a,b"])
    wanted = Batch([Records([7]), Owners(["ann"]), Label(value=False), Label(value=True), Column("a,b")])
    assert asked.target(NUMBERS) == wanted


def test_without_a_column_of_owners_each_record_is_its_own() -> None:
    assert Asked.of(owners=["7"]).target(WORDS) == Owners(["7"])


@pytest.mark.parametrize("words", [["x"], ["7.5"], ["7;8"], [str(2**63)]])
def test_a_word_of_another_type_is_named(words: list[str]) -> None:
    with pytest.raises(DataError, match="declared as integer"):
        Asked.of(records=words).target(NUMBERS)


@pytest.mark.parametrize("word", ["", ",", "7,", "7,,8", " "])
def test_an_empty_name_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="empty name"):
        Asked.of(records=[word])


def test_what_is_no_text_is_refused() -> None:
    for option in ("records", "owners", "labels", "columns"):
        wrong: dict[str, Any] = {option: ["a,\udce9"]}
        with pytest.raises(UsageError, match="UTF-8"):
            Asked.of(**wrong)
    with pytest.raises(UsageError, match="--name is not valid text"):
        text("--name", "\udce9")


def test_nothing_named_is_a_sentence() -> None:
    assert not Asked.of()
    with pytest.raises(UsageError, match="give --records or --owners"):
        Asked.of().needed("--records or --owners")
    assert Asked.of(labels=["x"]).needed()


@given(st.lists(lines, min_size=1), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_a_file_holds_each_name_as_it_is(names: list[str], end: str, last: bool, mark: bool) -> None:  # noqa: FBT001
    content = ("\ufeff" if mark else "") + end.join(names) + (end if last else "")
    path = SimpleNamespace(read_bytes=content.encode)
    assert read_names(path) == tuple(names)  # type: ignore[arg-type]


def test_names_come_from_standard_input_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"7\n8\n")))
    assert Asked.of(records_file=[Path("-")]).records == ("7", "8")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"7\n\n8\n", "line 2 is empty"), (b"7\n\xff\n", "line 2 holds other bytes"), (None, "No such file")],
    ids=["empty line", "no UTF-8", "no file"],
)
def test_a_file_that_is_no_list_of_names_is_refused(content: bytes | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "ids").write_bytes(content)
    with pytest.raises(SourceError, match=said):
        read_names(tmp_path / "ids")


def test_a_file_without_a_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ids").touch()
    with pytest.raises(UsageError, match="holds no name"):
        Asked.of(owners_file=[tmp_path / "ids"])


def test_words_and_files_add_up(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("a,b\n c \n")
    assert Asked.of(["x,y"], [tmp_path / "ids"]).records == ("x", "y", "a,b", " c ")


def test_settings_are_named_once() -> None:
    assert settings_of(["shards=8", "bands=a=b"]) == {"shards": "8", "bands": "a=b"}
    assert settings_of(None) == {}
    for wrong in (["shards"], ["=8"], ["shards=8", "shards=9"], ["\udce9=1"]):
        with pytest.raises(UsageError):
            settings_of(wrong)
