"""What was forgotten stays out: keyed tokens of everything that must not come back with the next learn.

A source that was not cleaned still holds the forgotten rows. Each erasure leaves tokens here, keyed digests of ids,
owners and classes that say nothing without the key, and the next look at the source leaves out what they cover. A
correction leaves a token of each value that was wrong, so that the source cannot put the mistake back.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Table
>>> table = Table.from_arrays(np.eye(3), ids=[7, 8, 9])
>>> fence = Fence().raised(b"key", Records([8]), table.take([1]))
>>> fence.covers(b"key", table).tolist()
[False, True, False]
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from expunge import keyed
from expunge.codec import decode, encode
from expunge.data.columns import as_names
from expunge.engine.cells import cells_of
from expunge.engine.paper import class_name, corrections
from expunge.values import Batch, Column, Label, Owners, Records

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.engine.cells import Row, Said
    from expunge.engine.paper import Subject
    from expunge.keyed import Secret
    from expunge.protocol import Ids
    from expunge.values import Name, Target

TOKEN = np.dtype((np.void, keyed.BLOCK))
PAIR = np.dtype((np.void, 2 * keyed.BLOCK))
NONE: NDArray[np.void] = np.zeros(0, TOKEN)
NO_PAIR: NDArray[np.void] = np.zeros(0, PAIR)


@dataclass(frozen=True, eq=False)
class Fence:
    """Tokens by kind, sorted.

    Attributes
    ----------
    records, owners, classes : (k,) tokens
    owned : (k,) pairs of tokens
        Records that went with their owners, each with its owner: readmitting one of them readmits these.
    classed : (k,) pairs of tokens
        Records that went with their class, each with it: relabelled in the source they stay out as well.
    superseded : (k,) pairs of tokens
        Records that were corrected, each with a value of one of its columns that was wrong: it must not come back.
    columns : tuple of str
        Names of features that were forgotten.
    """

    records: NDArray[np.void] = field(default_factory=NONE.copy)
    owners: NDArray[np.void] = field(default_factory=NONE.copy)
    owned: NDArray[np.void] = field(default_factory=NO_PAIR.copy)
    classes: NDArray[np.void] = field(default_factory=NONE.copy)
    classed: NDArray[np.void] = field(default_factory=NO_PAIR.copy)
    superseded: NDArray[np.void] = field(default_factory=NO_PAIR.copy)
    columns: tuple[str, ...] = ()

    def raised(self, key: Secret, target: Target, gone: Table) -> Fence:
        """The fence with what an erasure covers; ``gone``: at least the records that it took out.

        Names of which nothing was held are not fenced: of them nothing was forgotten.
        """
        steps = target.targets if isinstance(target, Batch) else (target,)
        records = {name for step in steps if isinstance(step, Records) for name in step.ids}
        owners = {name for step in steps if isinstance(step, Owners) for name in step.names}
        held = set(map(class_name, gone.present)) if gone.label is not None else set()
        names = {class_name(step.value) for step in steps if isinstance(step, Label)} & held
        classes = [class_token(key, name) for name in names]
        columns = {step.name for step in steps if isinstance(step, Column)}.intersection(gone.names)
        theirs = tokens(key, "owner", gone.units) if owners else NONE
        named = np.intersect1d(tokens_of(key, "owner", owners), np.union1d(theirs, self.owners))
        ids = np.union1d(tokens(key, "record", gone.ids) if records else NONE, self.every_record)
        mine = tokens_among(theirs, named)
        owned = _paired(tokens(key, "record", gone.take(mine).ids), theirs[mine]) if owners else NO_PAIR
        classed = _classed(key, gone, names)
        return replace(
            self,
            records=np.union1d(self.records, np.intersect1d(tokens_of(key, "record", records), ids)),
            owners=np.union1d(self.owners, named),
            owned=np.union1d(self.owned, owned),
            classes=np.union1d(self.classes, np.concatenate([NONE, *classes])),
            classed=np.union1d(self.classed, classed),
            columns=tuple(sorted({*self.columns, *columns})),
        )

    def corrected(self, key: Secret, wrong: Table, right: Table | None = None) -> Fence:
        """The fence with the values that were wrong; ``right``: the rows, by their ids, as they are from now on.

        Only the columns that changed count; without ``right`` all do. A value that is right again may come again.
        """
        known = {pair[: keyed.BLOCK] for pair in self.superseded.tolist()}
        after = {} if right is None else _cells(key, right)
        settled = {
            _wrong(key, record, column, said)
            for record, row in after.items()
            if record in known
            for column, saids in row.items()
            for said in saids
        }
        fresh = {
            _wrong(key, record, column, said)
            for record, row in _cells(key, wrong).items()
            for column, saids in row.items()
            for said in _changed(saids, saids if right is None else after.get(record, {}).get(column), right is None)
        }
        held = (set(self.superseded.tolist()) - settled) | fresh
        return replace(self, superseded=np.frombuffer(b"".join(sorted(held)), PAIR).copy())

    def righted(self, key: Secret, target: Target, before: Table) -> Fence:
        """The fence with what the corrections of a target put right; ``before``: at least the rows that they change."""
        fence = self
        for step in corrections(target):
            change = before.change(step)
            if change is not None:
                fence = fence.corrected(key, before.take(change.out), step.table)
        return fence

    def lowered(self, key: Secret, target: Records | Owners | Label) -> Fence:
        """The fence without the names of a target: they may come back.

        A record that went with its owner or class comes back with them, and not before.
        """
        match target:
            case Records(ids):
                kept = self.kept_by_others
                back = np.setdiff1d(tokens_of(key, "record", ids), kept)
                return replace(
                    self,
                    records=np.setdiff1d(self.records, back),
                    owned=self.owned[~np.isin(_firsts(self.owned), back)],
                    classed=self.classed[~np.isin(_firsts(self.classed), back)],
                )
            case Owners(names):
                back = tokens_of(key, "owner", names)
                owned = self.owned[~np.isin(_seconds(self.owned), back)]
                return replace(self, owners=np.setdiff1d(self.owners, back), owned=owned)
            case Label(value):
                mine = class_token(key, class_name(value))
                classed = self.classed[~np.isin(_seconds(self.classed), mine)]
                return replace(self, classes=np.setdiff1d(self.classes, mine), classed=classed)

    def knows(self, key: Secret, subject: Subject) -> bool:
        """Whether what a target names was forgotten."""
        kind, name = subject
        match kind:
            case "record":
                return bool(np.isin(tokens_of(key, "record", [name]), self.every_record).any())
            case "owner":
                return bool(np.isin(tokens_of(key, "owner", [name]), self.owners).any())
            case "class":
                return bool(np.isin(class_token(key, str(name)), self.classes).any())
        return name in self.columns

    def covers(self, key: Secret, table: Table) -> NDArray[np.bool_]:
        """(n,) whether each record must stay out."""
        out = tokens_among(tokens(key, "record", table.ids), self.every_record)
        out |= tokens_among(tokens(key, "owner", table.units), self.owners)
        return out | self.erased_classes(key, table)

    def erased_classes(self, key: Secret, table: Table) -> NDArray[np.bool_]:
        """(n,) whether each record is of a class that was forgotten."""
        if not len(self.classes) or table.label is None:
            return np.zeros(len(table), bool)
        names, codes = np.unique(table.label, return_inverse=True)
        mine = [class_token(key, class_name(name)) for name in names.tolist()]
        return np.asarray(np.isin(np.concatenate([NONE, *mine]), self.classes)[codes])

    def stale(self, key: Secret, table: Table) -> NDArray[np.bool_]:
        """(n,) whether each row says something that was put right here."""
        out = np.zeros(len(table), bool)
        if not len(self.superseded):
            return out
        names = tokens(key, "record", table.ids)
        among = np.flatnonzero(tokens_among(names, np.unique(_firsts(self.superseded))))
        wrong = set(self.superseded.tolist())
        said = _cells(key, table.take(among))
        for place in among.tolist():
            record = bytes(names[place])
            out[place] = any(
                _wrong(key, record, column, each) in wrong for column, saids in said[record].items() for each in saids
            )
        return out

    @property
    def every_record(self) -> NDArray[np.void]:
        """(k,) tokens of all records that stay out by their ids."""
        return np.union1d(self.records, np.union1d(_firsts(self.owned), _firsts(self.classed)))

    @property
    def kept_by_others(self) -> NDArray[np.void]:
        """(k,) tokens of records that stay out because their owner or their class does."""
        owned = _firsts(self.owned)[np.isin(_seconds(self.owned), self.owners)]
        classed = _firsts(self.classed)[np.isin(_seconds(self.classed), self.classes)]
        return np.union1d(owned, classed)

    @property
    def names_anybody(self) -> bool:
        """Whether it keeps out more than columns."""
        return any(len(getattr(self, name)) for name in KINDS)

    def joined(self, other: Fence) -> Fence:
        """What either keeps out."""
        held = {name: np.union1d(getattr(self, name), getattr(other, name)) for name in KINDS}
        return Fence(**held, columns=tuple(sorted({*self.columns, *other.columns})))

    def less(self, other: Fence) -> Fence:
        """What this keeps out and the other does not."""
        held = {name: np.setdiff1d(getattr(self, name), getattr(other, name)) for name in KINDS}
        return Fence(**held, columns=tuple(name for name in self.columns if name not in other.columns))

    def written(self) -> bytes:
        """Canonical bytes."""
        return encode({**{name: getattr(self, name).tobytes() for name in KINDS}, "columns": self.columns})

    @classmethod
    def read(cls, content: bytes) -> Fence:
        """What `written` wrote."""
        held = decode(content)
        return cls(**{name: _tokens(name, held.get(name, b"")) for name in KINDS}, columns=held["columns"])

    def spelled(self) -> dict[str, Any]:
        """As JSON, for the journal."""
        return {**{name: getattr(self, name).tobytes().hex() for name in KINDS}, "columns": list(self.columns)}

    @classmethod
    def from_spelled(cls, said: Mapping[str, Any]) -> Fence:
        """What `spelled` said."""
        held = {name: _tokens(name, bytes.fromhex(said.get(name, ""))) for name in KINDS}
        return cls(**held, columns=tuple(said.get("columns", ())))


PAIRED = ("owned", "classed", "superseded")
KINDS = tuple(kind.name for kind in fields(Fence) if kind.name != "columns")


def refused_rows(fence: Fence, key: Secret, table: Table) -> int:
    """How many rows of a correction would give a record to somebody erased, or to a class that was.

    A row whose record itself was erased is not counted: it changes nothing.
    """
    rows = table.take(~tokens_among(tokens(key, "record", table.ids), fence.every_record))
    return int(fence.covers(key, rows).sum())


def tokens(key: Secret, kind: str, names: Ids) -> NDArray[np.void]:
    """(n,) 16 bytes a name, keyed; in the order of the names."""
    drawn = np.ascontiguousarray(keyed.draws(key, names, "fence", kind))
    return drawn.view(TOKEN).ravel() if len(drawn) else NONE


def tokens_of(key: Secret, kind: str, names: Collection[Name]) -> NDArray[np.void]:
    """(k,) tokens of names of either type, sorted; names that no table could hold have none."""
    numbers = np.array([name for name in names if isinstance(name, int) and -(2**63) <= name < 2**63], np.int64)
    texts = [name for name in names if isinstance(name, str)]
    both = [tokens(key, kind, numbers)]
    if texts:
        both.append(tokens(key, kind, as_names(pa.array(texts, pa.large_string()), "names", len(texts))))
    return np.unique(np.concatenate(both))


def class_token(key: Secret, name: str) -> NDArray[np.void]:
    """(1,) the token of a class, by its `class_name`."""
    secret = keyed.subkey(key, "fence", "class")
    return np.frombuffer(bytes.fromhex(keyed.digest(secret, name.encode())), TOKEN)


def row_tokens(key: Secret, table: Table) -> NDArray[np.void]:
    """(n,) keyed digests of whole rows, id and owner included."""
    digests = np.ascontiguousarray(table.digests(keyed.subkey(key, "fence", "rows")))
    return digests.view(TOKEN).ravel() if len(digests) else NONE


def tokens_among(asked: NDArray[np.void], fenced: NDArray[np.void]) -> NDArray[np.bool_]:
    """(n,) whether each token is one of the fenced; millions are told apart by half of their bytes first."""
    halves, theirs = (np.ascontiguousarray(held).view("<u8").reshape(-1, 2)[:, 0] for held in (asked, fenced))
    found = np.isin(halves, theirs)
    found[found] = np.isin(asked[found], fenced)
    return found


def _tokens(kind: str, content: bytes) -> NDArray[np.void]:
    return np.frombuffer(content, PAIR if kind in PAIRED else TOKEN).copy()


def _classed(key: Secret, gone: Table, names: Collection[str]) -> NDArray[np.void]:
    """Records of forgotten classes, each with its class."""
    pairs = [NO_PAIR]
    for value in gone.present if names else ():
        if class_name(value) in names:
            mine = tokens(key, "record", gone.take(np.asarray(gone.label == value)).ids)
            pairs.append(_paired(mine, np.repeat(class_token(key, class_name(value)), len(mine))))
    return np.concatenate(pairs)


def _cells(key: Secret, table: Table) -> dict[bytes, Row]:
    """What each record says, by its token."""
    return dict(zip(map(bytes, tokens(key, "record", table.ids)), cells_of(table), strict=True))


def _wrong(key: Secret, record: bytes, column: bytes, said: bytes) -> bytes:
    """A record and one of its values, as a pair of tokens."""
    return record + bytes.fromhex(keyed.digest(keyed.subkey(key, "fence", "cell"), record, column, said))


def _changed(wrong: Said, right: Said | None, whole: bool) -> Said:  # noqa: FBT001
    """The spellings of a value that the right one does not share."""
    if whole:
        return wrong
    if right is None or wrong[0] == right[0]:
        return ()
    return tuple(said for said in wrong if said not in right)


def _paired(first: NDArray[np.void], second: NDArray[np.void]) -> NDArray[np.void]:
    halves = [np.frombuffer(held.tobytes(), np.uint8).reshape(-1, keyed.BLOCK) for held in (first, second)]
    return np.frombuffer(np.hstack(halves).tobytes(), PAIR)


def _firsts(pairs: NDArray[np.void]) -> NDArray[np.void]:
    return np.frombuffer(pairs.tobytes(), TOKEN)[::2]


def _seconds(pairs: NDArray[np.void]) -> NDArray[np.void]:
    return np.frombuffer(pairs.tobytes(), TOKEN)[1::2]
