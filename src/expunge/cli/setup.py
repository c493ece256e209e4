"""From a source to a model that answers: `init`, `learn`, `predict`."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from expunge.cli.ending import UsageError
from expunge.cli.opening import INSIDE, here, opened
from expunge.cli.options import AsJson, In, Model, Wait, settings_of, text
from expunge.cli.screen import Screen, many, short, some
from expunge.errors import ProjectError
from expunge.project.rules import FILE
from expunge.store.files import make_folder, remove, write_atomically

if TYPE_CHECKING:
    from expunge.engine.learning import Learned
    from expunge.engine.project import Project
    from expunge.project.proposal import Proposal

ROWS = 10_000  # of predictions that are written at a time
SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)([^/?:$][^?$]*)(\?[^$]*)?")

# -- init --------------------------------------------------------------------------------------------------------------


def init(
    source: Annotated[
        str, typer.Option("--source", metavar="PATH_OR_URL", help="A .csv or .parquet file, or the URL of a database.")
    ],
    id_: Annotated[str, typer.Option("--id", metavar="COLUMN", help="The column that names a record, once.")],
    label: Annotated[str, typer.Option("--label", metavar="COLUMN", help="The column that is to be predicted.")],
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="COLUMN", help="The column that says whose record it is.")
    ] = None,
    table: Annotated[str | None, typer.Option("--table", help="Of a database: all rows of this table.")] = None,
    query: Annotated[str | None, typer.Option("--query", help="Of a database: the rows of this SELECT.")] = None,
    method: Annotated[str, typer.Option("--method", help="How to forget; `expunge methods` lists them.")] = "sisa",
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter, such as shards=8.")
    ] = None,
    learner: Annotated[
        str | None, typer.Option("--learner", metavar="CLASS", help="Such as sklearn.linear_model.LogisticRegression.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The project's name; by default its folder's.")] = None,
    project: Annotated[
        Path | None, typer.Option("--project", metavar="DIR", help="The folder to make it in; by default, here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at a table, propose how to learn from it, and write the proposal into expunge.toml, to be edited.

    Nothing is learned yet, and nothing is written when the table cannot be read or lacks a column.

    For example: expunge init --source credit.csv --id row_id --label class
    """
    screen, folder = Screen(as_json=as_json), here() / (project or "")
    for option, word in (("--source", source), ("--id", id_), ("--label", label), ("--owner", owner or "")):
        text(option, word)
    _refuse_project(folder)
    from expunge.data.sources import open_source
    from expunge.learners.own_code import importable
    from expunge.project.proposal import propose

    importable(folder)  # who types a learner's name means to run it; its parts may lie there
    at = _place(source, table, query)
    with screen.progress():
        proposal = propose(
            open_source(at, here()),
            _from_folder(at, folder),
            id=id_,
            label=label,
            owner=owner,
            method=method,
            options=settings_of(options),
            learner=learner,
            name=text("--name", name or folder.resolve().name),
        )
    made = _begun(folder, proposal)
    screen.show(
        {
            "folder": str(folder),
            "secrets": str(made.keyring.folder),
            "settings": asdict(proposal.settings),
            "reasons": proposal.reasons,
        },
        _proposed(folder, made, proposal),
    )


def _refuse_project(folder: Path) -> None:
    if (folder / FILE).exists():
        msg = f"there is an {FILE} in {folder} already: edit it, or choose another folder with --project"
        raise ProjectError(msg)
    if (folder / INSIDE).exists():
        msg = f"{folder} holds the store of a project ({INSIDE}) whose {FILE} is missing: put that back"
        raise ProjectError(msg)


def _place(source: str, table: str | None, query: str | None) -> dict[str, str]:
    """The source as ``expunge.toml`` will have it, seen from here."""
    asks = {"table": table, "query": query}
    given = {name: text(f"--{name}", word) for name, word in asks.items() if word is not None}
    if "://" in source or given:
        if len(given) != 1:
            msg = "a database needs either --table or --query"
            raise UsageError(msg)
        return {"url": source, **given}
    return {"path": source}


