"""Many byte patterns looked for in one pass: exact, streaming, and as quick for thousands of patterns as for ten.

A pattern of eight bytes covers, wherever it lies, at least one whole word of four bytes on a boundary of four. So only
every fourth position is looked at: its word is hashed into a table of those words that patterns have at that alignment.
What passes is looked at again with more of what follows it (up to 32 bytes: small integers written as floats are mostly
zeros, and alike), then compared exactly, first eight bytes, then the rest; always all candidates of a block together:
there is no loop over patterns, and no content that makes one.

Examples
--------
>>> look = Search([b"a needle", b"not there"])
>>> found = look.through([b"hay, a nee", b"dle, hay"])
>>> found.searched, sorted(found.patterns)
(18, [0])

A pattern may have to stand by itself, as a word or as a field of a table; then it may be as short as four bytes.

>>> look = Search([b"Anna", b"Anna"], ["word", "field"])
>>> [sorted(look.through([text]).patterns) for text in (b"Susanna, Annaweber", b"(Anna)", b"1;Anna;2")]
[[], [0], [0, 1]]
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

SHORTEST = 8  # bytes: what random bytes hold by chance once in 2**64 positions, and what the first comparison needs
BLOCK = 1 << 19  # bytes looked at together: the working copies stay in the cache
BITS = 18  # of the hash: a table that stays in the cache, of which 4,096 patterns fill a sixteenth
SPREAD = np.uint32(2654435769)  # 2**32 over the golden ratio (Knuth, volume 3, section 6.4)
MIX = np.uint64(11400714819323198485)  # the same of 2**64
CHOICE = 64  # bytes of a pattern among which its anchors are chosen
WIDTHS = ((32, 2**62), (16, 32), (4, 16))  # bytes of an anchor, and of the next longer one
PAD = np.zeros(max(width for width, _ in WIDTHS) + 8, np.uint8)
BRIEF = 4  # bytes of the shortest pattern that is looked for where it stands by itself
MARGIN = 8  # bytes around a pattern among which its neighbours are

_BYTES = np.arange(256)
_ANY = _BYTES >= 0
_WORD = np.array([not (byte < 128 and chr(byte).isalnum()) for byte in range(256)])  # what may stand around a word
_FIELD = np.isin(_BYTES, list(b"\r\n\t ,;|\"'<>\0"))  # ... around a field of a table, of a page, of a list
_UNITS = {"": (1, 0), " in utf-16-le": (2, 0), " in utf-16-be": (1, 1), " in utf-32-le": (4, 0)}

EDGES = {"": (1, 0, _ANY)} | {
    kind + unit: (before, after, allowed)
    for kind, allowed in (("word", _WORD), ("field", _FIELD))
    for unit, (before, after) in _UNITS.items()
}
"""How a pattern has to stand: how far before it and after its end the neighbours are, and which they may be.

