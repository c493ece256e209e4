"""A model is its canonical arrays, however it lies in memory."""

from __future__ import annotations

import copy

import pytest

from expunge import Forest, Records, Run, fingerprint
from expunge.errors import MismatchError
from expunge.methods.trees._model import FittedForest, expect_forest
from expunge.testing import patients

RUN = Run(key=b"a key for tests")


def test_copies_are_the_model() -> None:
    data, forest = patients(), Forest(trees=3, share=0.5)
    model = forest.learn(data, RUN)
    twin = copy.deepcopy(model)
    assert fingerprint(twin) == fingerprint(model)
    target = Records(data.ids[:2])
    ends = [forest.forget(each, target, data, RUN).model for each in (model, twin)]
    assert fingerprint(ends[0]) == fingerprint(ends[1])
    assert isinstance(model, FittedForest)
    assert "classification" in repr(model)
    with pytest.raises(AttributeError, match="has no attribute"):
        model.nothing  # noqa: B018
    with pytest.raises(MismatchError, match="must be the FittedForest"):
        expect_forest(3)
