"""The story holds where everything holds, and fails for each thing that must not go wrong: one planted at a time."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer
from rich.console import Console

from expunge import certificate, cli
from expunge.audit import replay
from expunge.audit.replay import Replay
from expunge.certificate import Verified
from expunge.codec import fingerprint
from expunge.demo import hospital, story
from expunge.demo.story import Stage
from expunge.engine import evidence, line, reconciling
from expunge.engine import scan as scans
from expunge.engine.fence import Fence
from expunge.methods.arrays.sisa import Sisa
from expunge.values import Forgotten, Records

Told = Callable[[Stage], str]


def nothing(*_given: Any, **_named: Any) -> None:
    """Do nothing, whatever was given."""


@pytest.fixture
def forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The method says Exact and keeps what the old shards have learned."""
    right = Sisa.forget

    def forget(*given: Any) -> Forgotten[Any]:
        done = right(*given)
        pairs = zip(given[1].shards, done.model.shards, strict=True)
        shards = tuple(replace(old, chain=new.chain) for old, new in pairs)
        return replace(done, model=replace(done.model, shards=shards))

    monkeypatch.setattr(Sisa, "forget", forget)


@pytest.fixture
def unaudited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit is not what is tested, and costs most of the time: it says that all is well."""

    def trusting(_method: Any, _before: Any, done: Forgotten[Any], *_given: Any, **_named: Any) -> Any:
        made = fingerprint(done.model)
        return SimpleNamespace(vetoes=(), replay=Replay(equal=True, forgotten=made, oracle=made, seconds=0.1))

    monkeypatch.setattr(story, "audit", trusting)


def played() -> tuple[bool, str]:
    """Whether everything held, and what was told."""
    file = StringIO()
    return story.play(Console(file=file, width=80)), file.getvalue()


# -- where all is well -------------------------------------------------------------------------------------------------


def test_the_demo_plays_and_everything_holds(whole: Any) -> None:
    assert whole.held, whole.told
    assert "FAILED" not in whole.told
    assert whole.told.count("  ok  ") == 13
    assert "13 of 13 checks held" in whole.told
    costs = whole.told.partition("Telling the forgotten")[0]
    assert len(re.findall(r"\byes\b", costs)) == 3 + 1 + 2  # one by one, at once, and in files
    assert "The same model, bit for bit" in whole.told
    assert whole.picture.startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_demo_as_users_see_it_plays(tmp_path: Path) -> None:
    told = StringIO()
    assert story.play(Console(file=told, width=80), tmp_path / "demo.png"), told.getvalue()
    assert len(re.findall(r"\byes\b", told.getvalue().partition("Telling the forgotten")[0])) == 8


def test_everything_but_the_audit_fits_a_terminal_of_80_columns(whole: Any) -> None:
    before, _, rest = whole.told.partition("Audit of one forgetting")
    after = rest[rest.index("\n9. ") :]
    assert max(map(len, (before + after).splitlines())) <= 80
    assert "…" not in whole.told


def test_every_command_that_is_shown_is_one_of_the_command_line(whole: Any) -> None:
    app = typer.main.get_command(cli.app)
    lines = whole.told.replace(" \\\n", " ").splitlines()
    typed = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if line.startswith("$ expunge")]
    assert len(typed) == 16
    for _, name, *words in typed:
        app.commands[name].make_context(name, list(words))  # type: ignore[attr-defined]  # it is a group


def test_nothing_is_left_and_the_users_own_secrets_are_not_touched(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EXPUNGE_SECRETS", str(tmp_path / "mine"))
    for name in ("quoted", "forgotten", "certificate_shown", "searched", "reconciled", "queued", "compared"):
        monkeypatch.setattr(story, name, nothing)
    assert played()[0]
    assert [path.name for path in tmp_path.rglob("*")] == ["tmp"]
    assert os.environ["EXPUNGE_SECRETS"] == str(tmp_path / "mine")


# -- what must not go wrong, planted -----------------------------------------------------------------------------------


def test_a_forgetting_that_forgets_nothing_is_vetoed(quick: None, forgets_nothing: None) -> None:
    held, told = played()
    assert not held
    assert "FAILED  VETO" in told


def test_a_forgetting_that_forgets_nothing_and_that_nobody_checks_is_noticed(
    stage: Stage, told: Told, forgets_nothing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "sample", nothing)
    story.forgotten(stage)
    story.compared(stage)
    assert stage.teller.failed == [
        "the same model, bit for bit",
        "certified, published and learned again: each time one model, bit for bit",
    ]
    assert "NO" in told(stage)
    assert "VETO" in told(stage)


def test_a_model_that_is_not_what_was_certified_is_noticed(
    stage: Stage, unaudited: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hospital.Hospital, "fingerprint", "0" * 64)
    story.forgotten(stage)
    assert stage.teller.failed == ["the same model, bit for bit"]


def test_a_certificate_of_another_signer_is_noticed(
    stage: Stage, unaudited: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = certificate.sign
    monkeypatch.setattr(certificate, "sign", lambda body, _seed: sign(body, bytes(32)))
    story.forgotten(stage)
    story.certificate_shown(stage)
    story.queued(stage)
    assert stage.teller.failed == [
        "it verifies, offline, with nothing but the public key",
        "all 6 certificates verify, and every search was clean",
    ]


def test_tampering_that_nobody_notices_is_noticed(
    stage: Stage, unaudited: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gullible(content: bytes, trusted: Any) -> Verified:
        return Verified(json.loads(content)["certificate"], "")

    story.forgotten(stage)
    monkeypatch.setattr(certificate, "verify", gullible)
    story.certificate_shown(stage)
    assert stage.teller.failed == ["the change is noticed"]


def test_a_name_in_a_certificate_is_noticed(stage: Stage, unaudited: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "COVERED", (*evidence.COVERED, f"The row of {story.ASKS}."))
    story.forgotten(stage)
    story.certificate_shown(stage)
    assert stage.teller.failed == ["no name stands in it"]


def test_a_certificate_about_anybody_is_noticed(stage: Stage, unaudited: None, monkeypatch: pytest.MonkeyPatch) -> None:
    story.forgotten(stage)
    monkeypatch.setattr(story, "outcome", lambda *_given: "erased")
    story.certificate_shown(stage)
    assert stage.teller.failed == [f"with the salt it is about {story.ASKS}, and about nobody else"]


def test_a_copy_that_somebody_left_in_the_folder_is_noticed(stage: Stage, unaudited: None) -> None:
    stage.on.folder.joinpath("export.csv").write_text(f"patient,diagnosis\n{story.ASKS},benign\n", encoding="utf-8")
    story.forgotten(stage)
    story.searched(stage)
    story.queued(stage)
    assert stage.teller.failed == [
        "clean, and every control was found",
        f"{story.ASKS}: found",
        "all 6 certificates verify, and every search was clean",
    ]


def test_a_search_that_cannot_see_is_noticed(stage: Stage, unaudited: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "MAGIC", b"what no sealed blob begins with")
    story.forgotten(stage)
    story.searched(stage)
    assert stage.teller.failed[:2] == ["clean, and every control was found", f"{story.ASKS}: blind"]


def test_a_search_that_does_not_find_who_stays_is_noticed(
    stage: Stage, unaudited: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.forgotten(stage)
    clean = scans.scan_names(stage.on.project, Records([story.ASKS]))
    monkeypatch.setattr(story, "scan_names", lambda *_given: clean)
    story.searched(stage)
    assert stage.teller.failed == [f"{story.STAYS}, who stays: clean. The search can see"]


@pytest.fixture
def asked(stage: Stage, unaudited: None) -> Stage:
    """A stage on which the first patient is forgotten."""
    story.forgotten(stage)
    return stage


def test_a_reconcile_that_forgets_nobody_is_noticed(asked: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "reconcile", lambda *_given: [])
    story.reconciled(asked)
    [failed] = asked.teller.failed
    assert failed.startswith(f"{story.LEAVES} is forgotten")


def test_a_patient_whom_the_hospital_did_not_delete_is_noticed(asked: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hospital, "dismiss", nothing)
    story.reconciled(asked)
    [failed] = asked.teller.failed
    assert failed.startswith(f"{story.LEAVES} is forgotten")


def test_a_forgotten_patient_who_comes_back_is_noticed(asked: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fence, "covers", lambda _fence, _key, rows: np.zeros(len(rows), bool))
    story.reconciled(asked)
    assert asked.teller.failed[-1] == "0 row of the table left out: it was forgotten"


def test_a_batch_without_a_certificate_for_each_is_noticed(asked: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    work = line.work
    monkeypatch.setattr(line, "work", lambda project: work(project)[:1])
    story.queued(asked)
    assert asked.teller.failed == ["1 requests waited, were worked off as one batch, and each has its certificate"]
