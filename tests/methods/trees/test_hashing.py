"""Mixers are bijections, occupancy belongs to the unit, and compiled kernels say what plain Python says."""

from __future__ import annotations

from typing import Any

import numpy as np

from expunge.methods.trees import _hashing as compiled


def test_the_mixer_of_32_bits_never_maps_two_words_to_one(plain: Any) -> None:
    words = np.arange(1 << 20, dtype=np.uint32) * np.uint32(4093)
    assert len(np.unique(plain().mix32(words))) == len(words)


def test_a_record_is_in_so_many_different_trees_whoever_else_is_there() -> None:
    units = np.random.default_rng(0).integers(0, 2**63, 4000).astype(np.uint64)
    made = compiled.occupied(units, 20, 5)
    assert (np.sort(made, axis=1)[:, 1:] > np.sort(made, axis=1)[:, :-1]).all()
    assert (compiled.occupied(units[7:9], 20, 5) == made[7:9]).all()
    counts = np.bincount(made.ravel(), minlength=20)
    assert abs(counts - 1000).max() < 150
    assert (np.sort(compiled.occupied(units[:3], 4, 4), axis=1) == np.arange(4)).all()


def test_records_of_each_tree_stand_side_by_side() -> None:
    start, rows = compiled.by_tree(np.array([[0, 2], [2, 1], [2, 0]], np.int32), 4)
    assert start.tolist() == [0, 2, 3, 6, 6]
    assert rows.tolist() == [0, 2, 1, 0, 1, 2]


def test_digests_tell_rows_apart_and_know_no_sign_of_zero() -> None:
    X, beside = np.array([[0.0, np.nan], [-0.0, np.nan], [1.0, np.nan], [0.0, 1.0]]), np.zeros((4, 1), np.uint64)
    made = compiled.row_digests(X, beside, np.array([1, 2], np.uint64))
    assert (made[0] == made[1]).all()
    assert len(np.unique(made, axis=0)) == 3


def test_plain_python_says_the_same(plain: Any) -> None:
    kernels, seed = plain(), np.uint64(0xFEDCBA9876543210)
    assert kernels.mix64(seed) == compiled.mix64(seed)
    assert kernels.of_child(seed, 1) == compiled.of_child(seed, 1)
    assert kernels.of_cuts(seed, np.uint32(5)) == compiled.of_cuts(seed, np.uint32(5))
    assert (kernels.occupied(np.array([seed]), 9, 4) == compiled.occupied(np.array([seed]), 9, 4)).all()
