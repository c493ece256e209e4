"""Whatever form a name takes in a file of the folder, it is found; what cannot be searched is counted."""

from __future__ import annotations

import gzip
import json
import pickle
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from expunge.audit.needles import Needles, needles
from expunge.engine import folder as module
from expunge.engine import learning, line
from expunge.engine.folder import own_source
from expunge.engine.project import Project
from expunge.engine.scan import needles_of, scan
from expunge.project.page import written
from expunge.values import Owners, Records

WORD, BRIEF = "Claraweber", "Annalu"


@pytest.fixture
def cleaned(project: Project) -> tuple[Project, list[Needles]]:
    """Somebody was forgotten, and what to look for is still known."""
    return forgotten(project, Owners(["person-007"]))


def forgotten(project: Project, target: Any) -> tuple[Project, list[Needles]]:
    data = project.table(project.published())
    sought = needles_of(project, data, data.after(target), target)
    line.forget(project, target)
    return project, sought


@pytest.fixture
def renamed(project: Project, visits: Any, rewrite: Any) -> Callable[[dict[str, str]], Project]:
    """The project, learned again with other values in the rows of one person."""

    def make(changed: dict[str, str]) -> Project:
        rewrite(project, [row | changed if row["person"] == "person-007" else row for row in visits()])
        learning.learn(project, again=True)
        return project

    return make


WRITTEN = {
    "first of a line": "person,age\n{},41\n",
    "last of a line": "age,person\n41,{}\n",
    "all of a file": "{}",
    "tabs": "41\t{}\t3\n",
    "semicolons": "41;{};3",
    "single quotes": "people = ['Bertkeller', '{}']",
    "a table of Markdown": "| {} | 41 |",
    "a cell of HTML": "<td>{}</td>",
    "a line of a log": "2024-01-01 INFO customer {} called",
}


@pytest.mark.parametrize("name", [WORD, BRIEF])
def test_a_word_is_found_in_whatever_it_is_written(name: str, renamed: Any) -> None:
    project, sought = forgotten(renamed({"person": name}), Owners([name]))
    note = project.folder / "note.txt"
    for form in WRITTEN.values():
        for coded in ("utf-8", "utf-16-le"):
            note.write_bytes(form.format(name).encode(coded))
            found = scan(project, sought)
            assert (found.verdict, found.where) == ("found", (str(note),)), (form, coded)
    for other in (f"x{name}", f"{name}son is another", f"1{name}2"):
        note.write_text(other, encoding="utf-8")
        assert scan(project, sought).verdict == "clean"


def test_the_name_of_a_file_and_of_a_folder_is_read(cleaned: Any) -> None:
    project, sought = cleaned
    letter = project.folder / "letters to person-007" / "first.txt"
    letter.parent.mkdir()
    letter.write_text("dear customer, thank you for it", encoding="utf-8")
    found = scan(project, sought)
    assert (found.verdict, found.where) == ("found", (str(letter.parent), str(letter)))


def test_a_file_too_small_for_a_control_is_read(renamed: Any) -> None:
    project, sought = forgotten(renamed({"person": BRIEF}), Owners([BRIEF]))
    (project.folder / "x").write_text(BRIEF, encoding="utf-8")
    found = scan(project, sought)
    assert (found.verdict, found.where) == ("found", (str(project.folder / "x"),))


def test_links_to_elsewhere_are_counted_and_not_followed(cleaned: Any, tmp_path: Path) -> None:
    project, sought = cleaned
    outside = tmp_path / "outside.csv"
    outside.write_text("person-007,41", encoding="utf-8")
    (project.folder / "link.csv").symlink_to(outside)
    (project.folder / "inside").symlink_to(project.folder / "expunge.toml")
    (project.folder / "nowhere").symlink_to(tmp_path / "nothing")
    found = scan(project, sought)
    assert (found.verdict, found.opaque) == ("clean", 1)


@pytest.mark.parametrize("pack", [zlib.compress, lambda held: zlib.compress(held, 9), gzip.compress])
def test_small_packed_files_are_counted(pack: Callable[[bytes], bytes], cleaned: Any) -> None:
    project, sought = cleaned
    (project.folder / "a.z").write_bytes(pack(b"person-007,41\n" * 4))
    (project.folder / "b.txt").write_bytes(b"x^2 + y^2 is how a text may begin")
    found = scan(project, sought)
    assert (found.verdict, found.opaque) == ("clean", 1)


def test_a_pickle_is_counted_and_what_it_shows_is_found(cleaned: Any) -> None:
    project, sought = cleaned
    path = project.folder / "model.pkl"
    path.write_bytes(pickle.dumps({"a": 1}))
    assert (scan(project, sought).verdict, scan(project, sought).opaque) == ("clean", 1)
    path.write_bytes(pickle.dumps({"a": "person-007"}))
    assert scan(project, sought).where == (str(path),)


