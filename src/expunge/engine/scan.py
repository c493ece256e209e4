"""The residue scan of a project, because "deleted" is never believed.

Each part has a control that must be found by the same code: the snapshot's records by value; models, checkpoints and
all other sealed blobs, opened; ids that these keep (a network's log of its training), by value; the raw bytes of every
other file in the project's folder; and the destroyed blobs, which must not open. The user's own source is asked, and
listed. Files that are compressed or sealed by somebody else cannot be searched: they are counted, and certificates name
them as not covered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expunge.audit.facts import among
from expunge.audit.kept import ids_in, in_kept
from expunge.audit.needles import Needles, needles
from expunge.audit.residue import Part, Stream, in_bytes, in_records, verdict
from expunge.codec import MAGIC
from expunge.data import snapshot as blocks
from expunge.data.sources import open_source
from expunge.data.table import Table
from expunge.engine.folder import Files, in_files, public, summed
from expunge.engine.intake import roster
from expunge.errors import DamagedError, ExpungeError
from expunge.values import Owners, Records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expunge.engine.project import Project
    from expunge.engine.root import Root
    from expunge.protocol import Ids
    from expunge.values import Target

MORSEL = 1 << 16  # records that are decoded and searched at a time

Verdict = Literal["clean", "found", "blind", "not distinguishable", "none"]
Whether = Literal["holds", "no longer", "not read"]


@dataclass(frozen=True)
class Scanned:
    """What a scan of the project found.

    Attributes
    ----------
    verdict : {"clean", "found", "blind", "not distinguishable", "none"}
    parts : tuple of Part
    needles, undistinguishable : int
        What was looked for, and what could not be, because others have it or chance does.
    opaque : int
        Files of the folder that are compressed, pickled or sealed by somebody else, and links to what lies elsewhere.
    source : {"holds", "no longer", "not read"}
    where : tuple of str
        Files in which something was found, for whoever runs the scan; in no ledger and no certificate.
    """

    verdict: Verdict
    parts: tuple[Part, ...]
    needles: int
    undistinguishable: int
    opaque: int
    source: Whether
    where: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """For the ledger: numbers only."""
        return {
            "verdict": self.verdict,
            "parts": [part.body() for part in self.parts],
            "needles": self.needles,
            "undistinguishable": self.undistinguishable,
            "opaque": self.opaque,
            "source": self.source,
        }


def needles_of(project: Project, before: Table, after: Table, target: Target) -> list[Needles]:
    """What to look for after a target was worked off: the rows that went or changed, and the columns that went."""
    columns = [name for name in before.names if name not in after.names]
    gone = before.take(_changed(before, after, target, columns))
    said, key = public(project), project.keyring.fence
    found = []
    if len(gone):
        rows = gone.select(after.names) if columns else gone
        found.append(needles(rows, after, names=True, public=said, key=key))
    if columns:
        found.append(needles(before.select(columns), after, names=False, public=said, key=key))
    return found


def scan(
    project: Project, sought: Sequence[Needles], *, superseded: Iterable[str] = (), besides: Iterable[str] = ()
) -> Scanned:
    """Look for them everywhere in the project.

    Parameters
    ----------
    superseded : file names of blobs
        Destroyed ones: they must not open.
    besides : addresses
        Sealed blobs that hold what was asked, until their requests end: they are not searched.
    """
    root = project.published()
    others = Files(project)
    blobs = [_in_blobs(project, root, each, frozenset(besides)) for each in sought]
    parts = [
        part
        for part in (
            _merged([_in_snapshot(project, root, each) for each in sought]),
            _merged([part for part, _ in blobs]),
            _merged([part for _, part in blobs]),
            _merged([in_files(others, each) for each in sought]),
            _opened_again(project, root, tuple(superseded)),
        )
        if part is not None
    ]
    told = sum(len(each.values) + sum(each.told.values()) for each in sought)
    untold = sum(sum(each.untold.values()) for each in sought)
    return Scanned(_verdict(parts, sought), tuple(parts), told, untold, others.opaque, "not read", tuple(others.where))


def scan_names(project: Project, target: Records | Owners) -> Scanned:
    """Look for ids or owners, whether the snapshot holds them or not: what `expunge scan --records 417` does."""
    return project.look(lambda root: _names_scanned(project, root, target))


def _names_scanned(project: Project, root: Root, target: Records | Owners) -> Scanned:
    schema, owned = root.snapshot.schema, isinstance(target, Owners) and root.snapshot.schema.owner is not None
    names = sorted(target.names if isinstance(target, Owners) else target.ids, key=str)
    gone = Table.from_arrays(np.zeros((len(names), 0)), ids=names)
    none = gone.take(slice(0, 0))
    sought = needles(gone, none, names=True, public=public(project), key=project.keyring.fence)
    if owned:
        values = replace(sought.values, owners=sought.values.ids, ids=sought.values.owners)
        sought = replace(sought, values=values)
    found = scan(project, [sought])
    column, kind = (schema.owner, schema.owner_type) if owned else (schema.id, schema.id_type)
    return replace(found, source=asked_of_source(project, {"column": column, "kind": kind, "names": names}))


def asked_of_source(project: Project, sought: Mapping[str, Any]) -> Whether:
    """Whether the user's own source still holds the names; a source that does not answer was not read."""
    if not sought or not sought["names"]:
        return "not read"
    try:
        source = open_source(vars(project.settings.source), project.folder)
        held = source.holds(sought["column"], list(sought["names"]), sought["kind"])
    except ExpungeError:
        return "not read"
    return "holds" if held else "no longer"


