"""Randomness that belongs to names, never to positions.

Where a record goes, when it is visited and which seed a shard uses are keyed hashes of names: nothing depends on how
many records there are, on their order, or on any other record. So a deletion moves nobody.

Subkeys come from HKDF-SHA256 (RFC 5869) over the canonical names; integers go through AES-128 under a subkey (a
pseudo-random permutation, vectorised by the cipher itself), strings through keyed BLAKE2b (RFC 7693).

Examples
--------
>>> import numpy as np
>>> draw(b"secret", np.array([7, 8]), "shard") == draw(b"secret", np.array([9, 7, 8]), "shard")[1:]
array([ True,  True])
>>> seed(b"secret", "shard", 3) == seed(b"secret", "shard", np.int64(3))
True
"""

from __future__ import annotations

import operator
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

    from expunge.protocol import Ids, Key

    Secret: TypeAlias = bytes | Key

KEPT = 64  # subkeys that a key remembers: the few that every request asks for
BLOCK = 16  # bytes of an AES block
ROWS = 1 << 16  # rows enciphered at a time: the working copy stays in the cache


def subkey(key: Secret, *names: object) -> bytes:
    """32 bytes that belong to these names under this key."""
    info = b"expunge/1" + b"".join(map(_canonical, names))
    held: dict[bytes, bytes] = {} if isinstance(key, bytes) else key.subkeys
    if info not in held:
        made = HKDF(SHA256(), 32, salt=None, info=info).derive(bytes(key))
        if len(held) >= KEPT:
            return made
        held[info] = made
    return held[info]


def seed(key: Secret, *names: object) -> int:
    """A seed in [0, 2**32) that belongs to these names."""
    return int.from_bytes(subkey(key, "seed", *names)[:4], "little")


def key_id(key: Secret) -> str:
    """A public name for a key, which gives nothing of it away."""
    return subkey(key, "key id")[:8].hex()


def draws(key: Secret, units: Ids, *names: object) -> NDArray[np.uint64]:
    """Two independent uniform 64-bit numbers for each unit; (n, 2), a function of key, names and that unit alone."""
    if not isinstance(units, np.ndarray):
        secret = subkey(key, "draw", "strings", *names)
        values = units.to_pylist()
        digests = b"".join(blake2b(value.encode(), digest_size=BLOCK, key=secret).digest() for value in values)
        return np.frombuffer(digests, dtype="<u8").reshape(-1, 2)
    secret = subkey(key, "draw", "integers", *names)
    blocks = np.zeros((len(units), 2), dtype="<i8")
    blocks[:, 0] = units
    return np.frombuffer(_cipher(secret)(blocks.tobytes()), dtype="<u8").reshape(-1, 2)


def draw(key: Secret, units: Ids, *names: object) -> NDArray[np.uint64]:
    """One uniform 64-bit number for each unit; (n,) uint64."""
    return draws(key, units, *names)[:, 0]


def order(key: Secret, ids: Ids, *names: object) -> NDArray[np.intp]:
    """Positions in a keyed order that is a function of the set of ids, whatever order they came in."""
    drawn = draw(key, ids, *names)
    ranked = np.argsort(drawn, kind="stable")
    sorted_draws = drawn[ranked]
    if len(ids) > 1 and (sorted_draws[1:] == sorted_draws[:-1]).any():  # the same id, or one chance in 2**64
        held = ids if isinstance(ids, np.ndarray) else np.array(ids.to_pylist(), object)
        by_id = np.argsort(held, kind="stable")
        ranked = by_id[np.argsort(drawn[by_id], kind="stable")]
    return ranked


def digest_rows(key: Secret, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A keyed 128-bit digest of each row of bytes; (n, w) uint8 to (n, 16) uint8.

    CBC-MAC under a subkey of its own for each width, which is a pseudo-random function of messages of one length
    (Bellare, Kilian, Rogaway, 2000, section 3); all rows go through the cipher together, one block at a time.
    """
    n, width = rows.shape
    secret = subkey(key, "rows", width)
    padded = -(-max(width, 1) // BLOCK) * BLOCK
    digests, enciphered = np.empty((n, BLOCK), dtype=np.uint8), _cipher(secret)
    for start in range(0, n, ROWS):
        chunk = rows[start : start + ROWS]
        state = np.zeros((len(chunk), BLOCK), dtype=np.uint8)
        for left in range(0, padded, BLOCK):
            block = chunk[:, left : left + BLOCK]
            state[:, : block.shape[1]] ^= block
            state = np.frombuffer(enciphered(state.tobytes()), np.uint8).reshape(-1, BLOCK).copy()
        digests[start : start + ROWS] = state
    return digests


def digest(secret: bytes, *parts: bytes) -> str:
    """A keyed digest of a sequence of byte strings, as 32 hexadecimal digits; ``secret`` is a subkey."""
    state = blake2b(key=secret, digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()


def digest_strings(key: Secret, values: pa.Array) -> NDArray[np.uint8]:
    """A keyed 128-bit digest of each string, (n, 16) uint8; nulls are zeros, each distinct value is hashed once."""
    secret = subkey(key, "strings")
    encoded = values.dictionary_encode()
    texts = (value if isinstance(value, bytes) else value.encode() for value in encoded.dictionary.to_pylist())
    digests = b"".join(blake2b(text, digest_size=BLOCK, key=secret).digest() for text in texts)
    table = np.frombuffer(digests + bytes(BLOCK), np.uint8).reshape(-1, BLOCK)
    places: NDArray[np.intp] = encoded.indices.fill_null(len(table) - 1).to_numpy()
    return table[places]


def _cipher(secret: bytes) -> Callable[[bytes], bytes]:
    """A permutation of each block, of any number of whole blocks at a time."""
    return Cipher(AES(secret[:BLOCK]), ECB()).encryptor().update  # noqa: S305  (one block a name, not a mode)


def _canonical(name: object) -> bytes:
    """Bytes of a name, tagged by type and prefixed by length; ``np.int64(4)`` is ``4`` and not ``"4"``."""
    if isinstance(name, bytes):
        tag, body = b"b", name
    elif isinstance(name, str):
        tag, body = b"s", name.encode()
    else:
        number = operator.index(name)  # type: ignore[arg-type]  # refuses floats with a TypeError
        tag, body = b"i", str(number).encode()
    return tag + len(body).to_bytes(8, "little") + body
