"""One tree learned from nothing is the tree of the forest; a tree is touched if its records are others."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from expunge import Addition, Column, Correction, Forest, Records, Run, Table, fingerprint
from expunge.audit import replay
from expunge.methods.trees._hashing import occupied
from expunge.protocol import Parted
from expunge.testing import patients

if TYPE_CHECKING:
    from collections.abc import Callable

    from expunge.values import Target

RUN = Run(key=b"a key for tests")
FOREST = Forest(trees=12, share=0.25)


def numbers(n: int = 60) -> Table:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 3))
    X[rng.random(X.shape) < 0.1] = np.nan
    return Table.from_arrays(X, np.nan_to_num(X[:, 0]) + rng.normal(size=n))


def words(n: int = 60) -> Table:
    rng = np.random.default_rng(2)
    held = rng.choice(["a", "b", "c", "only one"], (n, 2), p=[0.4, 0.3, 0.29, 0.01])
    return Table.from_arrays(held, [f"class {k % 3}" if k else "rare" for k in range(n)])


TABLES: dict[str, Callable[[], Table]] = {"patients": patients, "numbers": numbers, "words": words}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("loaded", [False, True], ids=["at hand", "from its arrays"])
def test_a_tree_learned_alone_is_the_tree_of_the_forest(name: str, *, loaded: bool) -> None:
    data = TABLES[name]()
    model: Any = FOREST.learn(data, RUN)
    model = pickle.loads(pickle.dumps(model)) if loaded else model  # noqa: S301  (our own)
    for number in range(FOREST.trees):
        again = FOREST.relearn(number, data, RUN)
        assert fingerprint(FOREST.part(model, number)) == fingerprint(again)
        assert (again[1] == model.occupants[number]).all()


@pytest.mark.parametrize("name", TABLES)
def test_trees_with_other_records_are_touched_and_no_others(name: str) -> None:
    data = TABLES[name]()
    model, target = FOREST.learn(data, RUN), Records([data.ids.tolist()[9]])
    roster = model.__dict__["_version"].roster
    if data.owners is None:
        (slot,) = np.flatnonzero(roster.ids == data.ids.tolist()[9])
        trees = sorted(occupied(roster.units[[slot]], 12, 3)[0].tolist())
        assert FOREST.touched(model, data.after(target), RUN) == tuple(trees)
    assert FOREST.touched(model, data, RUN) == ()
    done = FOREST.forget(model, target, data, RUN).model
    assert FOREST.touched(done, data.after(target), RUN) == ()
    assert FOREST.touched(done, data, RUN) == FOREST.touched(model, data.after(target), RUN) != ()


def test_other_columns_or_classes_touch_all() -> None:
    data = words()
    model = FOREST.learn(data, RUN)
    assert FOREST.touched(model, data.after(Column("x1")), RUN) == tuple(range(12))
    assert FOREST.touched(model, data.after(Records([0])), RUN) == tuple(range(12)), "the class went with its record"


@pytest.mark.parametrize("kind", ["erasure", "correction", "addition"])
def test_a_replay_of_one_tree_sees_what_was_not_forgotten(kind: str) -> None:
    assert isinstance(FOREST, Parted)
    data = numbers()
    new = Table.from_arrays(np.ones((1, 3)), [3.0], [5 if kind == "correction" else 999])
    targets: dict[str, Target] = {"erasure": Records([5, 17]), "correction": Correction(new), "addition": Addition(new)}
    target = targets[kind]
    model, after = FOREST.learn(data, RUN), data.after(target)
    done = FOREST.forget(model, target, data, RUN).model
    for drawn in range(6):
        found, idle = (replay.sample(FOREST, model, made, after, RUN, drawn) for made in (done, model))
        assert found is not None
        assert idle is not None
        assert found.replay.equal
        assert found.original == idle.replay.forgotten != idle.replay.oracle


def test_a_record_that_weighs_nothing_is_in_no_tree() -> None:
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.normal(size=(40, 2)), np.arange(40) % 2])
    data, forest = Table.from_arrays(X, X[:, 0] > 0, columns=["a", "b", "w"]), Forest(trees=5, share=0.5, weight="w")
    model = forest.learn(data, RUN)
    assert forest.touched(model, data.after(Records([4])), RUN) == ()
    assert forest.touched(model, data.after(Records([5])), RUN) != ()
    for number in range(5):
        assert fingerprint(forest.part(model, number)) == fingerprint(forest.relearn(number, data, RUN))
