"""The line: batches, what stops one request and not the others, and who works when two would."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expunge import certificate, planner
from expunge.engine import change, learning, line
from expunge.engine.intake import receive
from expunge.engine.paper import subjects
from expunge.engine.project import Project
from expunge.errors import BusyError, LearnError, ProjectError, RefusedError, StoreError, VetoError
from expunge.methods.arrays.sisa import Sisa
from expunge.project.settings import AuditSettings, ModelSettings
from expunge.store.files import TEMPORARY
from expunge.values import Batch, Column, Correction, Forgotten, Owners, Records, Refusal

Exact = Callable[[Project], dict[str, str]]
PEOPLE = [f"person-{number:03d}" for number in range(30)]


def state(project: Project, number: str | None) -> str:
    return project.book.requests[str(number)].state


def body(project: Project, number: str | None) -> Any:
    content = (project.certificates / f"{number}.json").read_bytes()
    return certificate.verify(content, [project.keyring.public]).body


# -- batches -----------------------------------------------------------------------------------------------------------


def test_a_batch_is_one_publication_and_a_certificate_each_that_names_nobody(project: Project, exact: Exact) -> None:
    asked = [receive(project, Owners([name]), requester=f"shop of {name}", reference=name) for name in PEOPLE[:5]]
    done = line.work(project)
    assert [each.request for each in done] == [receipt.request for receipt in asked]
    assert [event.body["requests"] for event in project.ledger.events(kinds=["published"])][1:] == [
        [each.request for each in done]
    ]
    exact(project)
    for path in (project.folder / ".expunge").rglob("*"), project.certificates.rglob("*"):
        for file in path:
            content = str(file.relative_to(project.folder)).encode() + (file.read_bytes() if file.is_file() else b"")
            assert not any(name.encode() in content for name in PEOPLE[:5]), file
    assert all(len(body(project, each.request)["subjects"]) == 1 for each in done)


def test_singles_and_a_batch_end_in_the_same_model(elsewhere: Any, exact: Exact) -> None:
    ended = []
    for batched in (False, True):
        with elsewhere() as project:
            for name in PEOPLE[:3]:
                receive(project, Owners([name]))
                if not batched:
                    line.work(project)
            line.work(project)
            ended.append(exact(project))
    assert ended[0] == ended[1]


def test_whoever_asked_for_somebody_who_goes_with_the_same_batch_gets_a_certificate(project: Project) -> None:
    first, then = receive(project, Owners(["person-001"])), receive(project, Records([3, 4]))
    line.work(project)
    assert [s["outcome"] for n in (first, then) for s in body(project, n.request)["subjects"]] == ["erased"] * 3


def test_a_batch_in_one_request_says_what_became_of_each(project: Project, table: Any, visits: Any) -> None:
    right = Correction(table(project, [{**visits()[9], "age": 77.0}]))
    receipt, (done,) = line.forget(project, Batch([Records([3]), right, Owners(["nobody"])]))
    assert dict((name, outcome) for _, name, outcome in done.outcomes) == {  # noqa: C402
        3: "erased", 9: "corrected", "nobody": "unknown"
    }  # fmt: skip
    learning.learn(project, again=True)
    data = project.table(project.published())
    assert data.take(data.ids == 9).column("age").tolist() == [77.0]
    assert state(project, receipt.request) == "certified"


def test_nothing_pending_is_nothing_done(project: Project) -> None:
    before = project.ledger.head
    assert line.work(project) == []
    assert project.ledger.head == before


def test_everybody_can_go(project: Project, exact: Exact) -> None:
    _, (done,) = line.forget(project, Owners(PEOPLE))
    assert done.verdict == "clean"
    assert len(project.table(project.published())) == 0
    exact(project)


# -- vetoes ------------------------------------------------------------------------------------------------------------


def lying(monkeypatch: pytest.MonkeyPatch, when: Callable[[Any, Any], bool] = lambda *_: True) -> None:
    """A SISA that keeps the model as it was, and says that it has forgotten."""
    honest = Sisa.forget

    def lie(self: Sisa, model: Any, target: Any, data: Any, run: Any) -> Any:
        done = honest(self, model, target, data, run)
        if not when(target, data):
            return done
        shards = tuple(replace(new, state=old.state) for new, old in zip(done.model.shards, model.shards, strict=True))
        return Forgotten(replace(done.model, shards=shards), done.claim, done.examples)

    monkeypatch.setattr(Sisa, "forget", lie)


@pytest.mark.parametrize("replay", ["sample", "full"])
def test_a_method_that_keeps_what_it_says_it_forgot_is_vetoed(
    replay: Any, built: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, exact: Exact
) -> None:
    project = built(audit=AuditSettings(replay))
    before, root = exact(project), project.book.root
    with monkeypatch.context() as patch:
        lying(patch)
        with pytest.raises(VetoError, match="claimed Exact, yet learning again gives another model"):
            line.forget(project, Owners(["person-007"]))
    (request,) = project.book.requests.values()
    assert (request.state, request.vetoes) == ("received", 1)
    assert project.book.root == root
    assert exact(project) == before
    assert not project.certificates.exists()
    (vetoed,) = project.ledger.events(kinds=["vetoed"])
    assert vetoed.body["requests"] == [request.id]
    assert "person-007" not in str(vetoed.body)
    (done,) = line.work(project)  # the method has been mended
    assert (done.request, body(project, done.request)["models"][0]["audit"]["replay"]) == (request.id, replay)
    exact(project)


def test_a_veto_of_one_does_not_stop_the_others(
    project: Project, monkeypatch: pytest.MonkeyPatch, exact: Exact
) -> None:
    good, bad, last = (receive(project, Owners([name])) for name in PEOPLE[:3])

    def named(target: Any, _: Any) -> bool:
        return ("owner", "person-001") in subjects(target)

    with monkeypatch.context() as patch:
        lying(patch, named)
        with pytest.raises(VetoError):
            line.work(project)
    assert [state(project, receipt.request) for receipt in (good, bad, last)] == ["certified", "received", "certified"]
    exact(project)


def test_without_a_replay_the_certificate_says_so(built: Callable[..., Project]) -> None:
    project = built(audit=AuditSettings("none"))
    _, (done,) = line.forget(project, Owners(["person-007"]))
    (model,) = body(project, done.request)["models"]
    assert model["audit"]["replay"] == "none"
    assert any('replay = "none"' in sentence for sentence in model["assumptions"])


# -- what one request cannot have --------------------------------------------------------------------------------------

PICKY = ModelSettings("main", "classification", "sklearn.svm.NuSVC", options={"shards": 1}, learner_options={"nu": 0.5})


def test_a_learner_that_cannot_learn_from_what_would_stay_stops_only_that_request(
    built: Callable[..., Project], exact: Exact
) -> None:
    project = built(PICKY)  # it refuses to learn from too few of a class
    data = project.table(project.published())
    few = Records(data.ids[data.label == "ill"][6:].tolist())
    before, good, last = (receive(project, target) for target in (Owners(PEOPLE[:1]), few, Owners(PEOPLE[1:2])))
    with pytest.raises(LearnError):
        line.work(project)
    assert [state(project, receipt.request) for receipt in (before, good, last)] == [
        "certified",
        "received",
        "certified",
    ]
    exact(project)
    with pytest.raises(LearnError):
        line.work(project)
    assert state(project, good.request) == "received"


def refusing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Plans that refuse whatever names somebody."""
    honest = planner.plan

    def plan(choices: Any, model: Any, target: Any, *rest: Any, **options: Any) -> Any:
        if name in str(target):
            return Refusal("nobody may forget this one", "never")
        return honest(choices, model, target, *rest, **options)

    monkeypatch.setattr(change, "plan", plan)


