"""Kernels are found on disk only while all kernels of the shelf are what they were."""

from __future__ import annotations

import ast
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import caching

from expunge.methods.trees import _compiled as compiled
from expunge.methods.trees._cells import factors
from expunge.methods.trees._compiled import ask_for, keep, kernel, lent, sources, uncounted


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


def test_what_another_version_kept_is_not_even_read(tmp_path: Path) -> None:
    kept = type(factors._cache._cache_file)(str(tmp_path), "factors", "a stamp")  # type: ignore[attr-defined]
    index = tmp_path / "factors.nbi"
    index.write_bytes(pickle.dumps(kept._version) + b"cmodule_that_is_gone\nClass\n.")
    with pytest.raises(ModuleNotFoundError):
        kept.load("any")
    kept._version = factors._cache._cache_file._version  # type: ignore[attr-defined]
    assert kept.load("any") is None


@uncounted
def last_of_a_part(array: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(array[1:][-1])


def test_a_kernel_that_counts_no_references_leaves_them_as_they_were() -> None:
    array = np.array([1.0, 2.0])
    held = sys.getrefcount(array)
    assert [last_of_a_part(array) for _ in range(5)] == [2.0] * 5
    assert sys.getrefcount(array) == held


def test_where_no_folder_may_be_written_it_is_compiled_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])  # what a container as nobody comes to
    made: Any = kernel(one_more)
    assert made(1) == 2
    assert not hasattr(made._cache, "_cache_file")


def test_a_lent_array_is_the_array() -> None:
    assert last_of_a_lent(np.array([1.0, 2.0])) == 2.0


def test_asking_for_a_row_changes_nothing_and_reads_nothing() -> None:
    for table in (np.arange(300).reshape(3, 100), np.arange(24.0).reshape(4, 6)[:, 1:3]):
        before = table.copy()
        for row in (-1, 0, 2, 10**9):  # none of its own, too: nobody looks there
            ask_for(table, row)
        assert (table == before).all()


def test_two_processes_that_compile_for_two_types_find_their_own_code(tmp_path: Path) -> None:
    mine, theirs = (type(factors._cache._cache_file)(str(tmp_path), "factors", "a stamp") for _ in range(2))  # type: ignore[attr-defined]
    first, second = (("int32", "x86", "code"), ("int64", "x86", "code"))
    found = mine._load_index
    mine._load_index = theirs._load_index = dict  # both look before one of them has written
    keep(mine, first, "of 32 bits")
    keep(theirs, second, "of 64 bits")
    keep(mine, first, "of 32 bits")
    mine._load_index = found
    assert mine.load(first) == "of 32 bits"
    assert mine.load(second) is None, "an entry that was lost is compiled again"
    keep(mine, second, "of 64 bits")
    assert (mine.load(first), mine.load(second)) == ("of 32 bits", "of 64 bits")
    assert len(list(tmp_path.glob("*.nbc"))) == 2
    assert factors._cache._cache_file.save.func is keep  # type: ignore[attr-defined]


def lends_of_its_own(source: str) -> list[str]:
    """Kernels that lend what they were not given: numba frees that where its name stands last."""
    found = []
    for kernel_of in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)):
        given = {argument.arg for argument in kernel_of.args.args}
        for call in (node for node in ast.walk(kernel_of) if isinstance(node, ast.Call)):
            lends = isinstance(call.func, ast.Name) and call.func.id.partition("_")[0] == "lent"
            owners = [each.value if isinstance(each, ast.Attribute) else each for each in call.args]
            if lends and not all(isinstance(owner, ast.Name) and owner.id in given for owner in owners):
                found.append(kernel_of.name)
    return found


def test_a_kernel_lends_only_what_it_was_given() -> None:
    assert lends_of_its_own("def f(x):\n    y = g(x)\n    return lent_column(y)") == ["f"]
    assert lends_of_its_own("def f(x):\n    return lent(x.a), lent_pool(x)") == []
    for file in Path(compiled.__file__).parent.glob("*.py"):
        assert lends_of_its_own(file.read_text(encoding="utf-8")) == [], file.name
