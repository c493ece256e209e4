"""The command as it is installed: help, versions, wrong arguments, pipes that close, Ctrl-C, bugs, what is imported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from expunge import cli
from expunge.cli import evidence
from expunge.errors import DataError

COMMAND = [sys.executable, "-c", "from expunge.cli import main; main()"]
COMMANDS = [
    *([command.callback.__name__] for command in cli.app.registered_commands if command.callback),
    *(
        ["keys", command.callback.__name__.replace("_", "-")]
        for command in cli.secrets.registered_commands
        if command.callback
    ),
]
HEAVY = ("numpy", "pyarrow", "scipy", "sklearn", "sqlalchemy", "rich")


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    env = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, env=env)


def test_help_names_every_command(expunge: Callable[..., Any]) -> None:
    said = expunge("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert command[0] in said.out


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_has_help_with_an_example_and_speaks_json(command: list[str], expunge: Callable[..., Any]) -> None:
    said = expunge(*command, "--help")
    assert said.code == 0
    text = " ".join(said.out.replace("│", " ").split())
    assert f"For example: expunge {' '.join(command)}" in text
    assert "--json" in text


def test_without_a_command_there_is_help_and_exit_code_2(expunge: Callable[..., Any]) -> None:
    for command in ([], ["keys"]):
        said = expunge(*command)
        assert said.code == 2
        assert "Usage: expunge" in said.out + said.err


def test_the_version_is_the_installed_one(expunge: Callable[..., Any]) -> None:
    assert expunge("--version").out == f"expunge {version('expunge')}\n"


@pytest.mark.parametrize(
    "wrong",
    [
        ["dem"],
        ["demo", "--pictur"],
        ["methods", "--yaml"],
        ["demo", "extra"],
        ["init"],
        ["log", "--last", "0"],
        ["log", "--last", "x"],
        ["keys", "rotate", "all"],
        ["keys", "lose"],
        ["verify"],
        ["learn", "--wait", "-1"],
        ["learn", "--wait", "nan"],
        ["learn", "--wait", "soon"],
        ["learn", "--update", "--again"],
        ["where"],
        ["forget"],
        ["forget", "--records"],
        ["verify", "x.json", "--salt", "00"],
        ["verify", "x.json", "--record", "7"],
        ["verify", "x.json", "--record", "7", "--salt", "xyz"],
        ["verify", "x.json", "--key", "xyz"],
    ],
    ids=" ".join,
)
def test_a_wrong_argument_is_a_sentence_and_exit_code_2(wrong: list[str], expunge: Callable[..., Any]) -> None:
    said = expunge(*wrong)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    document = expunge(wrong[0], "--json", *wrong[1:]).document
    assert (document["code"], document["kind"]) == (2, "UsageError")


def fails_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look at a project end in this."""

    def look(_: object) -> None:
        raise error

    monkeypatch.setattr(evidence, "look", look)


def test_what_expunge_raises_is_a_sentence_with_its_exit_code(
    expunge: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_with(DataError("ids must be unique"), monkeypatch)
    said = expunge("status")
    assert (said.code, said.out, said.err) == (1, "", "error: ids must be unique\n")
    said = expunge("status", "--json")
    assert said.document == {"error": "ids must be unique", "code": 1, "kind": "DataError"}
    assert said.err == "error: ids must be unique\n"


def test_a_bug_is_called_one_and_shows_itself_only_when_asked(
    expunge: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_with(LookupError("alice"), monkeypatch)
    said = expunge("status")
    assert said.code == 70
    assert "bug in expunge (LookupError)" in said.err
    assert "alice" not in said.err
    monkeypatch.setenv("EXPUNGE_DEBUG", "1")
    assert "Traceback" in expunge("status").err


def test_ctrl_c_ends_with_130_and_a_sentence(expunge: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    fails_with(KeyboardInterrupt(), monkeypatch)
    said = expunge("status")
    assert (said.code, said.out) == (130, "")
    assert said.err.startswith("error: stopped")
    assert expunge("status", "--json").document["code"] == 130


def test_what_others_warn_of_is_a_sentence(expunge: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_: object) -> None:
        warnings.simplefilter("always")
        warnings.warn("did not converge", stacklevel=1)
        raise typer.Exit(0)

    monkeypatch.setattr(evidence, "look", look)
    said = expunge("status")
    assert (said.code, said.err) == (0, "warning: did not converge\n")


# Processes, where only they will do


def test_looking_imports_nothing_heavy(shop: Any) -> None:
    certificate = shop.done("forget", "--records", "3")["certificate"]
    code = (
        "import sys\nfrom expunge.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as ended:\n    assert ended.code == 0, ended.code\n"
        f"print('loaded', *[name for name in {HEAVY} if name in sys.modules])"
    )
    for look in (["status"], ["log"], ["verify", certificate], ["keys", "show"], ["trust"]):
        said = subprocess.run([sys.executable, "-c", code, *look], capture_output=True, text=True, check=True)
        assert said.stdout.splitlines()[-1] == "loaded", look


def test_the_installed_command_works_in_a_process(shop: Any) -> None:
    said = process("status", "--json")
    assert json.loads(said.stdout)["models"].keys() == {"main"}
    assert (said.returncode, said.stderr) == (0, "")
    said = process("forget", "--records", "999")
    assert (said.returncode, said.stdout) == (3, "")
    assert said.stderr.startswith("error: ")


def test_a_reader_who_goes_away_is_not_complained_of(shop: Any) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    said = subprocess.run([*COMMAND, "log"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (said.returncode, said.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_an_output_that_takes_nothing_is_a_sentence(shop: Any) -> None:
    with Path("/dev/full").open("w") as full:
        said = subprocess.run([*COMMAND, "log", "--json"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert said.returncode == 1
    assert "no space left" in said.stderr
    assert "Traceback" not in said.stderr


def test_closed_streams_are_no_reason_to_fail(shop: Any) -> None:
    said = subprocess.run(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *COMMAND, "log"], check=False)
    assert said.returncode == 0


def test_a_name_that_the_terminal_cannot_show_is_no_reason_to_fail(shop: Any) -> None:
    said = process("verify", "жена", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert said.returncode == 15
    assert said.stdout.startswith("\\u0436")
    assert "Traceback" not in said.stderr


def test_a_signal_stops_it_with_130(shop: Any) -> None:
    code = "import os, signal; from expunge import cli; from expunge.cli import evidence\n"
    code += "evidence.look = lambda _: os.kill(os.getpid(), signal.SIGINT)\ncli.main(['status'])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (128 + signal.SIGINT, "")
    assert "Traceback" not in said.stderr
