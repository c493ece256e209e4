"""Model values to bytes and back: bit for bit, the same in every process, and a sentence for what cannot be held."""

from __future__ import annotations

import base64
import collections
import contextlib
import copy
import dataclasses
import datetime as dt
import enum
import fractions
import functools
import itertools
import json
import os
import random
import struct
import subprocess
import sys
import threading
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch, KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from expunge.codec import CHECK, MAGIC, decode, encode, fingerprint
from expunge.errors import CodecError
from expunge.learners.sklearn import Fitted
from expunge.values import Batch, Certified, Label, Quote, Records

if TYPE_CHECKING:
    from collections.abc import Callable

FEW = settings(deadline=None, max_examples=60)


class Point(NamedTuple):
    x: Any
    y: Any


class Slotted:
    __slots__ = ("a", "b")


class Plain:
    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)


class Setter:
    """Has a state that only a function of its own can set."""

    def __reduce__(self) -> Any:
        return Setter, (), {"a": 1}, None, None, setattr


@dataclasses.dataclass
class Theirs:
    """A dataclass that is not ours."""


class Colour(enum.Enum):
    RED = 1


class Names(set[str]):
    """A set of a kind of its own."""


@functools.lru_cache
def cached(x: int) -> int:
    return x


def again(value: Any) -> Any:
    """The value after a rest, which must leave bytes and fingerprint as they were."""
    blob = encode(value)
    made = decode(blob, trusted=True)
    assert fingerprint(made) == fingerprint(value)
    assert encode(made) == blob
    return made


