"""How a command finds its project, and what is said where there is none, or one that does not open."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expunge.cli.opening import folder_of, here, look, opened
from expunge.cli.screen import Screen
from expunge.errors import LedgerError, ProjectError, SecretError


def test_the_nearest_project_upwards_is_meant(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop.folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(shop.folder / "a" / "b")
    assert folder_of(None) == shop.folder
    assert shop.done("status")["project"]["folder"] == str(shop.folder)


def test_a_folder_that_is_named_is_meant_and_no_other(shop: Any) -> None:
    (shop.folder / "a").mkdir()
    assert folder_of(Path("..") / shop.folder.name) == shop.folder / ".." / shop.folder.name
    with pytest.raises(ProjectError, match="expunge init"):
        look(Path("a"))


def test_a_look_and_the_whole_project_read_the_same_ledger(shop: Any) -> None:
    light = look(None)
    with opened(None, Screen(as_json=True)) as whole:
        assert whole.ledger.head == light.ledger.head
        assert whole.settings == light.settings
        assert whole.keyring == light.keyring


def test_a_folder_that_is_gone_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ProjectError, match="is gone"):
        here()


COMMANDS = [
    ["learn"],
    ["predict", "orders.csv"],
    ["where", "--records", "3"],
    ["quote", "--records", "3"],
    ["forget", "--records", "3"],
    ["correct", "orders.csv"],
    ["reconcile"],
    ["readmit", "--records", "3"],
    ["work"],
    ["status"],
    ["log"],
    ["audit"],
    ["scan"],
    ["restore"],
    ["trust"],
    ["keys", "show"],
    ["keys", "rotate", "signing"],
    ["keys", "backup", "../keys.json"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_project_each_command_says_so(
    command: list[str], empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any]
) -> None:
    csv_of(empty / "orders.csv")
    said = expunge(*command, "--json")
    assert (said.code, said.document["kind"]) == (14, "ProjectError")
    assert sorted(path.name for path in empty.parent.rglob("*")) == ["orders.csv", "shop"]


def test_a_project_without_its_secrets_says_where_they_should_be(shop: Any) -> None:
    shutil.rmtree(shop.secrets)
    for command in (["status"], ["learn"], ["forget", "--records", "3"]):
        said = shop(*command)
        assert said.code == 9
        assert str(shop.secrets) in said.err
        assert "expunge keys restore" in said.err
    with pytest.raises(SecretError):
        look(None)


def test_a_project_of_which_only_the_settings_are_left_has_learned_nothing(shop: Any) -> None:
    shutil.rmtree(shop.secrets)
    shutil.rmtree(shop.folder / ".expunge")
    said = shop("status")
    assert (said.code, said.err) == (14, "error: project 'shop' has learned nothing yet: run `expunge learn`\n")
    assert not shop.secrets.exists()
    assert shop.done("learn")["cause"] == "learn"


def test_an_altered_ledger_stops_every_command(shop: Any) -> None:
    path = shop.folder / ".expunge" / "ledger.sqlite"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"cause":"learn"', b'"cause":"worms"'))
    for command in (["status"], ["log"], ["forget", "--records", "3"], ["scan"], ["restore"]):
        assert shop(*command).code == 7
    with pytest.raises(LedgerError):
        look(None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('method = "sisa"', 'method = "sissa"', "sisa"),
        ("shards = 2", "shard = 2", "shards"),
        ("LogisticRegression", "LogistikRegression", "LogisticRegression"),
        ("[audit]", "[audits]", "audit"),
        ("[project]", "[project", "no valid TOML"),
        ('size = "number"', 'size = "numbers"', "number"),
        ('size = "number"', 'sise = "number"', "size"),
    ],
    ids=["method", "option", "learner", "section", "TOML", "kind", "column"],
)
def test_settings_that_do_not_hold_are_a_sentence_that_names_what_is_meant(
    old: str, new: str, said: str, shop: Any
) -> None:
    path = shop.folder / "expunge.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    found = shop("learn")
    assert found.code in (1, 14)
    assert said in found.err
    path.write_text(text)
    assert shop.done("learn")["cause"] == "nothing"
