"""A model is at hand after a request, and made of its arrays where it is not; both are the same trees."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from expunge import Addition, Forest, Records, Run, Table, fingerprint
from expunge.errors import DataError, MismatchError
from expunge.methods.trees import _standing as standing

RUN = Run(key=b"a key for tests")
FOREST = Forest(trees=6, share=0.5)


def data_and_model() -> tuple[Table, Any]:
    X = np.random.default_rng(0).normal(size=(50, 3))
    data = Table.from_arrays(X, X[:, 0] > 0)
    return data, FOREST.learn(data, RUN)


def again(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))  # noqa: S301  (our own)


def test_what_was_shown_once_stays_at_hand() -> None:
    data, model = data_and_model()
    first, _ = standing.shown(FOREST, model, data, RUN)
    assert standing.shown(FOREST, model, data, RUN)[0] is first
    loaded = again(model)
    assert "_version" not in loaded.__dict__
    version, places = standing.shown(FOREST, loaded, data, RUN)
    assert standing.shown(FOREST, loaded, data, RUN)[0] is version is not first
    assert sorted(places.slots().tolist()) == list(range(50))
    assert fingerprint(loaded) == fingerprint(model)


def test_a_loaded_model_is_read_without_its_records() -> None:
    data, model = data_and_model()
    loaded = again(model)
    assert FOREST.predict(loaded, data).tolist() == FOREST.predict(model, data).tolist()
    assert standing.readable(FOREST, loaded).roster is None
    assert standing.readable(FOREST, loaded) is standing.readable(FOREST, loaded)
    standing.shown(FOREST, loaded, data, RUN)
    assert "_reader" not in loaded.__dict__
    assert standing.readable(FOREST, loaded).roster is not None


def test_a_loaded_model_knows_its_records_from_others() -> None:
    data, model = data_and_model()
    with pytest.raises(MismatchError, match="data other than the model's"):
        standing.shown(FOREST, again(model), data.take(slice(1, None)), RUN)
    with pytest.raises(MismatchError, match="data other than the model's"):
        FOREST.forget(again(model), Records([3]), data.after(Records([4])), RUN)


def test_the_bound_is_above_what_is_read() -> None:
    data, model = data_and_model()
    version, places = standing.shown(FOREST, model, data, RUN)
    for number in range(50):
        most = standing.bound(FOREST, version, places.slots(np.array([number])), data.take(slice(0, 0)), RUN)
        assert FOREST.forget(model, Records([number]), data, RUN).examples <= most


def test_what_comes_is_read_before_anything_is_promised() -> None:
    data, model = data_and_model()
    infinite = Addition(Table.from_arrays(np.full((1, 3), np.inf), [True], [77]))
    for verb in (FOREST.quote, FOREST.forget):
        with pytest.raises(DataError, match="holds inf"):
            verb(model, infinite, data, RUN)
    assert fingerprint(model) == fingerprint(FOREST.learn(data, RUN))
