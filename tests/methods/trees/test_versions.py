"""Versions share rows; pools grow while they are worked on; a class without records leaves no column."""

from __future__ import annotations

import gc

import numpy as np

from expunge import Forest, Label, Records, Run, Table, fingerprint
from expunge.testing import patients

RUN = Run(key=b"a key for tests")


def test_a_version_takes_rows_for_what_changes_and_gives_them_back() -> None:
    random = np.random.default_rng(0)
    data = Table.from_arrays(random.normal(size=(400, 4)), random.integers(0, 2, 400))
    forest = Forest(trees=2, share=1.0)
    model = forest.learn(data, RUN)
    nodes = model.__dict__["_version"].parts[0].grove.pool.nodes
    before = np.count_nonzero(nodes[:, 2])
    less = forest.forget(model, Records([7]), data, RUN).model
    assert before < np.count_nonzero(less.__dict__["_version"].parts[0].grove.pool.nodes[:, 2]) < 1.7 * before
    del less
    gc.collect()
    assert np.count_nonzero(model.__dict__["_version"].parts[0].grove.pool.nodes[:, 2]) == before


def test_pools_that_are_too_small_grow_to_the_same_trees() -> None:
    random = np.random.default_rng(0)
    data = Table.from_arrays(
        random.normal(size=(900, 4)), random.integers(0, 2, 900)
    )  # noise: as many leaves as can be
    forest = Forest(trees=9, share=1.0)
    some = Records(list(range(0, 900, 2)))
    model = forest.learn(data, RUN)
    done = forest.forget(forest.forget(model, Records([1]), data, RUN).model, some, data.after(Records([1])), RUN)
    rest = data.after(Records([1])).after(some)
    assert fingerprint(done.model) == fingerprint(forest.learn(rest, RUN))


def test_a_class_without_records_leaves_no_column_unless_it_is_declared() -> None:
    data, forest = patients(), Forest(trees=3, share=0.5)
    done = forest.forget(forest.learn(data, RUN), Label("spam"), data, RUN).model
    assert done.classes == ("ham", "unsure")
    assert done.trees.sums.shape[1] == 2
    declared = Table(data.columns, None, ("ham", "spam", "unsure"))
    done = forest.forget(forest.learn(declared, RUN), Label("spam"), declared, RUN).model
    assert done.classes == ("ham", "spam", "unsure")
    assert (forest.predict(done, declared)[:, 1] == 0).all()
