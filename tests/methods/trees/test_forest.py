"""Forest keeps every law; streams of deletions, corrections and additions over every nuisance end as learning does."""

from __future__ import annotations

import gc
import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expunge import (
    Addition,
    Batch,
    Column,
    Correction,
    Forest,
    Label,
    Quote,
    Records,
    Run,
    Table,
    fingerprint,
)
from expunge.codec import decode, encode
from expunge.errors import DataError, EmptyModelError, LearnError, MismatchError, ParameterError
from expunge.testing import Case, Law, contract, patients
from expunge.values import Target

KEY = b"a key for tests"
RUN = Run(key=KEY)
FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def mixed(rows: int = 40) -> Table:
    """Numbers with gaps, a category with gaps, a truth value, and owners."""
    random = np.random.default_rng(5)
    number, town = random.normal(size=rows).round(1), random.choice(["Bern", "Basel", "Chur"], rows)
    columns = {
        "age": pa.array([None if k % 7 == 0 else float(x) for k, x in enumerate(number)]),
        "town": pa.array([None if k % 9 == 0 else str(x) for k, x in enumerate(town)]),
        "ill": pa.array((number > 0.3).tolist()),
        "same": pa.array([3] * rows),
    }
    label = np.array(["no", "yes", "late"])[(number > 0).astype(int) + (np.arange(rows) % 11 == 0)]
    return Table.from_arrays(pa.table(columns), label, owners=np.arange(rows) % 13)


@contract(
    Case(Forest(trees=6, share=0.5), examples=4),
    Case(Forest(trees=5, share=0.5, min_leaf=2, max_depth=3), examples=3, data=patients(owned=False)),
    Case(Forest(trees=4, share=0.5), examples=3, data=mixed()),
    Case(Forest(trees=5, share=0.5), examples=3, data=patients(numbers=True)),
)
def test_forest_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


# -- streams -----------------------------------------------------------------------------------------------------------

KINDS = (
    "plain",
    "ties",
    "binary",
    "constant",
    "offset",
    "subnormal",
    "tail",
    "codes",
    "neighbours",
    "missing",
    "zeros",
)


def column_of(kind: str, random: np.random.Generator, n: int) -> Any:
    """One column with a nuisance in it."""
    x = random.normal(size=n)
    made: dict[str, Any] = {
        "plain": x,
        "ties": x.round(0),
        "binary": (x > 0.5).astype(float),
        "constant": np.full(n, 7.0),
        "offset": 1e15 + 8 * x.round(1),
        "subnormal": x.round(1) * 1e-322,
        "tail": np.exp(3 * x) * 10.0 ** random.integers(0, 290),
        "codes": random.integers(0, 5, n).astype(float),
        "neighbours": 1 + 2.0**-52 * random.integers(0, 4, n),
        "missing": np.where(x > 0.3, np.nan, x.round(1)),
        "zeros": random.choice([0.0, -0.0, -5e-324, 1e300, -1e300], n),
    }
    return made[kind]


