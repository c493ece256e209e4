"""Modules in a project's folder: found after all others, one project's at a time."""

from __future__ import annotations

import importlib
import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from expunge.learners.own_code import importable, looked_in

NAME = "modules_of_a_shop"


@pytest.fixture(autouse=True)
def _afterwards(tmp_path: Path) -> Iterator[None]:
    before = list(sys.path)
    yield
    importable(tmp_path / "nowhere")
    sys.path[:] = before


def shop(folder: Path, width: int, name: str = NAME) -> Path:
    folder.mkdir()
    (folder / f"{name}.py").write_text(f"WIDTH = {width}\n", encoding="utf-8")
    return folder


def width(name: str = NAME) -> int:
    found: int = importlib.import_module(name).WIDTH
    return found


def test_each_project_sees_its_own(tmp_path: Path) -> None:
    one, two = shop(tmp_path / "one", 1), shop(tmp_path / "two", 2)
    for folder, expected in ((one, 1), (two, 2), (two, 2), (one, 1)):
        importable(folder)
        assert width() == expected
    assert [place for place in sys.path if place in (str(one), str(two))] == [str(one)]
    assert looked_in() == f"; it was looked for in {one}, and among the installed packages"


def test_a_file_that_was_written_a_moment_ago_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "late"
    folder.mkdir()
    importable(folder)
    with pytest.raises(ModuleNotFoundError):
        width()
    (folder / f"{NAME}.py").write_text("WIDTH = 3\n", encoding="utf-8")
    importable(folder)
    assert width() == 3


def test_no_file_of_a_project_stands_in_for_a_library(tmp_path: Path) -> None:
    importable(shop(tmp_path / "sly", 4, name="this"))
    assert sys.path[-1] == str(tmp_path / "sly")
    assert importlib.util.find_spec("this").origin != str(tmp_path / "sly" / "this.py")  # type: ignore[union-attr]


def test_worker_processes_are_started_with_it(tmp_path: Path) -> None:
    importable(tmp_path)
    assert str(tmp_path) in multiprocessing.spawn.get_preparation_data("worker")["sys_path"]