What is no ASCII letter or digit bounds a word: a quotation mark, and a letter of another alphabet as well, so that a
name between marks of any kind is found.
"""


@dataclass(frozen=True)
class Found:
    """What a search saw: how many bytes, and which patterns, by their place among those it was given."""

    searched: int
    patterns: frozenset[int]

    def kinds(self, kinds: Sequence[str]) -> Counter[str]:
        """How many patterns of each kind were found; ``kinds`` says the kind of each pattern."""
        return Counter(kinds[place] for place in self.patterns)


class Search:
    """A search for any of these patterns.

    Parameters
    ----------
    patterns : sequence of bytes
        Each of at least eight bytes; none at all, and one twice, are fine.
    edges : sequence of str, optional
        Of each pattern, how it has to stand: a key of `EDGES`. One with an edge has at least four bytes.

    Raises
    ------
    ParameterError
        If a pattern is shorter.
    """

    def __init__(self, patterns: Sequence[bytes], edges: Sequence[str] | None = None) -> None:
        edges = [""] * len(patterns) if edges is None else edges
        for place, (pattern, edge) in enumerate(zip(patterns, edges, strict=True)):
            if len(pattern) < (least := BRIEF if edge else SHORTEST):
                msg = f"a search needs patterns of at least {least} bytes; number {place} has {len(pattern)}"
                raise ParameterError(msg)
        self.count = len(patterns)
        self.bounded = any(edges)
        self.edges = _Edges(edges)
        self.lengths = np.array([len(pattern) for pattern in patterns], dtype=np.int64)
        self.longest = int(self.lengths.max(initial=0))
        self.width = -(-max(self.longest, SHORTEST) // 8) * 8
        padded = b"".join(pattern.ljust(self.width, b"\0") for pattern in patterns)
        self.eights = _at_every_byte(np.frombuffer(padded + PAD.tobytes(), np.uint8))
        heads = self.eights[np.arange(self.count) * self.width]
        long = np.flatnonzero(self.lengths >= SHORTEST)
        self.heads, self.by_head = _grouped(heads[long], long)
        self.brief = _Brief(heads, self.lengths, self.edges)
        shared = [(self.lengths >= max(3 + width, SHORTEST)) & (self.lengths < 3 + above) for width, above in WIDTHS]
        self.anchors = [self._anchors(np.flatnonzero(of), width) for of, (width, _) in zip(shared, WIDTHS, strict=True)]
        self.table = np.zeros(1 << BITS, dtype=bool)
        for anchors in self.anchors:
            self.table[_hashed(anchors.words)] = True

    def through(self, chunks: Iterable[bytes]) -> Found:
        """Search a stream: one file or blob in chunks of any length, which patterns may straddle."""
        searched, held, overlap = 0, b"", self.longest + MARGIN
        seen: set[int] = set()
        for chunk in chunks:
            whole = searched <= overlap  # what is held begins where the stream does
            searched += len(chunk)
            if not self.count or not len(chunk):
                continue
            if held:
                joint = held + bytes(chunk[:overlap])
                seen.update(place for _, place in self.places(joint, first=whole, last=False))
            seen.update(place for _, place in self.places(chunk, first=not held, last=False))
            held = (held + bytes(chunk[-overlap:]))[-overlap:]
        if self.bounded:
            seen.update(place for _, place in self.places(held, first=searched <= overlap))
        return Found(searched, frozenset(seen))

    def places(
        self, content: bytes | memoryview, *, first: bool = True, last: bool = True
    ) -> Iterator[tuple[int, int]]:
        """Each occurrence once: where it begins, and which pattern it is; in no order.

        ``first``, ``last``: whether a stream begins and ends where the content does: that bounds a word.
        """
        held = np.frombuffer(content, np.uint8)
        overlap = -(-(self.longest - 1) // 4) * 4 if self.count else 0
        for begin in range(0, len(held) if self.count else 0, BLOCK):
            block = held[begin : begin + BLOCK + overlap]
            starts, patterns = self._hits(block)
            mine = starts < BLOCK  # what begins in the overlap is the next block's
            if self.bounded:
                ends = starts + self.lengths[patterns] + begin
                mine &= self.edges.fit(held, starts + begin, ends, patterns, first=first, last=last)
            pairs = zip((starts[mine] + begin).tolist(), patterns[mine].tolist(), strict=True)
            yield from dict.fromkeys(pairs)

    def _hits(self, block: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where in a block patterns begin, and which."""
        words = block[: len(block) // 4 * 4].view("<u4")
        passed = np.flatnonzero(self.table[_hashed(words)]) * 4
        if not passed.size and not self.brief.lengths:
            return passed, passed
        eights = _at_every_byte(np.concatenate([block, PAD]))
        brief = self.brief.hits(block, eights)
        anchored = [anchors.starts(eights, passed) for anchors in self.anchors if anchors.keys.size]
        starts = np.concatenate([passed[:0], *anchored])
        starts = starts[(starts >= 0) & (starts <= len(block) - SHORTEST)]
        which, patterns = _matched(self.heads, self.by_head, eights[starts])
        starts = starts[which]
        fits = starts + self.lengths[patterns] <= len(block)
        long = self._whole(eights, starts[fits], patterns[fits])
        return np.concatenate([long[0], brief[0]]), np.concatenate([long[1], brief[1]])

    def _whole(
        self, eights: NDArray[np.uint64], starts: NDArray[np.int64], patterns: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Those candidates of which all bytes agree, eight at a time."""
        for step in range(8, self.width, 8):
            at = np.minimum(step, self.lengths[patterns] - 8)
            same = eights[starts + at] == self.eights[patterns * self.width + at]
            starts, patterns = starts[same], patterns[same]
            if not starts.size:
                break
        return starts, patterns

    def _anchors(self, patterns: NDArray[np.int64], width: int) -> _Anchors:
        """One anchor for each of these patterns and each alignment: of those that it has, the least common."""
        reach = max(min(self.width, CHOICE) - width + 1, 4) if patterns.size else 4
        rows = patterns[:, None] * self.width + np.arange(reach)
        keys = _keys(self.eights, rows, width)
        words = self.eights[rows].astype(np.uint32)
        _, codes, counts = np.unique(keys, return_inverse=True, return_counts=True)
        empty = (words[..., None] >> np.arange(0, 32, 8, dtype=np.uint32) & np.uint32(255) == 0).sum(-1)
        cost = counts[codes].reshape(keys.shape) + 4096.0 * empty  # zeros are everywhere, whatever is looked for
        cost[np.arange(reach) > (self.lengths[patterns] - width)[:, None]] = np.inf  # it would stick out
        chosen = np.stack([place + 4 * cost[:, place::4].argmin(1) for place in range(4)], axis=1)
        at = np.arange(len(patterns))[:, None], chosen
        pairs = np.unique(np.stack([keys[at].ravel().view(np.int64), chosen.ravel()]), axis=1)
        distinct, groups = _grouped(pairs[0].view(np.uint64), pairs[1])
        return _Anchors(width, np.unique(words[at]), distinct, groups)


class _Anchors:
    """The anchors of patterns of similar length: bytes at a boundary of four, and how far into a pattern they lie."""

    def __init__(self, width: int, words: NDArray[np.uint32], keys: NDArray[np.uint64], groups: _Groups) -> None:
        self.width, self.words, self.keys, self.groups = width, words, keys, groups
        self.table = np.zeros(1 << BITS, dtype=bool)
        self.table[keys >> np.uint64(64 - BITS)] = True

    def starts(self, eights: NDArray[np.uint64], passed: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where patterns would begin that have one of the anchors at one of the places that passed."""
        keys = _keys(eights, passed, self.width)
        known = np.flatnonzero(self.table[keys >> np.uint64(64 - BITS)])
        which, offsets = _matched(self.keys, self.groups, keys[known])
        return passed[known[which]] - offsets


class _Edges:
    """What may stand around each pattern."""

    def __init__(self, edges: Sequence[str]) -> None:
        kinds = list(EDGES)
        codes = np.array([kinds.index(edge) for edge in edges], dtype=np.int64)
        self.before, self.after = (np.array([edge[at] for edge in EDGES.values()])[codes] for at in (0, 1))
        self.allowed, self.codes, self.free = np.stack([edge[2] for edge in EDGES.values()]), codes, codes == 0

    def fit(
        self,
        held: NDArray[np.uint8],
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        patterns: NDArray[np.int64],
        *,
        first: bool,
        last: bool,
    ) -> NDArray[np.bool_]:
        """(n,) whether patterns at these places stand as they have to; not, where a neighbour is not known."""
        before, after = starts - self.before[patterns], ends + self.after[patterns]
        codes, most = self.codes[patterns], len(held) - 1
        if most < 0:
            return np.zeros(len(starts), dtype=bool)
        left = np.where(before < 0, first, self.allowed[codes, held[np.maximum(before, 0)]])
        right = np.where(after > most, last, self.allowed[codes, held[np.minimum(after, most)]])
        stand: NDArray[np.bool_] = self.free[patterns] | (left & right)
        return stand


class _Brief:
    """The patterns that are shorter than the first comparison: looked for wherever something bounds their begin."""

    def __init__(self, heads: NDArray[np.uint64], lengths: NDArray[np.int64], edges: _Edges) -> None:
        self.lengths = sorted(set(lengths[lengths < SHORTEST].tolist()))
        of = {length: np.flatnonzero(lengths == length) for length in self.lengths}
        self.groups = {length: _grouped(heads[places], places) for length, places in of.items()}
        self.table = np.zeros(1 << BITS, dtype=bool)
        self.table[_hashed(heads[lengths < SHORTEST].astype(np.uint32))] = True
        codes = np.unique(edges.codes[lengths < SHORTEST])
        near = bool((edges.before[lengths < SHORTEST] == 1).all())  # else any byte may be the one before
        self.bounds: NDArray[np.bool_] = np.asarray(edges.allowed[codes].any(axis=0)) if near else _ANY

    def hits(self, block: NDArray[np.uint8], eights: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where in a block they begin, and which."""
        none = np.zeros(0, np.int64)
        if not self.lengths:
            return none, none
        starts = np.concatenate([[0], np.flatnonzero(self.bounds[block]) + 1]).astype(np.int64)
        starts = starts[starts <= len(block) - BRIEF]
        starts = starts[self.table[_hashed(eights[starts].astype(np.uint32))]]
        made = [(none, none)]
        for length, (keys, groups) in self.groups.items():
            inside = starts[starts <= len(block) - length]
            which, patterns = _matched(keys, groups, eights[inside] & np.uint64(2 ** (8 * length) - 1))
            made.append((inside[which], patterns))
        return np.concatenate([each for each, _ in made]), np.concatenate([each for _, each in made])


@dataclass(frozen=True)
class _Groups:
    """What belongs to each of some sorted keys: a slice of ``held``."""

    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    held: NDArray[np.int64]


def _grouped(keys: NDArray[np.uint64], held: NDArray[np.int64]) -> tuple[NDArray[np.uint64], _Groups]:
    order = np.argsort(keys, kind="stable")
    distinct, first, counts = np.unique(keys[order], return_index=True, return_counts=True)
    return distinct, _Groups(first, counts, held[order])


def _matched(
    keys: NDArray[np.generic], groups: _Groups, asked: NDArray[np.generic]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of the place of one that was asked for and is a key, and each that belongs to this key."""
    if not len(keys):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    known = np.flatnonzero(keys[at] == asked)
    at = at[known]
    counts = groups.counts[at]
    ends = np.cumsum(counts)
    within = np.arange(ends[-1] if ends.size else 0) - np.repeat(ends - counts, counts)
    return np.repeat(known, counts), groups.held[np.repeat(groups.first[at], counts) + within]


def _hashed(words: NDArray[np.generic]) -> NDArray[np.uint32]:
    return (words * SPREAD) >> np.uint32(32 - BITS)  # type: ignore[operator, no-any-return]


def _keys(eights: NDArray[np.uint64], at: NDArray[np.int64], width: int) -> NDArray[np.uint64]:
    """A hash of the bytes at these places: of four, or of a multiple of eight."""
    keys = eights[at]
    if width < 8:
        return (keys & np.uint64(2 ** (8 * width) - 1)) * MIX
    for step in range(8, width, 8):
        keys *= MIX
        keys ^= keys >> np.uint64(29)
        keys += eights[at + step]
    return keys * MIX


def _at_every_byte(content: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The eight bytes that begin at each byte, as numbers, without a copy."""
    return np.ndarray((len(content) - 7,), "<u8", content, strides=(1,))