def table_of(seed: int, kinds: list[str], rows: int, classes: int, start: int = 0) -> Table:
    random = np.random.default_rng(seed)
    X = np.column_stack([column_of(kind, random, rows) for kind in kinds])
    X[random.integers(0, rows, rows // 3)] = X[random.integers(0, rows, rows // 3)]
    y: Any = random.normal(size=rows).round(2) if classes == 0 else random.integers(0, classes, rows)
    return Table.from_arrays(X, y, start + random.permutation(rows))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Forest, Table, list[str], int]:
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
    rows, classes = draw(st.integers(1, 120)), draw(st.sampled_from([0, 2, 3]))
    data = table_of(draw(st.integers(0, 2**32 - 1)), kinds, rows, classes)
    coded = tuple(name for name, kind in zip(data.names, kinds, strict=True) if kind in ("codes", "binary"))
    forest = Forest(
        trees=draw(st.integers(1, 5)),
        share=draw(st.sampled_from([0.3, 1.0])),
        features=draw(st.sampled_from([None, 1, 5])),
        cuts=draw(st.sampled_from([1, 3, 8])),
        max_depth=draw(st.sampled_from([1, 3, 20])),
        min_split=draw(st.sampled_from([2, 6])),
        min_leaf=draw(st.sampled_from([1, 3])),
        categorical=coded if draw(st.booleans()) else (),
    )
    return forest, data, kinds, classes


def any_step(draw: Any, data: Table, kinds: list[str], classes: int, fresh: int) -> Target:
    """A deletion, correction or addition of some records, or all of them in one batch."""
    seed, size = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 6))
    ids = np.asarray(data.ids)
    some = np.random.default_rng(seed).permutation(ids)[:size].tolist()
    gone = Records(some)
    added = Addition(table_of(seed, kinds, size, classes, start=fresh))
    new = table_of(seed + 1, kinds, max(len(some), 1), classes).gathered().columns
    right = Table.from_arrays(new.features[: len(some)], new.label[: len(some)], some)  # type: ignore[index]
    kind = draw(st.sampled_from(["records", "addition", "correction", "batch", "extremes"]))
    if kind == "extremes":
        x = np.nan_to_num(np.asarray(data.features)[:, 0])
        return Records(ids[[x.argmin(), x.argmax()]])
    targets: dict[str, Target] = {"records": gone, "addition": added, "correction": Correction(right)}
    return targets.get(kind) or Batch([Records(some[:1]), Correction(right), added])


@FEW
@given(case=cases(), data=st.data())
def test_a_stream_of_any_requests_ends_where_learning_does(case: Any, data: st.DataObject) -> None:
    forest, table, kinds, classes = case
    model = forest.learn(table, RUN)
    for step in range(data.draw(st.integers(1, 4))):
        if not len(table):
            break
        target = any_step(data.draw, table, kinds, classes, 1000 * (step + 1))
        quote, done = forest.quote(model, target, table, RUN), forest.forget(model, target, table, RUN)
        assert isinstance(quote, Quote)
        assert done.examples <= quote.examples
        model, table = done.model, table.after(target)
        assert fingerprint(model) == fingerprint(forest.learn(table, RUN)), f"not what learning gives after {target}"
        if data.draw(st.booleans()):
            model = decode(encode(model))


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads: int) -> None:
    data = table_of(3, ["plain", "ties", "missing", "codes"], 600, 3)
    forest, many = Forest(trees=7, share=0.5), Run(key=KEY, threads=threads)
    target = Records(np.asarray(data.ids)[:300])
    one, other = forest.learn(data, RUN), forest.learn(data, many)
    assert fingerprint(one) == fingerprint(other)
    after = [fingerprint(forest.forget(model, target, data, run).model) for model, run in ((one, RUN), (other, many))]
    assert after[0] == after[1]


# -- counter-examples of published forests -----------------------------------------------------------------------------


def agrees(forest: Forest, data: Table, target: Target) -> None:
    done = forest.forget(forest.learn(data, RUN), target, data, RUN)
    assert fingerprint(done.model) == fingerprint(forest.learn(data.after(target), RUN))


def test_a_deleted_value_is_no_threshold() -> None:
    x = np.array([0.1, 0.2, 0.30000001, 0.7, 0.8, 0.9])[:, None]
    data = Table.from_arrays(x, [0, 0, 0, 1, 1, 1])
    forest = Forest(trees=8, share=1.0)
    for row in range(6):
        agrees(forest, data, Records([row]))
    cuts = forest.learn(data, RUN).trees.cuts
    assert not np.isin(cuts, x).any()


