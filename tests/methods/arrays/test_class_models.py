"""The models of all classes as a value, and what a change means for them in sentences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from expunge import Arcane, Run, fingerprint
from expunge.codec import decode, encode
from expunge.errors import MismatchError
from expunge.methods.arrays._class_models import ClassModels, departures, expect_models
from expunge.testing import patients

DATA, RUN = patients(24), Run(key=b"k")
METHOD = Arcane(KernelDensity())
MODEL = METHOD.learn(DATA, RUN)


def test_it_knows_its_classes_and_the_checkpoints_that_it_needs() -> None:
    assert MODEL.classes == ("ham", "spam", "unsure")
    assert MODEL.task == "classification"
    assert {name.partition(".")[0] for name in RUN.store} == MODEL.checkpoints


def test_the_environment_stands_beside_the_fingerprint_and_is_written_down() -> None:
    moved = replace(MODEL, parts=tuple(replace(part, environment="elsewhere") for part in MODEL.parts))
    assert fingerprint(moved) == fingerprint(MODEL)
    assert decode(encode(moved), trusted=True).parts[0].environment == "elsewhere"


def test_visits_are_those_of_training_and_of_scoring() -> None:
    works = list(METHOD._works(DATA, Run(key=b"k"), METHOD.recipe()))
    sizes = [(len(work.task.data), len(work.judged)) for work in works]
    assert [work.visits("none") for work in works] == [learned for learned, _ in sizes]
    assert [work.visits("ranks") for work in works] == [learned + judged for learned, judged in sizes]
    done = [replace(work, task=replace(work.task, run=RUN)).ready() for work in works]
    assert [work.visits("ranks") for work in done] == [judged for _, judged in sizes], "checkpoints are at rest"


def test_nothing_is_said_where_nothing_departs() -> None:
    works = list(METHOD._works(DATA, RUN, METHOD.recipe()))
    assert list(departures(MODEL, works, works)) == []
    assert list(departures(MODEL, works[1:], [])) == [
        "class 'ham' goes with its model, and nothing is learned again for that"
    ]


def test_what_is_no_such_model_is_refused() -> None:
    expect_models(ClassModels((), "", ""))
    with pytest.raises(MismatchError, match="the ClassModels that this Arcane learned, got a ndarray"):
        expect_models(np.zeros(3))