def _from_folder(at: dict[str, str], folder: Path) -> dict[str, str]:
    """The same, seen from the project's folder: relative places are; what names a variable or a home stays as it is."""
    path, file = at.get("path"), SQLITE.fullmatch(at.get("url", ""))
    if path is not None and not ("${" in path or path.startswith("~") or Path(path).is_absolute()):
        return {"path": os.path.relpath(here() / path, folder)}
    if file is not None and not file[2].startswith("file:"):
        return {**at, "url": file[1] + os.path.relpath(here() / file[2], folder) + (file[3] or "")}
    return at


def _begun(folder: Path, proposal: Proposal) -> Project:
    """Write ``expunge.toml``, which makes it a project, then secrets and ledger."""
    from expunge.engine.project import Project

    make_folder(folder)
    write_atomically(folder / FILE, proposal.text().encode())
    try:
        return Project.open(folder)
    except Exception:
        if not (folder / INSIDE).exists():  # no secrets, so no project
            remove(folder / FILE)
        raise


def _proposed(folder: Path, made: Project, proposal: Proposal) -> Iterator[str]:
    settings, reasons = proposal.settings, proposal.reasons
    model = settings.models["main"]
    yield f"project {settings.name!r} in {folder}"
    yield ""
    yield from _because(
        [
            ("label", f"{settings.source.label}: {model.task}", reasons.get("source.label")),
            *([("learner", model.learner, reasons.get("models.main.learner"))] if model.learner else []),
            ("method", f"{model.method}, {_options(model.options)}", reasons.get("models.main.options.shards")),
        ]
    )
    yield "  columns:"
    for (kind, reason), names in _alike(settings.columns, reasons).items():
        yield f"    {kind:<8}  {', '.join(some(names))}{f' ({reason})' if reason not in ('', f'{kind}s') else ''}"
    yield ""
    yield f"{FILE} holds all this with its reasons: change what you like."
    yield f"The secrets are in {made.keyring.folder}: without them nothing that is learned can be read. Back them up"
    yield "with `expunge keys backup FILE`, and keep the backup apart from backups of this folder."
    yield "Next: expunge learn"


def _alike(columns: Mapping[str, str], reasons: Mapping[str, str]) -> dict[tuple[str, str], list[str]]:
    """Columns of one kind for one reason, together: a table may have hundreds."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, kind in columns.items():
        groups.setdefault((kind, reasons.get(f"columns.{name}", "")), []).append(name)
    return groups


def _because(choices: Iterable[tuple[str, str, str | None]]) -> Iterator[str]:
    for what, chosen, reason in choices:
        yield f"  {what}: {chosen}"
        if reason:
            yield f"    {reason}"


def _options(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in options.items()) or "its defaults"


# -- learn -------------------------------------------------------------------------------------------------------------


def learn(
    update: Annotated[bool, typer.Option("--update", help="Learn the rows of the source that are new.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Read the whole source anew, and learn all of it.")] = False,
    project: In = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Learn the models of expunge.toml from the source, and publish them.

    The first time, the source is read into a sealed snapshot. Later the snapshot is learned from, whatever the source
    says by then; what was forgotten stays out in any case.

    For example: expunge learn --update
    """
    if update and again:
        msg = "--update learns what is new, --again everything: give one of them"
        raise UsageError(msg)
    screen = Screen(as_json=as_json)
    with opened(project, screen, wait=wait) as whole:
        from expunge.engine import learning

        learned = learning.update(whole) if update else learning.learn(whole, again=again)
    models = [dict(zip(("name", "fingerprint", "visits", "seconds"), model, strict=True)) for model in learned.models]
    screen.show({**asdict(learned), "models": models}, _learned(learned))


