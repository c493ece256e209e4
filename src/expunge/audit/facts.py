"""What a forgotten record says that no retained record says: names, texts, pieces of texts, numbers side by side.

A record's id and owner; cells of text, whole, in slices when they are long, and their words as vectorizers keep them;
windows of neighbouring numbers that together tell enough (a kNN or support vector machine keeps rows), and single
numbers that tell enough alone. Each is looked for in all that the retained records hold, by the very search that later
looks at files: what they hold too cannot be told, and is counted so.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> gone = Table.from_arrays(np.array([[0.125, 86421.0009765625, 1 / 3, 3.14159265358979]]), ids=["ann@example.org"])
>>> stays = Table.from_arrays(np.array([[0.125, 7.0, 1 / 3, 2.0]]), ids=["bob@example.org"])
>>> for fact in distinct(candidates(gone, stays, names=True), stays):
...     print(fact.kind, fact.said)
id b'ann@example.org'
values ...
values ...
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expunge.audit import encodings
from expunge.audit.encodings import information
from expunge.audit.search import BRIEF, SHORTEST, Search
from expunge.data.columns import take_names
from expunge.data.items import rows_at_a_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Ids

ALONE = 44  # bits that a single number must tell, among all the numbers of a model
TOGETHER = 32  # bits that neighbours must tell together
WHOLE = 20  # ... when they are all the numbers that a record has
NAMED = 26  # bits of an integer that is found only where it is marked as one: eight digits
LONG = 64  # characters from which on a text is looked for in slices
SLICE = 48
SHORT = 3  # characters of the shortest text that is looked for at all
MOST = 24  # facts of one kind from one record
ROWS = 1 << 16  # retained records at a time
APART = pa.scalar("", pa.large_string()), pa.scalar("\n", pa.large_string())  # an end, and what joins it
WORD = re.compile(r"\b\w\w+\b")  # as scikit-learn's vectorizers cut texts
MARKED = re.compile(r"[^\s,;:!?()\"'<>\[\]{}]+")

Group: TypeAlias = tuple[str, int, str]
"""Kind, position of the record, column: what counts as one thing to be told."""


@dataclass(frozen=True)
class Fact:
    """Something that a record says.

    Attributes
    ----------
    said : bytes
        Lower-case text or a row of float64, which retained records must not hold; empty where that was seen to.
    spellings : tuple of bytes
        As what it may lie somewhere; none where it tells too little.
    words : tuple of (bytes, str)
        Spellings that count only where they stand by themselves, and how (`expunge.audit.search.EDGES`).
    fallback : Fact or None
        What is left to look for where retained records say this too.
    rare : tuple of bytes
        Spellings for which there should be room, if nothing else is left out.
    bounded : bool
        Whether it suffices that no retained record says it as a word by itself.
    whole : bool
        Whether it is found wherever it is written. What is found only beside certain signs is told in part.
    """

    group: Group
    said: bytes
    spellings: tuple[bytes, ...]
    words: tuple[tuple[bytes, str], ...] = ()
    fallback: Fact | None = None
    rare: tuple[bytes, ...] = ()
    bounded: bool = False
    whole: bool = True

    @property
    def patterns(self) -> tuple[tuple[bytes, str], ...]:
        """All that is to be looked for, each with how it has to stand."""
        return *((spelling, "") for spelling in self.spellings), *self.words

    @property
    def kind(self) -> str:
        """``id``, ``owner``, ``text`` or ``values``."""
        return self.group[0]


def candidates(gone: Table, stays: Table, *, names: bool) -> list[Fact]:
    """All that these forgotten records say, whoever else says it; shared names and whole cells are left aside."""
    found: list[Fact] = []
    if names:
        owners, kept = gone.owners, stays.owners
        found += _names("id", gone.ids, stays.ids)
        found += [] if owners is None or kept is None else _names("owner", owners, kept)
    found += _texts(gone, stays)
    found += _values(gone)
    return found


def distinct(facts: Sequence[Fact], stays: Table) -> list[Fact]:
    """Those facts that no retained record says, or only as part of something longer."""
    numbers = [fact for fact in facts if fact.kind == "values"]
    texts = [fact for fact in facts if fact.kind != "values"]
    shared = _held([fact.said for fact in texts if not fact.bounded], lambda: texts_of(stays))
    inside = _held_as_words({fact.said for fact in texts if fact.bounded or fact.said in shared}, stays)
    left = [each for each in (_told(fact, shared, inside) for fact in texts) if each is not None]
    single = [np.frombuffer(fact.said, np.float64).astype(np.float32).tobytes() for fact in numbers]
    wide = _held([fact.said for fact in numbers], lambda: numbers_of(stays))
    narrow = _held([said for said in single if len(said) >= SHORTEST], lambda: numbers_of(stays, np.float32))
    left += [fact for fact, said in zip(numbers, single, strict=True) if fact.said not in wide and said not in narrow]
    return [fact for fact in left if fact.patterns]


def _told(fact: Fact | None, shared: set[bytes], inside: set[bytes]) -> Fact | None:
    """The fact, or the first of its fallbacks that no retained record says."""
    while fact is not None and fact.said and fact.said in (inside if fact.bounded else shared):
        fact = fact.fallback
    return fact


def texts_of(table: Table, *, apart: bool = False) -> Iterator[bytes]:
    """All texts that the records hold, in lower case, end to end (or ``apart``, in lines), some records at a time."""
    for part in _parts(table):
        for column in _text_columns(part).values():
            lower = pc.utf8_lower(column)
            yield _buffer(pc.binary_join_element_wise(lower.fill_null(""), *APART) if apart else lower)


def numbers_of(table: Table, kind: type[np.floating[Any]] = np.float64) -> Iterator[bytes]:
    """All numbers that the records hold, row by row, then their labels; some records at a time."""
    for part in _parts(table):
        yield np.ascontiguousarray(_matrix(part), dtype=kind).tobytes()
    label = table.label
    if label is not None and label.dtype.kind == "f":
        yield label.astype(kind).tobytes()


# -- names -------------------------------------------------------------------------------------------------------------


def _names(kind: str, gone: Ids, stays: Ids) -> Iterator[Fact]:
    held = among(stays, gone)
    shared = set(take_names(stays, np.flatnonzero(held)).tolist())
    for place, name in enumerate(gone.tolist() if isinstance(gone, np.ndarray) else gone.to_pylist()):
        group = (kind, place, "")
        if name in shared:
            yield Fact(group, b"", ())
        elif isinstance(name, str):
            yield _text(group, name)
        else:
            yield _integer(group, name)


def _integer(group: Group, number: int) -> Fact:
    """A number that names a record: looked for by itself when it tells enough, else where something bounds it."""
    told = int(abs(number)).bit_length()
    if min(told, information(float(number))) >= ALONE:
        return Fact(group, b"", tuple(encodings.integer(number, alone=True)))
    if told < NAMED:
        return Fact(group, b"", ())
    marked = Fact(group, b"", tuple(encodings.integer(number, alone=False)), whole=False)
    words = tuple(encodings.bounded(str(number)))
    return replace(marked, said=str(number).encode(), words=words, bounded=True, fallback=marked)


def among(names: Ids, sought: Ids) -> NDArray[np.bool_]:
    """(n,) whether each name is one of those sought: never, when one are integers and the others text."""
    if isinstance(names, np.ndarray) and isinstance(sought, np.ndarray):
        ordered = np.sort(sought)
        at = np.minimum(np.searchsorted(ordered, names), len(ordered) - 1)
        same: NDArray[np.bool_] = ordered[at] == names if len(ordered) else np.zeros(len(names), bool)
        return same
    if isinstance(names, pa.Array) and isinstance(sought, pa.Array):
        found: NDArray[np.bool_] = pc.is_in(names, value_set=sought.cast(names.type)).to_numpy(zero_copy_only=False)
        return found
    return np.zeros(len(names), dtype=bool)


# -- texts -------------------------------------------------------------------------------------------------------------


def _texts(gone: Table, stays: Table) -> Iterator[Fact]:
    columns = _text_columns(gone, names=False)
    if not columns:
        return
    cells = {name: column.to_pylist() for name, column in columns.items()}
    shared = _whole(stays, {cell for column in cells.values() for cell in column if cell})
    for name, column in cells.items():
        for place, cell in enumerate(column):
            if cell:
                yield from (
                    [Fact(("text", place, name), b"", ())] if cell in shared else _cell(("text", place, name), cell)
                )


def _whole(stays: Table, cells: set[str]) -> set[str]:
    """Those cells that retained records hold as a whole, in any column."""
    shared = {str(name) for name in stays.classes or ()} & cells
    sought = pa.array(sorted(cells), pa.large_string())
    for part in _parts(stays):
        for column in _text_columns(part).values():
            shared.update(pc.unique(column.filter(pc.is_in(column, value_set=sought))).to_pylist())
    return shared


def _cell(group: Group, cell: str) -> list[Fact]:
    """A cell of text: the whole or slices of it, then what is marked as one in it (numbers, addresses), then words."""
    middle = (len(cell) - SLICE) // 2
    slices = [cell] if len(cell) <= LONG else [cell[:SLICE], cell[middle : middle + SLICE], cell[-SLICE:]]
    marked = [piece for piece in MARKED.findall(cell) if _telling(piece) and piece != cell]
    words = [word for word in WORD.findall(cell.lower()) if len(word) >= SHORT and word != cell.lower()]
    made = [_text(group, cell)] if len(slices) == 1 else [_piece(group, piece) for piece in slices]
    made += [_piece(group, piece) for piece in dict.fromkeys(marked)]
    longest = sorted(set(words), key=len)[::-1]
    made += [Fact(group, word.encode(), tuple(encodings.quoted(word)), whole=False) for word in longest]
    return made[:MOST]


def _text(group: Group, text: str) -> Fact:
    """A text that nobody else has: found in whatever it is written when it is more than a word.

    A word is found where it stands by itself; so is a text that a longer one of a retained record holds. A short one
    is found as a field of its own, and so in part only.
    """
    marked = Fact(group, b"", tuple(encodings.quoted(text)) if SHORT <= len(text) <= LONG else (), whole=False)
    said = text.lower().encode()
    if min(len(text.encode()), len(said)) < BRIEF:
        return marked
    brief = len(text.encode()) < SHORTEST
    words = tuple(encodings.bounded(text, "field" if brief else "word"))
    alone = replace(marked, said=said, words=words, fallback=marked, bounded=True, whole=not brief)
    if brief:
        return alone
    rare, plain = encodings.base64_of(text), encodings.plain(text)
    if text.isalpha():
        return replace(alone, rare=(*rare, *encodings.hexadecimal(text)), fallback=alone, bounded=False)
    return Fact(group, said, (*plain, *marked.spellings), fallback=alone, rare=tuple(rare))


def _piece(group: Group, text: str) -> Fact:
    """A part of a text."""
    return Fact(group, text.lower().encode(), tuple(encodings.plain(text)))


def _telling(piece: str) -> bool:
    """Whether a piece of text is no word of a language: a number, an address, a key."""
    return len(piece.encode()) >= SHORTEST and any(sign.isdigit() or sign == "@" for sign in piece)


# -- numbers -----------------------------------------------------------------------------------------------------------


def _values(gone: Table) -> Iterator[Fact]:
    label, targets = gone.label, np.zeros((len(gone), 0))
    if label is not None and label.dtype.kind == "f":
        targets = label if label.ndim > 1 else label[:, None]
    for place, (numbers, own) in enumerate(zip(_matrix(gone).tolist(), targets.tolist(), strict=True)):
        group = ("values", place, "")
        pieces = [*_pieces(numbers), *_pieces(own)]
        for values in pieces:
            yield Fact(group, np.array(values).tobytes(), tuple(encodings.row(values)))
        if not pieces and numbers:
            yield Fact(group, b"", ())


def _pieces(numbers: list[float]) -> list[list[float]]:
    """Neighbours that tell enough together, then numbers that tell enough alone."""
    told = [information(number) for number in numbers]
    singles = [[number] for number, bits in zip(numbers, told, strict=True) if bits >= ALONE]
    return [numbers[slice(*window)] for window in windows(numbers, told)[:MOST]] + singles[:MOST]


def windows(numbers: Sequence[float], told: Sequence[float]) -> list[tuple[int, int]]:
    """Neighbours that tell enough together, none in two windows; a number that repeats tells one bit more.

    >>> windows([1.0, 123456.0, 0.0, 98765.0, 5.0], [1, 17, 0, 16.6, 2])
    [(1, 4)]
    """
    found, first = [], 0
    for last in range(len(numbers)):
        if not np.isfinite(numbers[last]):
            first = last + 1
        elif _sum(numbers, told, first, last + 1) >= TOGETHER and last > first:
            while last - first > 1 and _sum(numbers, told, first + 1, last + 1) >= TOGETHER:
                first += 1
            found.append((first, last + 1))
            first = last + 1
    if not found and len(numbers) > 1 and np.isfinite(numbers).all():
        found = [(0, len(numbers))] if _sum(numbers, told, 0, len(numbers)) >= WHOLE else []
    return found


def _sum(numbers: Sequence[float], told: Sequence[float], first: int, last: int) -> float:
    """Bits of some neighbours, as float32 and float64 both hold them."""
    bits = {abs(numbers[place]): min(told[place], 24) for place in range(first, last) if numbers[place]}
    return sum(bits.values()) + sum(1 for number in numbers[first:last] if number) - len(bits)


# -- what a table holds ------------------------------------------------------------------------------------------------


def _held(said: Sequence[bytes], content: Callable[[], Iterable[bytes]]) -> set[bytes]:
    """Those of some texts or rows that the content holds, wherever in it."""
    long = [text for text in dict.fromkeys(said) if len(text) >= SHORTEST]
    short = {text for text in said if 0 < len(text) < SHORTEST}
    if not long and not short:
        return set()
    look, held = Search(long), set[bytes]()
    for part in content():
        held.update(long[place] for place in look.through([part]).patterns)
        held.update(text for text in short - held if text in part)
    return held


def _held_as_words(said: set[bytes], table: Table) -> set[bytes]:
    """Those of some texts that records hold as a word by itself: in a cell, or in cells end to end."""
    long = sorted(text for text in said if len(text) >= BRIEF)
    if not long:
        return set()
    look, held = Search(long, ["word"] * len(long)), set[bytes]()
    for apart in (True, False):
        for part in texts_of(table, apart=apart):
            held.update(long[place] for place in look.through([part]).patterns)
    return held


def _parts(table: Table) -> Iterator[Table]:
    features = table.columns.features
    step = ROWS if isinstance(features, pa.Table) else min(ROWS, rows_at_a_time(features))
    for first in range(0, len(table), step):
        yield table.take(slice(first, first + step))


def _text_columns(table: Table, *, names: bool = True) -> dict[str, pa.Array]:
    """Columns of text: features and label, and ids and owners when ``names``."""
    stored, label, made = table.stored, table.label, {}
    if isinstance(stored, pa.Table):
        for field, column in zip(stored.schema, stored.columns, strict=True):
            if pa.types.is_large_string(field.type):
                made[f"feature {field.name}"] = column.combine_chunks()
    if label is not None and label.dtype.kind == "U":
        made["label"] = pa.array(label, pa.large_string())
    held = {"id": table.ids, "owner": table.owners} if names else {}
    return made | {name: column for name, column in held.items() if isinstance(column, pa.Array)}


def _matrix(table: Table) -> NDArray[np.float64]:
    """(n, k) all features that are numbers or truth values; missing ones are NaN."""
    stored = table.stored
    if not isinstance(stored, pa.Table):
        return np.asarray(stored).reshape(len(table), -1).astype(np.float64, copy=False)
    kinds = pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean
    columns = [column for column in stored.columns if any(of(column.type) for of in kinds)]
    made = [column.cast(pa.float64(), safe=False).combine_chunks().to_numpy(zero_copy_only=False) for column in columns]
    return np.column_stack(made) if made else np.zeros((len(table), 0))


def _buffer(column: pa.Array) -> bytes:
    """The texts of a column, end to end."""
    if not len(column):
        return b""
    _, ends, content = column.buffers()
    at = np.frombuffer(ends, np.int64)[column.offset : column.offset + len(column) + 1]
    return memoryview(content)[at[0] : at[-1]].tobytes() if content else b""
