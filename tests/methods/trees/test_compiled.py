"""Kernels are found on disk only while all kernels of the shelf are what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba.core import caching

from expunge.methods.trees._cells import factors
from expunge.methods.trees._compiled import kernel, lent, sources

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def one_more(x: int) -> int:
    return x + 1


@kernel
def last_of_a_lent(array: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(lent(array)[-1])


def test_the_stamp_follows_every_kernel(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("from x._compiled import kernel\n")
    (tmp_path / "other.py").write_text("pass\n")
    first = sources(tmp_path)
    sources.cache_clear()
    (tmp_path / "other.py").write_text("pass  # no kernel\n")
    assert sources(tmp_path) == first
    sources.cache_clear()
    (tmp_path / "one.py").write_text("from x._compiled import kernel  # changed\n")
    assert sources(tmp_path) != first
    sources.cache_clear()
    assert isinstance(factors._cache._cache_file._source_stamp, tuple)  # type: ignore[attr-defined]


def test_where_no_folder_may_be_written_it_is_compiled_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])  # what a container as nobody comes to
    made = kernel(one_more)
    assert made(1) == 2
    assert not hasattr(made._cache, "_cache_file")  # type: ignore[attr-defined]


def test_a_lent_array_is_the_array() -> None:
    assert last_of_a_lent(np.array([1.0, 2.0])) == 2.0
