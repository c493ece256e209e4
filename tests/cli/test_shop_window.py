"""What needs no project: the methods there are, and the demo's arguments."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from expunge import catalog


def test_methods_lists_what_the_catalog_holds(expunge: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    said = expunge("methods")
    assert said.code == 0
    for entry in catalog.entries():
        assert entry.name in said.out
        assert entry.summary in said.out


def test_methods_as_json_are_the_entries(expunge: Callable[..., Any]) -> None:
    found = expunge("methods", "--json").document
    assert [entry["name"] for entry in found] == [entry.name for entry in catalog.entries()]
    assert {"name", "shelf", "summary", "extra", "path"} == set(found[0])


def test_a_picture_in_no_folder_is_refused_before_any_work(expunge: Callable[..., Any]) -> None:
    said = expunge("demo", "--picture", "no/such/folder/demo.png")
    assert (said.code, said.out) == (2, "")
    assert said.err == "error: --picture names a file in no/such/folder, which is no folder\n"


@pytest.mark.parametrize("name", ["", "demo", "demo.xyz"])
def test_a_picture_is_a_png_file(name: str, tmp_path: Path, expunge: Callable[..., Any]) -> None:
    said = expunge("demo", "--picture", tmp_path / name)
    assert (said.code, said.out) == (2, "")
    assert "names a file that ends in .png" in said.err


@pytest.mark.parametrize(("equal", "code"), [(True, 0), (False, 1)])
def test_the_demo_ends_as_its_proof_does(
    equal: bool,  # noqa: FBT001
    code: int,
    expunge: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "expunge.demo", SimpleNamespace(play=lambda *_: equal))
    said = expunge("demo", "--json")
    assert (said.code, said.document["equal"]) == (code, equal)
    assert ("bug" in said.err) == (not equal)
    assert expunge("demo").out == ""


@pytest.mark.slow
def test_the_demo_runs_from_the_command_line_and_draws_its_picture(tmp_path: Path, expunge: Callable[..., Any]) -> None:
    said = expunge("demo", "--picture", tmp_path / "demo.png")
    assert said.code == 0, said.err
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
