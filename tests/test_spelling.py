"""What a model is made of, by name: found again under it, or refused."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest
import scipy.special
from sklearn.neighbors import BallTree, KDTree
from sklearn.utils import Bunch

from expunge.errors import CodecError
from expunge.spelling import describe, read_dtype, reduced, resolve, spelled, title


@pytest.mark.parametrize(
    ("named", "path"),
    [
        (len, "builtins:len"),
        (int, "builtins:int"),
        (collections.OrderedDict, "collections:OrderedDict"),
        (np.log1p, "numpy:log1p"),
        (scipy.special.expit, "scipy.special:expit"),
        (KDTree, "sklearn.neighbors._kd_tree:KDTree"),
        (dict.__init__.__class__.__name__.__class__, "builtins:str"),
    ],
)
def test_a_class_or_function_is_spelled_and_found(named: Any, path: str) -> None:
    assert spelled(named) == path
    assert resolve(path) is named


def test_a_constant_is_spelled_by_the_name_it_gives_itself() -> None:
    assert spelled(Ellipsis, "Ellipsis") == "builtins:Ellipsis"
    assert resolve("builtins:Ellipsis") is ...


@pytest.mark.parametrize(
    "named", [lambda: 1, type("Nowhere", (), {}), "abc".upper, [].append, type(None)], ids=range(5)
)
def test_what_cannot_be_found_again_is_refused_by_name(named: Any) -> None:
    with pytest.raises(CodecError, match="cannot be found under that name"):
        spelled(named)


def test_one_name_for_two_functions_is_refused() -> None:
    def len(of: Any) -> int:  # noqa: A001  (an impostor)
        return 0

    len.__module__, len.__qualname__ = "builtins", "len"
    with pytest.raises(CodecError, match="builtins:len cannot be found"):
        spelled(len)


@pytest.mark.parametrize("kind", [KDTree, BallTree])
def test_a_tree_forgets_what_it_was_asked(kind: Any) -> None:
    tree = kind(np.arange(30.0)[:, None])
    before = reduced(tree)[2][3:11]
    tree.query([[3.0]], k=2)
    after = reduced(tree)[2][3:11]
    assert np.array_equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert tree.get_tree_stats() != (0, 0, 0), "the tree itself is left alone"


def test_a_bunch_is_its_entries() -> None:
    made = reduced(Bunch(a=1))
    assert made[2:] == (None, [], [["a", 1]])


def test_asking_for_the_fill_value_of_a_masked_array_does_not_show() -> None:
    asked, other = (np.ma.array([1.0, 2.0], mask=[True, False]) for _ in range(2))
    assert asked.fill_value == 1e20
    assert repr(reduced(asked)) == repr(reduced(other))


def test_an_object_that_does_not_say_how_it_is_made_is_refused() -> None:
    with pytest.raises(CodecError, match=r"a builtins\.generator cannot be part of a model"):
        reduced(k for k in [1])


@pytest.mark.parametrize(
    "dtype",
    [
        "f8",
        ">i4",
        "M8[ns]",
        "U7",
        "V3",
        [("a", "f8"), ("b", ">i2", (2, 3))],
        [("a", [("b", "U3")]), ("c", "?")],
        np.dtype([("a", "u1"), ("b", "f8")], align=True),
        {"names": ["a", "b"], "formats": ["i4", "f8"], "offsets": [12, 0], "itemsize": 24},
    ],
    ids=str,
)
def test_a_dtype_is_described_and_read(dtype: Any) -> None:
    made = read_dtype(describe(np.dtype(dtype)))
    assert made == np.dtype(dtype)
    assert made.itemsize == np.dtype(dtype).itemsize


def test_a_title_names_the_module() -> None:
    assert title(KDTree) == "sklearn.neighbors._kd_tree.KDTree"
