"""A network in a project: its whole life, killed on the way, on other threads and processes, and edited meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from expunge import certificate
from expunge.codec import decode, encode, fingerprint
from expunge.data.kinds import Kind
from expunge.engine import inquiry, learning, line, reconciling
from expunge.engine.change import planned
from expunge.engine.project import Project
from expunge.engine.scan import scan_names
from expunge.errors import MismatchError, ProjectError, SecretError
from expunge.learners import own_code
from expunge.learners.torch import Log
from expunge.planner import Plan
from expunge.project import settings as toml
from expunge.project.page import written
from expunge.project.settings import AuditSettings, ModelSettings
from expunge.store.keyring import Keyring
from expunge.values import Owners, Records

# From Python 3.12 on, forking beside the threads of pytest-xdist is warned of; the child touches none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

Row = dict[str, object]
Twin = Callable[[Project, Iterable[Row]], Project]
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "projects.md").read_text(encoding="utf-8")
(NETS,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
(TOML,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
GUIDE = toml.model_of({"name": "main", **tomllib.loads(TOML)["models"]["main"]})
NETWORK = replace(GUIDE, epochs=3, options={"shards": 2, "slices": 3})
NUMBERS: dict[str, Kind] = {"age": "number", "size": "number", "town": "ignore"}
CODE = {"nets.py": NETS}


@pytest.fixture(autouse=True)
def _own_modules() -> Any:
    """Each test's projects bring a ``nets.py``: afterwards there is none."""
    yield
    own_code.importable(Path(__file__).parent)


@dataclass
class Life:
    """A network that was learned once, to be copied: folder and secrets below one place."""

    place: Path

    def begun(self, here: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool = True) -> Project:
        """The project, copied to a place of its own."""
        shutil.copytree(self.place, here)
        monkeypatch.setenv("EXPUNGE_SECRETS", str(here / "secrets"))
        if trusted:
            Keyring.load(next((here / "secrets").iterdir())).trust()
        return Project.open(here / "project")


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, visits: Callable[[], list[Row]]) -> Life:
    place = tmp_path_factory.mktemp("networks")
    made(place, NETWORK, visits())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPUNGE_SECRETS", str(place / "secrets"))
        learning.learn(Project.open(place / "project"))
    return Life(place)


def made(place: Path, model: ModelSettings, rows: list[Row], **work: int) -> Path:
    """A project that has learned nothing yet, over a table in SQLite."""
    folder = place / "project"
    folder.mkdir(parents=True)
    (folder / "nets.py").write_text(NETS, encoding="utf-8")
    source = toml.SourceSettings("row", "found", "person", url="sqlite:///visits.db", table="visits")
    said = toml.Settings(
        "visits",
        "0123456789abcdef0123456789abcdef",
        source,
        NUMBERS,
        {model.name: model},
        AuditSettings(),
        toml.WorkSettings(blocks=8, **work),
    )
    (folder / "expunge.toml").write_text(written(said), encoding="utf-8")
    with sqlite3.connect(folder / "visits.db") as base:
        base.execute("CREATE TABLE visits (row INTEGER, person TEXT, age REAL, size REAL, town TEXT, found TEXT)")
        base.executemany("INSERT INTO visits VALUES (:row, :person, :age, :size, :town, :found)", rows)
    base.close()
    return folder


def of(project: Project) -> str:
    """Fingerprint of the published network."""
    return project.published().models["main"].fingerprint


def bodies(project: Project) -> list[Mapping[str, Any]]:
    """What the certificates say."""
    paths = sorted(project.certificates.glob("*.json"))
    return [certificate.verify(path.read_bytes(), [project.keyring.public]).body for path in paths]


def dearest(project: Project) -> str:
    """The owner whose erasure trains the most slices again: one in a first slice."""
    root = project.published()
    data = project.table(root)
    cost = {}
    for name in sorted(set(data.owners.to_pylist())):  # type: ignore[union-attr]
        plan = planned(project, root, "main", Owners([name]), data)
        assert isinstance(plan, Plan)
        cost[name] = plan.quote.examples
    dear: str = max(cost, key=lambda name: cost[name])
    return dear


