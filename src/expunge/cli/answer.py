"""What whoever asks is told: where somebody is held, what forgetting would cost, what was done.

Each answer is a document, for programs, and lines, for people. Names stand in them, because whoever asked typed them;
in ledger and certificates they do not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from expunge.certificate import RESUMED
from expunge.cli.screen import many, pairs, short, some
from expunge.errors import ResidueError
from expunge.values import Refusal

if TYPE_CHECKING:
    from pathlib import Path

    from expunge.engine.evidence import Done
    from expunge.engine.inquiry import Offer, Whereabouts
    from expunge.engine.intake import Receipt
    from expunge.values import Claim

Named = Iterable[tuple[str, int | str, str]]
"""Kind, name, and what is known or became of it."""

SALT = "The salt is for whoever asked: with it, and only with it, they can show that the certificate is about them."
SCANS = {
    "clean": "clean: nothing of it is left in the project, and in every part the search found its control",
    "found": "FOUND: traces of it are left in the project",
    "blind": "BLIND: in some part the search did not find its own control, so it says nothing",
    "not distinguishable": "not distinguishable: nothing was found, and in some part nothing tells it from what stays",
    "none": "none: nothing was to be looked for",
}
SOURCES = {
    "holds": "STILL HOLDS what was named: delete it there, too",
    "no longer": "no longer holds what was named",
    "not read": "was not asked, or did not answer",
}

# -- names -------------------------------------------------------------------------------------------------------------


def names_document(named: Named, what: str) -> list[dict[str, Any]]:
    """Names for programs."""
    return [{"kind": kind, "name": name, what: state} for kind, name, state in named]


def names_lines(named: Named) -> list[str]:
    """Names for people: each state with those that are in it."""
    states: dict[str, list[str]] = {}
    for kind, name, state in named:
        states.setdefault(state, []).append(f"{kind} {name_of(kind, name)}")
    return [f"  {state}: {', '.join(some(names))}" for state, names in states.items()]


def name_of(kind: str, name: int | str) -> str:
    """A name as its owner knows it: of a class, without the type that tells 1 from "1"."""
    return str(name).partition(" ")[2] if kind == "class" else str(name)


# -- where and quote ---------------------------------------------------------------------------------------------------


def where_document(found: Whereabouts) -> dict[str, Any]:
    """Where what was named is held."""
    named = ((kind, name, state) for (kind, name), state in found.presence.items())
    return {
        "names": names_document(named, "state"),
        "rows": found.rows,
        "blocks": found.blocks,
        "models": dict(found.models),
        "pending": list(found.pending),
    }


def where_lines(found: Whereabouts) -> list[str]:
    """The same in words."""
    learned = ", ".join(f"{name} learned from {rows:,} of them" for name, rows in found.models.items())
    return [
        *names_lines((kind, name, state) for (kind, name), state in found.presence.items()),
        *pairs(
            [
                ("snapshot", f"{many(found.rows, 'record')} in {many(found.blocks, 'sealed block')}"),
                ("models", learned or "none"),
                ("requests", ", ".join(some(found.pending)) + " wait" if found.pending else "none waits"),
            ],
            indent="  ",
        ),
    ]


def offer_document(offer: Offer) -> dict[str, Any]:
    """What forgetting would promise and cost in one model; or why not."""
    answer = offer.answer
    if isinstance(answer, Refusal):
        return {"model": offer.model, "refusal": asdict(answer)}
    quote = answer.quote
    return {
        "model": offer.model,
        "method": answer.name,
        "claim": _claim(quote.claim),
        "assumptions": list(quote.assumptions),
        "examples": quote.examples,
        "retraining": offer.retraining,
        "seconds": quote.seconds,
        "hardness": None if answer.hardness is None else asdict(answer.hardness) | {"level": answer.hardness.level},
    }


def offer_lines(offer: Offer) -> Iterator[str]:
    """The same in words."""
    answer = offer.answer
    if isinstance(answer, Refusal):
        instead = f"; instead: {answer.what}" if answer.what else ""
        yield f"model {offer.model}: refused ({answer.kind}): {answer.reason}{instead}"
        return
    quote = answer.quote
    yield f"model {offer.model}: {_said(_claim(quote.claim))}, by {answer.name}"
    seconds = "not measured" if quote.seconds is None else f"about {quote.seconds:.2g} s"
    yield f"  cost: {_against(quote.examples, offer.retraining)}; {seconds}"
    yield "  if:"
    yield from (f"    {assumption}" for assumption in quote.assumptions)
    if answer.hardness is not None:
        yield from (f"  {line}" for line in answer.hardness.lines())


# -- what was done -----------------------------------------------------------------------------------------------------


def receipt_document(receipt: Receipt) -> dict[str, Any]:
    """What a requester is told when the request is in."""
    named = ((kind, name, state) for (kind, name), state in receipt.presence.items())
    return {
        "request": receipt.request,
        "state": receipt.state,
        "salt": receipt.salt,
        "names": names_document(named, "state"),
    }


def receipt_lines(receipt: Receipt) -> list[str]:
    """The same in words; said before the work begins, so that nobody's salt is lost with a killed process."""
    if receipt.request is None:
        named = ((kind, name, _BEFORE[state]) for (kind, name), state in receipt.presence.items())
        return ["what is known of it was erased before: there is nothing to do", *names_lines(named)]
    told = [f"request {receipt.request}: {receipt.state}"]
    return [*told, f"  salt {receipt.salt}", f"  {SALT}"] if receipt.salt else told


