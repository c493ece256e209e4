"""`Needles`: what a scan looks for after records were forgotten, in bytes and by value.

Bytes: facts that no retained record says, in every spelling (`expunge.audit.facts`, `expunge.audit.encodings`). Of many
records a sample is looked for, drawn by a keyed order; how many of how many is said. What cannot be told from other
records or from chance is counted, not looked for. By value: ids, owners and digests of rows, for records that can be
decoded; there, an id of 417 is nobody else's.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> table = Table.from_arrays(np.random.default_rng(0).normal(size=(4, 3)), ids=[415, 416, 417, 418])
>>> sought = needles(table.take([2]), table.take([0, 1, 3]), names=True)
>>> sought.told, sought.untold
({'values': 1}, {'id': 1})
>>> by_value(table, sought), by_value(table.take([0, 1]), sought)
(1, 0)
"""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expunge import keyed
from expunge.audit import encodings, facts
from expunge.audit.search import Search
from expunge.data.columns import take_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from expunge.audit.facts import Fact
    from expunge.data.table import Table
    from expunge.keyed import Secret
    from expunge.protocol import Ids

LIMIT = 4096  # patterns
SAMPLE = 256  # records whose bytes are looked for
VALUES = 1 << 20  # names and rows that are looked for by value
TEXT = 1 << 25  # ... and bytes of names
FEW = 256  # retained records that are digested whole rather than narrowed further
SECRET = b"expunge/residue"  # for whom does not give one of his own


@dataclass(frozen=True, eq=False)
class Values:
    """What is looked for in decoded records: names, and keyed digests of rows with these columns."""

    secret: bytes = field(repr=False)
    ids: Ids = field(repr=False)
    owners: Ids = field(repr=False)
    rows: NDArray[np.void] = field(repr=False)
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids) + len(self.owners) + len(self.rows)


@dataclass(frozen=True, eq=False)
class Needles:
    """What is looked for. It holds what should be gone: keep it sealed, and only until the scan is done.

    Attributes
    ----------
    patterns, kinds : tuple
        Bytes to look for, and of which kind each is: ``id``, ``owner``, ``text`` or ``values``.
    values : Values
    records, sampled : int
        How many records were forgotten, and of how many the bytes are looked for.
    told, untold : dict of str to int
        Names, cells and rows (one a record) of the sample, by kind: found wherever they are written; shared, too short
        or too common, so that they are looked for in some places only, or not at all.
    shared : int
        Forgotten records whose values a retained record has too.
    edges : tuple of str
        Of each pattern, how it has to stand (`expunge.audit.search.EDGES`).
    """

    patterns: tuple[bytes, ...] = field(repr=False)
    kinds: tuple[str, ...] = field(repr=False)
    values: Values
    records: int
    sampled: int
    told: Mapping[str, int]
    untold: Mapping[str, int]
    shared: int
    edges: tuple[str, ...] = field(default=(), repr=False)

    @property
    def telling(self) -> int:
        """How many patterns are looked for; none, where all of them would be found in some places only."""
        return len(self.patterns) if any(self.told.values()) else 0

    @cached_property
    def search(self) -> Search:
        """The search for all patterns, made once."""
        return Search(self.patterns, self.edges)

    def written(self) -> dict[str, Any]:
        """As JSON; `from_written` reads it."""
        values = self.values
        return {
            "patterns": [base64.b64encode(pattern).decode() for pattern in self.patterns],
            "kinds": list(self.kinds),
            "edges": list(self.edges),
            "counts": [self.records, self.sampled, self.shared],
            "told": dict(self.told),
            "untold": dict(self.untold),
            "secret": values.secret.hex(),
            "names": [_listed(names) for names in (values.ids, values.owners)],
            "rows": base64.b64encode(values.rows.tobytes()).decode(),
            "columns": list(values.columns),
        }

    @classmethod
    def from_written(cls, said: Mapping[str, Any]) -> Needles:
        """What `written` wrote."""
        ids, owners = map(_names, said["names"])
        rows = np.frombuffer(base64.b64decode(said["rows"]), ROW)
        values = Values(bytes.fromhex(said["secret"]), ids, owners, rows, tuple(said["columns"]))
        patterns = tuple(map(base64.b64decode, said["patterns"]))
        records, sampled, shared = said["counts"]
        edges, told, untold = tuple(said["edges"]), said["told"], said["untold"]
        return cls(patterns, tuple(said["kinds"]), values, records, sampled, told, untold, shared, edges)


