"""The command line as a user meets it: help, versions, wrong arguments, the demo from end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from expunge import catalog, cli
from expunge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def expunge(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The installed command, in a process of its own."""
    command = [sys.executable, "-c", "from expunge.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def test_help_names_every_command() -> None:
    said = expunge("--help")
    assert said.returncode == 0
    for command in ("demo", "methods"):
        assert command in said.stdout
        assert expunge(command, "--help").returncode == 0


def test_the_version_is_the_installed_one() -> None:
    assert expunge("--version").stdout == f"expunge {version('expunge')}\n"


def test_methods_lists_what_the_catalog_holds() -> None:
    said = expunge("methods", COLUMNS="200").stdout
    for entry in catalog.entries():
        assert entry.name in said
        assert entry.summary in said


def test_methods_as_json_are_the_entries() -> None:
    found = json.loads(expunge("methods", "--json").stdout)
    assert [entry["name"] for entry in found] == [entry.name for entry in catalog.entries()]
    assert {"name", "shelf", "summary", "extra", "path"} == set(found[0])


@pytest.mark.parametrize("wrong", [["dem"], ["demo", "--pictur"], ["methods", "--yaml"], ["demo", "extra"]])
def test_a_wrong_argument_is_a_sentence_and_exit_code_2(wrong: list[str]) -> None:
    said = expunge(*wrong)
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert said.stdout == ""


def test_a_picture_in_no_folder_is_refused_before_any_work() -> None:
    said = expunge("demo", "--picture", "no/such/folder/demo.png")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == "error: --picture names a file in no/such/folder, which is no folder\n"


@pytest.mark.parametrize("name", ["", "demo", "demo.xyz"])
def test_a_picture_is_a_png_file(name: str, tmp_path: Path) -> None:
    said = expunge("demo", "--picture", str(tmp_path / name))
    assert (said.returncode, said.stdout) == (2, "")
    assert "names a file that ends in .png" in said.stderr


def test_what_expunge_raises_is_a_sentence_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def app() -> None:
        raise DataError("ids must be unique")

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: ids must be unique\n"


def test_the_demo_runs_and_proves_each_forgetting(tmp_path: Path) -> None:
    said = expunge("demo", "--picture", str(tmp_path / "demo.png"), OMP_NUM_THREADS="1", COLUMNS="100")
    assert said.returncode == 0, said.stderr
    costs = said.stdout.partition("Telling the forgotten")[0]
    assert costs.count("yes") == 8
    assert "NO" not in costs
    assert "The same model, bit for bit" in said.stdout
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
