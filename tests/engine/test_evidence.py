"""The evidence: one certificate a request, over what the ledger recorded, and no name in any of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from expunge import certificate
from expunge.engine import evidence, line
from expunge.engine.fence import Fence
from expunge.engine.intake import receive
from expunge.engine.project import Project
from expunge.errors import CertificateError
from expunge.ledger import journal
from expunge.project.settings import AuditSettings, ModelSettings
from expunge.values import Column, Label, Owners, Records

SEVEN = Owners(["person-007"])


def body(project: Project, done: evidence.Done) -> Any:
    return certificate.verify(done.certificate.read_bytes(), [project.keyring.public]).body


@pytest.fixture
def finished(project: Project) -> tuple[Project, evidence.Done, Any]:
    _, (done,) = line.forget(project, SEVEN, requester="shop", reference="ticket 12")
    return project, done, body(project, done)


def test_the_certificate_says_what_the_ledger_recorded(finished: Any) -> None:
    project, done, said = finished
    events = {event.kind: event for event in project.ledger.events()}
    published, scanned = events["published"], events["scanned"]
    assert said["request"]["id"] == done.request == published.body["requests"][0]
    assert said["request"]["received"] == events["received"].at
    (model,) = said["models"]
    assert model["fingerprint"] == published.body["models"]["main"]
    assert model["fingerprint"]["after"] == project.published().models["main"].fingerprint
    assert said["destroyed"] == {"blobs": events["purged"].body["destroyed"], "digest": events["purged"].body["digest"]}
    assert said["scan"]["verdict"] == scanned.body["verdict"] == done.verdict == "clean"
    assert said["ledger"] == {"number": scanned.number, "mac": scanned.mac}
    assert events["certified"].body["certificate"] == sha256(done.certificate.read_bytes()).hexdigest()
    assert events["certified"].number == scanned.number + 1
    assert said["issuer"]["signer"] == events["certified"].body["signer"] == project.keyring.public


def test_it_says_what_was_spent_and_what_was_learned_again(finished: Any) -> None:
    _, _, said = finished
    (model,) = said["models"]
    assert 0 < model["examples"]["spent"] < model["examples"]["retraining"] == 87
    assert model["audit"] == model["audit"] | {"replay": "sample", "equal": True, "part": model["audit"]["part"]}
    assert model["audit"]["part"].startswith("part ")
    assert model["audit"]["controls"]["doing nothing would show"] is True
    assert model["claim"]["name"] == "Exact"
    assert model["parameters"]["shards"] == "3"


@pytest.mark.parametrize(
    ("replay", "said"), [("none", ("none", None)), ("sample", ("sample", True)), ("full", ("full", True))]
)
def test_the_certificate_says_which_replay_was_made(replay: Any, said: Any, built: Callable[..., Project]) -> None:
    project = built(audit=AuditSettings(replay))
    _, (done,) = line.forget(project, SEVEN)
    (model,) = body(project, done)["models"]
    assert (model["audit"]["replay"], model["audit"]["equal"]) == said


def test_a_certificate_carries_the_verdict_of_the_standard_tier(built: Callable[..., Project]) -> None:
    project = built(audit=AuditSettings("full", tier="standard"))
    _, (done,) = line.forget(project, SEVEN)
    figures = body(project, done)["models"][0]["audit"]["figures"]
    assert figures["tier"] == "standard"
    assert "by an audit of the standard tier, 8 models learned" in figures["headline"]
    assert len(figures["report"]) == 64


def test_a_full_replay_of_a_project_that_forgets_everybody_still_ends(built: Callable[..., Project]) -> None:
    project = built(audit=AuditSettings("full"))
    _, (done,) = line.forget(project, Owners([f"person-{n:03d}" for n in range(30)]))
    assert body(project, done)["models"][0]["audit"]["equal"] is True


def test_each_changed_byte_of_a_certificate_shows(finished: Any) -> None:
    project, done, _ = finished
    content = done.certificate.read_bytes()
    for at in range(0, len(content), 97):
        with pytest.raises((CertificateError, LookupError)):
            certificate.verify(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], [project.keyring.public])


def test_nobody_is_named_in_ledger_journal_or_certificate(finished: Any) -> None:
    project, done, _ = finished
    for path in (project.folder / ".expunge" / "ledger.sqlite", project.keyring.erased, done.certificate):
        content = path.read_bytes()
        assert not any(name in content for name in (b"person-007", b"shop", b"ticket 12")), path
        assert project.keyring.erased.stat().st_mode & 0o077 == 0


def test_the_journal_keeps_what_a_restored_backup_must_forget(finished: Any) -> None:
    project, done, _ = finished
    (entry,) = project.journal()
    assert (entry["request"], entry["kind"]) == (done.request, "erase")
    kept, key = project.kept_out(), project.keyring.fence
    assert kept.written() == Fence.from_spelled(entry).written() == project.fence(project.published()).written()
    assert kept.knows(key, ("owner", "person-007"))
    assert kept.knows(key, ("record", 21))
    assert not kept.knows(key, ("owner", "person-008"))


@pytest.mark.parametrize("target", [Records([3, 9]), Label("ill"), Column("size"), Owners(["person-001", "nobody"])])
def test_the_journal_knows_each_kind_of_erasure(target: Any, project: Project) -> None:
    line.forget(project, target)
    assert project.kept_out().written() == project.fence(project.published()).written()


def test_in_a_batch_each_journal_line_is_of_its_own_request(project: Project) -> None:
    numbers = [str(receive(project, Owners([f"person-{n:03d}"])).request) for n in range(3)]
    line.work(project)
    entries = {entry["request"]: Fence.from_spelled(entry) for entry in project.journal()}
    assert list(entries) == numbers
    for at, number in enumerate(numbers):
        knows = [entries[number].knows(project.keyring.fence, ("owner", f"person-{n:03d}")) for n in range(3)]
        assert knows == [n == at for n in range(3)]


def test_it_says_what_it_does_not_cover(project: Project) -> None:
    journal.note(project.keyring.erased, "backup")
    (project.folder / "old.zip").write_bytes(b"PK\x03\x04" + bytes(20))
    _, (done,) = line.forget(project, SEVEN)
    said = " ".join(body(project, done)["not_covered"])
    assert "1 backups of the project's keys" in said
    assert "1 files of the project folder that are compressed, pickled or sealed" in said


def test_every_model_that_changed_is_in_it(built: Callable[..., Project], exact: Any) -> None:
    gauss = "sklearn.naive_bayes.GaussianNB"
    project = built(
        ModelSettings("main", "classification", gauss, options={"shards": 3}),
        ModelSettings("whole", "classification", gauss, method="retrain"),
    )
    _, (done,) = line.forget(project, SEVEN)
    models = {model["name"]: model for model in body(project, done)["models"]}
    assert set(models) == set(done.claims) == {"main", "whole"}
    assert models["whole"]["method"] == "retrain"
    assert models["whole"]["examples"] == {"spent": 87, "retraining": 87}
    exact(project)


def test_a_certificate_that_was_written_and_not_recorded_is_written_once_more(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = journal.write

    def failing(*given: Any, state: str = "done") -> None:
        real(*given, state=state) if state == "begun" else 1 / 0

    with monkeypatch.context() as patch:
        patch.setattr(journal, "write", failing)
        with pytest.raises(ZeroDivisionError):
            line.forget(project, SEVEN)
    (path,) = project.certificates.glob("*.json")
    first = path.read_bytes()
    (done,) = line.work(Project.open(project.folder))
    assert done.certificate == path
    (recorded,) = Project.open(project.folder).ledger.events(kinds=["certified"])
    assert recorded.body["certificate"] == sha256(path.read_bytes()).hexdigest()
    assert json.loads(first)["certificate"]["subjects"] == json.loads(path.read_bytes())["certificate"]["subjects"]
    assert isinstance(path, Path)