@pytest.mark.parametrize("content", [b"nobody\n" * 99 + b"and its end\n", bytes(5000)], ids=["text", "zeros"])
def test_a_file_that_is_not_read_to_its_end_is_blind(
    content: bytes, cleaned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, sought = cleaned
    long = project.folder / "long.bin"
    long.write_bytes(content)
    assert scan(project, sought).verdict == "clean"
    honest = module._chunks

    def torn(path: Path, *size: int) -> Iterator[bytes]:
        yield from (next(honest(path))[:99],) if path == long else honest(path, *size)

    monkeypatch.setattr(module, "_chunks", torn)
    found = scan(project, sought)
    assert (found.verdict, [part.control for part in found.parts]) == ("blind", ["found", "found", "blind"])


def test_a_file_that_grows_meanwhile_is_read_again(cleaned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project, sought = cleaned
    log, honest, looks = project.folder / "a.log", module._last, [0]
    log.write_bytes(b"the first line of it")

    def overtaken(path: Path) -> tuple[bytes, int]:
        said = honest(path)
        if path == log and not looks[0]:
            looks[0] += 1
            log.write_bytes(b"other lines, of which none is the first")
        return said

    monkeypatch.setattr(module, "_last", overtaken)
    assert scan(project, sought).verdict == "clean"
    assert looks == [1]


# -- nothing to look for -----------------------------------------------------------------------------------------------


def test_where_nothing_tells_them_apart_it_is_not_called_clean(project: Project, visits: Any, rewrite: Any) -> None:
    rewrite(project, [row | {"age": 40, "size": 170} for row in visits()])
    source = replace(project.settings.source, owner=None)
    (project.folder / "expunge.toml").write_text(written(replace(project.settings, source=source)), encoding="utf-8")
    project = Project.open(project.folder)
    learning.learn(project, again=True)
    _, (done,) = line.forget(project, Records([21]))
    said = json.loads(done.certificate.read_text(encoding="utf-8"))["certificate"]
    needles = [part["needles"] for part in said["scan"]["parts"]]
    assert done.verdict == said["scan"]["verdict"] == "not distinguishable"
    assert needles[0] > 0
    assert needles[1:3] == [0, 0]
    (open_,) = [each for each in said["statement"]["does_not_prove"] if "there was nothing to search for" in each]
    assert "and their names" in open_
    assert "snapshot" not in open_
    (proven,) = [each for each in said["statement"]["proves"] if "found none there" in each]
    assert "snapshot" in proven


def test_of_two_things_that_are_asked_each_has_to_be_told(cleaned: Any) -> None:
    project, sought = cleaned
    data = project.table(project.published())
    nothing = needles(data.select(["town"]), data, names=False)
    assert not nothing.patterns
    assert scan(project, [*sought, nothing]).verdict == "not distinguishable"
    (project.folder / "note.txt").write_text("person-007", encoding="utf-8")
    assert scan(project, [*sought, nothing]).verdict == "found"


@pytest.mark.parametrize("word", ["certificate", "request", "records", "numpy", f"{datetime.now(UTC):%Y-%m-%d}"])
def test_what_our_own_files_say_is_not_taken_for_a_trace(word: str, renamed: Any) -> None:
    project = renamed({"town": word})
    line.forget(project, Owners(["person-001"]))
    _, (done,) = line.forget(project, Owners(["person-007"]))
    assert done.verdict == "clean"
    said = json.loads(done.certificate.read_text(encoding="utf-8"))["certificate"]
    assert said["scan"]["undistinguishable"] >= 1


# -- files that come and go --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coded", ["utf-8", "utf-16-le"])
def test_a_name_in_a_file_is_found(coded: str, cleaned: Any) -> None:
    project, sought = cleaned
    note = project.folder / "notes" / "call.txt"
    note.parent.mkdir()
    note.write_bytes("please call person-007 about the visit".encode(coded))
    found = scan(project, sought)
    assert found.verdict == "found"
    assert found.where == (str(note),)
    assert "person-007" not in json.dumps(found.body())


def test_a_packed_file_is_counted_and_not_called_searched(cleaned: Any) -> None:
    import gzip

    project, sought = cleaned
    (project.folder / "old.csv.gz").write_bytes(gzip.compress(b"person-007"))
    found = scan(project, sought)
    assert (found.verdict, found.opaque) == ("clean", 1)


@pytest.mark.parametrize("when", ["listed", "searched"])
def test_a_file_that_is_taken_away_meanwhile_is_nothing_to_search(
    when: str, cleaned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, sought = cleaned
    passing, looks, real = project.folder / "ledger-journal", [0], Path.open
    passing.write_bytes(b"somebody writes, and is done with it")

    def gone(self: Path, *arguments: Any, **options: Any) -> Any:
        if self == passing:
            looks[0] += 1
            if when == "listed" or looks[0] > 1:
                passing.unlink(missing_ok=True)
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", gone)
    assert scan(project, sought).verdict == "clean"
    assert looks[0] > (when == "searched")


def test_the_users_own_file_is_not_searched_and_a_copy_of_it_is(cleaned: Any) -> None:
    project, sought = cleaned
    assert own_source(project) >= {(project.folder / "visits.csv").resolve()}
    (project.folder / "copy.csv").write_bytes((project.folder / "visits.csv").read_bytes())
    assert scan(project, sought).verdict == "found"
