"""What follows from parameters and data, at its edges."""

from __future__ import annotations

import numpy as np
import pytest

from expunge import Forest, Run, Table
from expunge.errors import LearnError
from expunge.methods.trees import _derived as derived
from expunge.methods.trees._layout import FEATURES, MAX_DEPTH, MIN_SPLIT, NUMBERS, WIDTH

RUN = Run(key=b"a key for tests")


def people(n: int = 9) -> Table:
    return Table.from_arrays(np.arange(4.0 * n).reshape(n, 4), [f"class {k % 3}" for k in range(n)])


@pytest.mark.parametrize(
    ("trees", "share", "each"), [(100, 0.1, 10), (100, 0.101, 11), (3, 0.01, 1), (7, 1, 7), (10, 0.3, 3), (10, 0.7, 7)]
)
def test_a_record_is_in_the_share_of_the_trees_rounded_up(trees: int, share: float, each: int) -> None:
    assert derived.each(Forest(trees=trees, share=share)) == each


def test_the_rule_is_what_was_asked_for_within_what_there_is() -> None:
    data, forest = people(), Forest(features=9, min_split=10**12, max_depth=10**12)
    rule = derived.rule_of(forest, derived.schema_of(forest, data), ("a", "b", "c"), RUN)
    assert rule.settings[FEATURES] == 4
    assert rule.settings[WIDTH] == 3
    assert rule.settings[NUMBERS] == 0
    assert rule.settings[MIN_SPLIT] < 2**31
    assert rule.settings[MAX_DEPTH] < 2**31
    assert len(set(rule.names.tolist())) == 4
    assert derived.rule_of(Forest(), derived.schema_of(forest, data), None, None).settings[NUMBERS] == 1


def test_names_of_features_and_trees_belong_to_the_key() -> None:
    data, forest, other = people(), Forest(trees=5), Run(key=b"another")
    schema = derived.schema_of(forest, data)
    mine, theirs = (derived.rule_of(forest, schema, None, run).names for run in (RUN, other))
    assert not (mine == theirs).any()
    assert not (derived.seeds_of(forest, RUN) == derived.seeds_of(forest, other)).any()
    assert (derived.seeds_of(forest, RUN) == derived.seeds_of(Forest(trees=9), RUN)[:5]).all()


def test_a_class_that_is_not_known_reads_as_nothing() -> None:
    data, forest = people(), Forest()
    schema = derived.schema_of(forest, data)
    assert derived.read_of(forest, data, schema, ("class 0", "class 1")) is None
    assert derived.batch_of(forest, data, schema, ("class 0", "class 1"), RUN) is None
    read = derived.read_of(forest, data, schema, ("class 0", "class 1", "class 2"))
    assert read is not None
    assert read[1].tolist() == [0, 1, 2] * 3


def test_everything_is_what_learning_takes() -> None:
    schema, classes, batch = derived.everything(Forest(), people(), RUN)
    assert (schema.names, classes, len(batch)) == (("x0", "x1", "x2", "x3"), ("class 0", "class 1", "class 2"), 9)
    assert derived.everything(Forest(), Table.from_arrays(np.eye(3), [0.5, 1.5, 2.5]), RUN)[1] is None
    with pytest.raises(LearnError, match="no label"):
        derived.everything(Forest(), Table.from_arrays(np.eye(3)), RUN)
