"""The exception tree: as drawn, catchable as usual, and whole after a trip between processes."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from expunge import errors
from expunge.errors import ExpungeError, RefusedError
from expunge.values import Refusal

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ExpungeError)]
DRAWN = re.findall(r"[├└]── (\w+)\s+(\d+)\s+\((\w+)\)", errors.__doc__ or "")


def test_the_drawn_tree_is_the_tree() -> None:
    kinds = [kind for kind in KINDS if kind is not ExpungeError]
    assert sorted(DRAWN) == sorted((kind.__name__, str(kind.exit_code), kind.__bases__[1].__name__) for kind in kinds)


def test_exit_codes_above_one_are_of_one_kind_and_none_is_the_shells() -> None:
    own = [kind.exit_code for kind in KINDS if "exit_code" in vars(kind) and kind is not ExpungeError]
    assert len(own) == len(set(own))
    assert min(own) > 2  # 2 is wrong usage
    assert max(own) < 64


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_ours_and_says_what_it_is(kind: type[ExpungeError]) -> None:
    assert issubclass(kind, ExpungeError)
    assert kind.__doc__
    assert kind.__module__ == "expunge.errors"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not RefusedError], ids=lambda kind: kind.__name__)
def test_an_error_comes_back_whole_from_another_process(kind: type[ExpungeError]) -> None:
    error = kind("ids: row 3 has none")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301  (our own bytes)
        assert type(again) is kind
        assert str(again) == "ids: row 3 has none"


def test_a_refusal_travels_with_its_error() -> None:
    refusal = Refusal("a bound needs a smooth loss", "instead", "Retrain")
    error = RefusedError(refusal)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    assert again.refusal == error.refusal == refusal
    assert str(again) == refusal.reason
