"""Mini-batches of deletions are a partition, whatever divides what; refusals say what to do instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from expunge import Addition, Batch, Column, Correction, Label, Records, Refusal, Run, Table
from expunge.errors import LearnError, MismatchError, ParameterError
from expunge.learners.linear import as_linear
from expunge.methods.arrays._removal import (
    checked_counts,
    checked_scale,
    gaussian,
    is_nothing,
    lineage,
    refusal,
    removal,
    sizes,
)
from expunge.methods.arrays.features_and_labels import FeaturesAndLabels
from expunge.methods.arrays.fisher import Fisher
from expunge.methods.arrays.influence import Influence
from expunge.testing import patients
from expunge.testing.laws import Unheard

RUN = Run(key=b"k")


def numbered(n: int) -> Table:
    """Records whose only feature is their id, which is not their position."""
    ids = np.arange(n)[::-1] * 7 % 1009 + 1
    return Table.from_arrays(ids[:, None].astype(float), np.arange(n) % 2, ids)


def in_batches(n: int, gone: list[int], count: int) -> list[tuple[list[int], list[int]]]:
    """Ids of each mini-batch, and of all records not yet processed after it."""
    data, learner = numbered(n), as_linear(LogisticRegression())
    found = removal(learner, learner.learn(data, RUN), Records(gone), data, RUN)
    return [tuple(part.X.gathered()[:, 0].astype(int).tolist() for part in pair) for pair in found.batches(count)]


@given(records=st.integers(0, 200), count=st.integers(1, 50))
def test_sizes_are_a_partition_into_nearly_equal_parts(records: int, count: int) -> None:
    found = sizes(records, count)
    assert sum(found) == records
    assert len(found) == min(count, records)
    assert max(found, default=0) - min(found, default=0) <= 1
    assert all(found)


@given(drawn=st.data(), n=st.integers(4, 30), count=st.integers(1, 9))
def test_each_record_is_processed_once_and_none_that_stays_is_left_out(
    drawn: st.DataObject, n: int, count: int
) -> None:
    ids = numbered(n).ids.tolist()
    gone = drawn.draw(st.lists(st.sampled_from(ids[2:]), unique=True, min_size=1))
    seen: list[int] = []
    for batch, rest in in_batches(n, gone, count):
        seen += batch
        assert sorted(rest) == sorted(set(ids) - set(seen))
    assert sorted(seen) == sorted(gone)


def test_seven_in_two_leave_the_last_step_with_all_that_stay() -> None:
    """The study's loop makes three steps of three here, and the last one lacks two records that stay."""
    ids = numbered(20).ids.tolist()
    found = in_batches(20, ids[:7], 2)
    assert [len(batch) for batch, _ in found] == [4, 3]
    assert sorted(found[-1][1]) == sorted(ids[7:])
    step, kept = 7 // 2, 13  # what the published loop does, in numbers
    left = [20 - (start + step) for start in range(0, 7, step)]
    assert len(left) == 3
    assert left[-1] < kept


def test_batches_follow_ids_and_not_rows() -> None:
    data, learner = numbered(30), as_linear(LogisticRegression())
    model, target = learner.learn(data, RUN), Records(data.ids[:9].tolist())
    orders = []
    for rows in (np.arange(30), np.arange(30)[::-1]):
        found = removal(learner, model, target, data.take(rows), RUN)
        orders.append([batch.X.gathered().tolist() for batch, _ in found.batches(4)])
    assert orders[0] == orders[1]


def test_a_penalty_on_the_mean_shrinks_with_the_records() -> None:
    data = numbered(20)
    data = Table.from_arrays(data.features / 1009, np.arange(20), data.ids)
    learner = as_linear(PoissonRegressor(alpha=0.5))
    found = removal(learner, learner.learn(data, RUN), Records(data.ids[:8].tolist()), data, RUN)
    assert [rest.penalty for _, rest in found.batches(2)] == [0.5 * 16, 0.5 * 12]
    assert found.kept().penalty == 0.5 * 12


# Names of noise


def test_noise_belongs_to_its_names() -> None:
    first, again, other = (gaussian(b"k", 2000, "fisher", name, 0) for name in ("a", "a", "b"))
    assert first.tolist() == again.tolist()
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.1
    assert abs(np.corrcoef(first, gaussian(b"K", 2000, "fisher", "a", 0))[0, 1]) < 0.1
    assert abs(first.mean()) < 0.1
    assert first.std() == pytest.approx(1, abs=0.05)


