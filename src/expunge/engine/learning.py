"""Learning: the first time from the source, later from the snapshot, and what is new in the source as an addition.

The snapshot is what models are learned from: learning again uses what the model was trained on, not what the table
says today. What was forgotten stays behind the fence whenever the source is read.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from expunge.audit.facts import among
from expunge.codec import encode
from expunge.data import snapshot as blocks
from expunge.data.schema import Schema, arrow_of, table_of, typed
from expunge.data.sources import open_source
from expunge.engine import line
from expunge.engine.change import change, stand
from expunge.engine.declaring import refuse_redeclared
from expunge.engine.intake import roster
from expunge.engine.project import is_other
from expunge.engine.root import Root, Standing
from expunge.errors import DamagedError, DataError, ExpungeError, ProjectError, SourceError
from expunge.ledger.chain import Entry
from expunge.project.assembly import method_of
from expunge.protocol import Change, Priced
from expunge.values import Addition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from expunge.data.sources import Source
    from expunge.data.table import Table
    from expunge.engine.fence import Fence
    from expunge.engine.project import Project
    from expunge.keyed import Secret
    from expunge.project.settings import ModelSettings, Settings


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

    Raises
    ------
    ProjectError
        When the source is to be read and requests are pending, or when ids, owners or labels are declared otherwise
        than those that were forgotten: the fence would not know them.
    """
    with project.working("learn"):
        try:
            return _learn(project, again=again)
        except ExpungeError:
            with suppress(DamagedError):  # what was sealed on the way is personal data that nothing names
                project.store.sweep(project.live)
            raise


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


def batches_of(project: Project, schema: Schema, learned: Schema | None) -> Iterator[pa.RecordBatch]:
    """All rows of the source; ``learned``: what the snapshot was taken under.

    Raises
    ------
    SourceError
        When the source cannot be read, or has lost a column that it had when it was learned from.
    ProjectError
        When ``expunge.toml`` declares a column that the source never had.
    DataError
        When a value does not fit its column.
    """
    source = source_of(project)
    try:
        yield from source.batches(schema)
    except DataError as unfit:
        there = source.columns()
        absent = next((name for name in schema.kinds if name not in there), None)
        if absent is None:
            raise
        if learned is not None and absent in learned.kinds:
            msg = f"{unfit}; it had that column when it was learned from"
            raise SourceError(msg) from None
        role = next((role for role in ("id", "owner", "label") if getattr(schema, role) == absent), None)
        where = "[columns]" if role is None else f"{role} in [source]"
        msg = f"{unfit}; {where} of expunge.toml declares it"
        raise ProjectError(msg) from None


def unheld(project: Project, root: Root, fence: Fence) -> tuple[Table | None, int]:
    """Rows of the source that the snapshot does not hold and the fence lets through; and how many it did not."""
    schema, fenced, found = root.snapshot.schema, 0, []
    key, here = project.keyring.fence, roster(project, root)
    for batch in batches_of(project, schema, schema):
        rows = table_of(batch, schema)
        fresh = rows.take(~here.has(rows.ids))
        if not len(fresh):
            continue
        out = fence.covers(key, fresh) | fence.stale(key, fresh)
        fenced += int(out.sum())
        if not out.all():
            found.append(arrow_of(fresh.take(~out), schema))
    if not found:
        return None, fenced
    return table_of(pa.concat_tables(found), schema), fenced


# -- the work ----------------------------------------------------------------------------------------------------------


def _learn(project: Project, *, again: bool) -> Learned:
    root, fence = _begun(project, again=again)
    schema = schema_of(project.settings)
    if root is not None:
        refuse_redeclared(root.snapshot.schema, schema, fence)
        otherwise = _declared_otherwise(fence, root, schema)
        if again or otherwise:
            _refuse_pending(project)
        elif _drifted(project, root):
            return _publish(project, replace(root, models={}), 0)  # what expunge.toml no longer names is not kept
        else:
            project.store.sweep(project.live)  # what a learn left that was killed and is not wanted any more
            return Learned("nothing", root.snapshot.rows)
    return _publish(project, *_from_source(project, root, schema, fence))


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
    method = method_of(settings, root.snapshot.schema.columns, trusted=project.own_code())
    shown, _ = project.shown(data, holdout)
    if not len(shown):
        msg = f"there is no record to learn model {settings.name!r} from: the source has no rows, or all are held out"
        raise DataError(msg)
    begun = perf_counter()
    model = method.learn(shown, run)
    seconds = perf_counter() - begun
    visits = method.visits(shown, run) if isinstance(method, Priced) else len(shown)
    columns, pace = root.snapshot.schema.columns, seconds / max(visits, 1)
    empty = Standing("", "", asdict(settings), holdout, (), {}, pace, columns, lineage=project.book.number)
    content = encode(model)
    return stand(project, method, model, content, empty, run), visits, seconds, content


