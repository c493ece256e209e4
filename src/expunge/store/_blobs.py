"""Sealed blobs by their file names: a folder of files here, a folder of their keys elsewhere, and the order of things.

A key comes to rest before its blob, and goes before it: killed anywhere, a blob that was there opens, under its old key
or its new one, and a blob that was to be destroyed never opens again once its key is gone.

Examples
--------
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     blobs = Blobs(Path(folder) / "store", DataKeys(Path(folder) / "data"))
...     blobs.replace("ab" * 32, b"label", b"content")
...     blobs.look("ab" * 32)
(b'label', b'content')
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from expunge.errors import DamagedError
from expunge.store import sealed
from expunge.store.data_keys import NAME, DataKeys
from expunge.store.files import TEMPORARY, in_words, make_folder, remove, walked, write_atomically

if TYPE_CHECKING:
    from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Blobs:
    """The files of a store, ``<2 digits>/<name>``, and the keys that open them."""

    folder: Path
    keys: DataKeys

    def path(self, name: str) -> Path:
        """Where a blob is, or would be."""
        return self.folder / name[:2] / name

    def names(self) -> list[str]:
        """File names of all blobs at rest, in order."""
        return [path.name for path in walked(self.folder) if _is_blob(path)]

    def strays(self) -> list[str]:
        """What else lies in the folder, temporary files and the files of its top (a lock) aside."""
        found = [path for path in walked(self.folder) if path.parent != self.folder and not _is_blob(path)]
        return [str(path.relative_to(self.folder)) for path in found]

    def look(self, name: str) -> tuple[bytes, bytes]:
        """Label and content of a blob.

        Raises
        ------
        DamagedError
            When it does not open.
        """
        try:
            with self._file(name) as file:
                return sealed.opened(file, name, self.keys.get)
        except DamagedError:  # a writer may have replaced it between our looks at the blob and at its key: look again
            with self._file(name) as file:
                return sealed.opened(file, name, self.keys.get)

    def label(self, name: str) -> bytes | None:
        """The label of a blob alone, whatever became of its content; None when it does not open."""
        try:
            with self._file(name) as file:
                return sealed.label(file, name, self.keys.get)
        except DamagedError:
            return None

    def replace(self, name: str, label: bytes, content: bytes) -> None:
        """Bring a blob to rest under a fresh key, over the one that may be there, whose key goes last.

        Only the key that the old blob names goes: any other may be of somebody who writes the same blob just now.
        """
        make_folder(self.path(name).parent)
        old, key = self._number(name), self.keys.fresh(name)
        try:
            write_atomically(self.path(name), sealed.seal(key, name, label, content))
        except BaseException:
            if self._number(name) != [key.number]:
                self.keys.destroy([(name, key.number)])
            raise
        self.keys.destroy((name, number) for number in old)

    def destroy(self, name: str) -> None:
        """Remove one blob, after its key."""
        self.keys.destroy((name, number) for number in self._number(name))
        remove(self.path(name))

    def keep(self, names: Iterable[str]) -> None:
        """Destroy all blobs but these, and the keys that none of these uses, and what killed writers left.

        Nobody may be writing. All keys go before the first blob does.
        """
        there = self.names()
        staying = set(names) & set(there)
        for_nothing = [
            (name, number)
            for name, numbers in self.keys.held().items()
            for number in (self._unused(name, numbers) if name in staying else numbers)
        ]
        self.keys.destroy(for_nothing)
        left = [path for path in self.folder.glob(f"??/{TEMPORARY}*") if path.is_file()]
        remove(*(self.path(name) for name in there if name not in staying), *left)

    def _unused(self, name: str, numbers: list[bytes]) -> list[bytes]:
        """Keys that a blob does not use, where there are several; a blob that does not say keeps all."""
        used = self._number(name) if len(numbers) > 1 else numbers
        return [number for number in numbers if used and number not in used]

    def _number(self, name: str) -> list[bytes]:
        """The number of the key that a blob names; none where there is no blob, or none that says."""
        try:
            with self._file(name) as file:
                return [sealed.header(file, name).number]
        except DamagedError:
            return []

    @contextmanager
    def _file(self, name: str) -> Iterator[BinaryIO]:
        if not NAME.fullmatch(name):
            msg = f"a blob is named by 64 hexadecimal digits, and a checkpoint by 16 more after a dot; got {name!r}"
            raise DamagedError(msg)
        with in_words(self.path(name), "read"):
            try:
                with self.path(name).open("rb") as file:
                    yield file
            except FileNotFoundError:
                raise sealed.damaged(name, "missing: there is no such file") from None
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                raise sealed.damaged(name, "altered: the disk cannot read it") from error


def _is_blob(path: Path) -> bool:
    """Whether a file of the folder is where a blob would be, and called like one."""
    fits = NAME.fullmatch(path.name) is not None and path.parent.name == path.name[:2]
    return fits and path.is_file() and not path.is_symlink()
