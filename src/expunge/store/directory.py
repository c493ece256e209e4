"""A store in a folder: sealed blobs, found by what they contain or by what they derive from, destroyed by their keys.

Blobs that are *put* are found by their address, a keyed hash of their content: it names the file and says nothing of
what is in it. Checkpoints are found by their derivation ``"<link>.<environment>"``, and for these the store is a
mapping, as methods use it (`expunge.protocol.Store`). File names are keyed hashes too: ``<address>``, or
``<hash of the link>.<hash of the derivation>``, so that one look at the folder tells all checkpoints of a link.

Whoever writes holds a shared lock from the first byte until it is on record that the blob is needed (`writing`).
`sweep` holds it alone: nothing written in flight is taken for superseded. Both may be killed anywhere and run again.

Examples
--------
>>> from tempfile import TemporaryDirectory
>>> from expunge.store.keyring import Keyring
>>> with TemporaryDirectory() as folder:
...     store = Directory(Path(folder) / "store", Keyring.create(Path(folder) / "secrets"))
...     address = store.put(b"a block of the snapshot")
...     store["link.environment"] = b"a checkpoint"
...     store.read(address), store["link.environment"]
...     len(store.sweep(lambda: Live(frozenset({address}))).destroyed), list(store)
(b'a block of the snapshot', b'a checkpoint')
(1, [])
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING

from expunge.errors import DamagedError, StoreError
from expunge.protocol import silent
from expunge.store import sealed
from expunge.store._blobs import Blobs
from expunge.store.data_keys import DataKeys
from expunge.store.files import locked, make_folder

if TYPE_CHECKING:
    from expunge.protocol import Tick
    from expunge.store.keyring import Keyring

SPELLED = ("utf-8", "surrogatepass")  # any str is a derivation, as it is a key of a dict
_STRAY = "stray: no file of the store; remove it if it is not yours"
_ORPHAN = "orphan: a data key without its blob; the next sweep destroys it"


@dataclass(frozen=True, slots=True)
class Live:
    """What must stay.

    Attributes
    ----------
    addresses : frozenset of str
        Of blobs that were put.
    links : frozenset of str
        What the derivations of checkpoints begin with, up to the first dot.
    """

    addresses: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Swept:
    """The file names of the blobs that a sweep destroyed, in order."""

    destroyed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A file of the store, or of its data keys, and what is wrong with it."""

    name: str
    what: str


