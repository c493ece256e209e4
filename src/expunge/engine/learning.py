"""Learning: the first time from the source, later from the snapshot, and what is new in the source as an addition.

The snapshot is what models are learned from: learning again uses what the model was trained on, not what the table
says today. What was forgotten stays behind the fence whenever the source is read.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from expunge.audit.facts import among
from expunge.codec import encode
from expunge.data import snapshot as blocks
from expunge.data.schema import Schema, arrow_of, table_of
from expunge.data.sources import open_source
from expunge.engine import line
from expunge.engine.change import change, stand
from expunge.engine.fence import row_tokens, tokens_among
from expunge.engine.intake import roster
from expunge.engine.root import Root, Standing
from expunge.errors import DamagedError, DataError, ProjectError
from expunge.ledger import journal
from expunge.ledger.chain import Entry
from expunge.project.assembly import method_of
from expunge.protocol import Change, Priced
from expunge.values import Addition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from expunge.data.sources import Source
    from expunge.data.table import Table
    from expunge.engine.fence import Fence
    from expunge.engine.project import Project
    from expunge.keyed import Secret
    from expunge.project.settings import ModelSettings, Settings
    from expunge.protocol import Ids


@dataclass(frozen=True)
class Learned:
    """What a learn did.

    Attributes
    ----------
    cause : {"learn", "update", "nothing"}
    rows : int
        Records in the snapshot afterwards.
    fenced : int
        Rows of the source that were left out because they were forgotten.
    added : int
        Rows that are new.
    models : tuple of (name, fingerprint, record visits, seconds)
    """

    cause: str
    rows: int
    fenced: int = 0
    added: int = 0
    models: tuple[tuple[str, str, int, float], ...] = ()


def learn(project: Project, *, again: bool = False) -> Learned:
    """Learn every model of ``expunge.toml``.

    The first time the source is read into the snapshot. Later the snapshot is used, unless the columns, ids or owners
    that ``expunge.toml`` declares are others, or ``again`` asks for the source as it is today.
    """
    with project.working("learn"):
        root = _begun(project, again=again)
        schema = schema_of(project.settings)
        if root is None or again or _declared_otherwise(project, root, schema):
            learned = _publish(project, *_from_source(project, root, schema))
            journal.settle(project.keyring.erased, project.book)  # what the source still had of it stayed out
            return learned
        if not _drifted(project, root):
            return Learned("nothing", root.snapshot.rows)
        return _publish(project, replace(root, models={}), 0)  # what expunge.toml no longer names is not kept


def update(project: Project) -> Learned:
    """Learn the rows of the source that are new, as an addition: only the shards that they fall into learn again."""
    with project.working("learn --update"):
        line.finish(project)
        root = project.published()
        data, fence = project.table(root), project.fence(root)
        new, fenced = unheld(project, root, fence)
        if new is None:
            return Learned("nothing", len(data), fenced)
        target = Addition(new)
        changes = [change(project, root, name, target, data) for name in root.models]
        line.commit(project, root, line.Worked({}, target, data, data.after(target), tuple(changes)), "update")
        line.finish(project)
        models = tuple((made.name, made.after.fingerprint, made.examples, made.seconds) for made in changes)
        return Learned("update", len(data) + len(new), fenced, len(new), models)


def schema_of(settings: Settings) -> Schema:
    """What ``expunge.toml`` declares of the source's columns."""
    source = settings.source
    return Schema(
        id=source.id,
        label=source.label,
        owner=source.owner,
        columns=tuple(settings.columns.items()),
        id_type=source.id_type,
        owner_type=source.owner_type,
        label_type=source.label_type,
    )


def source_of(project: Project) -> Source:
    """The source, open."""
    return open_source(vars(project.settings.source), project.folder)


def unheld(project: Project, root: Root, fence: Fence) -> tuple[Table | None, int]:
    """Rows of the source that the snapshot does not hold and the fence lets through; and how many it did not."""
    schema, fenced, found = root.snapshot.schema, 0, []
    key, here = project.keyring.fence, roster(project, root)
    for batch in source_of(project).batches(schema):
        rows = table_of(batch, schema)
        fresh = rows.take(~here.has(rows.ids))
        if not len(fresh):
            continue
        out = fence.covers(key, fresh) | tokens_among(row_tokens(key, fresh), fence.superseded)
        fenced += int(out.sum())
        if not out.all():
            found.append(arrow_of(fresh.take(~out), schema))
    if not found:
        return None, fenced
    return table_of(pa.concat_tables(found), schema), fenced


# -- the work ----------------------------------------------------------------------------------------------------------