_BEFORE = {"held": "held", "erased": "already erased", "unknown": "unknown"}


def done_document(done: Done) -> dict[str, Any]:
    """What became of one request."""
    said = _certificate(done.certificate)
    return {
        "request": done.request,
        "state": "certified",
        "names": names_document(done.outcomes, "outcome"),
        "models": [{key: model[key] for key in _TOLD} for model in said.get("models", ())],
        "scan": {**said.get("scan", {}), "verdict": done.verdict},
        "source": done.source,
        "certificate": str(done.certificate),
    }


_TOLD = ("name", "method", "claim", "examples", "seconds", "fingerprint")


def done_lines(done: Done) -> Iterator[str]:
    """The same in words."""
    yield f"request {done.request}: done"
    yield from names_lines(done.outcomes)
    yield from pairs(
        [
            *((f"model {model['name']}", _model(model)) for model in _certificate(done.certificate).get("models", ())),
            ("scan", _scan(done)),
            *(("found in", path) for path in done.where),
            ("source", SOURCES[done.source]),
            ("certificate", str(done.certificate)),
        ],
        indent="  ",
    )


def brief(done: Sequence[Done]) -> list[str]:
    """Requests that were finished along with the one that was asked."""
    return [f"also done: request {each.request}, certificate {each.certificate}" for each in done]


def residue(done: Iterable[Done]) -> ResidueError | None:
    """The failure that a scan of one of them makes, if one does: its certificate says so, too."""
    bad = [each for each in done if each.verdict in ("found", "blind")]
    if not bad:
        return None
    where = f", in {bad[0].where[0]}" if bad[0].where else ""
    msg = f"the residue scan of request {bad[0].request} is {bad[0].verdict}{where}: its certificate says so"
    return ResidueError(msg)


def _scan(done: Done) -> str:
    """The verdict, with what it does not speak of."""
    if done.verdict == "clean" and done.opaque:
        files = many(done.opaque, "file")
        return f"clean in what could be searched; {files} could not be: compressed, sealed or linked"
    return SCANS[done.verdict]


def _model(model: Mapping[str, Any]) -> str:
    before, after = (short(model["fingerprint"][when]) for when in ("before", "after"))
    cost = _against(model["examples"]["spent"], model["examples"]["retraining"])
    resumed = "".join(f"; {line}" for line in model.get("assumptions", ()) if line.startswith(RESUMED))
    return f"{_said(model['claim'])}, {before} -> {after}; {cost}{resumed}"


def _against(spent: int, retraining: int) -> str:
    """A cost beside that of learning everything again."""
    share = f", {spent / retraining:.1%} of" if retraining else ", instead of"
    return f"{many(spent, 'record visit')}{share} the {retraining:,} of learning everything again"


def _claim(claim: Claim) -> dict[str, Any]:
    return {"name": type(claim).__name__, **asdict(claim)}


def _said(claim: Mapping[str, Any]) -> str:
    numbers = ", ".join(f"{name} {value}" for name, value in claim.items() if name != "name")
    return f"{claim['name']} ({numbers})" if numbers else str(claim["name"])


def _certificate(path: Path) -> dict[str, Any]:
    """What a certificate says, for showing; `expunge verify` is what believes it."""
    said: dict[str, Any] = json.loads(path.read_bytes())["certificate"]
    return said
