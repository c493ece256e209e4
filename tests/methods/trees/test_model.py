"""A model is its canonical arrays, however it lies in memory."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest

from expunge import Forest, Records, Run, fingerprint
from expunge.codec import decode, encode
from expunge.errors import MismatchError
from expunge.methods.trees._model import FittedForest, expect_forest
from expunge.testing import patients

RUN = Run(key=b"a key for tests")
ELSEWHERE = """
import sys
from pathlib import Path
from expunge import Addition, Batch, Forest, Records, Run
from expunge.codec import decode, encode
from expunge.testing import patients

path, data = Path(sys.argv[1]), patients()
forest, run, some = Forest(trees=3, share=0.5), Run(key=b"a key for tests"), data.take(slice(0, 2))
model = decode(path.read_bytes())
model = forest.forget(model, Batch([Records(data.ids[5:8]), Records(some.ids)]), data, run).model
rest = data.after(Records(data.ids[5:8])).after(Records(some.ids))
path.write_bytes(encode(forest.forget(model, Addition(some), rest, run).model))
"""


def test_a_model_on_disk_forgets_in_another_process(tmp_path: Path) -> None:
    data, forest, path = patients(), Forest(trees=3, share=0.5), tmp_path / "model"
    path.write_bytes(encode(forest.learn(data, RUN)))
    subprocess.run([sys.executable, "-c", ELSEWHERE, path], check=True)
    again = forest.learn(data.after(Records(data.ids[5:8])), RUN)
    assert path.read_bytes() == encode(again)
    assert fingerprint(decode(path.read_bytes())) == fingerprint(again)


def test_a_model_that_was_loaded_keeps_its_trees_once() -> None:
    data, forest = patients(), Forest(trees=3, share=0.5)
    model = decode(encode(forest.learn(data, RUN)))
    before, scores = fingerprint(model), forest.predict(model, data)
    assert {"trees", "_reader"} <= vars(model).keys()
    forest.quote(model, Records(data.ids[:1]), data, RUN)
    assert {"trees", "_reader", "_version"} & vars(model).keys() == {"_version"}
    assert (forest.predict(model, data) == scores).all()
    assert fingerprint(model) == before


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
