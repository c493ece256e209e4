"""Taking requests in: once for each requester, durable, and nothing at all is written when nobody is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expunge import certificate
from expunge.data.table import Table
from expunge.engine import learning, line
from expunge.engine.intake import canonical, kinds_of, receive
from expunge.engine.project import Project
from expunge.engine.readmitting import readmit
from expunge.errors import DataError, ParameterError, UnknownSubjectError
from expunge.values import Addition, Batch, Column, Correction, Label, Owners, Records, Target

SEVEN = Owners(["person-007"])


def everything(place: Path) -> dict[str, str]:
    """Every file below a folder, by digest of its content."""
    files = (path for path in sorted(place.rglob("*")) if path.is_file())
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# -- one request is one request ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", [None, "ticket 12"])
def test_the_same_request_of_the_same_requester_is_one(project: Project, reference: str | None) -> None:
    first = receive(project, SEVEN, requester="shop", reference=reference)
    again = receive(Project.open(project.folder), SEVEN, requester="shop", reference=reference)
    assert (again.request, again.salt, again.state) == (first.request, first.salt, "received")
    assert len(project.book.requests) == 1


def test_what_was_erased_in_the_same_words_is_the_same_request_and_gets_its_certificate(project: Project) -> None:
    receipt, (done,) = line.forget(project, SEVEN, requester="shop")
    content = done.certificate.read_bytes()
    again, nothing = line.forget(project, SEVEN, requester="shop")
    assert (again.request, again.state, again.salt, nothing) == (receipt.request, "certified", None, [])
    assert done.certificate.read_bytes() == content
    assert len([*project.ledger.events(kinds=["published"])]) == 2


def test_what_was_put_right_in_the_same_words_is_the_same_request(
    project: Project, table: Callable[..., Table], visits: Any
) -> None:
    def correction(age: float) -> Correction:
        return Correction(table(project, [{**visits()[9], "age": age}]))

    receipt, (_,) = line.forget(project, correction(77.0))
    again, nothing = line.forget(project, correction(77.0))
    assert (again.request, again.state, nothing) == (receipt.request, "certified", [])
    line.forget(project, correction(66.0))
    later, (done,) = line.forget(project, correction(77.0))  # there is work again
    assert later.request != receipt.request
    assert done.outcomes == (("record", 9, "corrected"),)


def test_two_requesters_are_two_requests_with_a_certificate_each(project: Project) -> None:
    one, other = receive(project, SEVEN, requester="shop"), receive(project, SEVEN, requester="court")
    assert one.request != other.request
    assert one.salt != other.salt
    assert {done.request for done in line.work(project)} == {one.request, other.request}


def test_a_second_requester_of_what_is_gone_is_told_so(project: Project) -> None:
    line.forget(project, SEVEN, requester="shop")
    receipt, done = line.forget(project, SEVEN, requester="court")
    assert (receipt.request, receipt.state, done) == (None, "already", [])


def test_a_reference_stands_for_one_request(project: Project) -> None:
    first = receive(project, SEVEN, requester="shop", reference="12")
    with pytest.raises(ParameterError, match="stands for another request of the same requester"):
        receive(project, Owners(["person-008"]), requester="shop", reference="12")
    assert receive(project, SEVEN, requester="court", reference="12").request != first.request
    line.work(project)
    with pytest.raises(ParameterError, match="needs a new reference"):
        receive(project, Owners(["person-008"]), requester="shop", reference="12")
    assert receive(project, SEVEN, requester="shop", reference="12").state == "certified"


def test_after_coming_back_the_same_words_are_a_new_request(
    project: Project, exact: Callable[[Project], dict[str, str]]
) -> None:
    first, _ = line.forget(project, SEVEN)
    readmit(project, SEVEN)
    assert learning.update(project).added == 3
    again, (done,) = line.forget(project, SEVEN)
    assert again.request != first.request
    assert done.outcomes == (("owner", "person-007", "erased"),)
    exact(project)


def test_a_request_that_ended_can_be_made_again(project: Project) -> None:
    first = receive(project, SEVEN)
    project.ledger.append(lambda _: [_ended(str(first.request))])
    again = receive(project, SEVEN)
    assert again.request != first.request
    assert again.state == "received"


def _ended(number: str) -> Any:
    from expunge.ledger.chain import Entry

    return Entry("ended", {"state": "withdrawn", "reason": "they changed their mind"}, number)


# -- who is known ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [Records([4711]), Records([-1, 2**63, 2**200]), Records(["7"]), Owners(["nobody", ""]), Owners([7]), Label("odd"),
     Label(True), Column("weight"), Batch([Owners(["nobody"]), Records([4711])])],
)  # fmt: skip
def test_only_unknown_names_are_an_error_that_changes_not_one_byte(target: Target, place: Path) -> None:
    project = Project.open(place / "project")
    project.table(project.published())
    before = everything(place)
    with pytest.raises(UnknownSubjectError, match="nothing was changed"):
        line.forget(project, target)
    assert everything(place) == before


def test_each_name_has_its_own_outcome(project: Project) -> None:
    line.forget(project, Records([5]))
    _, (done,) = line.forget(project, Records([4, 5, 4711]))
    assert set(done.outcomes) == {
        ("record", 4, "erased"), ("record", 5, "already erased"), ("record", 4711, "unknown")
    }  # fmt: skip


def test_a_name_that_was_unknown_once_is_unknown_again(project: Project) -> None:
    line.forget(project, Records([4, 4711]))
    _, (done,) = line.forget(project, Records([5, 4711]))
    assert set(done.outcomes) == {("record", 5, "erased"), ("record", 4711, "unknown")}


def test_records_of_an_erased_owner_are_known_as_erased(project: Project) -> None:
    line.forget(project, SEVEN)
    receipt, _ = line.forget(project, Records([21]))
    assert receipt.state == "already"


@pytest.mark.parametrize("target", [Records([4, "5"]), Owners(["person-007", 8])])
def test_names_of_two_types_are_refused_and_keep_nobody_waiting(target: Target, project: Project) -> None:
    with pytest.raises(DataError, match=r"the target names (8|'5')"):
        receive(project, target)
    assert project.book.pending == []


def test_rows_that_do_not_fit_are_refused_and_keep_nobody_waiting(project: Project, table: Any, visits: Any) -> None:
    rows: Table = table(project, visits()[:2])
    with pytest.raises(DataError, match="missing"):
        receive(project, Correction(rows.drop("age")))
    assert project.book.pending == []
    assert len(line.forget(project, SEVEN)[1]) == 1


def test_new_rows_are_no_request(project: Project, table: Callable[..., Table], visits: Any) -> None:
    for target in (Addition(table(project, visits()[:1])), Batch([SEVEN, Addition(table(project, visits()[:1]))])):
        with pytest.raises(ParameterError, match="learn --update"):
            receive(project, target)
    assert kinds_of(Batch([SEVEN])) == {"erase"}


def test_classes_are_of_the_labels_own_type() -> None:
    whole = Table.from_arrays([[1.0], [2.0]], [0, 1])
    assert canonical(Batch([Label(1.0)]), whole) == Batch([Label(1)])
    assert canonical(Label(1.5), whole) == Label(1.5)
    halves = Table.from_arrays([[1.0], [2.0]], [0.5, 1.0])
    made = canonical(Label(1), halves)
    assert isinstance(made, Label)
    assert type(made.value) is float


# -- who asks, and who is told -----------------------------------------------------------------------------------------


def test_the_salt_shows_whose_certificate_it_is_and_no_other_does(project: Project) -> None:
    receipts = [receive(project, Owners([f"person-{n:03d}"]), requester=f"shop {n}") for n in range(3)]
    bodies = {
        done.request: certificate.verify(done.certificate.read_bytes(), [project.keyring.public]).body
        for done in line.work(project)
    }
    assert len(bodies) == 3
    for at, receipt in enumerate(receipts):
        for other in range(3):
            body = bodies[str(receipts[other].request)]
            salt, name = bytes.fromhex(str(receipt.salt)), f"person-{at:03d}"
            assert certificate.covers(body, salt, "owner", name) == (at == other)
            assert not certificate.covers(body, salt, "owner", f"person-{(at + 1) % 3:03d}")


def test_a_salt_is_in_no_repr(project: Project) -> None:
    receipt = receive(project, SEVEN)
    assert str(receipt.salt) not in repr(receipt)


# -- two processes at once ---------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12 on, beside the threads of xdist
def test_three_who_queue_while_another_works_lose_nothing(
    project: Project, exact: Callable[[Project], dict[str, str]], forked: Any, tmp_path: Path
) -> None:
    def queue(first: int) -> None:
        mine = Project.open(project.folder)
        told = [receive(mine, Records([n]), requester="shop").request for n in range(first, first + 20)]
        (tmp_path / str(first)).write_text(json.dumps(told), encoding="utf-8")

    firsts = (0, 10, 40)  # the first two share ten
    others = [forked(lambda first=first: queue(first)) for first in firsts]
    for _ in range(4):
        line.work(project)
    assert [wait() for wait in others] == [0, 0, 0]
    line.work(project)
    told = {number for first in firsts for number in json.loads((tmp_path / str(first)).read_text(encoding="utf-8"))}
    states = {number: request.state for number, request in project.book.requests.items()}
    assert told - {None} <= set(states)
    assert set(states.values()) == {"certified"}
    assert len([*project.certificates.glob("*.json")]) == len(states)
    left = set(project.table(project.published()).ids.tolist())
    assert left == set(range(90)) - set(range(30)) - set(range(40, 60))
    erased = [outcome for path in project.certificates.glob("*.json") for outcome in _outcomes(path)]
    assert erased.count("erased") == 50
    exact(project)


def _outcomes(path: Path) -> list[str]:
    body = json.loads(path.read_text(encoding="utf-8"))["certificate"]
    return [subject["outcome"] for subject in body["subjects"]]
