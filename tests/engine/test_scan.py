"""The scan, and what it is for: a canary that was planted in a forgotten row is nowhere, in no encoding."""

from __future__ import annotations

import base64
import csv
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expunge.audit.needles import Needles
from expunge.codec import encode
from expunge.data.kinds import Kind
from expunge.engine import evidence, learning, line
from expunge.engine.fence import Fence
from expunge.engine.project import Project
from expunge.engine.scan import asked_of_source, needles_of, scan, scan_names
from expunge.methods.arrays.sisa import Sisa
from expunge.project.page import written
from expunge.project.settings import AuditSettings, ModelSettings, Settings, SourceSettings, WorkSettings
from expunge.values import Batch, Column, Correction, Forgotten, Owners, Records

OWNER, TOWN, NOTE = "Zoé Quetzalcóatl", "Canaryville 17", "the canary sang of mesothelioma"
FLOAT, ID = 86421.0009765625, 7361946127113
TEXTS, LABELS = (OWNER, TOWN, NOTE), ("ill", "well")
COLUMNS: dict[str, Kind] = {"age": "number", "size": "number", "town": "category", "note": "text"}
SIMPLE: dict[str, Kind] = {"age": "number", "size": "number"}


def learner(name: str, *, preprocess: bool, **options: Any) -> ModelSettings:
    return ModelSettings("main", "classification", name, preprocess=preprocess, options={"shards": 2},
                         learner_options=options)  # fmt: skip


LEARNERS = {
    "kNN that keeps the rows": (learner("sklearn.neighbors.KNeighborsClassifier", preprocess=False), SIMPLE),
    "support vectors": (learner("sklearn.svm.SVC", preprocess=False), SIMPLE),
    "categories and text": (learner("sklearn.linear_model.LogisticRegression", preprocess=True), COLUMNS),
    "a tree": (learner("sklearn.tree.DecisionTreeClassifier", preprocess=True), COLUMNS),
}