def _learned(learned: Learned) -> Iterator[str]:
    match learned.cause:
        case "nothing":
            yield "nothing to learn: the models are what expunge.toml and the snapshot make of it"
            yield "(`expunge learn --update` learns rows that are new in the source)"
        case "update":
            yield f"learned {many(learned.added, 'new row')}; the snapshot has {many(learned.rows, 'row')}"
        case _:
            yield f"learned {many(learned.rows, 'row')}"
    if learned.fenced:
        yield f"{many(learned.fenced, 'row')} of the source were left out: they were forgotten"
    for name, fingerprint, visits, seconds in learned.models:
        yield f"  {name}  {short(fingerprint)}  {many(visits, 'record visit')}, {seconds:.2f} s"


# -- predict -----------------------------------------------------------------------------------------------------------


def predict(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .csv or .parquet file with the columns learned from.")
    ],
    model: Model = None,
    to: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.csv", help="Write the predictions there, instead of printing.")
    ] = None,
    project: In = None,
    as_json: AsJson = False,
) -> None:
    """Ask a published model about rows: for each its id, the prediction and, of classes, their probabilities, as CSV.

    The file needs no label, and no ids: rows without are counted from 0.

    For example: expunge predict new.csv --out answers.csv
    """
    screen = Screen(as_json=as_json)
    with opened(project, screen) as whole:
        from expunge.data.sources import file_source, read_rows
        from expunge.engine import inquiry

        name = inquiry.chosen(whole, model)
        schema = whole.published().snapshot.schema
        rows = read_rows(file_source(file), schema, need_label=False)
        scores, classes = inquiry.predict(whole, name, rows)
    answers = Answers(schema.id, rows.ids.tolist(), scores.tolist(), None if classes is None else list(classes))
    if to is not None:
        write_atomically(to, (part.encode() for part in answers.csv()))
        screen.show(
            {"model": name, "rows": len(answers.ids), "out": str(to)},
            [f"{many(len(answers.ids), 'prediction')} of model {name}: {to}"],
        )
    elif as_json:
        screen.show({"model": name, "rows": list(answers.each())}, [])
    else:
        for part in answers.csv():
            screen.pour(part)


class Answers:
    """What a model said of some rows.

    Parameters
    ----------
    id : str
        The column of ids.
    ids : list
    scores : list
        (n, classes), or (n,) where there are no classes.
    classes : list or None

    Examples
    --------
    >>> print(*Answers("row", [7, 8], [[0.25, 0.75], [0.5, 0.5]], ["bad", "good"]).csv(), sep="", end="")
    row,prediction,p(bad),p(good)
    7,good,0.25,0.75
    8,bad,0.5,0.5
    """

    def __init__(self, id: str, ids: list[Any], scores: list[Any], classes: list[Any] | None) -> None:  # noqa: A002
        self.id, self.ids, self.scores, self.classes = id, ids, scores, classes

    def each(self) -> Iterator[dict[str, Any]]:
        """One mapping a row."""
        for name, score in zip(self.ids, self.scores, strict=True):
            if self.classes is None:
                yield {"id": name, "prediction": score}
            else:
                said = {str(kind): value for kind, value in zip(self.classes, score, strict=True)}
                yield {"id": name, "prediction": self._likeliest(score), "probabilities": said}

    def csv(self) -> Iterator[str]:
        """The lines of a CSV file, some at a time."""
        page = io.StringIO()
        write = csv.writer(page, lineterminator="\n").writerow
        write([self.id, "prediction", *(f"p({kind})" for kind in self.classes or ())])
        for place, (name, score) in enumerate(zip(self.ids, self.scores, strict=True), 1):
            write([name, score] if self.classes is None else [name, self._likeliest(score), *score])
            if place % ROWS == 0:
                yield page.getvalue()
                page.seek(0)
                page.truncate()
        yield page.getvalue()

    def _likeliest(self, score: list[float]) -> Any:
        return (self.classes or [])[max(range(len(score)), key=score.__getitem__)]