class Directory(MutableMapping[str, bytes]):
    """Sealed blobs in a folder.

    Parameters
    ----------
    folder : Path
        Made when the first blob is written.
    keyring : Keyring
        Its names are hashed under ``keyring.names``; the blobs' own keys are in ``keyring.data_keys``.

    Attributes
    ----------
    damaged : list of str
        File names of the checkpoints that were asked for and did not open; the method makes them again.
    """

    def __init__(self, folder: Path, keyring: Keyring) -> None:
        self.folder = folder
        self.damaged: list[str] = []
        self._secret = bytes(keyring.names)
        self._blobs = Blobs(folder, DataKeys(keyring.data_keys))
        self._mine = local()  # how deep this thread is in `writing`; -1 where it is alone

    def __repr__(self) -> str:
        return f"Directory({str(self.folder)!r})"

    # -- blobs by their content ----------------------------------------------------------------------------------------

    def address(self, content: bytes) -> str:
        """Where this content rests, or would: 64 hexadecimal digits, which nobody without the keyring can check."""
        return self._hash(b"address", sha256(content).digest())

    def put(self, content: bytes) -> str:
        """Bring a blob to rest, durably; nothing is written where the same is there and opens.

        Raises
        ------
        StoreError
            When it cannot be written: nothing is left of it.
        """
        address = self.address(content)
        self._write(address, b"", content)
        return address

    def read(self, address: str) -> bytes:
        """The content of a blob that was put.

        Raises
        ------
        DamagedError
            When it is missing, truncated, altered or foreign, or its key was destroyed.
        """
        return self.plaintext(address)

    # -- checkpoints by their derivation -------------------------------------------------------------------------------

    def __getitem__(self, derivation: str) -> bytes:
        name = self._name(derivation)
        if not self._blobs.path(name).is_file():
            raise KeyError(derivation)
        try:
            return self.plaintext(name)
        except DamagedError:
            if name not in self.damaged:
                self.damaged.append(name)
            raise

    def __setitem__(self, derivation: str, content: bytes) -> None:
        self._write(self._name(derivation), derivation.encode(*SPELLED), content)

    def __delitem__(self, derivation: str) -> None:
        name = self._name(derivation)
        with self.writing():
            if not self._blobs.path(name).is_file():
                raise KeyError(derivation)
            self._blobs.destroy(name)

    def __iter__(self) -> Iterator[str]:
        """The derivations at rest, in no order that means anything; of a checkpoint that says its own, at least."""
        for name in self.names():
            label = self._blobs.label(name) if "." in name else None
            if label is not None:
                yield label.decode(*SPELLED)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def names_of(self, links: Collection[str]) -> tuple[str, ...]:
        """File names of all checkpoints at rest whose derivations begin with these links."""
        hashed = set(map(self._link, links))
        return tuple(name for name in self.names() if "." in name and name.partition(".")[0] in hashed)

    # -- all files at rest ---------------------------------------------------------------------------------------------

    def names(self) -> Iterator[str]:
        """File names of all blobs at rest, in order."""
        yield from self._blobs.names()

    def plaintext(self, name: str) -> bytes:
        """What is sealed in a blob, by its file name.

        Raises
        ------
        DamagedError
            When it does not open, with the name and the reason.
        """
        return self._blobs.look(name)[1]

    def opens(self, name: str) -> bool:
        """Whether a blob is there and whole, and its key too."""
        try:
            self.plaintext(name)
        except DamagedError:
            return False
        return True

    def discard(self, name: str) -> None:
        """Destroy one blob, by its file name: a checkpoint that does not open is of no use. Fine when there is none."""
        with self.writing():
            self._blobs.destroy(name)

    def problems(self, tick: Tick = silent) -> list[Problem]:
        """Open every blob, and look for what is no blob: the list of all that is wrong.

        Waits for those who write, because what is half-way is no problem.
        """
        with self._alone():
            names, keys = list(self.names()), self._blobs.keys
            problems = [Problem(name, _STRAY) for name in (*self._blobs.strays(), *keys.strays())]
            problems += [Problem(name, _ORPHAN) for name in sorted(keys.held().keys() - set(names))]
            for seen, name in enumerate(names, start=1):
                try:
                    self._blobs.look(name)
                except DamagedError as error:
                    problems.append(Problem(name, sealed.damage(error)))
                tick("blobs", seen, len(names))
        return problems

    # -- who writes, and who destroys ----------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep every sweep away: from before the first `put` until what was put is on record as needed."""
        depth = getattr(self._mine, "depth", 0)
        if depth < 0:
            msg = f"{self.folder} is being swept: what `live` put there now would be waited for by itself"
            raise StoreError(msg)
        if depth:
            self._mine.depth = depth + 1
            try:
                yield
            finally:
                self._mine.depth = depth
            return
        with self._locked(exclusive=False):
            self._mine.depth = 1
            try:
                yield
            finally:
                self._mine.depth = 0

    def superseded(self, live: Live) -> tuple[str, ...]:
        """File names at rest that a sweep would destroy."""
        links = set(map(self._link, live.links))
        return tuple(
            name
            for name in self.names()
            if (name.partition(".")[0] not in links if "." in name else name not in live.addresses)
        )

    def sweep(self, live: Callable[[], Live]) -> Swept:
        """Destroy every blob that is not live, keys first; then keys without a blob, and what killed writers left.

        Waits for those who write; killed at any point, it is run again.

        Parameters
        ----------
        live : callable
            Asked while nobody writes, so that it knows of everything that was written. If it raises, nothing is
            destroyed.

        Raises
        ------
        StoreError
            When a file cannot be removed, or this thread is itself `writing`.
        """
        with self._alone():
            doomed = self.superseded(live())
            self._blobs.keep(set(self.names()) - set(doomed))
        return Swept(doomed)

    def rekey(self, tick: Tick = silent) -> int:
        """Seal every blob anew under a fresh key and destroy the old keys; how many. Damaged blobs stay as they are.

        Killed at any point, each blob opens under its old key or its new one; running it again finishes.
        """
        done = 0
        with self._alone():
            names = list(self.names())
            for seen, name in enumerate(names, start=1):
                with suppress(DamagedError):
                    self._blobs.replace(name, *self._blobs.look(name))
                    done += 1
                tick("blobs", seen, len(names))
            self._blobs.keep(names)
        return done

    # -- inside --------------------------------------------------------------------------------------------------------

    def _hash(self, kind: bytes, said: bytes) -> str:
        return digest(self._secret, b"expunge " + kind + b"\0" + said, "sha256").hex()

    def _link(self, link: str) -> str:
        return self._hash(b"link", link.encode(*SPELLED))

    def _name(self, derivation: str) -> str:
        if not isinstance(derivation, str):
            raise KeyError(derivation)
        whole = self._hash(b"derivation", derivation.encode(*SPELLED))[:16]
        return f"{self._link(derivation.partition('.')[0])}.{whole}"

    def _write(self, name: str, label: bytes, content: bytes) -> None:
        """Bring a blob to rest, unless it is there and the same."""
        with self.writing():
            try:
                if self._blobs.look(name) == (label, content):
                    return
            except DamagedError:
                pass
            self._blobs.replace(name, label, content)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if getattr(self._mine, "depth", 0):
            msg = f"what is being written to {self.folder} is not on record yet: sweep after `writing`, not inside it"
            raise StoreError(msg)
        with self._locked(exclusive=True):
            self._mine.depth = -1
            try:
                yield
            finally:
                self._mine.depth = 0

    @contextmanager
    def _locked(self, *, exclusive: bool) -> Iterator[None]:
        make_folder(self.folder)
        with locked(self.folder / "lock", exclusive=exclusive):
            yield
