"""What ``expunge.toml`` says, checked: `read` gives `Settings`, or a sentence that names the line to mend.

Reading imports nothing heavy, because every command reads it. Whether learner and method exist and have these options
is checked where they are put together (`expunge.project.assembly`), whether the columns exist where the source is read.

Examples
--------
>>> import tempfile
>>> text = '''
... [project]
... name = "shop"
... id = "0123456789abcdef0123456789abcdef"
... [source]
... path = "credit.csv"
... id = "row_id"
... label = "class"
... [columns]
... age = "integer"
... [models.main]
... task = "classification"
... learner = "sklearn.linear_model.LogisticRegression"
... options = {shards = 4}
... '''
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = (Path(folder) / FILE).write_text(text)
...     settings = read(folder)
>>> settings.models["main"].options, settings.work.threads
({'shards': 4}, 1)
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from expunge.errors import ProjectError
from expunge.project import toml
from expunge.project.rules import (
    FILE,
    Count,
    Hex,
    Options,
    Promise,
    Share,
    Text,
    Title,
    Truth,
    made,
    near,
    refuse_unknown,
    shown,
)
from expunge.values import Bounded, Certified, Claim, Empirical, Exact, Suppressed

if TYPE_CHECKING:
    from expunge.data.kinds import Kind

KINDS = ("number", "integer", "category", "boolean", "date", "text", "ignore")
CLAIMS: dict[str, Claim] = {"exact": Exact(), "empirical": Empirical(), "suppressed": Suppressed()}
Names: TypeAlias = Literal["integer", "text"]
OF_LEARNER = ("learner", "preprocess", "epochs", "learner_options", "preprocess_options")
"""Fields of a model that mean nothing where the method brings a model of its own."""


@dataclass(frozen=True)
class SourceSettings:
    """Where the records come from, and which columns say whose they are.

    Attributes
    ----------
    id, label, owner : str
        Names of columns; ``owner`` may be None.
    path : str or None
        A file, from the project's folder.
    url, table, query : str or None
        A database, and a table or a query in it.
    id_type, owner_type, label_type : str
    """

    id: Text
    label: Text
    owner: Text | None = None
    path: Text | None = None
    url: Text | None = None
    table: Text | None = None
    query: Text | None = None
    id_type: Names = "integer"
    owner_type: Names = "text"
    label_type: Literal["integer", "number", "text", "boolean"] = "text"

    def place(self) -> dict[str, str]:
        """Where the records come from, alone: path, url, table, query, those that are given."""
        held = {name: getattr(self, name) for name in ("path", "url", "table", "query")}
        return {name: given for name, given in held.items() if given is not None}


@dataclass(frozen=True)
class ModelSettings:
    """One model: what learns it, what forgets in it, and what that must promise.

    Attributes
    ----------
    name : str
    task : {"classification", "regression"}
    learner : str or None
        ``module.Class`` of a scikit-learn estimator; None for a method that brings its own model, as a forest does.
    method : str
        A name of `expunge.catalog`.
    promise : {"exact", "empirical", "suppressed"} or dict
        The weakest claim that will do; ``{distance = 1e-6}`` for `Bounded`, ``{epsilon = 1.0, delta = 1e-5}`` for
        `Certified`.
    preprocess : bool
        Whether `expunge.learners.tabular.Tabular` stands before the learner.
    epochs : int
        Passes of a learner that goes on from slice to slice.
    options, learner_options, preprocess_options : dict
        Parameters of method, learner and preprocessing.
    """

    name: Title
    task: Literal["classification", "regression"]
    learner: Text | None = None
    method: Text = "sisa"
    promise: Promise = "exact"
    preprocess: Truth = True
    epochs: Count = 10
    options: Options = field(default_factory=dict)
    learner_options: Options = field(default_factory=dict)
    preprocess_options: Options = field(default_factory=dict)

    @property
    def claim(self) -> Claim:
        """What it must promise."""
        if isinstance(self.promise, str):
            return CLAIMS[self.promise]
        numbers = {name: float(given) for name, given in self.promise.items()}
        return Bounded(**numbers) if "distance" in numbers else Certified(**numbers)


@dataclass(frozen=True)
class AuditSettings:
    """How an erasure is checked: what is learned again to compare, and which share of the units is held out.

    A ``tier`` is of the audit that learns everything again: ``replay`` with two oracles, ``standard`` with eight.
    """

    replay: Literal["none", "sample", "full"] = "sample"
    holdout: Share = 0.0
    tier: Literal["replay", "standard"] = "replay"


@dataclass(frozen=True)
class WorkSettings:
    """What it works with: threads of a learner, processes, and the blocks that the snapshot is kept in."""

    threads: Count = 1
    workers: Count = 1
    blocks: Count = 64


@dataclass(frozen=True)
class Settings:
    """All that ``expunge.toml`` says. The order of the columns is the order in which a learner sees them."""

    name: str
    id: str
    source: SourceSettings
    columns: dict[str, Kind]
    models: dict[str, ModelSettings]
    audit: AuditSettings = field(default_factory=AuditSettings)
    work: WorkSettings = field(default_factory=WorkSettings)


@dataclass(frozen=True)
class _Named:
    name: Title
    id: Hex


def find(start: Path | str) -> Path:
    """The nearest folder, from ``start`` upwards, that holds an ``expunge.toml``.

    Raises
    ------
    ProjectError
        Where there is none.
    """
    begun = Path(start).resolve()
    for folder in (begun, *begun.parents):
        if (folder / FILE).is_file():
            return folder
    msg = f"there is no {FILE} in {begun} or above it: `expunge init` makes one"
    raise ProjectError(msg)


def read(folder: Path | str) -> Settings:
    """The settings of a project folder.

    Raises
    ------
    ProjectError
        When there is no ``expunge.toml``, it is no TOML, or something in it does not hold.
    """
    path = Path(folder) / FILE
    try:
        return parse(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        msg = f"there is no {FILE} in {folder}: `expunge init` makes one"
        raise ProjectError(msg) from None
    except (OSError, UnicodeDecodeError) as refusal:
        msg = f"{path} cannot be read: {refusal}"
        raise ProjectError(msg) from refusal


def parse(text: str) -> Settings:
    """The settings that a text in TOML says; raises like `read`."""
    try:
        given = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as unlike:
        msg = f"{FILE} is no valid TOML: {unlike}"
        raise ProjectError(msg) from unlike
    refuse_unknown(given, ("project", "source", "columns", "models", "audit", "work"), "the file")
    named = made(_Named, _section(given, "project", needed=True), "[project]")
    source = _source(_section(given, "source", needed=True))
    audit = made(AuditSettings, _section(given, "audit"), "[audit]")
    if audit.tier != "replay" and audit.replay != "full":
        msg = (
            f'{FILE}: tier = "{audit.tier}" in [audit] is of an audit that learns everything again, replay = "full";'
            f' got replay = "{audit.replay}"'
        )
        raise ProjectError(msg)
    return Settings(
        named.name,
        named.id,
        source,
        _columns(_section(given, "columns", needed=True), source),
        _models(_section(given, "models", needed=True)),
        audit,
        made(WorkSettings, _section(given, "work"), "[work]"),
    )


def model_of(given: Mapping[str, Any]) -> ModelSettings:
    """The settings of one model from the mapping of its fields, checked."""
    return made(ModelSettings, dict(given), _heading(given.get("name")))


# -- checks ------------------------------------------------------------------------------------------------------------


def _section(given: dict[str, Any], name: str, *, needed: bool = False) -> dict[str, Any]:
    held = given.get(name, {})
    if needed and name not in given:
        msg = f"{FILE} has no section [{name}]: `expunge init` writes a whole one"
        raise ProjectError(msg)
    if not isinstance(held, dict):
        msg = f"{FILE}: {name} is a section, written [{name}] on a line of its own; got {shown(held)}"
        raise ProjectError(msg)
    return held


def _source(given: dict[str, Any]) -> SourceSettings:
    source = made(SourceSettings, given, "[source]")
    asks = [name for name in ("table", "query") if getattr(source, name) is not None]
    problem = None
    if (source.path is None) == (source.url is None):
        problem = 'needs either path = "rows.csv" or url = "sqlite:///shop.db", and not both'
    elif source.url is None and asks:
        problem = f"has {asks[0]} beside a path; a table or query is asked of a database: give its url"
    elif source.url is not None and len(asks) != 1:
        problem = 'needs either table = "customers" or query = "select ...", beside its url'
    if problem is not None:
        msg = f"{FILE}: [source] {problem}"
        raise ProjectError(msg)
    return source


def _columns(given: dict[str, Any], source: SourceSettings) -> dict[str, Kind]:
    roles = {source.id: "id", source.label: "label"}
    if source.owner is not None:
        roles[source.owner] = "owner"
    if len(roles) < 2 + (source.owner is not None):
        msg = f"{FILE}: [source] gives one column two roles; id, label and owner are columns of their own"
        raise ProjectError(msg)
    for name, kind in given.items():
        if name in roles:
            msg = f"{FILE}: column {name!r} is the {roles[name]} in [source], and cannot be a feature in [columns] too"
            raise ProjectError(msg)
        if isinstance(kind, dict):
            inner = next(iter(kind), "b")
            msg = (
                f'{FILE}: [columns] {name} is a table; a name with a dot stands in quotes: "{name}.{inner}" = "number"'
            )
            raise ProjectError(msg)
        if kind not in KINDS:
            msg = f"{FILE}: column {name!r} must be one of {', '.join(KINDS)}; got {shown(kind)}{near(kind, KINDS)}"
            raise ProjectError(msg)
    if all(kind == "ignore" for kind in given.values()):
        msg = f"{FILE}: [columns] names no column to learn from"
        raise ProjectError(msg)
    return dict(given)


def _models(given: dict[str, Any]) -> dict[str, ModelSettings]:
    if not given:
        msg = f"{FILE} names no model: a section [models.main] does"
        raise ProjectError(msg)
    made_of = tuple(of.name for of in fields(ModelSettings) if of.name != "name")
    for name, model in given.items():
        if not isinstance(model, dict):
            msg = f"{FILE}: a model is a section [models.NAME]; got {name} = {shown(model)} in [models]"
            raise ProjectError(msg)
        if "name" in model:
            msg = f"{FILE}: {_heading(name)} has its name in its heading; leave out name = {shown(model['name'])}"
            raise ProjectError(msg)
        refuse_unknown(model, made_of, _heading(name))
    return {name: made(ModelSettings, {**model, "name": name}, _heading(name)) for name, model in given.items()}


def _heading(name: object) -> str:
    return f"[models.{toml.key(str(name))}]"
