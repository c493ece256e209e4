"""The picture: measured from a fresh start, drawn where it was asked for, refused where nothing can draw it."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from rich.console import Console
from sklearn.naive_bayes import GaussianNB

from expunge import Records, Run, Sisa, Table
from expunge.demo import picture, story
from expunge.errors import MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path


def test_without_matplotlib_the_picture_names_its_extra_before_any_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(picture, "find_spec", lambda name: None if name == "matplotlib" else object())
    told = StringIO()
    with pytest.raises(MissingExtraError, match=r"pip install 'expunge\[demo\]'"):
        story.play(Console(file=told), tmp_path / "demo.png")
    assert told.getvalue() == ""


def test_the_picture_is_drawn_where_it_was_asked_for(tmp_path: Path) -> None:
    costs = picture.Costs(40, 4, np.arange(1.0, 4.0), np.arange(1.0, 4.0), 1.0, {1: 1})
    picture.draw(tmp_path / "costs.png", costs)
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")


def test_requests_are_measured_one_after_the_other_and_as_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "HORIZON", 5)
    monkeypatch.setattr(picture, "SIZES", (1, 5))
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 3))
    data, run = Table.from_arrays(X, X[:, 0] > 0), Run(key=b"example")
    method, told = Sisa(GaussianNB(), shards=4), StringIO()
    costs = picture.next_requests(method, data, run, Console(file=told, quiet=True))
    names, visits = data.ids.tolist(), 0

    def spent(leaving: list[int], rest: Table) -> int:
        afresh = run.afresh()
        return method.forget(method.learn(rest, afresh), Records(leaving), rest, afresh).examples

    assert costs.batches == {size: spent(names[:size], data) for size in (1, 5)}
    for place, name in enumerate(names[:5]):
        visits += spent([name], data)
        data = data.after(Records([name]))
        assert costs.visits[place] == visits
    assert (costs.patients, costs.shards, len(costs.seconds)) == (60, 4, 5)
    assert told.getvalue() == ""


def test_work_is_timed() -> None:
    made, seconds = picture.timed(lambda: 7)
    assert made == 7
    assert seconds >= 0