def test_a_leaf_that_becomes_splittable_is_split() -> None:
    x = np.array([0.0, 0.01, 0.02, 0.03, 0.04, 100.0])[:, None]
    data = Table.from_arrays(x, [0, 1, 0, 1, 1, 0])
    forest = Forest(trees=6, share=1.0, min_leaf=2)
    assert (forest.learn(data, RUN).trees.nodes[:, 4] < 0).any()
    agrees(forest, data, Records([5]))


def test_codes_of_categories_are_no_ranks() -> None:
    data = Table.from_arrays(np.array([["a"], ["b"], ["c"], ["c"], ["b"], ["d"]], dtype=object), [0, 1, 0, 0, 1, 1])
    for row in range(6):
        agrees(Forest(trees=6, share=1.0), data, Records([row]))


def test_who_is_not_there_is_not_deleted_twice() -> None:
    data = patients()
    forest = Forest(trees=5, share=0.5)
    model, first = forest.learn(data, RUN), Records(data.ids[:1])
    once = forest.forget(model, first, data, RUN).model
    again = forest.forget(once, first, data.after(first), RUN)
    assert fingerprint(again.model) == fingerprint(once)
    assert again.examples == 0
    with pytest.raises(MismatchError, match="other than the model's"):
        forest.forget(once, first, data, RUN)


def test_added_then_deleted_is_as_before() -> None:
    data = patients()
    forest = Forest(trees=5, share=0.5)
    model, some = forest.learn(data, RUN), data.take(slice(0, 6))
    less = forest.forget(model, Records(some.ids), data, RUN).model
    rest = data.after(Records(some.ids))
    assert fingerprint(forest.forget(less, Addition(some), rest, RUN).model) == fingerprint(model)


# -- what lies in memory -----------------------------------------------------------------------------------------------


def test_rows_that_nobody_needs_are_zeros() -> None:
    data = table_of(8, ["plain", "codes"], 200, 2)
    forest = Forest(trees=4, share=1.0)
    model, target = forest.learn(data, RUN), Records(np.asarray(data.ids)[:50])
    done = forest.forget(model, target, data, RUN).model
    version = done.__dict__["_version"]
    del model
    gc.collect()
    for part in version.parts:
        used = part.grove.pool.nodes[:, 2] > 0
        assert used.sum() == len(forest.learn(data.after(target), RUN).trees.nodes)
        assert not part.grove.pool.nodes[~used, 1:].any()
        assert not part.grove.pool.cuts[~used].any()
        assert not part.grove.pool.sums[~used].any()
        assert np.count_nonzero(part.grove.pool.stats[:, 1:].any(axis=1)) <= used.sum()
    assert not version.roster.X[: version.roster.count][~version.alive].any()


def test_the_model_given_stays_whole() -> None:
    data = patients()
    forest = Forest(trees=5, share=0.5)
    model = forest.learn(data, RUN)
    before, scores = fingerprint(model), forest.predict(model, data)
    targets: list[Target] = [Records(data.ids[k : k + 3]) for k in range(0, 30, 3)]
    ends = [fingerprint(forest.forget(model, target, data, RUN).model) for target in targets]
    assert fingerprint(model) == before
    assert (forest.predict(model, data) == scores).all()
    assert ends == [fingerprint(forest.learn(data.after(target), RUN)) for target in targets]
    assert fingerprint(pickle.loads(pickle.dumps(model))) == before  # noqa: S301  (written a moment ago)


# -- parameters, weights, refusals -------------------------------------------------------------------------------------


def test_a_weight_counts_records_and_is_not_trained_on() -> None:
    random = np.random.default_rng(1)
    X, y, w = random.normal(size=(60, 2)), random.integers(0, 2, 60), random.integers(0, 4, 60)
    data = Table.from_arrays(np.column_stack([X, w]), y, columns=["a", "b", "w"])
    forest = Forest(trees=5, share=1.0, weight="w")
    model = forest.learn(data, RUN)
    assert model.names == ("a", "b")
    heavy = data.take(w > 0)
    assert (forest.predict(model, data) == forest.predict(forest.learn(heavy, RUN), data)).all()
    for row in (0, int(np.argmin(w)), int(np.argmax(w))):
        agrees(forest, data, Records([row]))
    root = forest.tree(model, 0)
    assert root.weight[0] == w.sum() == root.value[0].sum()


