"""The story, step by step: each shows what a user types, does it through the engine, and checks what has to hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from expunge import certificate
from expunge.audit.report import audit
from expunge.certificate import outcome
from expunge.demo import hospital as place
from expunge.demo.picture import HORIZON, draw, next_requests, refuse_without_matplotlib, timed
from expunge.demo.tables import Request, certified, costs, heads, memberships, search, short
from expunge.demo.teller import Teller
from expunge.engine import inquiry, intake, learning, line, reconciling
from expunge.engine.scan import scan_names
from expunge.errors import CertificateError, UnknownSignerError, VetoError
from expunge.methods.arrays.retrain import Retrain
from expunge.planner import Plan
from expunge.protocol import Run
from expunge.values import Exact, Forgotten, Records

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from expunge.demo.hospital import Hospital
    from expunge.engine.evidence import Done
    from expunge.engine.project import Project
    from expunge.values import Target

ASKS, LEAVES, STAYS = "patient-417", "patient-221", "patient-300"  # forgets; is deleted by the hospital; is kept
SINGLES, QUEUED, MANY = 3, 8, 30


@dataclass(eq=False)
class Stage:
    """Where the story stands.

    Attributes
    ----------
    teller : Teller
    on : Hospital
    done : list of Done
        Every request that has its certificate.
    requests : list of Request
        Those that the tables show, each audited.
    salt : str
        Of the first request: what the patient was given.
    """

    teller: Teller
    on: Hospital
    done: list[Done] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    salt: str = field(default="", repr=False)

    def others(self, count: int) -> list[str]:
        """Patients who have not been spoken of, in the order of their names."""
        return sorted(place.others(self.on.patients.ids, (ASKS, LEAVES, STAYS)))[:count]


def play(console: Console, picture: Path | None = None) -> bool:
    """Tell it; True when everything held that has to hold.

    Parameters
    ----------
    console : Console
        Where it is told.
    picture : Path, optional
        Where the cost of the next requests is drawn, as PNG.

    Raises
    ------
    MissingExtraError
        When a picture is asked for and matplotlib is not installed.
    """
    if picture is not None:
        refuse_without_matplotlib()
    teller, start = Teller(console), perf_counter()
    with place.hospital() as on:
        stage = Stage(teller, on)
        learned(stage)
        try:
            for step in (quoted, forgotten, certificate_shown, searched, reconciled, queued, compared):
                step(stage)
        except VetoError as veto:
            teller.check(f"VETO: {veto}", holds=False)
        if picture is not None:
            drawn(stage, picture)
    _ended(teller, perf_counter() - start)
    return not teller.failed


# -- the steps ---------------------------------------------------------------------------------------------------------


def learned(stage: Stage) -> None:
    """A table becomes a model."""
    teller, on = stage.teller, stage.on
    choice = on.proposal.settings.models["main"]
    teller.step("A table becomes a model")
    teller.say(
        f"A hospital has {len(on.admitted)} patients in a SQLite table, {place.DATABASE}: real ones, of Wisconsin;"
        f" {place.WRONG} of them stand there under a wrong diagnosis, on purpose. {len(on.held_out)} more are kept out"
        " of it, to measure with."
    )
    sets = " ".join(f"--set {name}={given}" for name, given in place.NETWORKS.settings.items())
    teller.type(
        f"expunge init --source sqlite:///{place.DATABASE} --table {place.TABLE} --id {place.ID}"
        f" --label {place.LABEL} --learner {choice.learner} {sets}",
        "expunge learn",
    )
    with teller.busy("learning"):
        made = learning.learn(on.project)
        accuracy, single = on.accuracy(on.method, on.model), Retrain(on.method.learner)
        alone, seconds = timed(lambda: single.learn(on.patients, on.project.run().afresh()))
    teller.pairs(
        [
            ("expunge.toml", f"{len(on.proposal.settings.columns)} columns, all numbers; edit it as you like"),
            ("snapshot", f"{made.rows} patients, sealed; models learn from it, whatever the table says later"),
            ("model", f"an ensemble of {place.NETWORKS.shards} isolated shards, learned in {made.models[0][3]:.2f} s"),
            ("fingerprint", short(on.fingerprint)),
            ("accuracy", f"{accuracy:.3f} on the {len(on.held_out)} kept out"),
            ("not sharded", f"one learner for all: {seconds:.2f} s, accuracy {on.accuracy(single, alone):.3f}"),
        ]
    )


def quoted(stage: Stage) -> None:
    """What forgetting would promise and cost, before anything is done."""
    teller, target = stage.teller, Records([ASKS])
    teller.step("A patient asks; first the questions that change nothing")
    teller.type(f"expunge where --records {ASKS}", f"expunge quote --records {ASKS}")
    found = inquiry.where(stage.on.project, target)
    _, [offer] = inquiry.quote(stage.on.project, target)
    assert isinstance(offer.answer, Plan)  # noqa: S101  (nothing in the demo is refused)
    quote = offer.answer.quote
    teller.pairs(
        [
            ("held", f"{found.rows} record in {found.blocks} sealed block; the model learned from it"),
            ("promise", f"{type(quote.claim).__name__}: bit for bit the model that never met {ASKS}"),
            ("cost", f"{quote.examples} record visits, of {offer.retraining} of learning everything again"),
            *(("if" if not at else "", said) for at, said in enumerate(quote.assumptions)),
        ]
    )


def forgotten(stage: Stage) -> None:
    """One patient is forgotten, and the model learned again without, to compare."""
    teller, project = stage.teller, stage.on.project
    teller.step("The patient is forgotten")
    teller.type(f"expunge forget --records {ASKS}")
    receipt = intake.receive(project, Records([ASKS]))
    stage.salt = str(receipt.salt)
    done = _worked(stage, ASKS, Records([ASKS]), partial(line.work, project))
    [request] = stage.requests
    teller.pairs(
        [
            ("request", done[0].request),
            ("salt", f"{stage.salt[:6]}... for the patient; nobody can tell without whom the certificate is about"),
            ("model", f"{short(request.model['fingerprint']['before'])} -> {short(stage.on.fingerprint)}"),
            ("time", f"{request.forgetting:.2f} s; {request.seconds:.2f} s with check, purge, search and certificate"),
        ]
    )
    teller.say("Is it the model that never met this patient? It is learned again, from nothing:")
    teller.type("expunge audit")
    with teller.busy("learning again"):
        again = inquiry.replay(project)
    teller.pairs([("published", short(again.published)), ("again", f"{short(again.again)}, in {again.seconds:.2f} s")])
    teller.check("the same model, bit for bit", holds=again.equal and request.same)


def certificate_shown(stage: Stage) -> None:
    """The certificate, verified offline; altered, it does not."""
    teller, signer = stage.teller, stage.on.project.keyring.public
    path = stage.done[0].certificate
    content = path.read_bytes()
    teller.step("What the patient gets: a certificate")
    teller.type(f"expunge verify {path.parent.name}/{path.name} --key {signer[:12]}...")
    body = verified(content, signer)
    said = _body(path)
    teller.pairs(certified(said))
    teller.say("What it shows, in its own words (digits cut):")
    teller.points([short(sentence) for sentence in said["statement"]["proves"]])
    teller.say("What it does not show, each begun here and explained there:")
    teller.points([f"{head}." for head in heads(said["statement"]["does_not_prove"])])
    teller.check("it verifies, offline, with nothing but the public key", holds=body is not None)
    about = [outcome(said, bytes.fromhex(stage.salt), "record", name) for name in (ASKS, STAYS)]
    teller.check(f"with the salt it is about {ASKS}, and about nobody else", holds=about == ["erased", None])
    teller.check("no name stands in it", holds=ASKS.encode() not in content)
    teller.say("Somebody changes one byte, a digit of the fingerprint, and verifies again:")
    teller.check("the change is noticed", holds=verified(altered(content, said), signer) is None)


def searched(stage: Stage) -> None:
    """Deleted is not believed: the residue scan, and its controls."""
    teller, project = stage.teller, stage.on.project
    teller.step("Deleted is not believed: the search for what is left")
    teller.say(
        "Before it signed, the engine opened every stored file and searched all of the project's folder, the hospital's"
        " own table aside, for the patient's id and values, as text and as binary numbers. In each part it also"
        " searched for something that is there: a search that does not find this control is blind,"
        " and blind is not clean."
    )
    scan = _body(stage.done[0].certificate)["scan"]
    teller.show(search(scan))
    controls = all(part["control"] == "found" for part in scan["parts"])
    teller.check("clean, and every control was found", holds=scan["verdict"] == "clean" and controls)
    teller.type(f"expunge scan --records {ASKS}")
    gone = scan_names(project, Records([ASKS]))
    teller.check(f"{ASKS}: {gone.verdict}", holds=gone.verdict == "clean")
    teller.type(f"expunge scan --records {STAYS}")
    kept = scan_names(project, Records([STAYS]))
    teller.check(f"{STAYS}, who stays: {kept.verdict}. The search can see", holds=kept.verdict == "found")


def reconciled(stage: Stage) -> None:
    """The table decides: who is deleted there is forgotten here, and who was forgotten here does not come back."""
    teller, on = stage.teller, stage.on
    teller.step("Deleting in the table is enough")
    teller.say(f"The hospital deletes {LEAVES} in its own table, and knows nothing of models:")
    teller.type(f'sqlite3 {place.DATABASE} "{place.DELETE.replace("?", repr(LEAVES))}"')
    place.dismiss(on.folder / place.DATABASE, LEAVES)
    teller.type("expunge reconcile")
    found = reconciling.difference(on.project)
    teller.points([said for said in found.lines() if not said.startswith("0 ")])
    done = _worked(stage, LEAVES, Records([LEAVES]), lambda: reconciling.reconcile(on.project, found))
    held = inquiry.where(on.project, Records([LEAVES]))
    one = len(done) == 1 and done[0].source == "no longer" and held.presence["record", LEAVES] == "erased"
    teller.check(f"{LEAVES} is forgotten, with a certificate: the table no longer holds them", holds=one)
    teller.say(f"The table still has {ASKS}, who asked here and not there. Does learning bring them back?")
    teller.type("expunge learn --update")
    again = learning.update(on.project)
    kept_out = again.cause == "nothing" and again.fenced == 1 and ASKS not in on.patients.ids.tolist()
    teller.check(f"{again.fenced} row of the table left out: it was forgotten", holds=kept_out)


def queued(stage: Stage) -> None:
    """Requests come one by one and in crowds."""
    teller, project = stage.teller, stage.on.project
    teller.step("Requests come one by one, and in crowds")
    singles = stage.others(SINGLES)
    teller.type(*(f"expunge forget --records {name}" for name in singles))
    for name in singles:
        _worked(stage, name, Records([name]), partial(_forget, project, Records([name])))
    waiting = stage.others(QUEUED)
    teller.type(f"expunge forget --records {waiting[0]} --queue   # and {QUEUED - 1} more", "expunge work")
    for name in waiting:
        intake.receive(project, Records([name]))
    batch = _worked(stage, f"{QUEUED} at once", Records(waiting), partial(line.work, project))
    said = f"{len(batch)} requests waited, were worked off as one batch, and each has its certificate"
    teller.check(said, holds=len({done.certificate for done in batch}) == QUEUED)
    teller.say(
        "More at a time come as a file of names, which lies outside of the project's folder: inside, the search would"
        " find the names in it, and say so. The last are those with a wrong diagnosis."
    )
    wrong = [f"patient-{number:03d}" for number in range(1, place.WRONG + 1)]
    for title, names in ((f"{MANY} at once", stage.others(MANY)), (f"{len(wrong)} wrong ones", wrong)):
        teller.type(f"expunge forget --records-file ../{len(names)}-patients.txt")
        _worked(stage, title, Records(names), partial(_forget, project, Records(names)))
    signer = project.keyring.public
    whole = [
        done.verdict == "clean" and verified(done.certificate.read_bytes(), signer) is not None for done in stage.done
    ]
    teller.check(f"all {len(whole)} certificates verify, and every search was clean", holds=all(whole))


def compared(stage: Stage) -> None:
    """What it cost, and whether anybody could tell."""
    teller = stage.teller
    teller.step("What it cost, and whether anybody could tell")
    teller.show(costs(stage.requests))
    besides = sorted(request.seconds - request.forgetting for request in stage.requests)
    teller.say(
        "A batch learns a shard once: many requests at once hit nearly all of the shards. The seconds are those of"
        f" forgetting alone; planning, check, purge, search and certificates took {besides[0]:.1f} to"
        f" {besides[-1]:.1f} s more."
    )
    same = all(request.same for request in stage.requests)
    teller.check("certified, published and learned again: each time one model, bit for bit", holds=same)
    teller.show(memberships(stage.requests))
    teller.say("0.5 is a coin. What the oracles show is due to the records: they never met them.")
    teller.say("The last of these requests, the wrong diagnoses, audited whole:")
    teller.verbatim(f"\n{stage.requests[-1].report}")


def drawn(stage: Stage, picture: Path) -> None:
    """What the next requests cost, from a fresh start, as a picture."""
    teller, on = stage.teller, stage.on
    run = on.project.run()
    draw(picture, next_requests(on.method, on.admitted, Run(run.key, threads=run.threads), teller.console))
    teller.say(f"The cost of the next {HORIZON} requests, had they come one by one, is drawn in {picture}.")


def _ended(teller: Teller, seconds: float) -> None:
    teller.step("What was shown, and what was not")
    teller.say(
        "Shown: the model that is published is, bit for bit, the one that never met those who left; a search that can"
        " see found nothing of them in the project; and anybody with the public key can verify who says so, and that no"
        " byte of it was changed since."
    )
    teller.say(
        "Not shown: that copies elsewhere are gone, in backups, exports or models made from this one; that those who"
        " stay say nothing about those who left; that another machine rounds the same. The certificate says it, too."
    )
    kept = teller.count - len(teller.failed)
    teller.say(f"{kept} of {teller.count} checks held, in {seconds:.0f} s. Folder and secrets were temporary: gone.")
    for said in teller.failed:
        teller.verbatim(f"  FAILED  {said}")


# -- what the steps have in common -------------------------------------------------------------------------------------


def _forget(project: Project, target: Target) -> list[Done]:
    _, done = line.forget(project, target)
    return done


def _worked(stage: Stage, name: str, target: Target, work: Callable[[], list[Done]]) -> list[Done]:
    """Work something off, and audit it beside models that are learned again without the target."""
    on = stage.on
    before, data, run = on.model, on.patients, on.project.run()
    done, seconds = timed(work)
    stage.done += done
    if not done:
        return done
    body = _body(done[0].certificate)
    with stage.teller.busy("learning again, to compare"):
        claimed = Forgotten(on.model, Exact(), body["models"][0]["examples"]["spent"])
        report = audit(on.method, before, claimed, target, data, run, test=on.held_out)
    stage.requests.append(Request(name, body, seconds, on.fingerprint, report))
    return done


def _body(path: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(path.read_bytes())["certificate"]
    return body


def verified(content: bytes, signer: str) -> dict[str, Any] | None:
    """What a certificate says, where it verifies with one public key; None where it does not."""
    try:
        return certificate.verify(content, [signer]).body
    except (CertificateError, UnknownSignerError):
        return None


def altered(content: bytes, body: dict[str, Any]) -> bytes:
    """The certificate with the first digit of the new fingerprint changed."""
    after = str(body["models"][0]["fingerprint"]["after"])
    other = ("0" if after[0] != "0" else "1") + after[1:]
    return content.replace(after.encode(), other.encode(), 1)