def test_a_lineage_is_that_of_model_and_records_whatever_their_order() -> None:
    data = patients()
    model = as_linear(LogisticRegression()).learn(data, RUN)
    ids = data.ids.tolist()
    same = {lineage(model, Records(each), data) for each in (ids[:3], ids[2::-1], np.array(ids[:3]))}
    assert same == {lineage(model, Batch([Records(ids[:2]), Records(ids[1:3])]), data.take(np.arange(40)[::-1]))}
    assert same != {lineage(model, Records(ids[:4]), data)}
    later = as_linear(LogisticRegression(C=2.0)).learn(data, RUN)
    assert same != {lineage(later, Records(ids[:3]), data)}


# What is refused


@pytest.mark.parametrize(
    ("target", "kind", "words"),
    [
        (Unheard(), "never", "no record carries"),
        (Column("x1"), "instead", "Fisher removes records"),
        (Addition(Table.from_arrays(np.zeros((1, 3)), ["ham"], [5000], [1])), "instead", "changes or adds"),
        (Correction(Table.from_arrays(np.zeros((1, 3)), ["ham"], [5], [1])), "instead", "changes or adds"),
        (Label("unsure"), "instead", "the set of classes changes"),
        (Records(range(1009)), "instead", "has none"),
    ],
    ids=["a fact", "a column", "an addition", "a correction", "a class", "everything"],
)
def test_what_is_no_removal_is_refused(target: Any, kind: str, words: str) -> None:
    data, learner = patients(), as_linear(LogisticRegression())
    said = refusal("Fisher", learner, learner.learn(data, RUN), target, data)
    assert isinstance(said, Refusal)
    assert said.kind == kind
    assert words in said.reason


def test_a_stage_in_front_that_met_the_records_is_named() -> None:
    data, learner = patients(), as_linear(make_pipeline(StandardScaler(), LogisticRegression()))
    said = refusal("Fisher", learner, learner.learn(data, RUN), Records([5]), data)
    assert isinstance(said, Refusal)
    assert "(standardscaler)" in said.reason


def test_weights_that_move_with_every_record_are_refused() -> None:
    data, learner = patients(), as_linear(LogisticRegression(class_weight="balanced"))
    said = refusal("Fisher", learner, learner.learn(data, RUN), Records([5]), data)
    assert isinstance(said, Refusal)
    assert "balanced class weights" in said.reason


def test_nothing_and_removals_are_not_refused() -> None:
    data, learner = patients(), as_linear(LogisticRegression())
    model = learner.learn(data, RUN)
    for target in (Records([]), Records([5]), Column("nobody's"), Correction(data.take(slice(0, 2)))):
        assert refusal("Fisher", learner, model, target, data) is None
    change = data.change(Column("nobody's"))
    assert change is not None
    assert is_nothing(change, data)


def test_data_of_other_columns_are_none_of_the_models() -> None:
    data, learner = patients(), as_linear(LogisticRegression())
    model = learner.learn(data, RUN)
    with pytest.raises(MismatchError, match="it learned from x0, x1, x2; got x0, x2"):
        refusal("Fisher", learner, model, Records([5]), data.drop("x1"))


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "2"])
def test_counts_are_whole_numbers_above_zero(value: Any) -> None:
    with pytest.raises(ParameterError, match="Fisher needs batches to be a whole number of at least 1"):
        checked_counts("Fisher", batches=value)


@pytest.mark.parametrize("value", [-0.1, np.inf, np.nan, True, "1"])
def test_scales_of_noise_are_finite_and_not_negative(value: Any) -> None:
    with pytest.raises(ParameterError, match="Fisher needs sigma to be a finite number"):
        checked_scale("Fisher", "sigma", value)


@pytest.mark.parametrize("method", [Fisher, Influence, FeaturesAndLabels])
def test_fewer_records_than_columns_without_a_penalty_are_said(method: Any) -> None:
    data = Table.from_arrays(np.random.default_rng(0).normal(size=(9, 4)), np.arange(9.0))
    plain = method(LinearRegression())
    with pytest.raises(LearnError, match="not positive definite"):
        plain.forget(plain.learn(data, RUN), Records(range(1, 9)), data, RUN)
