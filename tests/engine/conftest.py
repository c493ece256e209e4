"""A small project for the engine's tests: thirty people, three rows each, learned once and copied for each test."""

from __future__ import annotations

import csv
import os
import shutil
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest

from expunge.codec import decode, fingerprint
from expunge.data.kinds import Kind
from expunge.data.schema import table_of
from expunge.data.table import Table
from expunge.engine import learning
from expunge.engine.project import Project
from expunge.project.page import written
from expunge.project.settings import AuditSettings, ModelSettings, Settings, SourceSettings, WorkSettings

PEOPLE, EACH = 30, 3
ID = "0123456789abcdef0123456789abcdef"
COLUMNS: dict[str, Kind] = {"age": "number", "size": "number", "town": "category"}
TOWNS = ("Oberwil", "Unterwil", "Mittelwil")
GAUSS = ModelSettings("main", "classification", "sklearn.naive_bayes.GaussianNB", options={"shards": 3})


def rows() -> list[dict[str, object]]:
    """Rows of the source: one for each visit, labelled by what was found."""
    rng = np.random.default_rng(7)
    made: list[dict[str, object]] = []
    for number in range(PEOPLE * EACH):
        age, size = rng.normal(40, 10), rng.normal(170, 9)
        found = "ill" if age + rng.normal(0, 5) > 42 else "well"
        town = TOWNS[number % 3]
        made.append(
            {
                "row": number,
                "person": f"person-{number // EACH:03d}",
                "age": age,
                "size": size,
                "town": town,
                "found": found,
            }
        )
    return made


def write(path: Path, held: list[dict[str, object]]) -> Path:
    """Rows as a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows()[0]))
        writer.writeheader()
        writer.writerows(held)
    return path


def settings(*models: ModelSettings, audit: AuditSettings | None = None, **work: int) -> Settings:
    """What ``expunge.toml`` says."""
    source = SourceSettings("row", "found", "person", path="visits.csv")
    named = {model.name: model for model in models or (GAUSS,)}
    return Settings("visits", ID, source, COLUMNS, named, audit or AuditSettings(), WorkSettings(blocks=8, **work))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting for the disk: a killed process loses nothing that it wrote, only a machine without power does."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project that has learned, in ``project``, and its secrets, in ``secrets``."""
    return build(tmp_path_factory.mktemp("learned"), settings())


def build(place: Path, said: Settings, modules: Mapping[str, str] | None = None) -> Path:
    """Write and learn a project below a folder, with modules of its own."""
    folder = place / "project"
    folder.mkdir()
    for name, text in (modules or {}).items():
        (folder / name).write_text(text, encoding="utf-8")
    write(folder / "visits.csv", rows())
    (folder / "expunge.toml").write_text(written(said), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPUNGE_SECRETS", str(place / "secrets"))
        learning.learn(Project.open(folder))
    return place


@pytest.fixture
def place(learned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The learned project, copied: a folder of its own, trusted there."""
    return copied(learned, tmp_path / "here", monkeypatch)


def copied(learned: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project copied to a place where it is trusted."""
    shutil.copytree(learned, here)
    monkeypatch.setenv("EXPUNGE_SECRETS", str(here / "secrets"))
    Project.open(here / "project").keyring.trust()
    return here


@pytest.fixture
def project(place: Path) -> Project:
    """The copied project, open."""
    return Project.open(place / "project")


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Project]:
    """Make a project with other settings, learned and open."""

    def make(
        *models: ModelSettings,
        audit: AuditSettings | None = None,
        modules: Mapping[str, str] | None = None,
        columns: Mapping[str, Kind] = COLUMNS,
        **work: int,
    ) -> Project:
        folder = tmp_path / "built"
        folder.mkdir()
        monkeypatch.setenv("EXPUNGE_SECRETS", str(folder / "secrets"))
        said = replace(settings(*models, audit=audit, **work), columns=dict(columns))
        return Project.open(build(folder, said, modules) / "project")

    return make


# -- what several files of tests do ------------------------------------------------------------------------------------

Row = dict[str, object]


@pytest.fixture(scope="session")
def visits() -> Callable[[], list[Row]]:
    """The rows of the source, to be changed and written again."""
    return rows


@pytest.fixture(scope="session")
def rewrite() -> Callable[[Project, Iterable[Row]], None]:
    """Write the source of a project again."""

    def again(project: Project, held: Iterable[Row]) -> None:
        write(project.folder / "visits.csv", list(held))

    return again


@pytest.fixture(scope="session")
def table() -> Callable[[Project, Iterable[Row]], Table]:
    """Rows as a correction or an addition brings them."""

    def make(project: Project, held: Iterable[Row]) -> Table:
        schema = project.published().snapshot.schema
        return table_of(pa.Table.from_pylist(list(held), schema.arrow), schema)

    return make


@pytest.fixture(scope="session")
def exact() -> Callable[[Project], dict[str, str]]:
    """Every published model is, bit for bit, what learning its snapshot from nothing gives; the fingerprints."""

    def check(project: Project) -> dict[str, str]:
        root = project.published()
        for standing in root.models.values():
            shown, _ = project.shown(project.table(root), standing.holdout)
            published = decode(project.store.read(standing.address), trusted=True)  # as it lies, not as it is kept
            oracle = fingerprint(project.method(standing, root).learn(shown, project.run().afresh()))
            assert oracle == standing.fingerprint == fingerprint(published)
        return {name: standing.fingerprint for name, standing in root.models.items()}

    return check


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Project, Iterable[Row]], Project]:
    """A new project with the secrets of another, that learned from rows that somebody cleaned by hand."""

    def make(project: Project, held: Iterable[Row]) -> Project:
        here = tmp_path_factory.mktemp("twin")
        (here / "project").mkdir()
        ignored = shutil.ignore_patterns("data", "anchor.json", "erased.jsonl")
        shutil.copytree(project.keyring.folder, here / "secrets" / ID, ignore=ignored)
        gone = project.fence(project.root).columns
        columns = {name: kind for name, kind in project.settings.columns.items() if name not in gone}
        (here / "project" / "expunge.toml").write_text(
            written(replace(project.settings, columns=columns)), encoding="utf-8"
        )
        write(here / "project" / "visits.csv", list(held))
        for module in project.folder.glob("*.py"):
            shutil.copy(module, here / "project")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EXPUNGE_SECRETS", str(here / "secrets"))
            made = Project.open(here / "project")
            made.keyring.trust()
            learning.learn(made)
        return made

    return make


@pytest.fixture(scope="session")
def elsewhere(learned: Path) -> Callable[[], AbstractContextManager[Project]]:
    """The learned project in a folder of its own for a while: for tests that need many of them."""

    @contextmanager
    def make() -> Iterator[Project]:
        with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            here = copied(learned, Path(folder) / "here", patch)
            yield Project.open(here / "project")

    return make


@pytest.fixture(scope="session")
def forked() -> Callable[[Callable[[], object]], Callable[[], int]]:
    """Do some work in another process, now; what comes back waits for it and gives its exit status."""

    def start(work: Callable[[], object]) -> Callable[[], int]:
        number = os.fork()
        if not number:
            try:
                work()
            except BaseException:  # noqa: BLE001  (a child must never return into the test)
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        return lambda: os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])

    return start