def _begun(project: Project, *, again: bool) -> tuple[Root | None, Fence]:
    """What is published, with nothing left to do, and all that stays out.

    Where the source is to be read again, whatever is broken is left aside, each part for itself: without a root the
    journal still keeps out what was forgotten, and with one the fence does although the models are broken.
    """
    root, fence = None, None
    try:
        line.finish(project, sweep=False)  # a learn that was killed goes on from what it left
    except DamagedError:
        if not again:
            raise
    with suppress(DamagedError) if again else nullcontext():
        root = project.root
        fence = project.fence(root)
    kept_out = project.kept_out()
    if fence is not None and root is not None:  # it knows the last word on what was put right
        kept_out = replace(kept_out, superseded=fence.superseded)
    else:
        _refuse_unfinished(project)
    return root, kept_out if fence is None else fence.joined(kept_out)


def _refuse_unfinished(project: Project) -> None:
    """Raise where something was forgotten of which only a fence that does not open knew."""
    known = {entry["request"] for entry in project.journal()}
    lost = sum(request.id not in known for request in project.book.unfinished)
    if lost:
        msg = (
            f"{lost} requests were carried out, and neither the fence nor the journal says any more what they forgot:"
            " the source would bring it back; put the damaged files back from a backup, or begin a new project"
        )
        raise DamagedError(msg)


def _refuse_pending(project: Project) -> None:
    pending = project.book.pending
    if pending:
        msg = f"{len(pending)} requests are pending: work them off before the source is read again, `expunge work`"
        raise ProjectError(msg)


def _from_source(project: Project, root: Root | None, schema: Schema, fence: Fence) -> tuple[Root, int]:
    """The source as it is today, sealed in blocks, without what was forgotten and with what was put right."""
    schema = schema.without(*fence.columns)
    skip = _Skip(fence, project.keyring.fence, schema)
    learned = None if root is None else root.snapshot.schema
    batches, count, store = batches_of(project, schema, learned), project.settings.work.blocks, project.store
    with store.writing():
        snapshot = blocks.take(batches, schema, project.keyring.run, store.put, blocks=count, skip=skip)
        right = _right(project, root, skip)
        if right is not None:
            skip.left -= len(right)
            change = Change(np.zeros(0, np.intp), right)
            snapshot = blocks.revised(snapshot, project.keyring.run, store.read, store.put, right, change)
        sealed = store.put(fence.written())
    return Root(snapshot, {}, sealed), skip.left


def _right(project: Project, root: Root | None, skip: _Skip) -> Table | None:
    """The snapshot's rows in the place of those that the source has wrong, less those that must stay out.

    A column that the snapshot does not have is as the source says.
    """
    if root is None or not skip.wrong:
        return None
    source, held = pa.concat_tables(skip.wrong), root.snapshot.schema
    try:
        data = project.table(root)
    except DamagedError:  # they went with the snapshot; as the source has them they must not come back
        return None
    data = data.take(among(data.ids, table_of(source, skip.schema).ids))
    ours, places = arrow_of(data, held), {name: place for place, name in enumerate(source[skip.schema.id].to_pylist())}
    theirs = source.take(pa.array([places[name] for name in ours[held.id].to_pylist()], pa.int64()))
    kinds = skip.schema.kinds
    parts = {name: (ours if name in held.kinds else theirs)[name] for name in kinds}
    right = table_of(typed(pa.table(parts), kinds, "the rows that were put right"), skip.schema)
    right = right.take(~skip.fence.covers(skip.key, right))
    return right if len(right) else None


class _Skip:
    """Which rows of the source stay out: the forgotten, and those that were corrected here and are wrong there."""

    def __init__(self, fence: Fence, key: Secret, schema: Schema) -> None:
        self.fence, self.key, self.schema = fence, key, schema
        self.left = 0
        self.wrong: list[pa.Table] = []

    def __call__(self, batch: pa.RecordBatch) -> NDArray[np.bool_]:
        rows = table_of(batch, self.schema)
        wrong = self.fence.stale(self.key, rows)
        if wrong.any():
            self.wrong.append(pa.Table.from_batches([batch.filter(pa.array(wrong))]))
        out = wrong | self.fence.covers(self.key, rows)
        self.left += int(out.sum())
        return out


def _declared_otherwise(fence: Fence, root: Root, schema: Schema) -> bool:
    """Whether the snapshot was taken under other declarations; columns that were forgotten aside."""
    return schema.without(*fence.columns) != root.snapshot.schema


def _drifted(project: Project, root: Root) -> bool:
    """Whether ``expunge.toml`` asks for other models than those that are published, or one does not open."""
    wanted = {name: asdict(settings) for name, settings in project.settings.models.items()}
    standing = {name: dict(model.settings) for name, model in root.models.items()}
    holdout = {model.holdout for model in root.models.values()} - {project.settings.audit.holdout}
    broken = [model for model in root.models.values() if not project.store.opens(model.address)]
    return wanted != standing or bool(holdout) or bool(broken) or _recoded(project, root)


def _recoded(project: Project, root: Root) -> bool:
    """Whether a model was learned by other code than is here today; unknown where none may be run."""
    return project.own_code() and any(is_other(project.method(each, root), each) for each in root.models.values())