def same(a: Any, b: Any) -> bool:  # noqa: C901, PLR0911  (one case a kind of value)
    """Whether two values are the same in type, shape and every bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray) and a.dtype.names is not None:
        return (a.shape, a.dtype) == (b.shape, b.dtype) and all(same(a[name], b[name]) for name in a.dtype.names)
    if isinstance(a, np.ndarray) and a.dtype.kind == "O":
        return a.shape == b.shape and all(map(same, a.ravel().tolist(), b.ravel().tolist()))
    if isinstance(a, np.ndarray | np.generic):
        native = a.dtype.newbyteorder("<")
        return (a.shape, native) == (b.shape, b.dtype.newbyteorder("<")) and (
            np.asarray(a).astype(native).tobytes() == np.asarray(b).astype(native).tobytes()
        )
    if isinstance(a, float):
        return struct.pack("<d", a) == struct.pack("<d", b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        pairs = [(key, other) for key in a for other in b if key == other and same(key, other)]
        return len(a) == len(b) == len(pairs) and all(same(a[key], b[other]) for key, other in pairs)
    if isinstance(a, set | frozenset):
        return len(a) == len(b) and {(type(x), x) for x in a} == {(type(x), x) for x in b}
    return bool(a == b)


def crafted(node: Any, **arrays: np.ndarray[Any, Any]) -> bytes:
    """A blob with a structure of our choice, as somebody who means ill would write it."""
    return sealed(json.dumps(node).encode(), save(arrays))


def sealed(structure: bytes, arrays: bytes) -> bytes:
    """A blob whose checksum is right: it keeps out accidents, not people."""
    content = len(structure).to_bytes(8, "little") + structure + arrays
    return MAGIC + blake2b(content, digest_size=CHECK).digest() + content


# -- plain values ------------------------------------------------------------------------------------------------------

FLOATS = st.floats() | st.sampled_from([0.0, -0.0, struct.unpack("<d", bytes.fromhex("010000000000f8ff"))[0]])
HASHABLE = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False)
LEAVES = HASHABLE | FLOATS
KEYS = HASHABLE | st.tuples(HASHABLE, HASHABLE) | st.frozensets(HASHABLE, max_size=3)
VALUES = st.recursive(
    LEAVES | st.sets(KEYS, max_size=4) | st.frozensets(KEYS, max_size=4),
    lambda parts: st.lists(parts, max_size=4) | st.tuples(parts, parts) | st.dictionaries(KEYS, parts, max_size=4),
    max_leaves=12,
)


@FEW
@given(VALUES)
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    assert same(again(value), value)


@FEW
@given(VALUES, VALUES)
def test_two_values_share_bytes_and_fingerprint_only_when_they_are_the_same(a: Any, b: Any) -> None:
    assert (fingerprint(a) == fingerprint(b)) == same(a, b)
    assert (encode(a) == encode(b)) == same(a, b)


@FEW
@given(st.dictionaries(HASHABLE, LEAVES, max_size=6), st.randoms(use_true_random=False))
def test_insertion_order_is_no_part_of_a_value(value: dict[Any, Any], draw: random.Random) -> None:
    shuffled = dict(draw.sample(sorted(value.items(), key=repr), len(value)))
    for kind in (dict, lambda pairs: collections.defaultdict(list, pairs), collections.Counter, Plain_of):
        assert encode(kind(shuffled)) == encode(kind(value))
        assert fingerprint(kind(shuffled)) == fingerprint(kind(value))


def Plain_of(state: dict[Any, Any]) -> Plain:  # noqa: N802  (stands for the class, with one argument)
    return Plain(**{repr(key): value for key, value in state.items()})


def test_the_order_of_an_ordered_dict_is_a_part_of_it() -> None:
    one, other = collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1)
    assert fingerprint(one) != fingerprint(other)
    assert list(again(other)) == ["b", "a"]


DIFFERENT: list[Any] = [
    None, True, False, 0, 1, -1, 0.0, -0.0, 1.0, float("nan"), -float("nan"), float("inf"), 1j, "", "1", "a", b"", b"1",
    b"a", (), [], {}, set(), frozenset(), (1,), [1], {1}, frozenset({1}), {1: 1}, {1: 1.0}, {"1": 1}, [[1]], [1, 1],
    ["11"], ["1", "1"], [None], [()], Point(1, 1), Ellipsis, NotImplemented, int, float, np.float64, len, range(1),
    slice(1), bytearray(b"a"), 10**5000, 10**5000 + 1, -(10**5000), "\ud800", "\0", "a\0", np.dtype("f4"),
    np.dtype("f8"),
    np.array(1), np.array([1]), np.array([[1]]), np.array([1.0]), np.array([1], "i4"), np.array([1], "u8"),
    np.array([True]), np.array([1 + 0j]), np.array([], "f8"), np.array([], "i8"), np.empty((0, 2)), np.empty((2, 0)),
    np.array([0.0]), np.array([-0.0]), np.array(["1"]), np.array(["1"], "U2"), np.array([b"1"]),
    np.array([1], object), np.array([1.0], object), np.array(["1"], object), np.array([None]), np.array([np.nan]),
    np.array([[1, 2], [3, 4]]), np.array([[1, 3], [2, 4]]), np.array([1, 2, 3, 4]), np.array([[1, 2, 3, 4]]),
    np.array(["2020-01-01"], "M8[D]"), np.array(["2020-01-01"], "M8[s]"), np.array(["NaT"], "M8[D]"),
    np.array([1], "m8[D]"), np.datetime64("NaT"), np.timedelta64("NaT"), np.datetime64(5, "ns"), np.datetime64(5, "us"),
    np.timedelta64(5, "ns"), dt.datetime(2020, 1, 1), dt.date(2020, 1, 1), np.datetime64("2020-01-01"),  # noqa: DTZ001
    np.array([(1, 2)], [("a", "i4"), ("b", "i4")]), np.array([(2, 1)], [("b", "i4"), ("a", "i4")]),
    np.array([(1, 2)], [("a", "i4"), ("c", "i4")]), np.array([(1, 2)], [("a", "i4"), ("b", "i8")]),
    np.ma.array([1, 2], mask=[False, True]), np.ma.array([1, 2], mask=[True, False]), np.void(b"1"),
    Colour.RED, fractions.Fraction(1, 2), Records([1]), Records(["1"]), Label(1), Label(2), Batch([Records([1])]),
]  # fmt: skip


def test_values_that_differ_in_type_shape_or_one_bit_have_different_fingerprints() -> None:
    made = collections.defaultdict(list)
    for value in DIFFERENT:
        made[fingerprint(value)].append(value)
    assert [values for values in made.values() if len(values) > 1] == []


@pytest.mark.parametrize("value", DIFFERENT, ids=lambda value: type(value).__name__)
def test_each_of_them_comes_back(value: Any) -> None:
    assert same(again(value), value) or isinstance(value, np.ma.MaskedArray)


GOLDEN: list[tuple[Any, str, str]] = [
    (None, "d5a5d260b097cfb7", "955b0027d4a50133"),
    (True, "1a9b415478f4664b", "4bb592ee42ff8bfa"),
    (4, "f4c5954b0b808bfa", "74aa6eb022082bce"),
    (-(2**70), "7b2c0d81814e73c7", "fdd1b25f0360040f"),
    (0.1, "889325c3346bfa44", "23ff437f9f9c0a22"),
    (float("nan"), "7269c90a951ee874", "b91d7170627f18a7"),
    ("é", "d8aaa7c32ffca288", "a02c6c8dff067328"),
    (b"x", "26110a1ab1f729bf", "7e5961b0107eb78b"),
    ((1, [2, {3}]), "b02a5c1f8d58fab5", "fed0030341d59f91"),
    ({"b": 1, "a": (2.5, None)}, "5dcff8bb63ceeab0", "7bf8a4ff601a7b99"),
    (np.arange(6.0).reshape(2, 3), "e9118761d91f0e61", "d9eb0f2ec27ba62c"),
    (np.array(["a", "bc"]), "7fbb94ade1c66a52", "cb8ff0564d46543f"),
    (np.array([None, "a"], object), "40c335e91de0e906", "c86bc4a1afacfc6d"),
    (np.array(["2020-01-01"], "M8[D]"), "db932f8c480cef01", "b2ce5f03e7dff773"),
    (np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), "b2adc5ef29fd95de", "94b70cdea040f546"),
    (Records([1, "a"]), "d94977558b9d589c", "f50e9e06c5d135a8"),
    (np.random.RandomState(0), "7b64cc94cd25a529", "d0336bbb5b131e3d"),
]


@pytest.mark.parametrize(("value", "printed", "written"), GOLDEN, ids=[type(row[0]).__name__ for row in GOLDEN])
def test_the_format_is_pinned(value: Any, printed: str, written: str) -> None:
    """Stores and certificates hold fingerprints and blobs: a change of format needs a new `MAGIC` and a way back."""
    assert fingerprint(value)[:16] == printed
    assert len(fingerprint(value)) == 64
    assert blake2b(encode(value), digest_size=8).hexdigest() == written


# -- arrays ------------------------------------------------------------------------------------------------------------

KINDS = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(sizes=(16, 32, 64), endianness="?")
    | hnp.complex_number_dtypes(sizes=(64, 128), endianness="?")
    | hnp.datetime64_dtypes(endianness="?")
    | hnp.timedelta64_dtypes(endianness="?")
    | hnp.unicode_string_dtypes(endianness="?", max_len=5)
    | hnp.byte_string_dtypes(max_len=5)
)
PARTS = KINDS | st.tuples(KINDS, st.sampled_from([(2,), (1, 3)])).map(np.dtype)
RECORDS = st.lists(PARTS, min_size=1, max_size=3).map(
    lambda parts: np.dtype([(f"f{k}", p) for k, p in enumerate(parts)])
)
DTYPES = KINDS | RECORDS | st.tuples(KINDS, RECORDS).map(lambda pair: np.dtype([("a", pair[0]), ("b", pair[1])]))
ARRAYS = DTYPES.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


@settings(deadline=None, max_examples=100)
@given(ARRAYS)
def test_arrays_of_every_dtype_and_shape_come_back(array: Any) -> None:
    made = again({"a": array, "b": [array.copy()]})["a"]
    assert same(made, np.asarray(array))
    assert made.flags.writeable
    assert made.flags.aligned
    assert made.flags.owndata or made.base.flags.owndata


@FEW
@given(ARRAYS, st.data())
def test_memory_layout_is_no_part_of_a_fingerprint(array: Any, data: Any) -> None:
    expected = fingerprint(array)
    every_other: Any = (..., *[slice(None, None, 2)] * array.ndim)
    spaced = np.zeros([2 * side for side in array.shape], array.dtype)[every_other]
    spaced[...] = array
    backward: Any = (..., *[slice(None, None, -1)] * array.ndim)
    backwards = array[backward].copy()[backward]
    swapped = array.astype(array.dtype.newbyteorder())
    readonly = array.copy()
    readonly.setflags(write=False)
    for other in (np.asfortranarray(array).reshape(array.shape), spaced, backwards, swapped, readonly):
        assert fingerprint(other) == expected
        assert same(again(other), np.asarray(other))


@FEW
@given(ARRAYS.filter(lambda array: array.size > 0 and array.dtype.itemsize > 0), st.data())
def test_any_changed_element_changes_the_fingerprint(array: Any, data: Any) -> None:
    place = data.draw(st.tuples(*(st.integers(0, side - 1) for side in array.shape)))
    other = data.draw(hnp.arrays(array.dtype, ()))
    changed = array.copy()
    changed[place] = other[()]
    assert (fingerprint(changed) == fingerprint(array)) == same(changed, array)
    assert (encode(changed) == encode(array)) == (same(changed, array) and changed.dtype == array.dtype)


def test_layout_survives_a_rest() -> None:
    fortran = again(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    assert fortran.flags.f_contiguous
    assert not fortran.flags.c_contiguous
    assert again(np.arange(6.0).reshape(2, 3)).flags.c_contiguous
    assert again(np.arange(12.0).reshape(3, 4)[::2, ::2]).flags.c_contiguous


@pytest.mark.parametrize("bits", ["7ff8000000000001", "fff8000000000000", "7ff0000000000001", "8000000000000000"])
def test_every_bit_of_a_float_survives(bits: str) -> None:
    number = np.frombuffer(bytes.fromhex(bits)[::-1], "<f8")
    assert again(number).tobytes()[::-1].hex() == bits
    assert struct.pack(">d", again(struct.unpack(">d", bytes.fromhex(bits))[0])).hex() == bits
    assert again(number[0]).tobytes()[::-1].hex() == bits
    assert fingerprint(number[0]) == fingerprint(float(number[0])) != fingerprint(1.0)


@pytest.mark.parametrize(
    "scalar",
    [np.float64(0.1), np.float32(0.5), np.int8(-3), np.uint64(2**63), np.True_, np.str_("é"), np.bytes_(b"a"),
     np.complex64(1j), np.float16(2), np.str_(""), np.int64(4)],
    ids=lambda scalar: type(scalar).__name__,
)  # fmt: skip
def test_a_numpy_scalar_keeps_its_type_and_has_the_fingerprint_of_its_value(scalar: Any) -> None:
    assert type(again([scalar])[0]) is type(scalar)
    assert fingerprint([scalar]) == fingerprint([scalar.item()])


@pytest.mark.parametrize(
    "dtype",
    [
        [("a", "f8")],
        [("a", "u1"), ("b", "f8")],
        np.dtype([("a", "u1"), ("b", "f8"), ("c", "i2")], align=True),
        [("a", "f8", (2, 3))],
        [("a", [("b", "f8"), ("c", "i4", (2,))]), ("d", "U3")],
        {"names": ["a", "b"], "formats": ["i4", "f8"], "offsets": [12, 0], "itemsize": 24},
        [("a", "O"), ("b", "f4")],
        [("a", ">f8"), ("b", "M8[ns]")],
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 2)])
def test_records_keep_their_dtype_and_values(dtype: Any, shape: tuple[int, ...]) -> None:
    records = np.zeros(shape, dtype)
    for k, name in enumerate(records.dtype.names or ()):
        if records.dtype[name].kind in "fiu":
            records[name] = k + 1
    made = again(records)
    assert made.dtype == records.dtype
    assert same(made, records)
    if shape:
        assert all(same(again(record), record) for record in records.ravel())


def test_garbage_in_the_padding_of_records_does_not_show() -> None:
    dtype = np.dtype([("a", "u1"), ("b", "f8"), ("c", "i2")], align=True)
    clean = np.zeros(5, dtype)
    raw = np.random.default_rng(0).integers(0, 256, 5 * dtype.itemsize, dtype=np.uint8)
    dirty = np.frombuffer(bytearray(raw.tobytes()), dtype)
    for name in ("a", "b", "c"):
        dirty[name] = clean[name]
    assert dirty.tobytes() != clean.tobytes()
    assert fingerprint(dirty) == fingerprint(clean)
    assert encode(dirty) == encode(clean)
    packed = clean.astype([("a", "u1"), ("b", "f8"), ("c", "i2")])
    assert fingerprint(packed) == fingerprint(clean)


def test_garbage_in_the_padding_of_a_tree_does_not_show() -> None:
    X, y = numbers()
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    state: Any = tree.tree_.__getstate__()
    nodes = state["nodes"]
    used = np.zeros(nodes.dtype.itemsize, bool)
    for field, offset, *_ in (nodes.dtype.fields or {}).values():
        used[offset : offset + field.itemsize] = True
    assert not used.all(), "a tree's nodes have padding: else this test shows nothing"
    raw = np.frombuffer(nodes.tobytes(), np.uint8).reshape(-1, nodes.dtype.itemsize).copy()
    raw[:, ~used] = 0xAB
    other = copy.deepcopy(tree)
    other.tree_.__setstate__({**state, "nodes": np.frombuffer(bytearray(raw.tobytes()), nodes.dtype)})
    assert fingerprint(other) == fingerprint(tree)
    assert encode(other) == encode(tree)


OBJECTS: list[Any] = [None, "a", [1, 2], (1, 2), {"a": 1}, np.arange(3), np.array(5), [], np.float32(1), Point(1, 2)]


@pytest.mark.parametrize("shape", [(), (1,), (10,), (2, 5), (0, 3)])
def test_arrays_of_objects_hold_what_they_held(shape: tuple[int, ...]) -> None:
    array = np.empty(shape, object)
    for place in range(array.size):
        array.flat[place] = OBJECTS[place]
    made = again(array)
    assert made.shape == shape
    assert all(map(same, made.ravel().tolist(), array.ravel().tolist()))
    assert fingerprint(np.asfortranarray(array).reshape(shape)) == fingerprint(array)


def test_subclasses_of_arrays_keep_their_class_and_maps_of_files_become_arrays(tmp_path: Any) -> None:
    masked = np.ma.array([1, 2], mask=[False, True])
    assert (again(masked).mask == masked.mask).all()
    records = np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    assert type(again(records)) is np.recarray
    mapped = np.memmap(tmp_path / "a", mode="w+", shape=3, dtype="f4")
    mapped[:] = [1, 2, 3]
    assert type(again(mapped)) is np.ndarray
    assert fingerprint(mapped) == fingerprint(np.array([1, 2, 3], "f4"))


# -- references --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shared",
    [[1], {}, {1}, np.arange(3), np.arange(3)[::2], np.random.RandomState(0), Plain(a=[1]), bytearray(b"a"),
     np.array([None]), np.zeros(2, [("a", "f8")]), Point([1], 2), fractions.Fraction(1, 3), StandardScaler(),
     np.random.default_rng(0), scipy.sparse.csr_array(np.eye(2)), collections.OrderedDict(a=1), Label(3)],
    ids=lambda shared: type(shared).__name__,
)  # fmt: skip
@pytest.mark.parametrize(
    "before",
    [0, Point(1, [2]), (1, [2]), {fractions.Fraction(k, 7) for k in range(9)},
    {fractions.Fraction(1, 7): [1], Point(1, 2): 3},
     np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), np.array([[1], None], object), np.float32(1),
     {np.str_("a"), np.str_("b")},
     np.void(b"a"), np.zeros(1, [("a", "f8")])[0], Plain(a={}, b=[]), cached, Fitted(None, None, ()), Colour.RED],
    ids=lambda before: type(before).__name__,
)  # fmt: skip
def test_what_was_shared_stays_shared_whatever_stands_before_it(shared: Any, before: Any) -> None:
    made = again([before, shared, {"deep": (shared, [before])}, [7], shared])
    assert made[1] is made[4] is made[2]["deep"][0]
    assert type(made[1]) is type(shared)
    assert made[3] == [7]


def test_what_was_apart_stays_apart() -> None:
    made = again([[1], [1], np.zeros(2), np.zeros(2)])
    assert made[0] is not made[1]
    assert made[2] is not made[3]


def test_a_change_through_one_reference_shows_through_the_other() -> None:
    weights = np.zeros(3)
    made = again({"coefs": [weights], "optimizer": Plain(params=weights)})
    made["coefs"][0][1] = 5.0
    assert made["optimizer"].params[1] == 5.0


def test_shared_references_are_no_part_of_a_fingerprint() -> None:
    part = [1]
    assert fingerprint([part, part]) == fingerprint([[1], [1]])


def test_values_that_share_much_are_walked_once() -> None:
    value: list[Any] = [np.arange(3)]
    for _ in range(100):
        value = [value, value]
    assert fingerprint(again(value)) == fingerprint(value)


def looped_list() -> Any:
    value: list[Any] = []
    value.append({"a": (value,)})
    return value


def looped_object() -> Any:
    value: Any = Plain()
    value.me = value
    return value


def looped_array() -> Any:
    value = np.empty(1, object)
    value[0] = [value]
    return value


def nested(depth: int) -> Any:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("make", [looped_list, looped_object, looped_array])
def test_cycles_are_refused(make: Callable[[], Any]) -> None:
    for walk in (encode, fingerprint):
        with pytest.raises(CodecError, match="refers back to itself"):
            walk(make())


def test_values_too_deep_are_refused() -> None:
    for walk in (encode, fingerprint):
        with pytest.raises(CodecError, match="too deep"):
            walk(nested(5000))
    assert again(nested(100)) == nested(100)


# -- foreign objects ---------------------------------------------------------------------------------------------------


def test_foreign_objects_come_back_with_their_state() -> None:
    slotted: Any = Slotted()
    slotted.b = [1]
    made = again([slotted, Plain(a=1, b=Plain()), Names({"a", "b"}), functools.partial(int, base=2), Colour.RED])
    assert made[0].b == [1]
    assert not hasattr(made[0], "a")
    assert made[1].a == 1
    assert made[2] == Names({"a", "b"})
    assert type(made[2]) is Names
    assert made[3]("10") == 2
    assert made[4] is Colour.RED


@pytest.mark.parametrize(
    "named",
    [np.log1p, scipy.special.expit, len, np.mean, int, StandardScaler, cached, Point, Records,
     again, dt.datetime, Ellipsis, np.float64, os.path.join],
    ids=lambda named: getattr(named, "__name__", "constant"),
)  # fmt: skip
def test_functions_and_classes_are_found_by_name(named: Any) -> None:
    assert again([named])[0] is named


@pytest.mark.parametrize(
    "generator",
    [lambda: np.random.RandomState(3), lambda: np.random.default_rng(3),
    lambda: np.random.Generator(np.random.MT19937(3)),
     lambda: np.random.RandomState(np.random.PCG64(3))],
)  # fmt: skip
def test_generators_of_random_numbers_go_on_where_they_were(generator: Callable[[], Any]) -> None:
    drawn = generator()
    drawn.normal(size=3)
    made = again(drawn)
    assert (made.normal(size=5) == drawn.normal(size=5)).all()
    assert fingerprint(made) == fingerprint(drawn) != fingerprint(generator())


def test_our_own_values_are_read_without_trust() -> None:
    value = Quote(Certified(1.0, 1e-5), ("a sentence",), 7)
    assert decode(encode([value, Batch([Records([1, "a"]), Label(2.5)])])) == [
        value,
        Batch([Records([1, "a"]), Label(2.5)]),
    ]


def refused() -> dict[str, Any]:
    class Local:
        pass

    @functools.lru_cache
    def local_cache() -> None:
        pass

    renamed = type("Renamed", (), {"__module__": __name__})
    return {
        "lambda": lambda: 1,
        "local class": Local,
        "object of a local class": Local(),
        "local function": local_function(),
        "local cached function": local_cache,
        "class that is not where it says": renamed,
        "generator": (k for k in [1]),
        "open file": sys.__stdout__,
        "lock": threading.Lock(),
        "longdouble": np.longdouble(1),
        "array of longdouble": np.ones(2, np.longdouble),
        "array of complex longdouble": np.ones(2, np.clongdouble),
        "record of longdouble": np.ones(2, [("a", np.longdouble)]),
        "array of variable strings": np.array(["a"], np.dtypes.StringDType()),
        "method of a builtin": "abc".upper,
        "iterator": iter(lambda: 1, 2),
        "view of memory": memoryview(b"a"),
        "module": os,
        "state set by a function": Setter(),
        "thread": threading.Thread(),
        "Birch, a web of nodes": Birch(n_clusters=None).fit(np.arange(6.0)[:, None]),
    }


def local_function() -> Callable[[], None]:
    def inside() -> None:
        pass

    return inside


@pytest.mark.parametrize("what", list(refused()))
def test_what_cannot_be_held_is_refused_with_a_sentence(what: str) -> None:
    for walk in (encode, fingerprint):
        with pytest.raises(CodecError, match=r"cannot be|refers back") as caught:
            walk({"deep": [refused()[what]]})
        assert len(str(caught.value).split()) > 5


# -- estimators --------------------------------------------------------------------------------------------------------


@functools.cache
def numbers() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    return X, np.array(["no", "yes"])[(X[:, 0] + 0.3 * rng.normal(size=60) > 0).astype(int)]


def text_of(X: Any) -> list[str]:
    words = np.array(["ham", "spam", "eggs", "é", "bacon"])
    return [" ".join(words[(np.abs(row) * 10).astype(int) % 5]) for row in X]


FIRST = make_column_transformer(
    (StandardScaler(), [0, 1]),
    (KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), [2]),
    remainder="passthrough",
)
TWO = [("a", LogisticRegression()), ("b", GaussianNB())]

ESTIMATORS: list[Any] = [
    LogisticRegression(), make_pipeline(FIRST, LogisticRegression(C=0.3)), SGDClassifier(random_state=0, average=True),
    KNeighborsClassifier(algorithm="kd_tree"), KNeighborsClassifier(algorithm="ball_tree", weights="distance"),
    KNeighborsClassifier(algorithm="brute"), SVC(), SVC(kernel="linear"), LinearSVC(),
    GaussianProcessClassifier(RBF() + WhiteKernel()), MLPClassifier((5,), solver="adam", max_iter=3, random_state=0),
    MLPClassifier((5,), solver="sgd", max_iter=3, random_state=0, early_stopping=True), GaussianNB(),
    MLPClassifier((5,), solver="lbfgs", max_iter=3, random_state=0), BernoulliNB(), DummyClassifier(),
    HistGradientBoostingClassifier(max_iter=3, random_state=0, early_stopping=True, min_samples_leaf=3),
    GradientBoostingClassifier(n_estimators=3, random_state=0),
    RandomForestClassifier(4, random_state=0, oob_score=False),
    AdaBoostClassifier(n_estimators=3, random_state=0), BaggingClassifier(n_estimators=3, random_state=0),
    CalibratedClassifierCV(GaussianNB(), cv=2), VotingClassifier(TWO), StackingClassifier(TWO, cv=2),
    OneVsRestClassifier(LogisticRegression()), DecisionTreeClassifier(random_state=0),
    IsolationForest(n_estimators=4, random_state=0),
    make_pipeline(FunctionTransformer(np.tanh), PCA(2, random_state=0), SVC()),
    MiniBatchKMeans(2, random_state=0, n_init=1),
    make_pipeline(FunctionTransformer(scipy.special.expit), KMeans(2, random_state=0, n_init=1)),
    make_pipeline(FunctionTransformer(text_of), TfidfVectorizer(), LogisticRegression()),
    make_pipeline(FunctionTransformer(text_of), TfidfVectorizer(), KNeighborsClassifier()),
    make_pipeline(SplineTransformer(3), FunctionTransformer(np.round), OneHotEncoder(handle_unknown="ignore"), SVC()),
]  # fmt: skip
REGRESSORS: list[Any] = [
    Ridge(), GaussianProcessRegressor(RBF()), ExtraTreesRegressor(3, random_state=0), KNeighborsRegressor(),
    SGDRegressor(random_state=0), TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    make_pipeline(PCA(1, random_state=0), IsotonicRegression(out_of_bounds="clip")),
]  # fmt: skip


def fitted(estimator: Any) -> Any:
    X, y = numbers()
    made = clone(estimator)
    if estimator in REGRESSORS:
        return made.fit(X, X[:, 1] * 2 + 1)
    if getattr(estimator, "solver", None) in {"adam", "sgd"}:
        made.set_params(max_iter=1, early_stopping=False)
        for _ in range(3):
            made.partial_fit(X, y, classes=["no", "yes"])
        return made
    return made.fit(X, y)


def answers(estimator: Any) -> list[bytes]:
    X, _ = numbers()
    asked = X[::2] + 0.125
    names = ("predict", "predict_proba", "decision_function", "kneighbors")
    found = [np.asarray(getattr(estimator, name)(asked)) for name in names if hasattr(estimator, name)]
    return [value.astype(str).tobytes() if value.dtype == object else value.tobytes() for value in found]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "estimator", ESTIMATORS + REGRESSORS, ids=lambda e: type(e.steps[-1][1] if hasattr(e, "steps") else e).__name__
)
def test_an_estimator_comes_back_with_the_same_answers_and_trains_on_identically(estimator: Any) -> None:
    X, y = numbers()
    model = fitted(estimator)
    before = fingerprint(model)
    assert fingerprint(fitted(estimator)) == before, "learned twice, and not the same"
    made = again(model)
    assert answers(made) == answers(model)
    assert fingerprint(model) == before, "asking changed the model"
    assert fingerprint(made) == before
    if hasattr(model, "partial_fit"):
        target = X[:, 1] if estimator in REGRESSORS else y
        for _ in range(2):
            model.partial_fit(X[::-1], target[::-1])
            made.partial_fit(X[::-1], target[::-1])
        assert fingerprint(made) == fingerprint(model) != before
        assert answers(made) == answers(model)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), RandomForestClassifier(4, random_state=0), make_pipeline(FIRST, SVC())]
)
def test_a_parameter_a_class_and_a_weight_show_in_the_fingerprint(estimator: Any) -> None:
    X, y = numbers()
    base = fingerprint(copy.deepcopy(estimator).fit(X, y))
    nudged = X.copy()
    nudged[0, 0] = np.nextafter(nudged[0, 0], np.inf) + 0.5
    final = copy.deepcopy(estimator)
    (final.steps[-1][1] if hasattr(final, "steps") else final).set_params(class_weight="balanced")
    assert len({base, fingerprint(copy.deepcopy(estimator).fit(nudged, y)), fingerprint(final.fit(X, y)),
                fingerprint(copy.deepcopy(estimator).fit(X, np.char.upper(y)))}) == 4  # fmt: skip


def test_memory_layout_and_the_order_of_attributes_do_not_show_in_an_estimator() -> None:
    model = fitted(LogisticRegression())
    other = copy.deepcopy(model)
    attributes = list(other.__dict__.items())
    other.__dict__.clear()
    other.__dict__.update(reversed(attributes))
    other.coef_ = np.asfortranarray(np.repeat(model.coef_, 2, axis=0))[::2]
    assert fingerprint(other) == fingerprint(model)
    vectorizer = TfidfVectorizer().fit(text_of(numbers()[0]))
    shuffled = copy.deepcopy(vectorizer)
    shuffled.vocabulary_ = dict(reversed(vectorizer.vocabulary_.items()))
    assert fingerprint(shuffled) == fingerprint(vectorizer)
    assert encode(shuffled) == encode(vectorizer)


def test_the_version_of_the_library_is_no_part_of_a_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted(make_pipeline(StandardScaler(), LogisticRegression()))
    before, blob = fingerprint(model), encode(model)
    monkeypatch.setattr("sklearn.base.__version__", "0.0.1")
    state: Any = BaseEstimator.__getstate__(model)
    assert state["_sklearn_version"] == "0.0.1"
    assert fingerprint(model) == before
    assert encode(model) != blob


def test_frames_in_a_column_transformer_come_back() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": ["x", "y", "x"], "b": [1.0, 2.0, 4.0]})
    model = ColumnTransformer([("one", OneHotEncoder(), ["a"]), ("two", StandardScaler(), ["b"])]).fit(frame)
    assert (again(model).transform(frame) == model.transform(frame)).all()


# -- every process -----------------------------------------------------------------------------------------------------

CODE = """
import sys
from collections import Counter
from fractions import Fraction
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from expunge.codec import encode, fingerprint
words = ["ham", "spam", "eggs", "bacon", "toast", "beans"]
model = make_pipeline(TfidfVectorizer(stop_words=words[:1]), DecisionTreeClassifier(random_state=0))
model.fit(words, [0, 1, 0, 1, 0, 1])
class Names(set): pass
value = [model, set(words), frozenset(words), {np.str_(word) for word in words},
         {np.str_(word): 1 for word in set(words)},
         {(word, frozenset(words)) for word in words},
         {Fraction(k, 7): word for k, word in enumerate(words)},
         {frozenset({np.str_(word), 1.5}) for word in words}, Names(words), Counter(set(words))]
