"""What a target changes in one model: planned before, audited after; people held out change no model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.certificate import RESUMED
from expunge.cli.answer import done_lines
from expunge.data.table import Table
from expunge.engine import learning, line
from expunge.engine.change import change, for_shown, planned
from expunge.engine.project import Project
from expunge.project.settings import AuditSettings, ModelSettings
from expunge.values import Addition, Batch, Correction, Exact, Owners, Records, Refusal

Check = Callable[[Project], dict[str, str]]


@pytest.fixture
def held(built: Callable[..., Project]) -> tuple[Project, list[str], list[str]]:
    """A project with a third of the people held out; those it was shown, and those it was not."""
    project = built(audit=AuditSettings("sample", 0.35))
    shown, out = project.shown(project.table(project.published()), 0.35)
    names = [sorted(set(part.units.tolist())) for part in (shown, out)]
    # The key is new at each run: of thirty people drawn at .35, one run in twenty thousand holds out fewer than two.
    assert len(names[0]) > 8
    assert len(names[1]) > 1
    assert not set(names[0]) & set(names[1])
    return project, names[0], names[1]


# -- planning ----------------------------------------------------------------------------------------------------------


def test_the_plan_keeps_its_word(project: Project) -> None:
    root, target = project.published(), Owners(["person-007"])
    data = project.table(root)
    plan = planned(project, root, "main", target, data)
    assert not isinstance(plan, Refusal)
    made = change(project, root, "main", target, data)
    assert (made.quote.examples, made.examples, made.method) == (plan.quote.examples, plan.quote.examples, plan.name)
    assert isinstance(made.audited.claim, Exact)
    assert made.before == root.models["main"]
    assert made.after.fingerprint != made.before.fingerprint
    assert made.after.address == project.store.address(made.content)


def test_what_interrupted_runs_had_learned_is_said_where_the_cost_is(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, target = project.published(), Owners(["person-007"])
    quoted = change(project, root, "main", target, project.table(root))
    assert quoted.resumed == 0
    project.store.sweep(project.live)
    with monkeypatch.context() as patch:
        patch.setattr(line, "commit", lambda *_: 1 / 0)  # as a kill does: what was learned rests, and nothing is swept
        with pytest.raises(ZeroDivisionError):
            line.forget(project, target)
    (done,) = line.work(Project.open(project.folder))
    (model,) = json.loads(done.certificate.read_text(encoding="utf-8"))["certificate"]["models"]
    assert model["examples"]["spent"] == 0 < quoted.examples
    assert model["assumptions"][-1] == f"{RESUMED} ({quoted.examples:,} record visits)"
    assert any(RESUMED in said for said in done_lines(done))
    (done,) = line.forget(project, Owners(["person-008"]))[1]
    assert RESUMED not in done.certificate.read_text(encoding="utf-8")


def test_planning_and_changing_publish_nothing(project: Project) -> None:
    root = project.published()
    before, head = set(project.store.names()), project.ledger.head
    planned(project, root, "main", Owners(["person-007"]), project.table(root))
    assert set(project.store.names()) == before
    made = change(project, root, "main", Owners(["person-007"]), project.table(root))
    assert project.ledger.head == head
    assert made.after.address not in set(project.store.names())


def test_when_everything_is_touched_learning_all_again_is_as_cheap(project: Project) -> None:
    root = project.published()
    target = Owners([f"person-{n:03d}" for n in range(26)])  # of 30: in each of three shards, under nearly any key
    made = change(project, root, "main", target, project.table(root))
    assert made.examples == made.retraining == 12


# -- held out ----------------------------------------------------------------------------------------------------------


def test_people_held_out_are_not_learned_from(held: Any, exact: Check) -> None:
    project, shown, _ = held
    root = project.published()
    data = project.table(root)
    method = project.method(root.models["main"], root)
    mine = data.take(np.isin(data.units.to_pylist(), shown))
    from expunge.codec import fingerprint

    assert fingerprint(method.learn(mine, project.run().afresh())) == exact(project)["main"]


def test_forgetting_somebody_held_out_changes_the_snapshot_and_no_model(held: Any, exact: Check) -> None:
    project, _, out = held
    before, rows = exact(project), len(project.table(project.published()))
    _, (done,) = line.forget(project, Owners(out[:1]))
    assert done.outcomes == (("owner", out[0], "erased"),)
    assert done.verdict == "clean"
    assert exact(project) == before
    assert len(project.table(project.published())) == rows - 3


def test_forgetting_somebody_shown_is_exact_and_moves_nobody(held: Any, exact: Check) -> None:
    project, shown, out = held
    line.forget(project, Owners(shown[:2] + out[:1]))
    exact(project)
    left, still = project.shown(project.table(project.published()), 0.35)
    assert set(left.units.tolist()) == set(shown[2:])
    assert set(still.units.tolist()) == set(out[1:])


@pytest.mark.parametrize("way", ["in", "out", "swap"])
def test_a_correction_that_changes_whose_row_it_is_moves_it_in_or_out(
    way: str, held: Any, exact: Check, visits: Any, table: Any
) -> None:
    project, shown, out = held
    rows = {row["person"]: row for row in visits()}
    moved = []
    if way in ("in", "swap"):
        moved.append({**rows[out[0]], "person": shown[0], "age": 99.0})
    if way in ("out", "swap"):
        moved.append({**rows[shown[1]], "person": out[1]})
    before = exact(project)
    _, (done,) = line.forget(project, Correction(table(project, moved)))
    assert {outcome for _, _, outcome in done.outcomes} == {"corrected"}
    assert exact(project) != before
    line.forget(project, Owners([shown[0], out[1]]))
    exact(project)


def test_new_rows_of_people_held_out_are_held_out(held: Any, exact: Check, visits: Any, rewrite: Any) -> None:
    project, shown, out = held
    before = exact(project)
    new = {**visits()[0], "row": 500, "person": out[0]}
    rewrite(project, [*visits(), new])
    assert learning.update(project).added == 1
    assert exact(project) == before
    rewrite(project, [*visits(), new, {**new, "row": 501, "person": shown[0]}])
    assert learning.update(project).added == 1
    assert exact(project) != before


class _Held:
    """What `for_shown` asks of a project: units with an even number are held out."""

    def shown(self, data: Table, holdout: float) -> tuple[Table, Table]:
        odd = np.asarray(data.units) % 2 == 1
        return data.take(odd), data.take(~odd)


UNITS = st.lists(st.integers(0, 9), min_size=6, max_size=6)
OUT = Batch([Records([0, 5])])


def steps(owners: list[int], moved: list[int]) -> Iterator[Any]:
    rows = Table.from_arrays(np.ones((3, 1)), ids=[0, 1, 2], owners=moved)
    yield Correction(rows)
    yield Batch([Records([1]), Correction(rows)])
    yield Addition(Table.from_arrays(np.ones((2, 1)), ids=[7, 8], owners=moved[:2]))
    yield Batch([OUT, Addition(Table.from_arrays(np.ones((1, 1)), ids=[9], owners=moved[:1])), Correction(rows)])
    yield OUT


@given(UNITS, UNITS)
def test_the_target_for_those_shown_gives_what_is_shown_afterwards(owners: list[int], moved: list[int]) -> None:
    data, project = Table.from_arrays(np.zeros((6, 1)), ids=np.arange(6), owners=owners), _Held()
    for target in steps(owners, moved[:3]):
        asked = for_shown(project, target, data, 0.5)  # type: ignore[arg-type]
        expected, _ = project.shown(data.after(target), 0.5)
        got = project.shown(data, 0.5)[0].after(asked)
        order = [np.argsort(part.ids) for part in (got, expected)]
        assert got.take(order[0]).digests(b"").tolist() == expected.take(order[1]).digests(b"").tolist()


# -- several kinds of models -------------------------------------------------------------------------------------------


def test_shards_and_retraining_beside_each_other_stay_exact(built: Any, exact: Check) -> None:
    project = built(
        ModelSettings("sharded", "classification", "sklearn.naive_bayes.GaussianNB", options={"shards": 2}),
        ModelSettings("whole", "classification", "sklearn.tree.DecisionTreeClassifier", method="retrain"),
    )
    for name in ("person-003", "person-004"):
        line.forget(project, Owners([name]))
        assert set(exact(project)) == {"sharded", "whole"}
