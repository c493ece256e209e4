"""Canaries in data of any kind: who is changed and how, false alarms of those who forgot, and who did not is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier

from expunge.audit.planted import hits, plant, score
from expunge.data.table import Table
from expunge.errors import DataError, EmptyModelError, ParameterError
from expunge.measures.canaries import planted
from expunge.methods.arrays.retrain import Retrain
from expunge.protocol import Run
from expunge.testing.networks import pictures

if TYPE_CHECKING:
    from expunge.audit.planted import Planted, Scored

RUN = Run(key=b"key")
MARK = {"x3": 9.0}


def table(rows: int = 160, seed: int = 0, *, owned: bool = False) -> Table:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 4))
    label = np.array(["ant", "bee", "cow"])[np.digitize(X[:, 0] + 0.3 * rng.normal(size=rows), [-0.4, 0.4])]
    return Table.from_arrays(X, label, ids=np.arange(rows) * 7 + 1, owners=np.arange(rows) // 2 if owned else None)


def framed(rows: int = 120) -> Table:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"age": rng.integers(20, 80, rows), "town": rng.choice(["Ulm", "Bonn"], rows)})
    return Table.from_frame(frame.assign(sick=frame["age"] > 50), label="sick")


# What is planted


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.binary(min_size=1, max_size=4))
def test_wrong_labels_are_wrong_and_nothing_else_changes(count: int, key: bytes) -> None:
    data = table()
    made = plant(data, count, Run(key=key))
    gone = np.isin(data.ids, list(made.target.ids))
    before, after = np.asarray(data.label), np.asarray(made.data.label)
    assert gone.sum() == count == len(made.truth)
    assert ((before != after) == gone).all()
    assert set(after[gone]) <= {"ant", "bee", "cow"}
    assert (made.data.features == data.features).all()
    at = np.searchsorted(np.asarray(data.ids), np.asarray(made.truth.ids))
    assert (np.asarray(made.truth.label) == after[at]).all()


@pytest.mark.parametrize("kind", ["label", "trigger"])
def test_who_is_drawn_belongs_to_names_alone(kind: Any) -> None:
    data = table()
    turned = data.take(np.random.default_rng(1).permutation(len(data)))
    trigger = MARK if kind == "trigger" else None
    one, two = (plant(each, 12, RUN, kind, trigger=trigger) for each in (data, turned))
    assert one.target == two.target
    order = np.argsort(np.asarray(two.data.ids))
    assert (np.asarray(two.data.label)[order] == np.asarray(one.data.label)).all()
    assert (two.data.features[order] == one.data.features).all()
    assert plant(data, 12, Run(key=b"other"), kind, trigger=trigger).target != one.target


def test_an_owner_lends_one_record() -> None:
    data = table(owned=True)
    made = plant(data, 60, RUN)
    owners = np.asarray(data.owners)[np.isin(data.ids, list(made.target.ids))]
    assert len(np.unique(owners)) == 60
    with pytest.raises(DataError, match=r"81 canaries take as many owners .* there are 80"):
        plant(data, 81, RUN)


def test_a_trigger_is_on_the_canaries_and_on_those_asked_about() -> None:
    data = table()
    made = plant(data, 10, RUN, "trigger", trigger=MARK, to="bee")
    gone = np.isin(data.ids, list(made.target.ids))
    assert (made.data.features[gone, 3] == 9.0).all()
    assert (made.data.features[:, :3] == data.features[:, :3]).all()
    assert (made.data.features[~gone] == data.features[~gone]).all()
    assert (np.asarray(made.data.label)[gone] == "bee").all()
    assert (np.asarray(data.label)[gone] != "bee").all()
    asked = np.isin(data.ids, made.truth.ids)
    assert not (asked & gone).any()
    assert (made.truth.features[:, 3] == 9.0).all()
    assert (np.asarray(data.label)[asked] != "bee").all()  # who is of that class anyway would tell nothing
    assert (np.asarray(made.truth.label) == "bee").all()


def test_a_class_is_drawn_where_none_is_named() -> None:
    drawn = {str(plant(table(), 5, Run(key=bytes([k])), "trigger", trigger=MARK).truth.label[0]) for k in range(20)}  # type: ignore[index]
    assert drawn == {"ant", "bee", "cow"}


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_pictures_get_a_corner(dtype: Any) -> None:
    shown = pictures(40)
    data = Table.from_arrays(np.abs(shown.features * 20).astype(dtype), shown.label, shown.ids)
    mark = np.full((5, 5), np.nan)
    mark[:2, :2] = 200
    made = plant(data, 8, RUN, "trigger", trigger=mark, to="ham")
    gone = np.isin(data.ids, list(made.target.ids))
    assert made.data.features.dtype == dtype
    assert (made.data.features[gone][:, :2, :2] == 200).all()
    assert (made.data.features[:, 2:] == data.features[:, 2:]).all()


def test_frames_keep_their_types_and_take_values_by_name() -> None:
    data = framed()
    made = plant(data, 10, RUN, "trigger", trigger={"town": "Atlantis", "age": 33}, to=True)
    gone = np.isin(data.ids, list(made.target.ids))
    assert set(made.data.features["town"][gone]) == {"Atlantis"}
    assert (made.data.features["age"] == np.where(gone, 33, data.features["age"])).all()
    assert made.data.schema() == data.schema()
    assert (np.asarray(plant(data, 10, RUN).data.label) != np.asarray(data.label)).sum() == 10


# What it says of models


def models(data: Table, made: Planted, method: Any, count: int, seed: int) -> tuple[Any, Any, list[Any]]:
    """The original, one that never met the canaries, and oracles, each under a key of its own."""
    after = made.data.after(made.target)
    run = Run(key=b"run %d" % seed)
    keys = [bytes(run.key) + bytes([k]) for k in range(count + 1)]
    stranger, *oracles = (method.learn(after, replace(run, key=key)) for key in keys)
    return method.learn(made.data, run), stranger, oracles


FOREST = Retrain(ExtraTreesClassifier(n_estimators=5))


@pytest.mark.parametrize("kind", ["label", "trigger"])
def test_doing_nothing_is_detected_and_forgetting_is_not(kind: Any) -> None:
    data = table()
    made = plant(data, 25, RUN, kind, trigger=MARK if kind == "trigger" else None)
    original, _, oracles = models(data, made, FOREST, 5, 0)
    forgotten = FOREST.forget(original, made.target, made.data, RUN).model
    before, after = (score(made, FOREST, model, oracles) for model in (original, forgotten))
    assert before.detected
    assert before.said.startswith("detected: ")
    assert not after.detected
    assert after.said.startswith("not detected: a model that hits ")
    assert after.smallest is not None
    assert after.expected < after.smallest < before.hits / before.canaries


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["label", "trigger"])
def test_false_alarms_are_as_rare_as_promised(kind: Any) -> None:
    alarms = 0
    for seed in range(120):
        data = table(seed=seed)
        made = plant(data, 20, Run(key=bytes([seed + 1])), kind, trigger=MARK if kind == "trigger" else None)
        _, stranger, oracles = models(data, made, FOREST, 4, seed)
        alarms += score(made, FOREST, stranger, oracles).detected
    assert alarms <= 13  # of a 20th, 120 times: more has a chance below 1 in 100


@dataclass(frozen=True)
class Model:
    """How many canaries it hits."""

    hit: int
    classes: tuple[str, ...] = ("ant", "bee", "cow")


class Told:
    """A method whose models say of the first records what is planted, and of the others something else."""

    def learn(self, data: Table, run: Run) -> Model:
        return Model(0)

    def predict(self, model: Model, data: Table) -> Any:
        if model.hit < 0:
            msg = "nothing is left"
            raise EmptyModelError(msg)
        right = np.asarray(data.label)[:, None] == np.array(model.classes)
        return np.where(np.arange(len(data))[:, None] < model.hit, right, np.roll(right, 1, axis=1)).astype(float)


def told(kind: Any, hit: int, oracles: list[int], count: int = 20) -> Scored:
    made = plant(table(), count, RUN, kind, trigger=MARK if kind == "trigger" else None)
    return score(made, Told(), Model(hit), [Model(each) for each in oracles])


def test_hits_are_counted_and_tested_as_canaries_are() -> None:
    found = told("label", 9, [1, 3])
    its = np.arange(40) < 4
    assert (found.hits, found.canaries, found.expected) == (9, 20, 0.1)
    assert found.p == planted(np.arange(20) < 9, its).p
    assert told("label", -1, [1, 3]).hits == 0  # a model that is empty hits nothing


def test_overshoot_is_detected() -> None:
    found = told("label", 0, [10, 12, 9])
    assert found.detected
    assert found.said.startswith("detected, less often than they (overshoot): 0 of 20")


def test_few_canaries_say_that_they_show_nothing() -> None:
    found = told("label", 2, [1], count=2)
    assert not found.detected
    assert found.smallest is None
    assert found.said.startswith("inconclusive: even a model that hits all canaries")


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 30), st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_the_smallest_share_is_seen_with_the_chance_that_is_said(count: int, its: int, seed: int) -> None:
    beside = [min(count, its), min(count, its // 2)]
    found = told("label", beside[0], beside, count)
    if found.smallest is not None:
        drawn = np.random.default_rng(seed).binomial(count, found.smallest, 300)
        seen = {hit: planted(np.arange(count) < hit, _of(beside, count)).p <= 0.05 for hit in set(drawn.tolist())}
        above = [seen[hit] and hit / count > found.expected for hit in drawn.tolist()]
        assert binomtest(sum(above), 300, 0.8).pvalue > 1e-5


def _of(beside: list[int], count: int) -> Any:
    return np.concatenate([np.arange(count) < each for each in beside])


def test_a_trigger_is_one_question_however_many_are_asked() -> None:
    """Scored by records, these oracles would tell each other apart: the trap that placing among models avoids."""
    shares = [10, 60, 35, 80, 20]
    found = told("trigger", 75, shares)
    its = np.concatenate([np.arange(found.canaries) < each for each in shares])
    assert planted(np.arange(found.canaries) < 75, its).p < 0.001
    assert not found.detected


# What is none


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"kind": "secret"}, ParameterError, "kind 'label' or 'trigger', got 'secret'"),
        ({"count": 0}, ParameterError, "at least 1, got 0"),
        ({"count": True}, ParameterError, "at least 1, got True"),
        ({"count": 161}, DataError, "there are 160"),
        ({"kind": "trigger"}, ParameterError, "needs its trigger"),
        ({"trigger": MARK}, ParameterError, "has no trigger"),
        ({"kind": "trigger", "trigger": {"y": 1.0}}, ParameterError, "some of the columns x0, x1, x2, x3, got y"),
        ({"kind": "trigger", "trigger": np.ones(3)}, ParameterError, r"record's shape \(4,\)"),
        ({"kind": "trigger", "trigger": np.full(4, np.nan)}, ParameterError, "not all NaN"),
        ({"kind": "trigger", "trigger": MARK, "to": "dog"}, ParameterError, "one of the classes .*, got 'dog'"),
    ],
)
def test_what_cannot_be_planted_is_refused(asked: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        plant(table(), asked.pop("count", 10), RUN, asked.pop("kind", "label"), **asked)


@pytest.mark.parametrize("trigger", [{"street": "x"}, {"age": "old"}, np.ones(2)])
def test_a_frame_takes_values_of_its_own_columns(trigger: Any) -> None:
    with pytest.raises(ParameterError, match="trigger"):
        plant(framed(), 5, RUN, "trigger", trigger=trigger, to=True)


@pytest.mark.parametrize("label", [np.arange(20.0), np.eye(20, 2, dtype=bool), ["one"] * 20])
def test_labels_that_are_no_two_classes_are_refused(label: Any) -> None:
    with pytest.raises(DataError, match="two classes at least"):
        plant(Table.from_arrays(np.ones((20, 2)), label), 3, RUN)


def test_too_few_oracles_and_numbers_for_classes_are_refused() -> None:
    data = table()
    with pytest.raises(DataError, match="at least 1 oracles, got 0"):
        told("label", 3, [])
    with pytest.raises(DataError, match="at least 3 oracles, got 2"):
        told("trigger", 3, [1, 2])
    made, numbers = plant(data, 5, RUN), Retrain(Ridge())
    model = numbers.learn(Table.from_arrays(data.features, data.features[:, 0], data.ids), RUN)
    with pytest.raises(DataError, match="score classes"):
        hits(made, numbers, model)


def test_the_table_that_is_given_stays_as_it_was() -> None:
    data = table()
    before = data.digests(b"key").tolist()
    plant(data, 10, RUN)
    plant(data, 10, RUN, "trigger", trigger=MARK)
    assert data.digests(b"key").tolist() == before


def test_a_tree_knows_every_canary() -> None:
    data, method = table(), Retrain(DecisionTreeClassifier())
    made = plant(data, 30, RUN)
    assert hits(made, method, method.learn(made.data, RUN)).all()
