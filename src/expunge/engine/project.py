"""A project that is open: its settings, secrets, ledger and store, and what is published in it.

The folder holds ``expunge.toml``, ``certificates/`` and ``.expunge/`` (ledger, sealed blobs, lock). Secrets lie
elsewhere, so that a copy of the folder gives nothing away. Whoever changes something holds the lock while they do.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from expunge import environment, keyed
from expunge.backends.local import Processes
from expunge.codec import decode
from expunge.data import snapshot as blocks
from expunge.engine.fence import Fence
from expunge.engine.lock import working
from expunge.engine.paper import Paper
from expunge.engine.root import Root
from expunge.errors import DamagedError, LedgerError, MismatchError, ProjectError, SecretError
from expunge.learners.own_code import importable
from expunge.ledger import journal
from expunge.ledger.chain import Ledger
from expunge.project import settings as toml
from expunge.protocol import Named, Pace, Run, silent
from expunge.store.directory import Directory, Live
from expunge.store.files import TEMPORARY, make_folder, remove
from expunge.store.keyring import Keyring, secrets_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.engine.root import Standing
    from expunge.ledger.book import Book
    from expunge.project.settings import Settings
    from expunge.protocol import Method, Tick

T = TypeVar("T")
INSIDE = ".expunge"
TRIES = 5  # times a reader looks again when what it read was swept meanwhile


@dataclass(eq=False)
class Project:
    """One project folder, open.

    Attributes
    ----------
    folder : Path
    settings : Settings
        What ``expunge.toml`` says today.
    keyring : Keyring
    ledger : Ledger
    store : Directory
    tick : Tick
        Progress.
    wait : float
        Seconds to wait for another process.
    """

    folder: Path
    settings: Settings
    keyring: Keyring
    ledger: Ledger
    store: Directory
    tick: Tick = field(default=silent, repr=False)
    wait: float = 0.0

    @classmethod
    def open(cls, folder: Path, *, tick: Tick = silent, wait: float = 0.0, shortened_ok: bool = False) -> Project:
        """Open what lies in a folder; the first time, make its secrets, ledger and store.

        Raises
        ------
        ProjectError
            When the folder is no project, or its ``expunge.toml`` does not hold.
        SecretError
            When the project has sealed blobs and this machine not their secrets.
        LedgerError
            When the ledger is missing, shortened or altered, or lacks erasures that the journal knows, or when the
            journal is not whole.
        """
        settings = toml.read(folder)
        inside, secrets = folder / INSIDE, secrets_folder(settings.id)
        if not secrets.exists() and inside.exists():
            msg = (
                f"the secrets of project {settings.name!r} are not in {secrets}: `expunge keys restore FILE` puts"
                " them back from a backup, and EXPUNGE_SECRETS names another folder"
            )
            raise SecretError(msg)
        if secrets.resolve().is_relative_to(folder.resolve()):
            msg = (
                f"the secrets would lie inside the project, in {secrets}: whoever copies the folder would have them;"
                " let EXPUNGE_SECRETS name a folder elsewhere"
            )
            raise SecretError(msg)
        keyring = Keyring.load(secrets) if Keyring.exists(secrets) else Keyring.create(secrets)
        finished = journal.read(keyring.erased)
        ledger = _ledger(settings, inside, keyring, shortened_ok=shortened_ok)
        if not shortened_ok:
            journal.refuse(keyring.erased, keyring.anchor, finished, ledger.seen)
        return cls(folder, settings, keyring, ledger, Directory(inside / "store", keyring), tick, wait)

    # -- who works -----------------------------------------------------------------------------------------------------

    @contextmanager
    def working(self, doing: str) -> Iterator[None]:
        """Hold the project's lock; inside, the ledger is caught up with, and what killed writers left is gone."""
        with working(self.folder / INSIDE / "lock", doing, self.wait):
            self.ledger.refresh()
            remove(*self.certificates.glob(f"{TEMPORARY}*"))
            yield

    @property
    def certificates(self) -> Path:
        """The folder of the certificates, one file a request."""
        return self.folder / "certificates"

    # -- what is published ---------------------------------------------------------------------------------------------

    @property
    def book(self) -> Book:
        """The ledger's fold, as it was read last: at the beginning of `working`, by `root`, and by every append."""
        return self.ledger.seen

    @property
    def root(self) -> Root | None:
        """What is published; None before the first learn."""
        for left in reversed(range(TRIES)):
            self.ledger.refresh()
            address = self.book.root
            if address is None:
                return None
            try:
                return self._root(address)
            except DamagedError:
                self.ledger.refresh()
                if not left or self.book.root == address:  # damaged, and not swept after it was superseded
                    raise
        return None

    def published(self) -> Root:
        """What is published, or the sentence that says that nothing is."""
        root = self.root
        if root is None:
            msg = f"project {self.settings.name!r} has learned nothing yet: run `expunge learn`"
            raise ProjectError(msg)
        return root

    def look(self, at: Callable[[Root], T]) -> T:
        """What somebody who does not hold the lock sees; looked at again when it was swept meanwhile."""
        left = TRIES
        while True:
            address = self.book.root
            try:
                return at(self.published())
            except DamagedError:
                left -= 1
                self.ledger.refresh()
                if not left or self.book.root == address:
                    raise

    def _root(self, address: str) -> Root:
        held: tuple[str, Root] | None = self.__dict__.get("_read")
        if held is None or held[0] != address:
            held = self.__dict__["_read"] = (address, Root.read(self.store.read(address)))
        return held[1]

    def table(self, root: Root) -> Table:
        """All records of the snapshot; kept until another snapshot is asked for."""
        held: tuple[Any, Table] | None = self.__dict__.get("_table")
        if held is None or held[0] != root.snapshot.blocks:
            self.__dict__.pop("_table", None)  # two tables need not fit into memory
            with _advised("`expunge learn --again` reads the source again, behind the fence"):
                held = self.__dict__["_table"] = (root.snapshot.blocks, blocks.load(root.snapshot, self.store.read))
        return held[1]

    def fence(self, root: Root | None) -> Fence:
        """What must not come back; kept until another one is asked for."""
        if root is None or root.fence is None:
            return Fence()
        held: tuple[str, Fence] | None = self.__dict__.get("_fence")
        if held is None or held[0] != root.fence:
            held = self.__dict__["_fence"] = (root.fence, Fence.read(self.store.read(root.fence)))
        return held[1]

    def model(self, standing: Standing) -> Any:
        """A published model, rebuilt."""
        with _advised("`expunge learn` learns the model again from the snapshot"):
            content = self.store.read(standing.address)
        self.trusted()
        self.own_code()
        return decode(content, trusted=True)

    def journal(self) -> list[dict[str, Any]]:
        """Finished erasures, as the file beside the secrets has them."""
        return journal.read(self.keyring.erased)

    def record(self, entries: Iterable[tuple[str, str, Mapping[str, Any]]], *, state: str = "done") -> None:
        """Add lines to the journal, and let the anchor know of them."""
        journal.write(self.keyring.erased, entries, state=state)
        self.ledger.journaled(self.keyring.erased)

    def kept_out(self) -> Fence:
        """Everything that the journal says was erased, and not readmitted since."""
        fence = Fence()
        for entry in self.journal():
            if entry["kind"] in journal.SILENT:
                continue
            mine = Fence.from_spelled(entry)
            fence = fence.less(mine) if entry["kind"] == "readmit" else fence.joined(mine)
        return fence

    def paper(self, address: str) -> Paper:
        """A pending request, in clear."""
        return Paper.read(self.store.read(address))

    def trusted(self) -> bool:
        """True, or the sentence that asks for `expunge trust`."""
        if not self.keyring.trusted:
            msg = (
                "this project's secrets come from elsewhere, and rebuilding its models imports and calls code that"
                " they name: if you know where they come from, run `expunge trust` once"
            )
            raise SecretError(msg)
        return True

    def own_code(self) -> bool:
        """Whether code of any package may run: then the modules in the project's folder are found, too."""
        trusted = self.keyring.trusted
        if trusted:
            importable(self.folder)
        return trusted

    # -- how it learns -------------------------------------------------------------------------------------------------

    def method(self, standing: Standing, root: Root) -> Method[Any, Any, Any]:
        """The method that a published model was learned by."""
        from expunge.project.assembly import method_of  # it imports scikit-learn, which taking a request in need not

        settings = toml.model_of(dict(standing.settings))
        return method_of(settings, standing.columns or root.snapshot.schema.columns, trusted=self.own_code())

    def undoing(self, name: str, root: Root) -> Method[Any, Any, Any]:
        """The method of a published model, to forget in it or to learn it again.

        Raises
        ------
        MismatchError
            When the code that it is made of says another thing today.
        """
        standing = root.models[name]
        method = self.method(standing, root)
        if is_other(method, standing):
            msg = (
                f"model {name!r} was learned by other code than is here today (a module in the project's folder was"
                " edited, or a library has other defaults): `expunge learn` learns it again from the snapshot"
            )
            raise MismatchError(msg)
        return method

    def run(self, standing: Standing | None = None) -> Run:
        """What a method may use: key, checkpoints at rest, threads, processes."""
        pace = None if standing is None or standing.pace is None else Pace(standing.pace)
        work = self.settings.work
        spread = map if work.workers == 1 else self._processes
        return Run(self.keyring.run, spread, self.store, work.threads, pace, self.tick)

    @cached_property
    def _processes(self) -> Processes:
        return Processes(self.settings.work.workers)

    def shown(self, table: Table, holdout: float) -> tuple[Table, Table]:
        """The records that a model learns from, and those held out: by a keyed hash of the unit, so nobody moves."""
        out = self.held_out(table, holdout)
        if not out.any():
            return table, table.take(slice(0, 0))
        return table.take(~out), table.take(out)

    def held_out(self, table: Table, holdout: float) -> NDArray[np.bool_]:
        """(n,) whether each record is held out."""
        if not holdout:
            return np.zeros(len(table), bool)
        drawn = keyed.draw(self.keyring.run, table.units, "holdout")
        return np.asarray(drawn < np.uint64(min(holdout, 1.0) * 2.0**64 * (1 - 2.0**-53)))

    def environment(self, method: Method[Any, Any, Any], run: Run) -> dict[str, str]:
        """What a model is learned with here."""
        return environment.of_learner(getattr(method, "learner", method), run.threads)

    # -- what must stay ------------------------------------------------------------------------------------------------

    def live(self) -> Live:
        """What the published root and unfinished requests reach; all else is swept."""
        self.ledger.refresh()
        book, root = self.book, self.root
        reached = {request.target for request in (*book.pending, *book.unfinished)}
        if root is not None and book.root is not None:
            reached |= {book.root, *root.addresses}
        if book.unfinished and book.publication is not None and book.publication.outcome is not None:
            reached.add(book.publication.outcome)
        return Live(frozenset(reached), frozenset() if root is None else root.links)


def is_other(method: Method[Any, Any, Any], standing: Standing) -> bool:
    """Whether a method is another algorithm than the one that a published model was learned by."""
    return bool(standing.recipe) and isinstance(method, Named) and method.recipe() != standing.recipe


@contextmanager
def _advised(what: str) -> Iterator[None]:
    """A blob that does not open, with what to do when it cannot be put back from where it went."""
    try:
        yield
    except DamagedError as damage:
        msg = f"{damage}; if it cannot be put back, {what}"
        raise DamagedError(msg) from damage


def _ledger(settings: Settings, inside: Path, keyring: Keyring, *, shortened_ok: bool) -> Ledger:
    """The project's ledger; a new one where there never was one."""
    path, id_ = inside / "ledger.sqlite", settings.id
    if not keyring.anchor.exists():
        make_folder(inside)
        with suppress(LedgerError):  # a ledger that has grown, whose anchor stayed on another machine
            return Ledger.create(path, keyring.ledger, keyring.anchor, project=id_)
    return Ledger.open(path, keyring.ledger, keyring.anchor, project=id_, shortened_ok=shortened_ok)
