r"""The residue scan: whether anything of the forgotten is left, part by part, and whether the scan could have seen it.

Each part has a positive control, something known to be there, which the same code looks for in the same pass: a file
that is compressed, sealed or written in another type hides it as it hides what should be gone. A part without its
control is *blind*, and blind is never clean. Where nothing tells the forgotten from the others, the verdict is *not
distinguishable*: neither clean nor found.

Examples
--------
>>> import numpy as np, zlib
>>> from expunge import Table
>>> from expunge.audit.needles import needles
>>> table = Table.from_arrays(np.random.default_rng(0).normal(size=(4, 3)), ids=["ann-0417", "bob-0418", "cy", "di"])
>>> sought = needles(table.take([0]), table.take([1, 2, 3]), names=True)
>>> file = b"id, retained\nbob-0418, 7\n"
>>> notes = in_bytes("the notes", [Stream([file], b"id, retained")], sought)
>>> print(verdict([notes]), notes, sep="; ")
clean; the notes: 0 found in 25 bytes, of ... needles; the control was found
>>> in_bytes("packed", [Stream([zlib.compress(file)], b"id, retained")], sought).control
'blind'
>>> in_bytes("a copy", [Stream([b"id, retained\nann-0417, 5"], b"id, retained")], sought).found
1
"""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from expunge.audit.needles import by_value, known
from expunge.audit.search import Search

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from expunge.audit.needles import Needles
    from expunge.data.table import Table

Verdict: TypeAlias = Literal["clean", "found", "blind", "not distinguishable"]

PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x04\x22\x4d\x18": "lz4",
    b"PAR1": "Parquet",
    b"ORC": "ORC",
    b"%PDF": "PDF",
    b"7z\xbc\xaf": "7z",
    b"\xff\x06\x00\x00sNaPpY": "snappy",
    b"LZIP": "lzip",
    b"\x89HDF": "HDF5",
    **{b"\x80" + bytes([protocol]): "pickle" for protocol in range(2, 6)},
}
ZLIB = b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"  # also what a text may begin with
HEAD = 1 << 16  # bytes from which the spread of bytes is judged
SPREAD = 7.9  # bits a byte: compressed or sealed; float64 at random reach about 7.5


@dataclass(frozen=True)
class Stream:
    """One file or blob, in chunks, and bytes that are known to be in it (at least eight)."""

    chunks: Iterable[bytes]
    control: bytes


@dataclass(frozen=True)
class Part:
    """What was looked at, how much of it, and what was found.

    Attributes
    ----------
    name : str
    searched : int
        How many bytes or records.
    found : int
        How many different needles, or how many records.
    control : {"found", "blind"}
        Whether everything that is known to be there was found.
    needles : int
        How many things were looked for; none, where they would be found in some places only.
    unit : {"bytes", "records", "blobs"}
    kinds : dict of str to int
        What was found, by kind.
    """

    name: str
    searched: int
    found: int
    control: Literal["found", "blind"]
    needles: int
    unit: Literal["bytes", "records", "blobs"] = "bytes"
    kinds: Mapping[str, int] | None = None

    def __str__(self) -> str:
        seen = "the control was found" if self.control == "found" else "the control was not: blind"
        return f"{self.name}: {self.found} found in {self.searched} {self.unit}, of {self.needles} needles; {seen}"

    def body(self) -> dict[str, Any]:
        """For ledger and certificate: numbers only, nothing of what was looked for."""
        said = ("name", "searched", "unit", "found", "control", "needles")
        return {name: getattr(self, name) for name in said}


def verdict(parts: Sequence[Part]) -> Verdict:
    """The worst of the parts: found, blind, not distinguishable where there was nothing to look for, clean."""
    if any(part.found for part in parts):
        return "found"
    if not parts or any(part.control == "blind" for part in parts):
        return "blind"
    return "clean" if all(part.needles for part in parts) else "not distinguishable"


def in_bytes(name: str, streams: Iterable[Stream], sought: Needles) -> Part:
    """Search files or blobs as they lie.

    A part without streams is blind: leave it out instead. All streams have their control, so that one compressed file
    among others shows.
    """
    streams = list(streams)
    controls = list(dict.fromkeys(stream.control for stream in streams))
    count = len(sought.patterns)
    edges = [*sought.edges, *[""] * len(controls)]
    look = Search([*sought.patterns, *controls], edges) if controls else sought.search
    searched, found, seen = 0, set[int](), bool(streams)
    for stream in streams:
        made = look.through(stream.chunks)
        searched += made.searched
        found |= {place for place in made.patterns if place < count}
        seen &= count + controls.index(stream.control) in made.patterns
    kinds = dict(sorted(Counter(sought.kinds[place] for place in found).items()))
    return Part(name, searched, len(found), "found" if seen else "blind", sought.telling, "bytes", kinds)


def in_records(name: str, blocks: Iterable[Table], sought: Needles, control: Table) -> Part:
    """Search decoded records by value.

    Parameters
    ----------
    control : Table
        One or more retained records that are known to be in the blocks: each must be found, by name and by values.
    """
    sure = known(control, sought)
    none = sure.ids[:0]
    ways = replace(sure, rows=sure.rows[:0]), replace(sure, ids=none, owners=none)
    searched, found, seen = 0, 0, [0, 0]
    for block in blocks:
        searched += len(block)
        found += by_value(block, sought)
        seen = [before + by_value(block, way) for before, way in zip(seen, ways, strict=True)]
    whole = len(control) and all(count >= len(control) for count, way in zip(seen, ways, strict=True) if len(way))
    return Part(name, searched, found, "found" if whole else "blind", len(sought.values), "records")


def packed(head: bytes) -> str | None:
    """What hides the bytes of a file, by how it begins: a compressed format or a seal; None where they lie open."""
    for magic, title in PACKED.items():
        if head.startswith(magic):
            return title
    if head.startswith(ZLIB) and _inflates(head):
        return "zlib"
    counts = np.bincount(np.frombuffer(head[:HEAD], np.uint8), minlength=256)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    spread = -float((shares * np.log2(shares)).sum())
    return "compressed or sealed" if len(head) >= HEAD // 16 and spread >= SPREAD else None


def _inflates(head: bytes) -> bool:
    try:
        return bool(zlib.decompressobj().decompress(head, 64))
    except zlib.error:
        return False