def rows() -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    made: list[dict[str, Any]] = [
        {"row": 1000 + n, "person": f"person {n // 2}", "age": rng.normal(40, 9), "size": rng.normal(170, 9),
         "town": ["Oberwil", "Unterwil"][n % 2], "note": f"came {n} times and went", "found": LABELS[n // 2 % 2]}
        for n in range(60)
    ]  # fmt: skip
    made[30] |= {"row": ID, "person": OWNER, "age": FLOAT, "town": TOWN, "note": NOTE}
    return made


def spellings() -> Iterator[tuple[str, bytes]]:
    """Every canary in every encoding, written without the code under test."""
    for text in TEXTS:
        raw = text.encode()
        for name in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
            yield f"{text} {name}", text.encode(name)
        yield f"{text} json", json.dumps(text)[1:-1].encode()
        yield f"{text} hex", raw.hex().encode()
        for left in range(3):
            coded = base64.b64encode(b"x" * left + raw)
            yield f"{text} base64 {left}", coded[4 if left else 0 : -4]
    for form in ("<d", ">d", "<f", ">f"):
        yield f"float {form}", struct.pack(form, FLOAT)
    yield "float hex", struct.pack("<d", FLOAT).hex().encode()
    yield "float text", repr(FLOAT).encode()
    for form in ("<q", ">q"):
        yield f"id {form}", struct.pack(form, ID)
    yield "id text", str(ID).encode()
    yield "id hex", f"{ID:x}".encode()


def seen(project: Project) -> set[str]:
    """Which canaries are in some file of project or secrets, as it lies or opened; the user's source aside."""
    contents = [project.store.plaintext(name) for name in project.store.names()]
    for folder in (project.folder, project.keyring.folder):
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != "visits.csv"]
        contents += [path.read_bytes() + str(path).encode() for path in files]
    whole = b"\0\0".join(contents)
    packed = base64.b64encode(whole)  # one more look, through whatever the codec wrote as base64
    return {name for name, content in spellings() if content in whole or (len(content) > 12 and content in packed)}


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Project]:
    """A project with the canary in one of its rows."""

    def make(model: ModelSettings, columns: dict[str, Kind], replay: Any = "sample") -> Project:
        folder = tmp_path / "project"
        folder.mkdir()
        with (folder / "visits.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows()[0]))
            writer.writeheader()
            writer.writerows(rows())
        source = SourceSettings("row", "found", "person", path="visits.csv")
        said = Settings(
            "canary", "c" * 32, source, columns, {"main": model}, AuditSettings(replay), WorkSettings(blocks=4)
        )
        (folder / "expunge.toml").write_text(written(said), encoding="utf-8")
        monkeypatch.setenv("EXPUNGE_SECRETS", str(tmp_path / "secrets"))
        project = Project.open(folder)
        learning.learn(project)
        return project

    return make


# -- the canary --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LEARNERS)
def test_a_forgotten_canary_is_nowhere(name: str, planted: Callable[..., Project]) -> None:
    project = planted(*LEARNERS[name])
    before = seen(project)
    assert {f"{OWNER} utf-8", "float <d", "id <q"} <= before  # this search finds what is there
    _, (done,) = line.forget(project, Owners([OWNER]), requester="the court of Canaryville", reference=OWNER)
    assert done.verdict == "clean"
    assert done.source == "holds"  # the user's own file still has it, and the certificate says so
    assert seen(project) == set()
    assert seen(Project.open(project.folder)) == set()


@pytest.mark.parametrize("target", [Records([ID]), Batch([Records([ID, 1001]), Owners([OWNER])])], ids=["id", "both"])
def test_a_canary_that_is_forgotten_by_its_id_is_nowhere(target: Any, planted: Callable[..., Project]) -> None:
    project = planted(*LEARNERS["kNN that keeps the rows"])
    _, (done,) = line.forget(project, target)
    assert done.verdict == "clean"
    assert {name for name in seen(project) if not name.startswith(OWNER)} == set()
    if isinstance(target, Batch):
        assert seen(project) == set()


def test_a_canary_that_is_put_right_is_nowhere(planted: Callable[..., Project], table: Any) -> None:
    project = planted(*LEARNERS["categories and text"])
    right = {**rows()[30], "age": 44.0, "town": "Oberwil", "note": "came once"}
    assert f"{NOTE} utf-8" in seen(project)
    _, (done,) = line.forget(project, Correction(table(project, [right])))
    assert done.verdict == "clean"
    left = seen(project)
    assert not {name for name in left if name.startswith((TOWN, NOTE, "float"))}
    assert f"{OWNER} utf-8" in left  # it is still theirs


def test_a_canary_in_a_column_that_is_forgotten_is_nowhere(planted: Callable[..., Project]) -> None:
    project = planted(*LEARNERS["categories and text"])
    _, (done,) = line.forget(project, Column("note"))
    assert done.verdict == "clean"
    assert not {name for name in seen(project) if name.startswith(NOTE)}


def test_a_canary_that_waits_and_is_withdrawn_is_only_in_the_snapshot(planted: Callable[..., Project]) -> None:
    project = planted(*LEARNERS["a tree"])
    line.forget(project, Owners([OWNER]))
    learning.learn(project, again=True)
    learning.update(project)
    assert seen(project) == set()


# -- what a scan says --------------------------------------------------------------------------------------------------


@pytest.fixture
def cleaned(project: Project) -> tuple[Project, list[Needles]]:
    """Somebody was forgotten, and what to look for is still known."""
    root, target = project.published(), Owners(["person-007"])
    data = project.table(root)
    sought = needles_of(project, data, data.after(target), target)
    _, (done,) = line.forget(project, target)
    assert done.verdict == "clean"
    return project, sought


def test_nothing_planted_is_clean_with_a_control_for_each_part(cleaned: Any) -> None:
    found = scan(*cleaned)
    assert found.verdict == "clean"
    assert [(part.found, part.control) for part in found.parts] == [(0, "found")] * 3
    assert all(part.searched for part in found.parts)
    assert found.needles > 0
    assert found.where == ()


def test_a_name_in_a_stale_blob_is_found(cleaned: Any) -> None:
    project, sought = cleaned
    project.store.put(encode({"who": "person-007"}))
    assert scan(project, sought).verdict == "found"


def test_a_record_that_is_back_in_the_snapshot_is_found_by_value(cleaned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project, sought = cleaned
    with monkeypatch.context() as patch:
        for name in ("kept_out", "fence"):
            patch.setattr(Project, name, lambda *_: Fence())
        learning.learn(project, again=True)
    found = scan(project, sought)
    assert found.verdict == "found"
    assert found.parts[0].found == 3


def test_a_model_that_keeps_rows_is_found_without_a_replay(
    planted: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = planted(*LEARNERS["kNN that keeps the rows"], replay="none")
    honest = Sisa.forget

    def lie(self: Sisa, model: Any, target: Any, data: Any, run: Any) -> Any:
        done = honest(self, model, target, data, run)
        shards = tuple(replace(new, state=old.state) for new, old in zip(done.model.shards, model.shards, strict=True))
        return Forgotten(replace(done.model, shards=shards), done.claim, done.examples)

    monkeypatch.setattr(Sisa, "forget", lie)
    _, (done,) = line.forget(project, Owners([OWNER]))
    assert done.verdict == "found"


def test_a_destroyed_blob_that_opens_again_is_found(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, purge = {}, evidence.purge

    def undone(project: Project, outcome: Any) -> None:
        for name in outcome.superseded if outcome is not None else ():
            path = project.store.folder / name[:2] / name
            keys = [key for key in project.keyring.data_keys.rglob(f"{name}*") if key.is_file()]
            kept.update({path: path.read_bytes() for path in (path, *keys)})
        purge(project, outcome)
        for path, content in kept.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o600)

    monkeypatch.setattr(evidence, "purge", undone)
    _, (done,) = line.forget(project, Owners(["person-007"]))
    assert kept
    assert done.verdict == "found"
    (event,) = project.ledger.events(kinds=["scanned"])
    found = {part["name"]: part["found"] for part in event.body["parts"]}
    assert found["destroyed blobs, tried to open"] == len(kept) // 2  # each with its key


def test_blind_is_never_clean(cleaned: Any) -> None:
    project, sought = cleaned
    project.store.put(b"sealed by us, and not in the codec's form: its control cannot be in it")
    found = scan(project, sought)
    assert found.verdict == "blind"
    assert [part.control for part in found.parts] == ["found", "blind", "found"]


def test_a_damaged_checkpoint_is_destroyed_and_the_rest_is_searched(cleaned: Any, exact: Any) -> None:
    project, sought = cleaned
    name = project.store.names_of(project.published().links)[0]
    path = project.store.folder / name[:2] / name
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert scan(project, sought).verdict == "clean"
    assert not path.exists()
    exact(project)


def test_what_nobody_can_tell_apart_is_not_called_clean(project: Project) -> None:
    data = project.table(project.published())
    same = needles_of(project, data, data, Records([]))
    assert same == []
    assert scan(project, same).verdict == "none"


def test_names_can_be_looked_for_at_any_time(project: Project) -> None:
    assert scan_names(project, Owners(["person-007"])).verdict == "found"
    line.forget(project, Owners(["person-007"]))
    found = scan_names(project, Owners(["person-007"]))
    assert (found.verdict, found.source) == ("clean", "holds")
    short = scan_names(project, Records([22]))  # told by value only
    assert (short.verdict, short.source) == ("not distinguishable", "holds")
    assert scan_names(project, Records([1])).verdict == "found"


# -- the user's own source ---------------------------------------------------------------------------------------------


def test_the_source_is_asked_and_listed(project: Project, rewrite: Any, visits: Any) -> None:
    sought = {"column": "row", "kind": "integer", "names": [21, 4711]}
    assert asked_of_source(project, sought) == "holds"
    rewrite(project, [row for row in visits() if row["row"] != 21])
    assert asked_of_source(project, sought) == "no longer"
    (project.folder / "visits.csv").unlink()
    assert asked_of_source(project, sought) == "not read"
    assert asked_of_source(project, {}) == "not read"
