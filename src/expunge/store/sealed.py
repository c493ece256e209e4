"""What a blob at rest looks like: AES-256-GCM under a key of its own, bound to its file name.

::

    magic (8) | number of its key (8) | bytes of the label (4) | bytes of the content (8)      the header
    label     + tag (16)
    content in segments of 1 MiB, each + tag (16); one empty segment when there is none

Each segment is sealed under its own number as nonce, which is never used twice because the key belongs to this one
blob; header and file name are associated data of each. So a byte changed anywhere, a segment moved, left out or taken
from another blob, or a blob under another name does not open, and a large blob is sealed and opened piece by piece.

Examples
--------
>>> from io import BytesIO
>>> key, name = DataKey(b"8 bytes.", bytes(32)), "ab" * 32
>>> blob = b"".join(seal(key, name, b"label", b"content"))
>>> opened(BytesIO(blob), name, lambda name, number: key)
(b'label', b'content')
>>> opened(BytesIO(blob[:-1]), name, lambda name, number: key)
Traceback (most recent call last):
...
expunge.errors.DamagedError: blob abab... does not open: truncated: it has 71 bytes and says that it has 72
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from expunge.errors import DamagedError
from expunge.store.data_keys import DataKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAGIC = b"sealed\x00\x01"
HEADER = struct.Struct("<8s8sIQ")
SEGMENT = 1 << 20
TAG = 16


class Header(NamedTuple):
    """The part of a blob that anybody can read; it is authenticated with the rest."""

    raw: bytes
    number: bytes
    label: int
    content: int

    @property
    def size(self) -> int:
        """Bytes of the whole blob."""
        return len(self.raw) + self.label + TAG + self.content + TAG * _segments(self.content)


def seal(key: DataKey, name: str, label: bytes, content: bytes) -> Iterator[bytes]:
    """The bytes of a blob, piece by piece; ``key`` was never used before."""
    raw = HEADER.pack(MAGIC, key.number, len(label), len(content))
    cipher, bound, view = AESGCM(key.secret), raw + name.encode(), memoryview(content)
    yield raw
    yield cipher.encrypt(_nonce(0), label, bound)
    for segment in range(_segments(len(content))):
        piece = view[segment * SEGMENT : (segment + 1) * SEGMENT]
        yield cipher.encrypt(_nonce(segment + 1), piece, bound)


def header(file: BinaryIO, name: str) -> Header:
    """What a blob says of itself, checked against the size of its file only.

    Raises
    ------
    DamagedError
        If it is too short or too long, or does not begin as one.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    raw = file.read(HEADER.size)
    if raw[: len(MAGIC)] != MAGIC[: len(raw)]:
        raise damaged(name, "foreign: it does not begin as what expunge writes")
    if len(raw) < HEADER.size:
        raise damaged(name, f"truncated: {size} bytes are no blob")
    _, number, label, content = HEADER.unpack(raw)
    found = Header(raw, number, label, content)
    if size != found.size:
        what = "truncated" if size < found.size else "altered"
        raise damaged(name, f"{what}: it has {size} bytes and says that it has {found.size}")
    return found


def opened(file: BinaryIO, name: str, key_of: Callable[[str, bytes], DataKey | None]) -> tuple[bytes, bytes]:
    """Label and content of a blob, authentic.

    Raises
    ------
    DamagedError
        If it is not whole, not under this name, or its key is not here.
    """
    head = header(file, name)
    cipher, label = _label(file, head, name, key_of)
    lengths = [SEGMENT] * (head.content // SEGMENT) + [head.content % SEGMENT]
    try:
        pieces = [
            cipher.decrypt(_nonce(place + 1), file.read(length + TAG), head.raw + name.encode())
            for place, length in enumerate(lengths[: _segments(head.content)])
        ]
    except InvalidTag:
        raise damaged(name, _ALTERED) from None
    return label, b"".join(pieces)


def label(file: BinaryIO, name: str, key_of: Callable[[str, bytes], DataKey | None]) -> bytes:
    """The label of a blob alone, authentic; the content is not looked at."""
    return _label(file, header(file, name), name, key_of)[1]


def damaged(name: str, what: str) -> DamagedError:
    """The sentence for a blob that does not open."""
    return DamagedError(f"blob {name} does not open: {what}")


def damage(error: DamagedError) -> str:
    """What is wrong, from such a sentence."""
    return str(error).partition(" does not open: ")[2]


_ALTERED = "altered: it was not sealed like this, under this name, by this project"


def _label(
    file: BinaryIO, head: Header, name: str, key_of: Callable[[str, bytes], DataKey | None]
) -> tuple[AESGCM, bytes]:
    try:
        key = key_of(name, head.number)
    except ValueError as error:
        raise damaged(name, f"altered: {error}") from error
    if key is None:
        raise damaged(name, "its data key is not here: destroyed, or the blob was sealed by another project")
    cipher = AESGCM(key.secret)
    try:
        return cipher, cipher.decrypt(_nonce(0), file.read(head.label + TAG), head.raw + name.encode())
    except InvalidTag:
        raise damaged(name, _ALTERED) from None


def _segments(length: int) -> int:
    return max(1, -(-length // SEGMENT))


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "little")
