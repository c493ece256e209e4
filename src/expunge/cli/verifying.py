"""`verify`: whether certificates are whole, who signed them, whether they are about somebody. Works offline.

Inside the project that issued one, its ledger is asked too, and ``--replay`` learns the published models again. Where
all that the certificates say was superseded since, nothing can be: that is said, and is no success.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from expunge.cli.ending import UsageError
from expunge.cli.keys import public_key
from expunge.cli.opening import Light, look, opened
from expunge.cli.options import AsJson, In, text
from expunge.cli.screen import Screen, clean, short
from expunge.errors import (
    CertificateError,
    ExpungeError,
    ProjectError,
    SourceError,
    UnknownSignerError,
    UnknownSubjectError,
    VetoError,
)

if TYPE_CHECKING:
    from expunge.engine.inquiry import Replayed

Standing = Literal["recorded", "unknown", "unrecorded", "superseded"]

SAID = {
    "recorded": "the ledger of this project has it on record",
    "unknown": "NOTE: the ledger of this project knows no such request",
    "unrecorded": "NOTE: the ledger of this project does not have it on record yet: `expunge work` finishes that",
    "superseded": "NOTE: the ledger of this project has another certificate on record for this request",
}
NOTHING_REPLAYED = (
    "nothing was learned again: no model that is published is the one that a certificate here is about, because later"
    " requests or learning changed them; the last certificate can be replayed, and `expunge audit` replays what is"
    " published"
)
WORST = (CertificateError, SourceError, UnknownSignerError, VetoError, UnknownSubjectError)  # first


@dataclass
class Checked:
    """One certificate's file, looked at.

    Attributes
    ----------
    file : Path
    body : dict or None
        What it says, where it is whole and the signer is trusted.
    signer : str or None
    ledger : str or None
        What the project's ledger says of it; None outside the project that issued it.
    names : list of (kind, name, outcome or None)
        Those that were asked for.
    replayed : list of dict
    failure : ExpungeError or None
    """

    file: Path
    body: dict[str, Any] | None = None
    signer: str | None = None
    ledger: Standing | None = None
    names: list[tuple[str, str, str | None]] = field(default_factory=list)
    replayed: list[dict[str, Any]] = field(default_factory=list)
    failure: ExpungeError | None = None

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "file": str(self.file),
            "verified": self.body is not None,
            "problem": None if self.failure is None else str(self.failure),
            "request": None if self.body is None else self.body["request"]["id"],
            "signer": self.signer,
            "ledger": self.ledger,
            "names": [{"kind": kind, "name": name, "outcome": outcome} for kind, name, outcome in self.names],
            "replay": self.replayed,
        }

    def lines(self) -> Iterator[str]:
        """The verdict, for people."""
        if self.body is None:
            yield f"{self.file}: NOT VERIFIED: {self.failure}"
            return
        yield f"{self.file}: verified: no byte was changed, and the signer {self.signer} is trusted here"
        if self.ledger is not None:
            yield f"  {SAID[self.ledger]}"
        for kind, name, outcome in self.names:
            yield f"  {kind} {name}: {outcome or 'this certificate is not about it, or the salt is not its salt'}"
        for said in self.replayed:
            yield f"  {_replay_line(said)}"


def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Certificates.")],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="PUB", help="A public key that you trust: hexadecimal, PEM, or a file of it."),
    ] = None,
    record: Annotated[
        list[str] | None, typer.Option("--record", metavar="ID", help="Is it about this record? Needs --salt.")
    ] = None,
    owner: Annotated[
        list[str] | None, typer.Option("--owner", metavar="NAME", help="Is it about this owner? Needs --salt.")
    ] = None,
    salt: Annotated[
        str | None, typer.Option("--salt", metavar="HEX", help="What the requester got with the request.")
    ] = None,
    replay: Annotated[
        bool,
        typer.Option(
            "--replay",
            help="Learn the published models again, and compare; fails where no certificate is about one of them."
            " Needs the project.",
        ),
    ] = False,
    project: In = None,
    as_json: AsJson = False,
) -> None:
    """Verify certificates: that no byte was changed, and that the signer is one you trust. Works offline.

    Inside a project its own signers are trusted, and those added by `expunge keys add-signer`. One certificate is
    printed in full, several only with their verdicts.

    For example: expunge verify certificates/20260101-0123456789ab.json --key issuer.pem
    """
    screen = Screen(as_json=as_json)
    asked = _asked(record, owner, salt)
    given = [public_key(word) for word in key or ()]
    home, why_not = _home(project, lenient=bool(given) and not replay)
    trusted = [*given, *(home.keyring.signers() if home is not None else ())]
    found = [checked(file, trusted, home) for file in files]
    for each in found:
        _about(each, asked)
    if replay:
        _replay(found, home, project, screen)
    lines = list(_printed(found))
    if why_not is not None:
        lines.append(f"NOTE: the project here was not asked: {why_not}")
    failures = [each.failure for each in found if each.failure is not None]
    worst = min(failures, key=lambda failure: WORST.index(type(failure)), default=None)
    document: dict[str, Any] = {"certificates": [each.document() for each in found]}
    if replay:
        document["replayed"] = sum(said["verdict"] != "superseded" for each in found for said in each.replayed)
        worst = worst or (None if document["replayed"] else ExpungeError(NOTHING_REPLAYED))
    screen.show(document, lines, worst)


def checked(file: Path, trusted: Collection[str], home: Light | None = None) -> Checked:
    """Look at one file; what is wrong with it is noted, not raised."""
    from expunge import certificate

    found = Checked(file)
    try:
        content = file.read_bytes()
    except (OSError, ValueError) as refusal:
        found.failure = SourceError(f"{file} cannot be read: {getattr(refusal, 'strerror', None) or refusal}")
        return found
    try:
        verified = certificate.verify(content, trusted)
        certificate.check(verified.body)
    except (CertificateError, UnknownSignerError) as failure:
        found.failure = failure
        return found
    found.body, found.signer = verified.body, verified.signer
    if home is not None and verified.body["issuer"]["project"] == home.settings.id:
        found.ledger = _standing(home, verified.body["request"]["id"], sha256(content).hexdigest())
    return found


def _standing(home: Light, request: str, digest: str) -> Standing:
    known = home.ledger.book.requests
    if request not in known:
        return "unknown"
    recorded = known[request].certificate
    if recorded is None:
        return "unrecorded"
    return "recorded" if recorded == digest else "superseded"


def _home(project: Path | None, *, lenient: bool) -> tuple[Light | None, str | None]:
    """The project that this is run in, if any; where keys were given, one that does not open is no obstacle."""
    from expunge.cli.opening import folder_of

    if project is None:
        try:
            folder_of(None)
        except ProjectError:
            return None, None
    try:
        return look(project), None
    except ExpungeError as failure:
        if project is not None or not lenient:
            raise
        return None, str(failure)


# -- whom it is about --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Names:
    salt: bytes
    names: Sequence[tuple[str, str]]


def _asked(records: Sequence[str] | None, owners: Sequence[str] | None, salt: str | None) -> _Names | None:
    names = [("record", text("--record", word)) for word in records or ()]
    names += [("owner", text("--owner", word)) for word in owners or ()]
    if bool(names) != (salt is not None):
        msg = "--record and --owner need --salt, and --salt one of them: names stand in a certificate as commitments"
        raise UsageError(msg)
    if salt is None:
        return None
    try:
        held = bytes.fromhex(salt)
    except ValueError:
        held = b""
    if len(held) < 16:
        msg = "--salt takes the hexadecimal digits, 32 or more, that `expunge forget` printed"
        raise UsageError(msg)
    return _Names(held, names)


def _about(found: Checked, asked: _Names | None) -> None:
    """Note what a certificate says of the names; a word of digits may be a number or a text."""
    from expunge.certificate import outcome

    if asked is None or found.body is None:
        return
    for kind, word in asked.names:
        number = [int(word)] if word.removeprefix("-").isascii() and word.removeprefix("-").isdigit() else []
        meant: list[int | str] = [word, *number]
        said = [outcome(found.body, asked.salt, kind, name) for name in meant]
        found.names.append((kind, word, next(filter(None, said), None)))
    strangers = [f"{kind} {name}" for kind, name, said in found.names if said is None]
    if strangers:
        found.failure = UnknownSubjectError(f"{found.file} is not about {strangers[0]}, or the salt is not its salt")


# -- replay ------------------------------------------------------------------------------------------------------------


def _replay(found: list[Checked], home: Light | None, project: Path | None, screen: Screen) -> None:
    """Learn the models that certificates name again, each once, and note whether they are what is published."""
    mine = [each for each in found if each.ledger is not None and each.body is not None]
    if home is None or len(mine) < len(found):
        msg = "--replay learns again from the project's data: run it in the project that issued the certificate"
        raise next((each.failure for each in found if each.failure is not None), None) or ProjectError(msg)
    with opened(project, screen) as whole:
        from expunge.engine import inquiry

        again: dict[str, Replayed] = {}
        published = whole.published().models
        for each in mine:
            for model in (each.body or {})["models"]:
                name = model["name"]
                if name in published and name not in again:
                    again[name] = inquiry.replay(whole, name)
                each.replayed.append(_compared(name, model["fingerprint"]["after"], again.get(name)))
            if any(said["verdict"] == "contradicted" for said in each.replayed):
                each.failure = VetoError(f"{each.file}: learned again, a model is not what the certificate says")


def _compared(name: str, after: str | None, again: Replayed | None) -> dict[str, Any]:
    """What the replay of one model says of a certificate's fingerprint."""
    if again is None or again.published != after:
        verdict = "superseded"
    elif again.equal:
        verdict = "reproduced"
    else:
        verdict = "contradicted" if again.environment == "same" else "other environment"
    return {"model": name, "certified": after, "again": None if again is None else again.again, "verdict": verdict}


def _replay_line(said: dict[str, Any]) -> str:
    words = {
        "reproduced": "learned again from nothing: the same, bit for bit",
        "contradicted": "learned again, it is ANOTHER MODEL",
        "superseded": "no longer what is published, so it cannot be learned again: later requests changed the data",
        "other environment": "learned again, it is another model; so is the environment, which may round otherwise",
    }
    return f"model {said['model']}, {short(said['certified'])}: {words[said['verdict']]}"


def _printed(found: list[Checked]) -> Iterator[str]:
    from expunge import certificate

    if len(found) == 1 and found[0].body is not None:
        yield from (clean(line) for line in certificate.lines(found[0].body))
        yield ""
    for each in found:
        yield from each.lines()
