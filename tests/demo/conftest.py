"""A small hospital for the demo's tests: a hundred and twenty patients, four measurements, a learner that is quick."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from expunge.data.table import Table
from expunge.demo import hospital, picture, story
from expunge.demo.story import Stage
from expunge.demo.teller import Teller

MEASURED = ("mean_radius", "mean_texture", "mean_symmetry", "worst_area")
NAMED = (220, 299, 416)  # rows of those whom the story names


def few() -> tuple[Table, Table]:
    """The patients whom the story names, and some others; with fewer measurements."""
    admitted, held_out = patients()
    rows = np.array([*range(117), *NAMED])
    return admitted.take(rows).select(MEASURED), held_out.take(slice(30)).select(MEASURED)


patients = hospital.patients


def hasten(patch: pytest.MonkeyPatch) -> None:
    """Few patients, a quick learner, few requests, and no waiting for the disk."""
    patch.setattr(hospital, "patients", few)
    patch.setattr(hospital, "NETWORKS", hospital.Choice("sklearn.naive_bayes.GaussianNB", {}, shards=3))
    for name, count in (("SINGLES", 1), ("QUEUED", 2), ("MANY", 3)):
        patch.setattr(story, name, count)
    patch.setattr(picture, "HORIZON", 3)
    patch.setattr(picture, "SIZES", (1, 3))
    patch.setattr(os, "fsync", lambda _file: None)


@dataclass(frozen=True)
class Played:
    """The demo, from its first word to its last."""

    held: bool
    told: str
    picture: bytes


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The demo, played once; nothing planted."""
    drawn, file = tmp_path_factory.mktemp("demo") / "costs.png", StringIO()
    with pytest.MonkeyPatch.context() as patch:
        hasten(patch)
        held = story.play(Console(file=file, width=80), drawn)
    return Played(held, file.getvalue(), drawn.read_bytes())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo made quick for one test."""
    hasten(monkeypatch)


@pytest.fixture
def stage(quick: None) -> Iterator[Stage]:
    """A stage on which the model is learned, and nobody forgotten."""
    with hospital.hospital() as on:
        held = Stage(Teller(Console(file=StringIO(), width=80)), on)
        story.learned(held)
        yield held


@pytest.fixture
def told() -> Callable[[Stage], str]:
    """What a stage has said so far."""

    def read(held: Stage) -> str:
        file = held.teller.console.file
        assert isinstance(file, StringIO)
        return file.getvalue()

    return read