def test_what_cannot_be_read_is_a_sentence() -> None:
    forest = Forest(trees=2)
    with pytest.raises(DataError, match="row 1 holds inf"):
        forest.learn(Table.from_arrays([[0.0], [np.inf]], [0, 1]), RUN)
    with pytest.raises(LearnError, match="one class or one number"):
        forest.learn(patients(several=True), RUN)
    with pytest.raises(ParameterError, match="power of two"):
        Forest(resolution=0.1)
    with pytest.raises(DataError, match="below"):
        forest.learn(Table.from_arrays([[0.0]], [1e300]), RUN)
    with pytest.raises(EmptyModelError):
        forest.predict(forest.learn(patients().take(slice(0, 0)), RUN), patients())


def test_the_last_record_a_column_and_a_class_that_comes_back() -> None:
    data, forest = patients(), Forest(trees=4, share=0.5)
    model = forest.learn(data, RUN)
    stream: list[Target] = [Label("unsure"), Column("x0"), Records(data.ids[1:]), Records(data.ids)]
    rest = data
    for target in stream:
        model = forest.forget(model, target, rest, RUN).model
        rest = rest.after(target)
        assert fingerprint(model) == fingerprint(forest.learn(rest, RUN))
    assert not len(rest)


def test_out_of_bag_and_importances() -> None:
    random = np.random.default_rng(2)
    X = random.normal(size=(300, 4))
    data = Table.from_arrays(X, X[:, 1] > 0)
    forest = Forest(trees=20, share=0.5)
    model = forest.learn(data, RUN)
    held_out = forest.out_of_bag(model, data, RUN)
    assert (held_out.argmax(axis=1) == (X[:, 1] > 0)).mean() > 0.9
    assert forest.importances(model).argmax() == 1
    assert forest.importances(model).sum() == pytest.approx(1)
    everywhere = Forest(trees=3, share=1.0)
    assert np.isnan(everywhere.out_of_bag(everywhere.learn(data, RUN), data, RUN)).all()


def test_whole_targets_are_learned_at_a_resolution_of_one() -> None:
    x = np.arange(60.0)
    data = Table.from_arrays(x[:, None], (x >= 23).astype(float))
    forest = Forest(trees=4, share=1, resolution=1.0)
    assert forest.predict(forest.learn(data, RUN), data).tolist() == (x >= 23).tolist()


def test_no_name_of_a_class_that_is_gone_stays_in_memory() -> None:
    data = Table.from_arrays(np.arange(30.0)[:, None], ["a secret" if k == 7 else "ab"[k % 2] for k in range(30)])
    forest, target = Forest(trees=4, share=0.5), Records([7])
    model = forest.learn(data, RUN)
    done, after = forest.forget(model, target, data, RUN).model, data.after(target)
    version = done.__dict__["_version"]
    assert version.census.classes == done.classes == ("a", "b")
    assert {part.grove.pool.sums.shape[1] for part in version.parts} == {2}
    assert fingerprint(done) == fingerprint(forest.learn(after, RUN))
    again = forest.forget(done, Records([8]), after, RUN).model
    assert fingerprint(again) == fingerprint(forest.learn(after.after(Records([8])), RUN))


def test_a_recipe_that_is_remembered_follows_what_changes() -> None:
    names = ["town"]
    forest, plain = Forest(categorical=names), Forest(categorical=("town",))
    first = forest.recipe()
    assert first == forest.recipe() == plain.recipe() == plain.recipe()
    names.append("street")
    assert forest.recipe() != first
    assert plain.set_params(cuts=2).recipe() not in (first, forest.recipe())
    assert plain.set_params(cuts=3).recipe() == first
