"""Sealed blobs: what goes in comes out, and no byte of one can be changed, moved, or read under another name."""

from __future__ import annotations

from io import BytesIO

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import DamagedError
from expunge.store import sealed
from expunge.store.data_keys import DataKey
from expunge.store.sealed import HEADER, SEGMENT, TAG, damage, header, label, opened, seal

NAME, OTHER = "ab" * 32, "cd" * 32
KEY = DataKey(b"12345678", bytes(range(32)))


def key_of(_: str, number: bytes) -> DataKey | None:
    return KEY if number == KEY.number else None


def blob(content: bytes, tag: bytes = b"", name: str = NAME) -> bytes:
    return b"".join(seal(KEY, name, tag, content))


def look(content: bytes, name: str = NAME) -> tuple[bytes, bytes]:
    return opened(BytesIO(content), name, key_of)


def problem(content: bytes, name: str = NAME) -> str:
    with pytest.raises(DamagedError) as caught:
        look(content, name)
    return damage(caught.value)


@given(st.binary(max_size=200), st.binary(max_size=20))
@settings(deadline=None)
def test_what_goes_in_comes_out(content: bytes, tag: bytes) -> None:
    made = blob(content, tag)
    assert look(made) == (tag, content)
    assert label(BytesIO(made), NAME, key_of) == tag
    assert header(BytesIO(made), NAME).size == len(made) == HEADER.size + len(tag) + len(content) + 2 * TAG


@pytest.mark.parametrize("length", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 7])
def test_segments_do_not_show(length: int) -> None:
    content = bytes(range(256)) * (length // 256 + 1)
    content = content[:length]
    made = blob(content, b"tag")
    assert look(made) == (b"tag", content)
    assert header(BytesIO(made), NAME).size == len(made)


def test_the_format_is_a_promise() -> None:
    bound = HEADER.pack(b"sealed\0\1", KEY.number, 1, 2) + NAME.encode()
    cipher = AESGCM(KEY.secret)
    expected = bound[: HEADER.size] + cipher.encrypt(bytes(12), b"t", bound)
    assert blob(b"co", b"t") == expected + cipher.encrypt(b"\1" + bytes(11), b"co", bound)


@pytest.mark.parametrize("content", [b"", b"the content"])
def test_every_changed_byte_is_told(content: bytes) -> None:
    made = blob(content, b"label")
    for place in range(len(made)):
        for bit in (1, 16, 128):
            changed = made[:place] + bytes([made[place] ^ bit]) + made[place + 1 :]
            assert problem(changed)


def test_changed_bytes_of_a_large_blob_are_told() -> None:
    made = bytearray(blob(bytes(2 * SEGMENT + 9)))
    edges = [HEADER.size + TAG + k * (SEGMENT + TAG) + step for k in range(3) for step in (-1, 0)]
    for place in (*edges, *range(0, len(made), len(made) // 10), len(made) - 1):
        made[place] ^= 1
        assert problem(bytes(made))
        made[place] ^= 1
    assert look(bytes(made))[1] == bytes(2 * SEGMENT + 9)


def test_every_truncation_is_told_and_called_so() -> None:
    made = blob(b"content", b"label")
    assert all(problem(made[:length]).startswith("truncated") for length in range(len(made)))
    assert problem(made + b"\0").startswith("altered: it has")


def test_segments_that_are_left_out_or_moved_are_told() -> None:
    content = b"a" * SEGMENT + b"b" * SEGMENT
    made, start = blob(content), HEADER.size + TAG
    one, two = made[start : start + SEGMENT + TAG], made[start + SEGMENT + TAG :]
    assert look(made[:start] + one + two)[1] == content
    for parts in (two + one, one + one, two + two):
        assert problem(made[:start] + parts).startswith("altered")
    assert problem(made[:start] + one).startswith("truncated")
    shorter = HEADER.pack(b"sealed\0\1", KEY.number, 0, SEGMENT)
    assert problem(shorter + made[HEADER.size : start] + one).startswith("altered")


def test_a_blob_opens_under_its_own_name_only() -> None:
    assert problem(blob(b"content"), OTHER).startswith("altered")


def test_a_key_that_is_gone_and_one_that_is_another() -> None:
    made = blob(b"content")
    with pytest.raises(DamagedError, match=f"blob {NAME} does not open: its data key is not here"):
        opened(BytesIO(made), NAME, lambda *_: None)
    with pytest.raises(DamagedError, match="altered"):
        opened(BytesIO(made), NAME, lambda *_: DataKey(KEY.number, bytes(32)))

    def broken(*_: object) -> None:
        msg = "its data key was truncated or altered"
        raise ValueError(msg)

    with pytest.raises(DamagedError, match="altered: its data key"):
        opened(BytesIO(made), NAME, broken)


@pytest.mark.parametrize("foreign", [b"PK\x03\x04 a zip", b"s3aled\0\1" + bytes(60), b"not"])
def test_foreign_files_are_called_so(foreign: bytes) -> None:
    assert problem(foreign).startswith("foreign")


def test_no_nonce_is_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    nonces: list[bytes] = []

    class Noting:
        def __init__(self, _: bytes) -> None:
            pass

        def encrypt(self, nonce: bytes, data: bytes, _: bytes) -> bytes:
            nonces.append(nonce)
            return bytes(data)

    monkeypatch.setattr(sealed, "AESGCM", Noting)
    blob(bytes(3 * SEGMENT + 1), b"label")
    assert len(nonces) == len(set(nonces)) == 5