Pattern: TypeAlias = tuple[bytes, str]
"""What is looked for, and how it has to stand."""

ROW = np.dtype((np.void, keyed.BLOCK))


def needles(gone: Table, stays: Table, *, names: bool, public: Iterable[bytes] = (), key: Secret = SECRET) -> Needles:
    """What to look for after some records were forgotten.

    Parameters
    ----------
    gone : Table
        The forgotten records as they were. Of a column that was erased: all records, with that column alone.
    stays : Table
        The data as they are now.
    names : bool
        Whether ids and owners are gone too: of a correction they stay.
    public : iterable of bytes
        What may be anywhere because no record said it: settings, the method before it learned (as `codec.encode`
        writes it), what our own files say. A fact of which a spelling is there is not looked for at all. Names of
        columns and declared classes are known.
    key : bytes or Key
        For which sample is drawn, and for the digests of rows.

    Notes
    -----
    What a model computed from the rows (scaled values, midpoints) is not among the needles: replay speaks of that.
    """
    secret = keyed.subkey(key, "residue")
    sample = gone.take(keyed.order(secret, gone.ids)[:SAMPLE])
    candidates = facts.candidates(sample, stays, names=names)
    known = b"\n".join([*public, *_public(gone, stays)])
    told = facts.distinct(candidates, stays)
    patterns, sampled = _spelled(told, known, len(sample))
    groups = {fact.group for fact in candidates if fact.group[1] < sampled}
    found = {fact.group for fact in told if fact.whole and not patterns.keys().isdisjoint(fact.patterns)}
    values, shared = _values(gone, stays, secret, names=names)
    return Needles(
        tuple(pattern for pattern, _ in patterns),
        tuple(patterns.values()),
        values,
        len(gone),
        sampled,
        dict(Counter(kind for kind, *_ in sorted(found & groups))),
        dict(Counter(kind for kind, *_ in sorted(groups - found))),
        shared,
        tuple(edge for _, edge in patterns),
    )


def by_value(block: Table, sought: Needles | Values) -> int:
    """How many of the records are, by id, owner or all of their values, among those that are gone."""
    values = sought.values if isinstance(sought, Needles) else sought
    if not len(block):
        return 0
    hit = facts.among(block.ids, values.ids)
    if block.owners is not None:
        hit |= facts.among(block.owners, values.owners)
    if len(values.rows) and set(values.columns) <= set(block.names):
        hit |= np.isin(_digests(block.select(values.columns), values.secret), values.rows)
    return int(hit.sum())


def known(table: Table, like: Needles | None = None) -> Values:
    """Values by which some retained records would be found: the positive control of a search by value.

    ``like``: the needles of that search, so that a row is digested once for both.
    """
    secret = keyed.subkey(SECRET, "residue") if like is None else like.values.secret
    return _values(table, table.take(slice(0, 0)), secret, names=True)[0]


def _public(gone: Table, stays: Table) -> list[bytes]:
    """Names of columns and declared classes, in every spelling."""
    words = [*gone.names, *stays.names, *map(str, stays.classes or ())]
    return [text for word in dict.fromkeys(words) for text in (*encodings.plain(word), *encodings.quoted(word))]


def _spelled(told: Sequence[Fact], public: bytes, records: int) -> tuple[dict[Pattern, str], int]:
    """Patterns and their kinds, at most so many, and of how many records, counted from the first.

    Of each name, cell and row one fact first, record by record; then all other facts, then rare spellings, as they fit.
    """
    first: list[Fact] = []
    rest: list[Fact] = []
    met = set()
    for fact in sorted(told, key=lambda fact: fact.group[1]):
        (rest if fact.group in met else first).append(fact)
        met.add(fact.group)
    made: dict[Pattern, str] = {}
    for fact in first:
        if len(made) + len(fact.patterns) > LIMIT:
            records = fact.group[1]
            break
        made |= dict.fromkeys(fact.patterns, fact.kind)
    inside = [fact for fact in (*first, *rest) if fact.group[1] < records]
    rare = [(fact, tuple((spelling, "") for spelling in fact.rare)) for fact in inside]
    for fact, patterns in [(fact, fact.patterns) for fact in inside] + rare:
        if len(made) + len(patterns) <= LIMIT:
            made |= dict.fromkeys(patterns, fact.kind)
    return _private(made, [(*fact.patterns, *more) for fact, more in rare], public), records


