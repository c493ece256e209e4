"""The formula beside what forests really read."""

from __future__ import annotations

import numpy as np
import pytest

from expunge import Forest, Records, Run, Table
from expunge.errors import ParameterError
from expunge.methods.trees._cost import expected_visits

RUN = Run(key=b"a key for tests")


@pytest.mark.parametrize(("share", "together"), [(0.1, 1), (0.1, 20), (0.1, 200), (0.5, 1), (0.5, 50)])
def test_it_agrees_with_what_is_read(share: float, together: int) -> None:
    rng, n = np.random.default_rng(0), 2000
    X = rng.normal(size=(n, 8))
    data = Table.from_arrays(X, X[:, 0] * X[:, 1] + X[:, 2] + rng.normal(0, 0.3, n) > 0)
    forest = Forest(trees=20, share=share)
    model = forest.learn(data, RUN)
    drawn = [rng.permutation(n)[:together].tolist() for _ in range(200 if together == 1 else 3)]
    read = np.mean([forest.forget(model, Records(some), data, RUN).examples for some in drawn])
    assert read / expected_visits(n, round(20 * share), share, together, batch=True) == pytest.approx(1, abs=0.6)


def test_nothing_costs_nothing_and_all_at_once_costs_no_more_than_to_read_all() -> None:
    assert expected_visits(1000, 10, 0.1, 0, batch=True) == expected_visits(1000, 10, 0.1, 0) == 0
    assert expected_visits(1000, 10, 0.1, 1000, batch=True) == 10_000
    assert expected_visits(1, 1, 1.0, 1, batch=True) == 1


def test_a_batch_costs_no_more_than_its_requests_one_by_one() -> None:
    for requests in (1, 10, 500):
        assert expected_visits(1000, 10, 0.1, requests, batch=True) <= expected_visits(1000, 10, 0.1, requests)


@pytest.mark.parametrize(("n", "requests"), [(0, 0), (5, 6), (5, -1)])
def test_more_requests_than_records_are_refused(n: int, requests: int) -> None:
    with pytest.raises(ParameterError, match="a cost is of 1 record or more"):
        expected_visits(n, 10, 0.1, requests)
