"""Global generators and thread pools are the run's while something is fitted, and the user's again afterwards."""

from __future__ import annotations

import random

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from expunge.learners.surroundings import global_randomness, limited_pools


def drawn() -> tuple[float, float]:
    return float(np.random.rand()), random.random()  # noqa: NPY002


def threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_the_global_generators_belong_to_the_key_and_are_put_back() -> None:
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    expected = drawn()
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    inside = []
    for key in (b"one", b"one", b"two"):
        with global_randomness(key):
            inside.append(drawn())
    assert drawn() == expected
    assert inside[0] == inside[1]
    assert not set(inside[0]) & set(inside[2])


def test_they_are_put_back_after_a_failure_too() -> None:
    np.random.seed(1)  # noqa: NPY002
    expected = drawn()[0]
    np.random.seed(1)  # noqa: NPY002

    def fail() -> None:
        with global_randomness(b"one"):
            drawn()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert drawn()[0] == expected


@pytest.mark.parametrize("wanted", [1, 2])
def test_every_pool_is_held_at_a_number_of_threads(wanted: int) -> None:
    before = threads()
    with limited_pools(wanted):
        assert threads() == {wanted}
    assert threads() == before


def test_a_library_that_was_loaded_later_is_held_too(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType

    from expunge.learners import surroundings

    with limited_pools(1):
        held = surroundings._pools(len(sys.modules))
    monkeypatch.setitem(sys.modules, "loaded_a_moment_ago", ModuleType("loaded_a_moment_ago"))
    with limited_pools(1):
        assert surroundings._pools(len(sys.modules)) is not held, "pools are looked for again"