def _private(made: Mapping[Pattern, str], facts: Iterable[Sequence[Pattern]], public: bytes) -> dict[Pattern, str]:
    """The patterns without those of facts of which the public words hold one, be it as part of a field."""
    whole = list(made)
    edges = [edge.replace("field", "word") for _, edge in whole]
    places = Search([pattern for pattern, _ in whole], edges).through([public]).patterns
    said = {whole[place] for place in places}
    spoiled = {pattern for fact in facts if not said.isdisjoint(fact) for pattern in fact}
    return {pattern: kind for pattern, kind in made.items() if pattern not in spoiled}


def _values(gone: Table, stays: Table, secret: bytes, *, names: bool) -> tuple[Values, int]:
    none = np.zeros(0, np.int64)
    ids = _unshared(gone.ids, stays.ids, secret) if names else none
    held = names and gone.owners is not None
    owners = _unshared(gone.owners, stays.owners, secret) if held else none
    rows, shared = _rows(gone, stays, secret)
    return Values(secret, ids, owners, rows, gone.names), shared


def _unshared(gone: Ids, stays: Ids | None, secret: bytes) -> Ids:
    """Distinct names that no retained record has; of very many, those first in a keyed order."""
    distinct = np.unique(gone) if isinstance(gone, np.ndarray) else pc.unique(gone.sort())
    if stays is not None:
        shared = take_names(stays, np.flatnonzero(facts.among(stays, distinct)))
        distinct = take_names(distinct, np.flatnonzero(~facts.among(distinct, shared)))
    limit = VALUES
    if isinstance(distinct, pa.Array) and distinct.nbytes > TEXT:
        limit = min(limit, len(distinct) * TEXT // distinct.nbytes)
    return distinct if len(distinct) <= limit else take_names(distinct, keyed.order(secret, distinct)[:limit])


def _rows(gone: Table, stays: Table, secret: bytes) -> tuple[NDArray[np.void], int]:
    """Digests of rows that no retained record has, and how many forgotten records share theirs."""
    if not gone.names:
        return np.zeros(0, ROW), 0
    digests = _digests(gone, secret)
    common = set(gone.names) <= set(stays.names) and len(stays) > 0
    if common:
        held = _digests(stays.select(gone.names).take(_alike(gone, stays)), secret)
        digests = digests[~np.isin(digests, held)]
    shared = len(gone) - len(digests)
    return np.unique(digests)[:VALUES], shared


def _alike(gone: Table, stays: Table) -> NDArray[np.intp]:
    """Positions of retained records that might have the values of a forgotten one: narrowed column by column."""
    left = np.arange(len(stays))
    sought, held = gone.stored, stays.columns.features
    for name in gone.names:
        if len(left) <= FEW:
            break
        places = gone.names.index(name), stays.names.index(name)
        rows = left if stays.rows is None else stays.rows[left]
        if isinstance(sought, pa.Table) and isinstance(held, pa.Table):
            wanted, values = sought.column(places[0]).combine_chunks(), held.column(places[1])
            same = _is_in(values if len(rows) == len(values) and stays.rows is None else values.take(rows), wanted)
        elif isinstance(sought, np.ndarray) and isinstance(held, np.ndarray) and sought.ndim == held.ndim == 2:
            same = _is_in(pa.array(held[rows, places[1]]), pa.array(sought[:, places[0]]))
        else:
            break
        left = left[same]
    return left


def _is_in(values: pa.Array | pa.ChunkedArray, wanted: pa.Array) -> NDArray[np.bool_]:
    """(n,) whether each value is one of those wanted; a NaN is a NaN."""
    same = pc.is_in(values, value_set=wanted.cast(values.type))
    made: NDArray[np.bool_] = pa.chunked_array([same] if isinstance(same, pa.Array) else same.chunks).to_numpy()
    return made


def _digests(table: Table, secret: bytes) -> NDArray[np.void]:
    """(n,) a keyed digest of features and label of each record."""
    digests = table.gathered().digests(secret, named=False)
    return np.ascontiguousarray(digests).view(ROW).ravel()


def _listed(names: Ids) -> dict[str, Any]:
    if isinstance(names, np.ndarray):
        return {"integers": base64.b64encode(names.astype("<i8").tobytes()).decode()}
    return {"text": names.to_pylist()}


def _names(said: Mapping[str, Any]) -> Ids:
    if "integers" in said:
        return np.frombuffer(base64.b64decode(said["integers"]), "<i8").astype(np.int64)
    return pa.array(said["text"], pa.large_string())