# -- the parts ---------------------------------------------------------------------------------------------------------


def _in_snapshot(project: Project, root: Root, sought: Needles) -> Part | None:
    """Every record of the snapshot, decoded; the first of them is the control."""
    if not root.snapshot.rows:
        return None
    some = (blocks.load(root.snapshot, project.store.read, blocks=numbers) for numbers in _filled(root))
    first = next(some)
    control = first.take(slice(0, 1))
    return in_records("records of the snapshot, by value", chain([first], some), sought, control)


def _filled(root: Root) -> Iterator[list[int]]:
    """Numbers of blocks that hold something, so many at a time that they are a good morsel."""
    filled = [number for number, parts in enumerate(root.snapshot.blocks) if parts]
    several = max(1, MORSEL * len(filled) // max(root.snapshot.rows, 1))
    return (filled[start : start + several] for start in range(0, len(filled), several))


def _in_blobs(project: Project, root: Root, sought: Needles, besides: frozenset[str]) -> tuple[Part, Part | None]:
    """Models, checkpoints, fence and root, opened; the codec's first bytes are the control. And ids that they keep."""
    left = root.snapshot.addresses | besides | {request.target for request in project.book.pending}
    names = [name for name in project.store.names() if name not in left]
    kept: list[Ids] = []
    streams = (Stream(_plaintext(project, name, kept), MAGIC) for name in names)
    part = in_bytes("models, checkpoints and other sealed blobs, opened", streams, sought)
    retained = roster(project, root).has if kept else None
    title = "ids that models and checkpoints keep, by value"
    return part, None if retained is None else in_kept(title, kept, sought, retained)


def _plaintext(project: Project, name: str, kept: list[Ids]) -> Iterator[bytes]:
    """What is in a blob. A checkpoint that is damaged is destroyed, so that nothing of it is left to be searched."""
    try:
        content = project.store.plaintext(name)
    except DamagedError:
        if "." not in name:
            raise
        project.store.discard(name)
        content = MAGIC
    kept += ids_in(content)
    yield content


def _opened_again(project: Project, root: Root, superseded: tuple[str, ...]) -> Part | None:
    """The destroyed blobs, tried; one that must open is the control."""
    if not superseded:
        return None
    opened = sum(project.store.opens(name) for name in superseded)
    live = next(iter(sorted(root.addresses)), None)
    control: Literal["found", "blind"] = "found" if live is not None and project.store.opens(live) else "blind"
    return Part("destroyed blobs, tried to open", len(superseded), opened, control, len(superseded), "blobs")


# -- the verdict -------------------------------------------------------------------------------------------------------


def _verdict(parts: Sequence[Part], sought: Sequence[Needles]) -> Verdict:
    return verdict(parts) if sought else "none"


def _merged(parts: Sequence[Part | None]) -> Part | None:
    """One part looked through for several sets of needles. Where one of them has none, nothing tells that apart."""
    held = [part for part in parts if part is not None]
    if not held:
        return None
    whole = summed(held)
    needles = sum(part.needles for part in held) if all(part.needles for part in held) else 0
    return None if whole is None else replace(whole, searched=held[0].searched, needles=needles)


def _changed(before: Table, after: Table, target: Target, columns: Sequence[str]) -> np.ndarray[Any, Any]:
    """Positions of records that went, or that a correction changed."""
    change = None if columns else before.change(target)
    if change is not None:
        return change.out
    return np.flatnonzero(~among(before.ids, after.ids))
