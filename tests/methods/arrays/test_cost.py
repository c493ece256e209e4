"""The expected cost is the paper's arithmetic, agrees with simulations, and says where sharding stops paying."""

from __future__ import annotations

import numpy as np
import pytest

from expunge import Records, Ridge, Run, closed_form_cost, expected_cost
from expunge.errors import ParameterError
from expunge.methods.arrays._cost import share
from expunge.testing import patients


def simulated(n: int, shards: int, slices: int, requests: int, *, batch: bool, equal: bool) -> tuple[float, float]:
    """Mean cost per epoch of deletions, and four standard errors; ``equal``: shards of one size, hit alike."""
    random, spent = np.random.default_rng(1), []
    for _ in range(400):
        shard, piece = random.integers(0, shards, n), random.integers(0, slices, n)
        gone = random.choice(n, requests, replace=False)
        if equal:
            shard = random.permutation(n) % shards
            gone = np.array([random.choice(np.flatnonzero(shard == s)) for s in random.integers(0, shards, requests)])
        alive, cost = np.ones(n, bool), 0.0
        alive[gone] = not batch
        for hit in dict.fromkeys(shard[gone].tolist()) if batch else gone:
            mine = shard == (hit if batch else shard[hit])
            first = piece[gone][shard[gone] == hit].min() if batch else piece[hit]
            alive[hit if not batch else gone] = False
            cost += sum((alive & mine & (piece <= k)).sum() for k in range(first, slices)) * 2 / (slices + 1)
        spent.append(cost)
    return float(np.mean(spent)), float(4 * np.std(spent) / np.sqrt(len(spent)))


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(("shards", "slices", "requests"), [(20, 1, 8), (5, 1, 40), (4, 10, 1), (3, 6, 4)])
def test_expected_cost_agrees_with_a_simulation(shards: int, slices: int, requests: int, *, batch: bool) -> None:
    n = 600
    expected = expected_cost(n, shards, slices, requests, batch=batch)
    mean, error = simulated(n, shards, slices, requests, batch=batch, equal=True)
    assert abs(mean - expected) < error + requests  # two of the paper's requests may name one record
    hashed, error = simulated(n, shards, slices, requests, batch=batch, equal=False)
    assert -error < hashed - expected < error + requests, "hashed shards cost at most a visit a request more"


def test_expected_cost_is_the_published_arithmetic() -> None:
    assert expected_cost(10_000, 20, 1, 8) == pytest.approx(3991, abs=1)
    assert expected_cost(10_000, 20, 1, 100) == pytest.approx(49652, abs=1)
    assert [round(expected_cost(10_000, 20, 1, k, batch=True), -1) for k in (8, 100)] == [3360, 9840]
    assert [round(share(1, slices), 3) for slices in (1, 2, 5, 10, 50)] == [1, 0.833, 0.733, 0.7, 0.673]
    assert [round(share(hits, 10_000), 2) for hits in (1, 2, 5, 10)] == [0.67, 0.83, 0.95, 0.98]


def test_sharding_stops_paying_past_three_requests_a_shard() -> None:
    assert expected_cost(10_000, shards=20, requests=60, batch=True) > 0.95 * (10_000 - 60)
    assert expected_cost(10_000, shards=20, requests=20) > 0.95 * 10_000
    with pytest.raises(ParameterError, match="requests between 0 and n"):
        expected_cost(10, shards=2, requests=11)


def test_a_closed_form_reads_what_goes_or_what_stays() -> None:
    data, method, run = patients(numbers=True), Ridge(), Run(key=b"k")
    model = method.learn(data, run)
    for count in (1, 20, 21, 39):
        done = method.forget(model, Records(np.asarray(data.ids)[:count]), data, run)
        assert done.examples == closed_form_cost(40, count, batch=True)
    assert closed_form_cost(40, 39) == 39
    with pytest.raises(ParameterError, match="requests between 0 and n; got 3 and 4"):
        closed_form_cost(3, 4)
