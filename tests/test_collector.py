"""The collector pauses, and goes on as it was before: also when what ran meanwhile failed."""

from __future__ import annotations

import gc

import pytest

from expunge.collector import paused


@paused()
def looks() -> bool:
    return gc.isenabled()


def test_a_function_runs_without_it() -> None:
    assert gc.isenabled()
    assert not looks()
    assert not looks()
    assert gc.isenabled()


def test_it_goes_on_after_a_failure() -> None:
    with pytest.raises(ZeroDivisionError), paused():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_one_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with paused(), paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
