"""Who is closer to a record than neighbours usually are, by the data's own distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.measures import nearness
from expunge.measures.nearness import CLOSE, near, squares


def cloud(rows: int = 200, features: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, features))


@given(st.integers(0, 2**16), st.floats(-1e6, 1e6))
def test_distances_are_those_of_the_differences_wherever_the_data_lie(seed: int, far: float) -> None:
    one, other = cloud(7, 3, seed) + far, cloud(5, 3, seed + 1) + far
    plain = ((one[:, None] - other[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squares(one, other), plain, atol=1e-8)


@given(st.integers(0, 2**16), st.floats(1e-3, 1e3))
def test_copies_with_a_little_noise_are_close_at_any_scale_and_strangers_are_not(seed: int, scale: float) -> None:
    data = cloud(seed=seed) * scale
    goes = cloud(20, seed=seed + 1) * scale
    noisy = goes[:8] + 0.02 * scale * cloud(8, seed=seed + 2)
    found = near(np.concatenate([data, noisy]), goes)
    assert found.close[-8:].all()
    assert found.close[:-8].sum() <= 1
    plain = np.sqrt(((data[:, None] - data[None]) ** 2).sum(axis=2) + np.where(np.eye(200), np.inf, 0)).min(axis=1)
    assert found.reach == pytest.approx(CLOSE * np.median(plain), rel=0.1)


def test_strangers_would_be_close_if_the_reach_were_the_usual_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearness, "CLOSE", 1.0)
    assert near(cloud(), cloud(20, seed=1)).close.sum() > 5


def test_rows_that_repeat_are_close_and_do_not_make_the_usual_distance_small() -> None:
    data = cloud(100)
    twice = np.concatenate([data, data])
    found = near(twice, data[:3])
    assert np.flatnonzero(found.close).tolist() == [0, 1, 2, 100, 101, 102]
    assert found.reach == pytest.approx(near(data, data[:3]).reach)


def test_a_value_that_is_no_number_is_close_to_nothing() -> None:
    data = cloud(60)
    data[5, 0] = np.nan
    found = near(data, data[4:7])
    assert np.flatnonzero(found.close).tolist() == [4, 6]
    assert not near(data, data[5:6]).close.any()


@pytest.mark.parametrize("rows", [0, 1, 19])
def test_few_rows_have_no_usual_distance(rows: int) -> None:
    found = near(cloud(rows), cloud(3))
    assert not found.close.any()
    assert found.reach == 0


def test_rows_that_are_all_the_same_have_none() -> None:
    assert near(np.ones((30, 4)), np.ones((1, 4))).reach == 0
    assert near(cloud(30), cloud(0)).close.sum() == 0