# -- a whole life ------------------------------------------------------------------------------------------------------


def test_a_network_forgets_a_record_and_an_owner_to_the_bits_of_one_that_never_met_them(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visits: Callable[[], list[Row]], exact: Any
) -> None:
    project = life.begun(tmp_path / "here", monkeypatch)
    before = of(project)
    _, (first,) = line.forget(project, Records([7]))
    _, (second,) = line.forget(project, Owners(["person-011"]))
    assert {first.claims["main"], second.claims["main"]} == {"Exact"}
    assert {first.verdict, second.verdict} <= {"clean", "not distinguishable"}
    exact(project)
    twin = tmp_path / "twin"
    left = [row for row in visits() if row["row"] != 7 and row["person"] != "person-011"]
    made(twin, NETWORK, left)
    ignored = shutil.ignore_patterns("data", "anchor.json", "erased.jsonl")
    shutil.copytree(project.keyring.folder, twin / "secrets" / project.settings.id, ignore=ignored)
    monkeypatch.setenv("EXPUNGE_SECRETS", str(twin / "secrets"))
    Keyring.load(twin / "secrets" / project.settings.id).trust()
    fresh = Project.open(twin / "project")
    learning.learn(fresh)
    assert of(fresh) == of(project) != before


def test_its_certificate_names_torch_and_the_device(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = life.begun(tmp_path / "here", monkeypatch)
    line.forget(project, Records([7]))
    (body,) = bodies(project)
    (model,) = body["models"]
    assert model["environment"]["torch"]
    assert model["environment"]["device"].startswith("cpu")
    assert model["parameters"]["learner factory"] == "{'call': 'nets.mlp', 'width': 32}"
    assert model["claim"] == {"name": "Exact"}
    assert model["audit"]["equal"]


def test_a_row_that_is_deleted_in_the_shops_own_table_is_forgotten(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: Any
) -> None:
    project = life.begun(tmp_path / "here", monkeypatch)
    with sqlite3.connect(project.folder / "visits.db") as base:
        base.execute("DELETE FROM visits WHERE row = 12")
        base.execute("UPDATE visits SET age = 33.5 WHERE row = 40")
    base.close()
    before = of(project)
    reconciling.reconcile(project, reconciling.difference(project), yes=True)
    assert len(project.table(project.published())) == 89
    exact(project)
    assert of(project) != before


def test_it_answers_is_replayed_and_finds_nothing_to_do_twice(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = life.begun(tmp_path / "here", monkeypatch)
    data = project.table(project.published())
    scores, classes = inquiry.predict(project, None, data)
    assert classes == ("ill", "well")
    assert np.mean(np.array(classes)[scores.argmax(1)] == data.label) > 0.6
    found = inquiry.replay(project)
    assert (found.equal, found.exact, found.environment) == (True, True, "same")
    assert learning.learn(project).cause == "nothing"


def test_behind_preprocessing_it_takes_every_column_and_forgets_as_exactly(
    built: Callable[..., Project], twin: Twin, visits: Callable[[], list[Row]], exact: Any
) -> None:
    project = built(replace(NETWORK, preprocess=True, options={"shards": 2}), modules=CODE)
    line.forget(project, Records([7]))
    exact(project)
    assert of(twin(project, [row for row in visits() if row["row"] != 7])) == of(project)


def test_on_two_threads_too(
    built: Callable[..., Project], twin: Twin, visits: Callable[[], list[Row]], exact: Any
) -> None:
    options = {**NETWORK.learner_options, "batch_size": 64}
    model = replace(NETWORK, epochs=1, options={"shards": 2}, learner_options=options)
    project = built(model, modules=CODE, columns=NUMBERS, threads=2)
    line.forget(project, Owners(["person-011"]))
    exact(project)
    assert of(twin(project, [row for row in visits() if row["person"] != "person-011"])) == of(project)
    assert project.published().models["main"].environment["threads"] == "2"


def test_in_two_processes_which_find_the_projects_own_modules(
    life: Life, built: Callable[..., Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visits: Any
) -> None:
    one = life.begun(tmp_path / "here", monkeypatch)
    two = tmp_path / "two"
    folder = made(two, NETWORK, visits(), workers=2)
    ignored = shutil.ignore_patterns("data", "anchor.json", "erased.jsonl")
    shutil.copytree(one.keyring.folder, two / "secrets" / one.settings.id, ignore=ignored)
    monkeypatch.setenv("EXPUNGE_SECRETS", str(two / "secrets"))
    Keyring.load(two / "secrets" / one.settings.id).trust()
    several = Project.open(folder)
    try:
        learning.learn(several)
    finally:
        several._processes.close()
    assert of(several) == of(one)


# -- killed ------------------------------------------------------------------------------------------------------------


def killed(folder: Path, at: int, work: Callable[[Project], object]) -> None:
    """Work in a process that is killed in the first epoch after so many slices have come to rest."""
    number = os.fork()
    if not number:
        done = [0]

        def tick(what: str, count: int, _: int) -> None:
            done[0] = count if what == "slices" else done[0]
            if what == "epochs" and done[0] == at:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            work(Project.open(folder, tick=tick))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == -signal.SIGKILL


def told(folder: Path, work: Callable[[Project], object]) -> list[tuple[str, int, int]]:
    """What is told while a project is worked on."""
    said: list[tuple[str, int, int]] = []
    work(Project.open(folder, tick=lambda *each: said.append(each)))
    return said


def test_killed_while_it_learns_it_goes_on_from_the_slices_at_rest(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visits: Callable[[], list[Row]]
) -> None:
    whole = life.begun(tmp_path / "whole", monkeypatch)
    place = tmp_path / "here"
    folder = made(place, NETWORK, visits())
    ignored = shutil.ignore_patterns("data", "anchor.json", "erased.jsonl")
    shutil.copytree(whole.keyring.folder, place / "secrets" / whole.settings.id, ignore=ignored)
    monkeypatch.setenv("EXPUNGE_SECRETS", str(place / "secrets"))
    Keyring.load(place / "secrets" / whole.settings.id).trust()
    killed(folder, 4, learning.learn)
    assert Project.open(folder).book.publication is None
    said = told(folder, learning.learn)
    assert ("slices", 0, 2) in said, "of six slices, four were at rest"
    project = Project.open(folder)
    assert of(project) == of(whole)
    assert project.store.superseded(project.live()) == ()


def test_killed_while_it_forgets_it_goes_on_from_the_slices_at_rest(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: Any
) -> None:
    project = life.begun(tmp_path / "here", monkeypatch)
    before, target = of(project), Owners([dearest(project)])
    killed(project.folder, 1, lambda child: line.forget(child, target))
    again = Project.open(project.folder)
    assert of(again) == before, "what is published is whole"
    assert len(again.book.pending) == 1
    said = told(project.folder, line.work)
    assert ("slices", 0, 2) in said, "of three slices, one was at rest"
    done = Project.open(project.folder)
    exact(done)
    assert of(done) != before
    assert [body["scan"]["verdict"] for body in bodies(done)] == ["clean"]
    assert done.store.superseded(done.live()) == ()


# -- what is left ------------------------------------------------------------------------------------------------------


def test_an_id_that_a_log_still_holds_is_found_however_small_it_is(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = life.begun(tmp_path / "here", monkeypatch)
    line.forget(project, Records([7]))
    parts = {part.name: part for part in scan_names(project, Records([7])).parts}
    kept = parts["ids that models and checkpoints keep, by value"]
    assert (kept.found, kept.control) == (0, "found")
    assert kept.searched > 89, "the logs of the models, and of the checkpoints before them"
    standing = project.published().models["main"]
    model = project.model(standing)
    log = model.shards[0].state.log
    assert isinstance(log, Log)
    leaky = replace(log, ids=np.union1d(log.ids, [7]))
    with project.working("a test"), project.store.writing():
        project.store.put(encode(leaky))
    found = scan_names(project, Records([7]))
    assert found.verdict == "found"
    assert {part.name for part in found.parts if part.found} == {"ids that models and checkpoints keep, by value"}


# -- promises ----------------------------------------------------------------------------------------------------------


def test_what_may_waver_cannot_promise_to_be_exact(built: Callable[..., Project]) -> None:
    wavering = replace(NETWORK, learner_options={**NETWORK.learner_options, "deterministic": False})
    with pytest.raises(ProjectError, match=r'promise = "exact" cannot be kept: deterministic=False .*"empirical" can'):
        built(wavering, modules=CODE, columns=NUMBERS)


def test_and_its_certificate_claims_less(built: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**NETWORK.learner_options, "deterministic": False}
    model = replace(NETWORK, learner_options=options, promise="empirical", options={"shards": 2})
    project = built(model, modules=CODE, columns=NUMBERS)
    from expunge.methods.arrays.sisa import Sisa

    relearn = Sisa.relearn
    monkeypatch.setattr(Sisa, "relearn", lambda *given: (relearn(*given), "and wavers"))
    _, (done,) = line.forget(project, Records([7]))
    assert done.claims == {"main": "Empirical"}
    (body,) = bodies(project)
    assert not body["models"][0]["audit"]["equal"]
    assert any(
        "another model, as a claim that is not exact allows" in said for said in body["models"][0]["assumptions"]
    )


# -- the user's own code -----------------------------------------------------------------------------------------------


def test_code_in_the_folder_of_a_project_that_is_not_trusted_does_not_run(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = life.begun(tmp_path / "here", monkeypatch, trusted=False)
    (project.folder / "nets.py").write_text(f"{NETS}\nopen(__file__ + '.ran', 'w').close()\n", encoding="utf-8")
    sys.modules.pop("nets", None)
    root = project.published()
    for asked in (lambda: project.method(root.models["main"], root), lambda: line.forget(project, Records([7]))):
        with pytest.raises(SecretError, match="`expunge trust`"):
            asked()
    assert not list(project.folder.glob("*.ran"))


def test_after_an_edit_nothing_is_forgotten_in_the_old_model_and_learning_makes_a_new_one(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: Any
) -> None:
    project = life.begun(tmp_path / "here", monkeypatch)
    (project.folder / "nets.py").write_text(NETS.replace("ReLU", "Tanh"), encoding="utf-8")
    sys.modules.pop("nets", None)
    with pytest.raises(MismatchError, match=r"learned by other code than is here today .*`expunge learn`"):
        line.forget(project, Records([7]))
    with pytest.raises(MismatchError, match="other code"):
        inquiry.replay(project)
    assert learning.learn(project).cause == "learn"
    line.work(project)
    assert 7 not in project.table(project.published()).ids
    exact(project)


def test_a_module_that_is_not_there_is_looked_for_and_said(built: Callable[..., Project]) -> None:
    with pytest.raises(
        ProjectError, match=r"nets.mlp does not import: .*No module named 'nets'.* looked for in .*project"
    ):
        built(NETWORK, columns=NUMBERS)


def test_the_network_of_the_guide_is_what_the_guide_says() -> None:
    names: dict[str, Any] = {}
    exec(NETS, names)  # noqa: S102  (our own page)
    assert isinstance(names["mlp"]((2,), 2, width=3), nn.Module)
    assert GUIDE.options == {"shards": 4, "slices": 3}
    assert fingerprint(decode(encode(GUIDE.learner_options))) == fingerprint(GUIDE.learner_options)
