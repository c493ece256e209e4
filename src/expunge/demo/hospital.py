"""A hospital that is there for a minute: patients in a database, a project, its secrets, all in a temporary folder.

scikit-learn's breast-cancer data, 569 patients of Wisconsin (Street, Wolberg, Mangasarian, 1993). 455 are in the
database, the first of them under a wrong diagnosis on purpose; 114 are kept out of it, to measure with. Nothing is
fetched, and the user's own secrets are neither read nor written.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from sklearn.datasets import load_breast_cancer

from expunge.data.sources import open_source
from expunge.data.table import Table
from expunge.engine.project import Project
from expunge.project.proposal import propose
from expunge.project.rules import FILE

if TYPE_CHECKING:
    from expunge.project.proposal import Proposal
    from expunge.protocol import Ids

DATABASE, TABLE, ID, LABEL = "hospital.db", "patients", "patient", "diagnosis"
SOURCE = {"url": f"sqlite:///{DATABASE}", "table": TABLE}
DELETE = "DELETE FROM patients WHERE patient = ?"
LEARNED, WRONG = 455, 10
SECRETS = "EXPUNGE_SECRETS"  # the variable that says where secrets are


@dataclass(frozen=True)
class Choice:
    """What the ensemble is made of: what the user gives to `expunge init`."""

    learner: str = "sklearn.neural_network.MLPClassifier"
    options: Mapping[str, str] = field(
        default_factory=lambda: {
            "hidden_layer_sizes": "[32]",
            "alpha": "0.01",
            "learning_rate_init": "0.002",
            "max_iter": "2000",
        }
    )
    shards: int = 10

    @property
    def settings(self) -> dict[str, str]:
        """Every ``--set``."""
        return {"shards": str(self.shards), **self.options}


NETWORKS = Choice()


@dataclass(eq=False)
class Hospital:
    """Where the demo plays.

    Attributes
    ----------
    folder : Path
        The project's.
    admitted : Table
        Patients who were in the database at first.
    held_out : Table
        Patients whom no model sees.
    proposal : Proposal
        What `expunge init` wrote into ``expunge.toml``, with its reasons.
    project : Project
        Open.
    """

    folder: Path
    admitted: Table
    held_out: Table
    proposal: Proposal
    project: Project

    @property
    def patients(self) -> Table:
        """Those in the project's snapshot, as they are now."""
        return self.project.table(self.project.published())

    @property
    def method(self) -> Any:
        """What the published model was learned by."""
        root = self.project.published()
        return self.project.method(root.models["main"], root)

    @property
    def model(self) -> Any:
        """What is published."""
        return self.project.model(self.project.published().models["main"])

    @property
    def fingerprint(self) -> str:
        """Of what is published."""
        return self.project.published().models["main"].fingerprint

    def accuracy(self, method: Any, model: Any) -> float:
        """On patients whom no model has seen."""
        decided = np.array(model.classes)[method.predict(model, self.held_out).argmax(axis=1)]
        return float(np.mean(decided == self.held_out.label))


@contextmanager
def hospital() -> Iterator[Hospital]:
    """Found it; afterwards nothing of it is left, and secrets are looked for where they were before."""
    with TemporaryDirectory(prefix="expunge-demo-", ignore_cleanup_errors=True) as place:
        folder = Path(place, "hospital")
        folder.mkdir()
        with _secrets_in(Path(place, "secrets")):
            admitted, held_out = patients()
            admit(folder / DATABASE, admitted)
            proposal = begun(folder, NETWORKS)
            yield Hospital(folder, admitted, held_out, proposal, Project.open(folder))


def patients() -> tuple[Table, Table]:
    """455 to learn, numbered in an order of their own, the first ten under a wrong diagnosis; and 114 others."""
    data = load_breast_cancer()
    rows = np.random.default_rng(20).permutation(len(data.data))
    diagnosis = data.target[rows]
    diagnosis[:WRONG] = 1 - diagnosis[:WRONG]
    names = [f"patient-{number:03d}" for number in range(1, len(rows) + 1)]
    columns = [name.replace(" ", "_") for name in data.feature_names.tolist()]
    measured = pa.table(dict(zip(columns, data.data[rows].T, strict=True)))
    everyone = Table.from_arrays(measured, data.target_names[diagnosis], names)
    return everyone.take(slice(LEARNED)), everyone.take(slice(LEARNED, None))


def admit(database: Path, admitted: Table) -> None:
    """Write patients into a table, with nothing but Python's own sqlite3."""
    columns = ", ".join([f"{ID} TEXT PRIMARY KEY", f"{LABEL} TEXT", *(f"{name} REAL" for name in admitted.names)])
    assert admitted.label is not None  # noqa: S101  (everybody in the demo has a diagnosis)
    measured = admitted.features.to_pylist()
    held = zip(admitted.ids.tolist(), admitted.label.tolist(), measured, strict=True)
    rows = [[name, found, *row.values()] for name, found, row in held]
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"CREATE TABLE {TABLE} ({columns})")
        connection.executemany(f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608


def dismiss(database: Path, patient: str) -> None:
    """Delete somebody from the table, as the hospital's own software would."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(DELETE, (patient,))


def begun(folder: Path, choice: Choice) -> Proposal:
    """What `expunge init` does: look at the table, propose, write ``expunge.toml``."""
    proposal = propose(
        open_source(SOURCE, folder),
        SOURCE,
        id=ID,
        label=LABEL,
        learner=choice.learner,
        options=choice.settings,
        name="hospital",
    )
    (folder / FILE).write_text(proposal.text(), encoding="utf-8")
    return proposal


def others(ids: Ids, but: Iterable[str]) -> list[str]:
    """Patients who can still be asked for: those with a right diagnosis, and not spoken for."""
    wrong = {f"patient-{number:03d}" for number in range(1, WRONG + 1)}
    left_out = wrong | set(but)
    return [str(name) for name in ids.tolist() if name not in left_out]


@contextmanager
def _secrets_in(folder: Path) -> Iterator[None]:
    before = os.environ.get(SECRETS)
    os.environ[SECRETS] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[SECRETS]
        else:
            os.environ[SECRETS] = before
