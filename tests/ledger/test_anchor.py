"""The anchor comes back as it was written, closed to others, or says that it was altered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expunge.errors import LedgerError
from expunge.ledger.anchor import Anchor, Head, Journaled, read_anchor, read_whole, write_anchor

if TYPE_CHECKING:
    from pathlib import Path


def test_it_comes_back_and_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "anchor.json"
    assert read_anchor(path) is None
    for number in (1, 19, 10**9):
        write_anchor(path, Head(number, "ab" * 32))
        assert read_anchor(path) == Head(number, "ab" * 32)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [held.name for held in tmp_path.iterdir()] == ["anchor.json"]


@pytest.mark.parametrize("journal", [None, Journaled(3, "cd" * 32)])
def test_every_flipped_byte_is_another_anchor_or_none(journal: Journaled | None, tmp_path: Path) -> None:
    path = tmp_path / "anchor.json"
    write_anchor(path, Head(12, "ab" * 32), journal)
    assert read_whole(path) == Anchor(Head(12, "ab" * 32), journal)
    assert read_anchor(path) == Head(12, "ab" * 32)
    content = path.read_bytes()
    for at in range(len(content)):
        for bit in range(8):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
            try:
                assert read_whole(path) != Anchor(Head(12, "ab" * 32), journal)
            except LedgerError as refused:
                assert "was altered" in str(refused)  # noqa: PT017  (either may happen)


def test_an_anchor_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be read"):
        read_anchor(tmp_path)
