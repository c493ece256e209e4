"""The project's secrets: `trust`, and `keys` to show, rotate and back them up. No secret is ever printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from expunge.cli.ending import UsageError
from expunge.cli.opening import folder_of, look, opened
from expunge.cli.options import AsJson, In, Wait
from expunge.cli.screen import Screen, many, pairs
from expunge.errors import ParameterError
from expunge.ledger import journal
from expunge.ledger.chain import Entry
from expunge.project import settings as toml
from expunge.store.keyring import Keyring, Restored, secrets_folder

Public = Annotated[
    str,
    typer.Argument(metavar="PUB", help="A public key: 64 hexadecimal digits, PEM text, or a file that holds either."),
]


def trust(project: In = None, as_json: AsJson = False) -> None:
    """Say that this project's secrets come from where you believe they do.

    Rebuilding a model imports and calls code that its sealed file names. In a project that was made elsewhere, or whose
    secrets were put back from a backup, none is rebuilt before you say this, once for each user and machine.

    For example: expunge trust
    """
    home = look(project, shortened_ok=True)
    before = home.keyring.trusted
    keyring = home.keyring
    known = keyring.anchor.exists() or keyring.erased.exists()
    if not before and known and not home.ledger.shortened:  # else an event would hide what `restore` has to see
        home.ledger.append(lambda _: [Entry("trusted", {})])  # first: what is not on record is not trusted
    if not before:
        keyring.trust()
    said = "this project was trusted already" if before else "trusted: its models may be rebuilt here"
    Screen(as_json=as_json).show({"trusted": True, "before": before}, [said])


def show(project: In = None, as_json: AsJson = False) -> None:
    """Show where the secrets are, the public key that certificates are signed with, and whose signatures count.

    For example: expunge keys show
    """
    keyring = look(project).keyring
    others = [signer for signer in keyring.signers() if signer != keyring.public]
    document = {
        "folder": str(keyring.folder),
        "public": keyring.public,
        "signers": list(keyring.signers()),
        "trusted": keyring.trusted,
    }
    rows = [
        ("secrets", str(keyring.folder)),
        ("public key", keyring.public),
        *(("also believed", signer) for signer in others),
        ("trusted here", "yes" if keyring.trusted else "no: `expunge trust`"),
    ]
    Screen(as_json=as_json).show(document, pairs(rows))


def rotate(
    what: Annotated[Literal["signing", "store"], typer.Argument(help="The signing key, or the keys of all blobs.")],
    project: In = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Replace keys: the one that certificates are signed with, or those that every stored file is sealed with.

    What the old signing key signed still verifies. After the store's keys were replaced, copies of the folder and
    of the keys from before do not open what is written from now on.

    For example: expunge keys rotate signing
    """
    screen = Screen(as_json=as_json)
    with opened(project, screen, wait=wait) as whole, whole.working(f"keys rotate {what}"):
        more: dict[str, str | int]
        if what == "signing":
            public = whole.keyring.rotate_signing().public
            more, said = {"public": public}, f"certificates are signed with {public} from now on"
        else:
            count = whole.store.rekey(whole.tick)
            more, said = {"blobs": count}, f"{many(count, 'stored file')} sealed anew"
        whole.ledger.append(lambda _: [Entry("rotated", {"what": what})])
    screen.show({"rotated": what, **more}, [said])


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; there is no such file yet.")],
    project: In = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Write all secrets into one file that only you may read. Without them, nothing that was learned can be read.

    Who has it and a copy of the folder opens what is in that copy, also what was forgotten since: keep it apart from
    backups of the folder, and replace it after an erasure. Certificates say how many backups were made.

    For example: expunge keys backup keys.json
    """
    screen, folder = Screen(as_json=as_json), folder_of(project)
    if file.resolve().is_relative_to(folder.resolve()):
        msg = f"{file} is in the project's folder, and each copy of that would bring its own keys: choose a place apart"
        raise UsageError(msg)
    with opened(project, screen, wait=wait) as whole, whole.working("keys backup"):
        count = whole.keyring.backup(file, whole.store.names())
        journal.note(whole.keyring.erased, "backup")  # beside the secrets: a restored ledger may not know of it
        whole.ledger.journaled(whole.keyring.erased)
        whole.ledger.append(lambda _: [Entry("backed_up", {"keys": count})])
    screen.show({"file": str(file), "keys": count}, [f"the secrets and {many(count, 'key')} of stored files: {file}"])


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `expunge keys backup` wrote.")],
    project: In = None,
    as_json: AsJson = False,
) -> None:
    """Put back secrets that are missing or damaged; what is there and sound stays.

    For example: expunge keys restore keys.json
    """
    put, keyring = put_back(folder_of(project), file)
    trusted = keyring.trusted
    said = [
        f"put back: {', '.join(put.secrets) or 'no secret'}, and {many(put.keys, 'key')} of stored files",
        *([f"left as they are, other than in the backup: {', '.join(put.kept)}"] if put.kept else []),
        *([] if trusted else ["Next: expunge trust, if you know where the backup comes from"]),
    ]
    document = {"secrets": list(put.secrets), "keys": put.keys, "kept": list(put.kept), "trusted": trusted}
    Screen(as_json=as_json).show(document, said)


def put_back(folder: Path, file: Path) -> tuple[Restored, Keyring]:
    """Restore the secrets of a project folder; without their journal, nobody knows what was erased since."""
    secrets = secrets_folder(toml.read(folder).id)
    put = Keyring.restore(secrets, file)
    keyring = Keyring.load(secrets)
    if not keyring.erased.exists():  # there was one: its first line says at the latest that this backup was made
        journal.note(keyring.erased, "lost")
    journal.note(keyring.erased, "backup")  # this very file opens what is destroyed from now on
    return put, keyring


def add_signer(public: Public, project: In = None, as_json: AsJson = False) -> None:
    """Believe certificates of somebody else: their public key, which you have from them by a way that you trust.

    For example: expunge keys add-signer partner.pem
    """
    key, keyring = public_key(public), look(project).keyring
    keyring.add_signer(key)
    Screen(as_json=as_json).show({"signers": list(keyring.signers())}, [f"believed from now on: {key}"])


def remove_signer(public: Public, project: In = None, as_json: AsJson = False) -> None:
    """Believe certificates of somebody else no longer.

    For example: expunge keys remove-signer partner.pem
    """
    key, keyring = public_key(public), look(project).keyring
    keyring.remove_signer(key)
    Screen(as_json=as_json).show({"signers": list(keyring.signers())}, [f"believed no longer: {key}"])


def public_key(word: str) -> str:
    """A public key from what was typed: itself, or a file that holds it."""
    from expunge.certificate import read_public

    said = word
    try:
        if Path(word).is_file():
            said = Path(word).read_text(encoding="utf-8")
        return read_public(said)
    except ParameterError as wrong:
        where = f"the file {word}" if said is not word else word
        msg = f"{where}: {wrong}"
        raise UsageError(msg) from None
    except (OSError, ValueError) as refusal:
        msg = f"{word} is neither a public key nor a file that can be read: {refusal}"
        raise UsageError(msg) from None
