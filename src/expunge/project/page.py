"""``expunge.toml`` as people read it: every choice with what it means and why it was made, above it.

What is read back is what was written: `settings.parse` of `written` gives the same settings.

Examples
--------
>>> from expunge.project.settings import ModelSettings, Settings, SourceSettings, parse
>>> source = SourceSettings("row_id", "class", path="credit.csv")
>>> model = ModelSettings("main", "classification", "sklearn.linear_model.LogisticRegression", options={"shards": 4})
>>> settings = Settings("shop", "0" * 32, source, {"age": "integer"}, {"main": model})
>>> page = written(settings, {"models.main.options.shards": "Four shards of 7,500 rows."})
>>> parse(page) == settings
True
>>> print(page[page.index("[models.main.options]") :].partition("[models.main.learner")[0])
[models.main.options]
# Parameters of the method.
# Four shards of 7,500 rows.
shards = 4
<BLANKLINE>
<BLANKLINE>
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from expunge.project import toml
from expunge.project.settings import OF_LEARNER, ModelSettings, Settings, SourceSettings

HEAD = """\
# What this project learns from, and how it forgets. Change what you like, then run `expunge learn`.
# It holds names, types and counts, and nothing that a record says.
"""
MEANT = {
    "project.id": "Names the folder of this project's secrets, which lies elsewhere: leave it as it is.",
    "source.path": 'A file beside this one: .csv or .parquet. For a database, url = "..." instead.',
    "source.url": "The database. ${NAME} is a variable of the environment: passwords belong there, not here.",
    "source.table": 'All rows of this table; query = "select ..." instead asks for some.',
    "source.query": 'What is asked of it; table = "..." instead takes a whole table.',
    "source.id": "Names the record, once: what `expunge forget --records` takes.",
    "source.label": "What is to be predicted.",
    "source.owner": "Whose record it is: all records of an owner are learned, and forgotten, together.",
    "columns": "What each column is: number, integer, category, boolean, date, text; or ignore, which is never read. A"
    " declaration, so that no record decides how the others are read.",
    "task": "classification or regression.",
    "method": "How it forgets; `expunge methods` lists what there is.",
    "learner": "A classifier or regressor of scikit-learn, by its full name, or expunge.TorchLearner; of another"
    " package after `expunge trust`. A method with a model of its own, such as forest, takes none.",
    "promise": "The least that must be promised before anything is forgotten: exact, empirical or suppressed. Exact:"
    " bit for bit the model that was never shown the record. A linear model may also be held to a distance from it,"
    " promise = {distance = 1e-6}, or to noise that hides it, promise = {epsilon = 1.0, delta = 1e-5}.",
    "preprocess": "Columns become numbers inside each shard, so that nothing learned outlasts the record it came from."
    " false: the learner gets the columns as they are.",
    "epochs": "Passes over the data, where the learner goes on training from slice to slice (options: slices).",
    "options": "Parameters of the method.",
    "learner_options": "Parameters of the learner, as it names them. What a network is made with is a name, or a table:"
    ' optimizer = {call = "torch.optim.SGD", lr = 0.1}.',
    "preprocess_options": "Of the preprocessing: rare = 5 (levels of a category that fewer records have are one),"
    " levels = 128 (at most so many a category), text_features = 4096 (columns that a text's words are hashed to).",
    "audit": "How each erasure is checked before it is published.",
    "audit.replay": "What is learned again from nothing to compare: none, sample (one touched shard) or full.",
    "audit.tier": 'Of replay = "full": replay (two models are learned again) or standard (eight, with a verdict by'
    " figures).",
    "audit.holdout": "Share of the records (of the owners) kept out of training, to audit with. 0.0: all are learned.",
    "work.threads": "Threads of a learner. Another number rounds otherwise, so all shards learn again.",
    "work.workers": "Processes that learn shards side by side.",
    "work.blocks": "Parts of the sealed snapshot: an erasure writes one of them anew.",
}
"""What each field means, by its place; a model's by its name alone."""

