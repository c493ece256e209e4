"""What `expunge init` proposes for a source: kinds of columns, a learner, shards, each with the reason for it.

It looks at the first rows and writes down names, types and counts, never a value: classes are not listed, because what
a label says of somebody is data.

Examples
--------
>>> import pathlib, tempfile
>>> from expunge.data.sources import open_source
>>> rows = "".join(f"{n},{n % 7},{'yes' if n % 7 > 3 else 'no'}" + chr(10) for n in range(300))
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = (pathlib.Path(folder) / "shop.csv").write_text("id,size,late" + chr(10) + rows)
...     source = open_source({"path": "shop.csv"}, pathlib.Path(folder))
...     proposal = propose(source, {"path": "shop.csv"}, id="id", label="late", options={"slices": "1"})
>>> proposal.settings.columns, proposal.settings.models["main"].options
({'size': 'integer'}, {'shards': 1, 'slices': 1})
>>> print(proposal.reasons["models.main.learner"])
A linear model, because 300 rows are few for trees.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from expunge import catalog
from expunge.errors import ParameterError, ProjectError
from expunge.learners.named import class_named, near, parameters_of
from expunge.learners.tabular import Tabular
from expunge.project import toml
from expunge.project.advice import Learner, learner_for, shards_for
from expunge.project.assembly import method_of
from expunge.project.guesses import different, kind_of
from expunge.project.page import written
from expunge.project.rules import LONGEST, made
from expunge.project.settings import Settings, SourceSettings, model_of, parse
from expunge.project.survey import Survey

if TYPE_CHECKING:
    from expunge.data.streams import Source
    from expunge.project.settings import ModelSettings
    from expunge.project.survey import Label

SCALARS = ("task", "promise", "preprocess", "epochs")  # of a model, which --set may set
WORDS = ("True", "False")  # as Python spells them


@dataclass(frozen=True)
class Proposal:
    """Settings, and the reason for each choice by its place (``models.main.options.shards``)."""

    settings: Settings
    reasons: dict[str, str]

    def text(self) -> str:
        """The text of ``expunge.toml``."""
        return written(self.settings, self.reasons)


def propose(  # noqa: PLR0913  (one argument an option of `expunge init`)
    source: Source,
    at: Mapping[str, str],
    *,
    id: str,  # noqa: A002  (the column's everyday name)
    label: str,
    owner: str | None = None,
    method: str = "sisa",
    options: Mapping[str, str] | None = None,
    learner: str | None = None,
    name: str | None = None,
) -> Proposal:
    """Look at a source and propose how to learn from it.

    Parameters
    ----------
    source : Source
    at : mapping
        Where it is, as ``expunge.toml`` will say it: path; or url, and table or query.
    id, label, owner : str
        Columns of the source.
    method : str
        A name of `expunge.catalog`.
    options : mapping of str to str
        What ``--set NAME=VALUE`` gave: parameters of the method, the learner or the preprocessing, or of the model
        itself (task, promise, preprocess, epochs).
    learner : str, optional
        ``module.Class``; it is imported, which runs its code. By default one is proposed.
    name : str, optional
        Of the project.

    Raises
    ------
    ProjectError
        When a column is not there or cannot be what it should be, or an option is not known or not possible.
    UnknownMethodError
        When there is no such method.
    """
    survey, wanted = Survey.of(source), dict(options or {})
    target = survey.label(label, wanted.get("task"))
    place, owners = _source(survey, at, {"id": id, "label": label, "owner": owner}, target)
    guesses = {
        column: kind_of(column, survey.seen.column(column))
        for column in survey.seen.column_names
        if column not in (id, label, owner)
    }
    kinds = {column: guess.kind for column, guess in guesses.items()}
    model, reasons = _model(method, learner, wanted, _Found(survey, target, tuple(kinds.values()), owners))
    reasons |= {f"columns.{column}": guess.reason for column, guess in guesses.items()}
    reasons["source.label"] = target.reason
    if owners is not None:
        reasons["source.owner"] = f"{owners:,} of them in the {len(survey.seen):,} rows that were read."
    settings = Settings(_title(name), uuid4().hex, place, kinds, {model.name: model})
    parse(written(settings, reasons))  # what is proposed can be written, and holds when it is read
    method_of(model, tuple(kinds.items()), trusted=True)  # who types a learner's name means to run it
    return Proposal(settings, reasons)


class _Found(NamedTuple):
    """What the choice of a learner depends on."""

    survey: Survey
    label: Label
    kinds: tuple[str, ...]
    owners: int | None


def _source(
    survey: Survey, at: Mapping[str, str], roles: Mapping[str, str | None], label: Label
) -> tuple[SourceSettings, int | None]:
    """Where the records are and who they are; and how many owners were seen."""
    held = {role: name for role, name in roles.items() if name is not None}
    if len(set(held.values())) < len(held):
        said = ", ".join(f"{role} {name!r}" for role, name in held.items())
        msg = f"id, label and owner are columns of their own; got {said}"
        raise ProjectError(msg)
    types: dict[str, Any] = {"id_type": survey.named(held["id"], "id"), "label_type": label.type}
    owners = None
    if "owner" in held:
        types["owner_type"] = survey.named(held["owner"], "owner")
        owners = different(survey.column(held["owner"]))
    return made(SourceSettings, {**held, **types, **at}, "[source]"), owners


def _model(
    method: str, learner: str | None, wanted: Mapping[str, str], found: _Found
) -> tuple[ModelSettings, dict[str, str]]:
    """The model that is proposed, with what the user set."""
    label, survey, known = found.label, found.survey, parameters_of(catalog.load(method))
    chosen = _chosen(method, learner, known, found)
    parts: dict[str, dict[str, Any]] = {
        "options": {},
        "learner_options": dict(chosen.options),
        "preprocess_options": {},
    }
    reasons = {
        "models.main.learner": chosen.reason,
        "models.main.options": _others(method, known, ("learner", "shards", "task", "stages")),
    }
    if "early_stopping" in chosen.options:
        reasons["models.main.learner_options.early_stopping"] = (
            "All records are learned from, none held out to stop by."
        )
    if "shards" in known:
        rarest = label.rarest * survey.rows // max(len(survey.seen), 1) if label.classes else None
        parts["options"]["shards"], why = shards_for(survey.rows, rarest, found.owners)
        reasons["models.main.options.shards"] = why
    model = {"name": "main", "task": label.task, "learner": chosen.name or None, "method": method}
    places = _places(known, chosen.name)
    for option, text in wanted.items():
        place = _place(option, places)
        (parts[place] if place else model)[option] = _typed(text)
        reasons[".".join(filter(None, ("models.main", place, option)))] = "As --set asked."
    return model_of({**model, **parts}), reasons


def _chosen(method: str, learner: str | None, known: Mapping[str, Any], found: _Found) -> Learner:
    """The learner that was asked for, or the one that is advised; without a name where the method takes none."""
    if "learner" in known:
        advised = learner_for(found.label.task, found.kinds, found.survey.rows, found.label.classes)
        return advised if learner is None else Learner(learner, {}, "")
    if "stages" in known:
        closed = "expunge.Ridge" if found.label.task == "regression" else "expunge.GaussianNB"
        return Learner(learner or closed, {}, "A closed form: it forgets by arithmetic, as the stages before it do.")
    if learner is not None:
        msg = f"--learner {learner}: method {method!r} brings a model of its own, and takes no learner"
        raise ProjectError(msg)
    return Learner("", {}, "")


def _places(known: Mapping[str, Any], learner: str) -> dict[str, list[str]]:
    """Names that ``--set`` may set, by the part of a model that they belong to."""
    if not learner:
        return {"": ["task", "promise"], "options": [name for name in known if name != "task"]}
    try:
        kind = class_named(learner, trusted=True)
    except ParameterError as wrong:
        msg = f"--learner: {wrong}"
        raise ProjectError(msg) from wrong
    return {
        "": list(SCALARS),
        "options": [name for name in known if name != "learner"],
        "learner_options": list(parameters_of(kind)),
        "preprocess_options": [name for name in parameters_of(Tabular) if name != "columns"],
    }


def _others(method: str, known: Mapping[str, Any], named: Sequence[str]) -> str:
    """The parameters of a method that are left at their defaults."""
    rest = {name: default for name, default in known.items() if name not in named}
    said = [
        name if default is None or default == () else f"{name} = {toml.value(default)}"
        for name, default in rest.items()
    ]
    return f"Parameters of {method}. Also: {', '.join(said)}." if said else f"Parameters of {method}."


def _place(option: str, places: Mapping[str, list[str]]) -> str:
    """The part of a model that an option belongs to."""
    for place, names in places.items():
        if option in names:
            return place
    names = [name for held in places.values() for name in held]
    msg = f"--set {option}: there is no such option{near(option, names)}; there are {', '.join(names)}"
    raise ProjectError(msg)


def _typed(text: str) -> Any:
    """A number, truth value, list or table, where a text spells one; else the text."""
    try:
        held = tomllib.loads(f"value = {text.lower() if text in WORDS else text}")
    except (ValueError, RecursionError):
        return text
    fits = set(held) == {"value"} and isinstance(held["value"], bool | int | float | list | dict)
    return held["value"] if fits else text


def _title(name: str | None) -> str:
    """A project's name, on one line."""
    said = "".join(letter for letter in name or "" if letter.isprintable()).strip()
    return said[:LONGEST].strip() or "project"
