"""Sweeping destroys what no live model reaches, and nothing that one does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import SGDClassifier

from expunge import Owners, Records, Run, Sisa, SklearnLearner, fingerprint
from expunge.store.sweep import sweep
from expunge.testing import patients

METHOD = Sisa(SklearnLearner(SGDClassifier(), epochs=2), shards=2, slices=3)


class Reaching:
    """A model that goes on from these."""

    def __init__(self, links: set[str]) -> None:
        self.checkpoints = frozenset(links)


@given(st.sets(st.sampled_from("abcdef")), st.lists(st.sets(st.sampled_from("abcdef")), max_size=3))
def test_what_stays_is_what_live_models_reach(held: set[str], live: list[set[str]]) -> None:
    store = {f"{link}.{machine}": b"state" for link in held for machine in ("one", "two")}
    destroyed = sweep(store, [Reaching(links) for links in live])
    reached = set().union(*live)
    assert set(store) == {f"{link}.{machine}" for link in held & reached for machine in ("one", "two")}
    assert destroyed == 2 * len(held - reached)


def test_a_model_without_checkpoints_reaches_none() -> None:
    store = {"a.one": b"state"}
    assert sweep(store, ["a plain model"]) == 1
    assert store == {}


@pytest.mark.parametrize("target", [Owners([4]), Records(patients().ids[:2])])
def test_after_a_sweep_the_next_request_costs_what_it_did(target: Owners | Records) -> None:
    data, run = patients(), Run(key=b"k")
    done = METHOD.forget(METHOD.learn(data, run), target, data, run)
    rest = data.after(target)
    before = METHOD.quote(done.model, Owners([7]), rest, run)
    assert sweep(run.store, [done.model]) > 0
    assert METHOD.quote(done.model, Owners([7]), rest, run) == before
    again = METHOD.forget(done.model, Owners([7]), rest, run)
    assert fingerprint(again.model) == fingerprint(METHOD.learn(rest.after(Owners([7])), Run(key=b"k")))


def test_two_models_share_a_store() -> None:
    data, run = patients(), Run(key=b"k")
    first = METHOD.learn(data, run)
    second = METHOD.forget(first, Owners([4]), data, run).model
    held = dict(run.store)
    assert sweep(run.store, [first, second]) == 0
    assert run.store == held
