"""How a command comes to its project: with a look at the ledger alone, which is quick, or with all of it.

`status`, `log` and `verify` look: they import neither scikit-learn nor Arrow, and change nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from expunge.errors import ProjectError
from expunge.ledger import journal
from expunge.ledger.chain import Ledger
from expunge.project import settings as toml
from expunge.store.keyring import Keyring, secrets_folder

if TYPE_CHECKING:
    from expunge.cli.screen import Screen
    from expunge.engine.project import Project
    from expunge.project.settings import Settings

INSIDE = ".expunge"
LEDGER = "ledger.sqlite"


@dataclass(frozen=True)
class Light:
    """A project, looked at: no snapshot, no model, no source.

    Attributes
    ----------
    folder : Path
    settings : Settings
    keyring : Keyring
    ledger : Ledger
        Verified as a whole when it was opened.
    """

    folder: Path
    settings: Settings
    keyring: Keyring
    ledger: Ledger


def here() -> Path:
    """The current folder; one that is gone is said."""
    try:
        return Path(os.getcwd())  # noqa: PTH109  (as the system names it)
    except OSError:
        msg = "the folder that this was started in is gone; start it in another one, or name one with --project"
        raise ProjectError(msg) from None


def folder_of(project: Path | None) -> Path:
    """The project's folder, whole; the nearest one where none is named."""
    return toml.find(here()) if project is None else here() / project


def look(project: Path | None, *, shortened_ok: bool = False) -> Light:
    """Settings, secrets and ledger of a project; ``shortened_ok``: also where the ledger comes from a backup.

    Raises
    ------
    ProjectError
        When there is none, or its ``expunge.toml`` does not hold.
    SecretError, LedgerError
        When secrets or ledger are missing, or were altered.
    """
    folder = folder_of(project)
    settings = toml.read(folder)
    secrets = secrets_folder(settings.id)
    if not (folder / INSIDE).exists() and not secrets.exists():
        msg = f"project {settings.name!r} has learned nothing yet: run `expunge learn`"
        raise ProjectError(msg)
    keyring = Keyring.load(secrets)
    path = folder / INSIDE / LEDGER
    finished = journal.read(keyring.erased)
    ledger = Ledger.open(path, keyring.ledger, keyring.anchor, project=settings.id, shortened_ok=shortened_ok)
    if not shortened_ok:
        journal.refuse(keyring.erased, keyring.anchor, finished, ledger.seen)
    return Light(folder, settings, keyring, ledger)


@contextmanager
def opened(project: Path | None, screen: Screen, *, wait: float = 0.0, shortened_ok: bool = False) -> Iterator[Project]:
    """A project with all that it has, and bars for what takes long."""
    folder = folder_of(project)
    toml.read(folder)  # a wrong `expunge.toml` is said at once, before anything heavy is imported
    from expunge.engine.project import Project

    with screen.progress() as tick:
        yield Project.open(folder, tick=tick, wait=wait, shortened_ok=shortened_ok)