def test_what_is_refused_ends_with_the_reason_and_the_others_are_honoured(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, "person-001")
    good, bad, last = (receive(project, Owners([name])) for name in PEOPLE[:3])
    assert len(line.work(project)) == 2
    assert [state(project, receipt.request) for receipt in (good, bad, last)] == ["certified", "ended", "certified"]
    ended = project.book.requests[str(bad.request)]
    assert (ended.ending, ended.reason) == ("refused", "nobody may forget this one")
    with pytest.raises(RefusedError, match="nobody may"):
        line.forget(project, Owners(["person-001"]))


def test_one_refused_and_one_vetoed_stop_nobody_else(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    refused, vetoed, good = (receive(project, Owners([name])) for name in PEOPLE[:3])
    with monkeypatch.context() as patch:
        refusing(patch, "person-000")
        lying(patch, lambda target, _: "person-001" in str(target))
        with pytest.raises(VetoError):
            line.work(project)
    states = [state(project, receipt.request) for receipt in (refused, vetoed, good)]
    assert states == ["ended", "received", "certified"]


def test_rows_of_a_correction_are_fitted_when_a_column_went_before_them(
    project: Project, table: Any, visits: Any, exact: Exact
) -> None:
    receive(project, Correction(table(project, [{**visits()[9], "age": 77.0}])))
    receive(project, Column("size"))
    assert len(line.work(project)) == 2
    data = project.table(project.published())
    assert data.take(data.ids == 9).column("age").tolist() == [77.0]
    exact(project)


def test_a_correction_that_waited_while_a_column_went_is_fitted(
    project: Project, table: Any, visits: Any, monkeypatch: pytest.MonkeyPatch, exact: Exact
) -> None:
    waits = receive(project, Correction(table(project, [{**visits()[9], "age": 77.0}])))
    gone = receive(project, Column("size"))
    with monkeypatch.context() as patch:
        lying(patch, lambda target, _: isinstance(target, Correction | Batch))
        with pytest.raises(VetoError):
            line.work(project)
    assert [state(project, receipt.request) for receipt in (waits, gone)] == ["received", "certified"]
    (done,) = line.work(project)
    assert done.outcomes == (("record", 9, "corrected"),)
    exact(project)


def test_a_correction_of_somebody_who_goes_with_the_same_batch_is_not_called_one(
    project: Project, table: Any, visits: Any
) -> None:
    right = receive(project, Correction(table(project, [{**visits()[9], "age": 77.0}, {**visits()[0], "age": 66.0}])))
    receive(project, Owners(["person-003"]))
    line.work(project)
    done = body(project, right.request)
    assert sorted(subject["outcome"] for subject in done["subjects"]) == ["corrected", "erased"]
    salt = bytes.fromhex(str(right.salt))
    assert certificate.outcome(done, salt, "record", 9) == "erased"
    assert certificate.outcome(done, salt, "record", 0) == "corrected"


@pytest.mark.parametrize("how", ["altered", "missing"])
def test_a_damaged_target_fails_and_the_others_go_on(project: Project, how: str, exact: Exact) -> None:
    bad, good = receive(project, Owners(["person-001"])), receive(project, Owners(["person-002"]))
    name = project.book.requests[str(bad.request)].target
    path = project.store.folder / name[:2] / name
    content = path.read_bytes()
    path.unlink()
    if how == "altered":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (done,) = line.work(project)
    assert done.request == good.request
    ended = project.book.requests[str(bad.request)]
    assert (ended.state, ended.ending) == ("ended", "failed")
    assert "make the request again" in str(ended.reason)
    _, (done,) = line.forget(project, Owners(["person-001"]))
    assert done.outcomes == (("owner", "person-001", "erased"),)
    exact(project)


# -- a disk that gives out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("after", [0, 1, 3, 6, 9, 12])
def test_a_disk_that_gives_out_is_a_sentence_and_the_model_stays(
    number: int, after: int, project: Project, monkeypatch: pytest.MonkeyPatch, exact: Exact
) -> None:
    before, root, left, real = exact(project), project.book.root, [after], os.replace

    def full(source: Any, place: Any, **options: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(number, os.strerror(number), str(place))
        real(source, place, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(StoreError, match=r"the disk is full|read-only"):
            line.forget(project, Owners(["person-007"]))
    project = Project.open(project.folder)
    if project.book.root == root:
        assert exact(project) == before
    exact(project)
    _, done = line.forget(project, Owners(["person-007"]))
    ours = [request for request in project.book.requests.values() if request.state == "certified"]
    assert len(ours) == 1
    assert len(list(project.certificates.glob("*.json"))) == 1
    assert all(each.verdict == "clean" for each in done)
    exact(project)
    assert project.store.problems() == []
    assert [*project.folder.rglob(f"{TEMPORARY}*")] == []


# -- two processes -----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12 on, beside the threads of xdist
def test_one_works_and_the_others_wait_or_are_told_who(
    project: Project, exact: Exact, forked: Any, tmp_path: Path
) -> None:
    go, holder = tmp_path / "go", os.getpid()

    def opened(wait: float) -> Project:
        while not go.exists():
            time.sleep(0.01)
        return Project.open(project.folder, wait=wait)

    def told() -> None:
        with pytest.raises(BusyError, match=rf"process {holder} \(test, since"):
            line.forget(opened(0), Owners(["person-002"]))

    def learns() -> None:
        try:
            learning.learn(opened(60), again=True)
        except ProjectError as pending:  # it came between a receipt and its work: also an answer
            assert "requests are pending" in str(pending)  # noqa: PT017

    # Started before the lock is held: a child would hold it, too.
    first = forked(told)
    waiting = [forked(lambda: line.forget(opened(60), Owners(["person-001"]))), forked(learns)]
    with project.working("test"):
        go.touch()
        assert first() == 0
    assert [wait() for wait in waiting] == [0, 0]
    line.work(project)  # what the one that was told had already asked
    left = set(project.table(project.published()).units.tolist())
    assert left == set(PEOPLE) - {"person-001", "person-002"}
    exact(project)


def test_who_works_is_named(project: Project) -> None:
    with project.working("a long thing"), pytest.raises(BusyError, match=rf"{os.getpid()} \(a long thing"):
        line.work(Project.open(project.folder))


def test_what_killed_writers_left_beside_certificates_is_gone(project: Project) -> None:
    project.certificates.mkdir()
    (project.certificates / f"{TEMPORARY}left").write_bytes(b"half a certificate")
    line.work(project)
    assert list(Path(project.certificates).iterdir()) == []