def _publish(project: Project, root: Root, fenced: int) -> Learned:
    """Learn each model from the snapshot, and publish all with one event."""
    data, old, made = project.table(root), _published(project), []
    with project.store.writing():
        for name, settings in project.settings.models.items():
            standing, visits, seconds, content = _learned(project, root, data, settings)
            project.store.put(content)
            root = root.with_model(name, standing)
            made.append((name, standing.fingerprint, visits, seconds))
        body: dict[str, Any] = {
            "root": project.store.put(root.written()),
            "cause": "learn",
            "requests": [],
            "outcome": None,
            "models": {
                name: {"before": old[name].fingerprint if name in old else None, "after": after}
                for name, after, _, _ in made
            },
        }
        project.ledger.append(lambda _: [Entry("published", body)])
    line.finish(project)
    return Learned("learn", root.snapshot.rows, fenced, 0, tuple(made))


def _published(project: Project) -> Mapping[str, Standing]:
    """The models until now; none where what was published does not open any more."""
    try:
        root = project.root
    except DamagedError:
        return {}
    return {} if root is None else root.models


def _learned(project: Project, root: Root, data: Table, settings: ModelSettings) -> tuple[Standing, int, float, bytes]:
    """One model, learned: how it stands, what it cost, its bytes."""
    holdout, run = project.settings.audit.holdout, project.run()
    method = method_of(settings, root.snapshot.schema.columns, trusted=project.keyring.trusted)
    shown, _ = project.shown(data, holdout)
    if not len(shown):
        msg = f"there is no record to learn model {settings.name!r} from: the source has no rows, or all are held out"
        raise DataError(msg)
    begun = perf_counter()
    model = method.learn(shown, run)
    seconds = perf_counter() - begun
    visits = method.visits(shown, run) if isinstance(method, Priced) else len(shown)
    columns, pace = root.snapshot.schema.columns, seconds / max(visits, 1)
    empty = Standing("", "", asdict(settings), holdout, (), {}, pace, columns)
    content = encode(model)
    return stand(project, method, model, content, empty, run), visits, seconds, content


def _begun(project: Project, *, again: bool) -> Root | None:
    """What is published, with nothing left to do; None where the source is to be read and what there was is broken."""
    try:
        line.finish(project)
        root = project.root
        if root is not None:
            project.fence(root)
    except DamagedError:
        if not again:
            raise
        return None
    pending = project.book.pending
    if again and pending:
        msg = f"{len(pending)} requests are pending: work them off before the source is read again, `expunge work`"
        raise ProjectError(msg)
    return root


def _from_source(project: Project, root: Root | None, schema: Schema) -> tuple[Root, int]:
    """The source as it is today, sealed in blocks, without what was forgotten and with what was put right."""
    fence = project.fence(root).joined(project.kept_out())
    schema = schema.without(*fence.columns)
    skip = _Skip(fence, project.keyring.fence, schema)
    batches, count, store = source_of(project).batches(schema), project.settings.work.blocks, project.store
    with store.writing():
        snapshot = blocks.take(batches, schema, project.keyring.run, store.put, blocks=count, skip=skip)
        if skip.wrong and root is not None:
            data = project.table(root)
            right = data.take(np.any([among(data.ids, ids) for ids in skip.wrong], axis=0))
            change = Change(np.zeros(0, np.intp), right)
            snapshot = blocks.revised(snapshot, project.keyring.run, store.read, store.put, right, change)
        sealed = store.put(fence.written())
    return Root(snapshot, {}, sealed), skip.left


class _Skip:
    """Which rows of the source stay out: the forgotten, and those that were corrected here and are wrong there."""

    def __init__(self, fence: Fence, key: Secret, schema: Schema) -> None:
        self.fence, self.key, self.schema = fence, key, schema
        self.left = 0
        self.wrong: list[Ids] = []

    def __call__(self, batch: pa.RecordBatch) -> NDArray[np.bool_]:
        rows = table_of(batch, self.schema)
        out = self.fence.covers(self.key, rows)
        self.left += int(out.sum())
        wrong = tokens_among(row_tokens(self.key, rows), self.fence.superseded) & ~out
        if wrong.any():
            self.wrong.append(rows.take(wrong).ids)
        return out | wrong


def _declared_otherwise(project: Project, root: Root, schema: Schema) -> bool:
    """Whether the snapshot was taken under other declarations; columns that were forgotten aside."""
    gone = project.fence(root).columns
    kept = tuple((name, kind) for name, kind in schema.columns if name not in gone)
    return replace(schema, columns=kept) != root.snapshot.schema


def _drifted(project: Project, root: Root) -> bool:
    """Whether ``expunge.toml`` asks for other models than those that are published, or one does not open."""
    wanted = {name: asdict(settings) for name, settings in project.settings.models.items()}
    standing = {name: dict(model.settings) for name, model in root.models.items()}
    holdout = {model.holdout for model in root.models.values()} - {project.settings.audit.holdout}
    broken = [model for model in root.models.values() if not project.store.opens(model.address)]
    return wanted != standing or bool(holdout) or bool(broken)
