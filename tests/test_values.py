"""The nouns: what they take, what they refuse, and the partial order of claims."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.errors import ParameterError
from expunge.values import (
    Addition,
    Batch,
    Bounded,
    Certified,
    Claim,
    Column,
    Correction,
    Empirical,
    Exact,
    Forgotten,
    Label,
    Owners,
    Quote,
    Records,
    Refusal,
    Suppressed,
    Target,
    promises,
)

CLAIMS: tuple[Claim, ...] = (
    Exact(),
    Certified(0.0, 0.0),
    Certified(1.0, 1e-5),
    Certified(1.0, 1e-6),
    Certified(2.0, 1e-6),
    Certified(float("inf"), 0.5),
    Bounded(0.0),
    Bounded(3.0),
    Empirical(),
    Suppressed(),
)


@pytest.mark.parametrize(
    "ids",
    [
        [3, 1, 3],
        {1, 3},
        (np.int64(1), np.uint8(3)),
        np.array([3, 1]),
        np.array([1, 3], dtype=object),
        pd.Series([1, 3], dtype="Int64"),
        pl.Series([3, 1]),
        pa.array([1, 3]),
        pa.chunked_array([[1], [3]]),
        range(1, 4, 2),
        iter([1, 3]),
        {1: "a", 3: "b"}.keys(),
    ],
    ids=lambda ids: type(ids).__name__,
)
def test_records_take_any_collection_and_are_equal_when_they_name_the_same(ids: Any) -> None:
    records = Records(ids)
    assert records == Records([1, 3])
    assert {type(name) for name in records.ids} == {int}


@pytest.mark.parametrize("names", [["a", "b"], np.array(["b", "a"]), pd.Series(["a", "b"]), pl.Series(["a", "b", "a"])])
def test_owners_take_text_of_any_maker_as_plain_strings(names: Any) -> None:
    owners = Owners(names)
    assert owners == Owners({"a", "b"})
    assert {type(name) for name in owners.names} == {str}


def test_a_number_and_its_text_are_two_names() -> None:
    assert Records([4]) != Records(["4"])
    assert len(Records([4, "4"]).ids) == 2


@pytest.mark.parametrize("single", ["abc", b"abc", bytearray(b"abc"), 7, None, 1.5, True])
def test_a_single_name_is_refused_with_an_example_of_a_collection(single: Any) -> None:
    with pytest.raises(ParameterError, match=r"Records takes a collection of ids, e\.g\. Records\(\["):
        Records(single)


@pytest.mark.parametrize(
    "bad",
    [1.0, None, True, np.True_, np.float64(1), float("nan"), b"a", (1,), [1], np.array([1]), 1j, np.datetime64("2020")],
)
def test_what_is_no_name_is_refused_and_shown(bad: Any) -> None:
    with pytest.raises(ParameterError, match="integers or strings, got ") as caught:
        Owners([1, bad])
    assert repr(bad) in str(caught.value)
    assert type(bad).__name__ in str(caught.value)


@pytest.mark.parametrize("given", [np.array([1.0]), np.array([True]), np.array([[1, 2]]), pd.Series([1, None])])
def test_an_array_of_what_is_no_name_is_refused(given: Any) -> None:
    with pytest.raises(ParameterError, match="integers or strings"):
        Records(given)


def test_an_array_without_axes_names_its_one_record() -> None:
    assert Records(np.array(5)) == Records([5])


def test_nobody_can_be_named() -> None:
    assert Records([]).ids == frozenset()
    assert Owners(np.array([])).names == frozenset()


@given(st.lists(st.integers() | st.text()))
def test_records_hold_exactly_what_they_were_given(ids: list[int | str]) -> None:
    assert Records(ids).ids == frozenset(ids)
    assert Records(reversed(ids)) == Records(ids)
    assert hash(Records(ids)) == hash(Records([*ids, *ids]))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.int8(3), 3),
        (np.float32(0.5), 0.5),
        (np.str_("a"), "a"),
        (np.True_, True),
        (np.array(7), 7),
        ("", ""),
        (-0.0, -0.0),
        (2**70, 2**70),
    ],
)
def test_a_label_becomes_a_plain_value(given: Any, kept: Any) -> None:
    value = Label(given).value
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize("bad", [None, [1], (1,), np.array([1]), np.array([1, 2]), b"a", 1j, np.datetime64("2020")])
def test_a_label_that_is_no_class_is_refused(bad: Any) -> None:
    with pytest.raises(ParameterError, match="Label takes one class"):
        Label(bad)


def test_a_batch_is_flat_and_keeps_the_order_of_receipt() -> None:
    a: Target = Records([1])
    b: Target = Owners(["x"])
    c: Target = Column("age")
    assert Batch([a, Batch([b, Batch([c, a])])]).targets == (a, b, c, a)
    assert Batch(iter([a, b])) == Batch((a, b))
    assert Batch([]).targets == ()


@pytest.mark.parametrize("bad", [Records([1]), None, 5, [1], [Records([1]), None], "ab", [Exact()]])
def test_a_batch_of_anything_but_targets_is_refused(bad: Any) -> None:
    with pytest.raises(ParameterError, match="Batch takes a collection of targets"):
        Batch(bad)


@pytest.mark.parametrize("kind", [Correction, Addition])
@pytest.mark.parametrize("rows", [None, [1, 2], {"a": 1}])
def test_corrections_and_additions_take_tables(kind: Any, rows: Any) -> None:
    with pytest.raises(ParameterError, match=f"{kind.__name__} takes a Table"):
        kind(rows)


@pytest.mark.parametrize("name", [3, ["x0"], None, b"x0"])
def test_a_column_is_named_by_text(name: Any) -> None:
    with pytest.raises(ParameterError, match="takes the name of one feature"):
        Column(name)


def test_corrections_and_additions_are_themselves_only() -> None:
    table: Any = SimpleNamespace(ids=[])
    for kind in (Correction, Addition):
        assert kind(table) != kind(table)
        same = kind(table)
        assert same == same  # noqa: PLR0124  (by identity)


@pytest.mark.parametrize(
    "value",
    [Records([1, "a"]), Owners(["b"]), Label("c"), Column("d"), Batch([Records([1])]), *CLAIMS, Quote(Exact(), (), 3)],
    ids=lambda value: type(value).__name__,
)
def test_nouns_are_frozen_hashable_and_pickle(value: Any) -> None:
    name = dataclasses.fields(value)[0].name if dataclasses.fields(value) else "anything"
    with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
        setattr(value, name, None)
    assert hash(value) == hash(pickle.loads(pickle.dumps(value)))  # noqa: S301  (our own bytes)
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  (our own bytes)


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(-1, 0), (1, -1e-9), (1, 1), (float("nan"), 0), (1, float("nan")), (1, 2)]
)
def test_certified_refuses_what_is_no_privacy_budget(epsilon: float, delta: float) -> None:
    with pytest.raises(ParameterError, match="epsilon >= 0 and 0 <= delta < 1"):
        Certified(epsilon, delta)


@pytest.mark.parametrize("distance", [-1e-9, float("nan"), float("inf")])
def test_bounded_refuses_what_bounds_nothing(distance: float) -> None:
    with pytest.raises(ParameterError, match="finite distance"):
        Bounded(distance)


@pytest.mark.parametrize("claim", CLAIMS, ids=repr)
def test_every_claim_keeps_its_own_promise_and_exact_keeps_all(claim: Claim) -> None:
    assert promises(claim, claim)
    assert promises(Exact(), claim)
    assert promises(claim, Suppressed())
    assert promises(claim, Empirical()) == (not isinstance(claim, Suppressed))
    assert promises(claim, Exact()) == isinstance(claim, Exact)


def test_claims_are_partially_ordered() -> None:
    for a, b in itertools.permutations(CLAIMS, 2):
        assert not (promises(a, b) and promises(b, a)), f"{a} and {b} are different claims"
    for a, b, c in itertools.product(CLAIMS, repeat=3):
        assert not (promises(a, b) and promises(b, c)) or promises(a, c)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Certified(0.0, 0.0), Bounded(9.0)),
        (Bounded(0.0), Certified(9.0, 0.9)),
        (Certified(1, 1e-5), Certified(2, 1e-6)),
    ],
)
def test_some_claims_do_not_compare(a: Claim, b: Claim) -> None:
    assert not promises(a, b)
    assert not promises(b, a)


@pytest.mark.parametrize(
    ("kind", "what"), [("instead", None), ("never", "retrain"), ("not_yet", ""), ("misconfigured", "x")]
)
def test_only_a_refusal_of_kind_instead_says_what_instead(kind: Any, what: str | None) -> None:
    with pytest.raises(ParameterError, match="says what instead"):
        Refusal("because", kind, what)


def test_a_refusal_that_fits_its_kind_stands() -> None:
    assert Refusal("because", "instead", "Retrain").what == "Retrain"
    assert Refusal("because", "never").what is None


def test_what_is_not_said_is_not_known() -> None:
    assert Quote(Exact(), (), 0).seconds is None
    assert Forgotten("model", Empirical()).examples == 0