ABSENT_OWNER = (
    "Whose record it is, where one person has several: then all of them are learned, and forgotten, together.",
    '# owner = "customer"',
    '# owner_type = "text"  # or integer',
)


def written(settings: Settings, reasons: Mapping[str, str] | None = None) -> str:
    """The text of ``expunge.toml``.

    Parameters
    ----------
    settings : Settings
    reasons : mapping, optional
        Why a choice was made, by its place: ``source.id``, ``columns.NAME``, ``models.NAME.options.shards`` ...

    Raises
    ------
    ProjectError
        For a name that no file of text can hold.
    """
    why = dict(reasons or {})
    lines = [
        *("[project]", f"name = {toml.value(settings.name)}"),
        *_entry("id", settings.id, MEANT["project.id"]),
        *_source(settings.source, why),
        *_columns(settings.columns, why),
    ]
    for name, model in settings.models.items():
        lines += _model(name, model, why)
    for section in ("audit", "work"):
        lines += ["", f"[{section}]", *toml.comment(MEANT.get(section, ""))]
        held = getattr(settings, section)
        for field in fields(held):
            place = f"{section}.{field.name}"
            lines += _entry(field.name, getattr(held, field.name), MEANT[place], why.get(place))
    return HEAD + "\n" + "\n".join(lines) + "\n"


def _source(source: SourceSettings, why: Mapping[str, str]) -> Iterator[str]:
    yield from ("", "[source]")
    for name, given in source.place().items():
        yield from _entry(name, given, MEANT[f"source.{name}"], why.get(f"source.{name}"))
    for role in ("id", "label", "owner"):
        column = getattr(source, role)
        if column is None:
            yield from (*toml.comment(ABSENT_OWNER[0]), *ABSENT_OWNER[1:])
            continue
        yield from _entry(role, column, MEANT[f"source.{role}"], why.get(f"source.{role}"))
        yield f"{role}_type = {toml.value(getattr(source, f'{role}_type'))}"
    if source.owner is None and source.owner_type != "text":
        yield f"owner_type = {toml.value(source.owner_type)}"


def _columns(columns: Mapping[str, str], why: Mapping[str, str]) -> Iterator[str]:
    """One line a column, with its reason behind it; the reasons stand below each other."""
    yield from ("", "[columns]", *toml.comment(MEANT["columns"]))
    entries = {name: f"{toml.key(name)} = {toml.value(kind)}" for name, kind in columns.items()}
    wide = min(max(map(len, entries.values()), default=0), 40)
    for name, entry in entries.items():
        reason = " ".join(line[2:] for line in toml.comment(why.get(f"columns.{name}", "")))
        yield f"{entry:<{wide}}  # {reason}" if reason else entry


def _model(name: str, model: ModelSettings, why: Mapping[str, str]) -> Iterator[str]:
    place = f"models.{name}"
    heading = f"models.{toml.key(name)}"
    yield from ("", f"[{heading}]", *toml.comment(why.get(place, "")))
    parts = {field.name: getattr(model, field.name) for field in fields(model) if field.name != "name"}
    if model.learner is None:
        usual = ModelSettings(model.name, model.task)
        parts = {
            part: given for part, given in parts.items() if part not in OF_LEARNER or given != getattr(usual, part)
        }
    for part, given in parts.items():
        if not isinstance(given, dict):
            yield from _entry(part, given, MEANT[part], why.get(f"{place}.{part}"))
    for part, given in parts.items():
        if isinstance(given, dict):
            yield from ("", f"[{heading}.{part}]", *toml.comment(why.get(f"{place}.{part}", "") or MEANT[part]))
            for option, held in given.items():
                yield from _entry(option, held, why.get(f"{place}.{part}.{option}"))


def _entry(name: str, given: Any, *said: str | None) -> Iterator[str]:
    """One line, below what it means and why."""
    for sentence in said:
        yield from toml.comment(sentence or "")
    yield f"{toml.key(name)} = {toml.value(given)}"