print(fingerprint(value), encode(value).hex())
"""


def test_bytes_and_fingerprints_are_the_same_in_every_process() -> None:
    said = set()
    for seed in ("0", "4321"):
        command = [sys.executable, "-c", CODE]
        said.add(
            subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        )
    assert len(said) == 1


# -- bytes that we did not write ---------------------------------------------------------------------------------------


def whole() -> Any:
    return [np.arange(3.0), np.array(["a", "b"]), {"a": (1, 2.5), "b": {b"x"}}, np.zeros(2, [("a", "f8")]),
            np.array([None, [1]], object), Records([1, "a"]), np.random.RandomState(0) and np.float32(2)]  # fmt: skip


def test_a_truncated_blob_is_refused_wherever_it_ends() -> None:
    blob = encode(whole())
    for end in range(len(blob)):
        with pytest.raises(CodecError):
            decode(blob[:end], trusted=True)


def test_bytes_behind_the_end_are_refused() -> None:
    for more in (b"\0", b"x", encode([1])):
        with pytest.raises(CodecError):
            decode(encode(whole()) + more)


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_blob_is_refused_or_read_and_nothing_else() -> None:
    blob = encode(whole())
    draw = random.Random(0)
    for _ in range(3000):
        damaged = bytearray(blob)
        for _ in range(draw.choice([1, 1, 2, 8])):
            damaged[draw.randrange(len(blob))] = draw.randrange(256)
        with contextlib.suppress(CodecError):
            decode(bytes(damaged))


@pytest.mark.parametrize(
    "junk",
    [b"", b"x", MAGIC, MAGIC + bytes(8), b"\0" * 100, MAGIC + b"\xff" * 8 + b"x" * 50, b"expunge\x02" + bytes(30)],
)
def test_what_is_no_blob_is_refused(junk: bytes) -> None:
    with pytest.raises(CodecError):
        decode(junk, trusted=True)


def test_foreign_objects_are_refused_without_trust_and_before_anything_is_imported(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "marks_its_import.py").write_text(
        "from pathlib import Path\nPath(__file__).with_suffix('.mark').touch()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    call = ["object", ["class", "marks_its_import:anything"], ["tuple", []], ["v", None], ["list", []], ["list", []]]
    for node in (call, call[1], ["global", "marks_its_import:x"], ["own", "marks_its_import:x", []], ["list", [call]],
    ["set", [call[1]]],
                 ["dict", [[call[1], ["v", None]]]], ["objects", [1], [call]],
                 ["own", "expunge.values:Label", [[["s", "value"], call]]]):  # fmt: skip
        with pytest.raises(CodecError):
            decode(crafted(node))
    assert not (tmp_path / "marks_its_import.mark").exists()
    with pytest.raises(CodecError):
        decode(crafted(call), trusted=True)
    assert (tmp_path / "marks_its_import.mark").exists(), "the trap works"


EVIL = crafted(["object", ["class", "os:_exit"], ["tuple", [["i", "0x1"]]], ["v", None], ["list", []], ["list", []]])


@pytest.mark.parametrize(
    "node",
    [
        ["own", "expunge.codec:decode", [[["s", "blob"], ["y", base64.b64encode(EVIL).decode()]], [["s", "trusted"],
        ["v", True]]]],
        ["own", "expunge.spelling:import_module", [[["s", "name"], ["s", "antigravity"]]]],
        ["own", "expunge.spelling:resolve", [[["s", "path"], ["s", "os:abort"]]]],
        ["own", "expunge.codec:np.fromfile", [[["s", "file"], ["s", "/etc/passwd"]]]],
        ["own", "expunge.errors:CodecError", []],
        ["own", "expunge.protocol:Key", [[["s", "secret"], ["y", "YQ=="]]]],
        ["own", "expunge.data.table:Table.from_arrays", []],
        ["own", "expunge.__main__:main", []],
        ["own", "expunge.codec:__builtins__", []],
        ["own", "expunge", []],
        ["own", "expunge.nowhere:x", []],
        ["own", "os:abort", []],
    ],
    ids=lambda node: node[1],
)  # fmt: skip
def test_only_our_own_frozen_values_are_made_without_trust(node: Any) -> None:
    with pytest.raises(CodecError):
        decode(crafted(node))


def test_a_dataclass_of_somebody_else_is_not_made_by_way_of_our_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expunge.values.Theirs", Theirs, raising=False)
    with pytest.raises(CodecError, match="not one of expunge's own values"):
        decode(crafted(["own", "expunge.values:Theirs", []]))


@pytest.mark.parametrize(
    "node",
    [["array", 7], ["nothing", 1], ["same", 9], ["raw", [9], "<f8", 0], ["raw", [1], "O", 0],
    ["records", [2], {"names": ["a"]}, []], [], {}, 5,
     ["objects", [10**14], []], ["own", "expunge.values:Label", [[["s", "bogus"], ["v", None]]]],
     ["own", "expunge.values:Certified", [[["s", "epsilon"], ["f", "00"]]]],
     ["fortran", ["list", []]], ["scalar", ["list", []]], ["i", "zz"], ["set", [["list", []]]],
     ["random", ["v", None]], ["dtype", "nonsense"]],
    ids=str,
)  # fmt: skip
def test_a_structure_that_makes_no_sense_is_refused(node: Any) -> None:
    with pytest.raises(CodecError):
        decode(crafted(node, **{f"{0:08d}": np.zeros(3, np.uint8)}), trusted=True)


@pytest.mark.parametrize("position", range(0, 400, 7))
def test_one_flipped_bit_anywhere_is_found(position: int) -> None:
    blob = bytearray(encode({"coef": np.arange(30.0), "classes": ("no", "yes")}))
    blob[position % len(blob)] ^= 1 << (position % 8)
    with pytest.raises(CodecError, match="truncated, altered, or not written by expunge"):
        decode(bytes(blob))


def test_a_structure_nested_without_end_is_refused() -> None:
    with pytest.raises(CodecError):
        decode(sealed(b"[" * 10**5 + b"]" * 10**5, save({})))


def test_nothing_of_pickle_is_in_a_blob() -> None:
    blob = encode([fitted(RandomForestClassifier(3, random_state=0)), np.array([1, "a"], object)])
    assert b"\x80\x04\x95" not in blob
    assert b"pickle" not in blob


def test_inputs_are_left_alone() -> None:
    value: dict[str, Any] = {"a": np.arange(3), "b": [1, {2}], "c": Plain(x=[1])}
    before = fingerprint(copy.deepcopy(value))
    encode(value)
    fingerprint(value)
    assert fingerprint(value) == before
    made = decode(encode(value), trusted=True)
    made["a"][0] = 9
    assert value["a"][0] == 0


def test_combinations_of_values_do_not_run_together() -> None:
    parts: list[Any] = [1, "1", "[1]", '["i","0x1"]', ("i", "0x1"), ["i", "0x1"], ["v", None], {"v": None}]
    made = [fingerprint([a, b]) for a, b in itertools.product(parts, repeat=2)]
    assert len(set(made)) == len(parts) ** 2


def test_records_in_fortran_order_are_written_as_they_come_back() -> None:
    records = np.asfortranarray(np.zeros((2, 2), [("f", "?")]))
    assert same(again(records), records)
