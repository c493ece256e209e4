"""The demo tells the truth: a forgetting that forgets nothing makes it fail, and says so."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from rich.console import Console
from sklearn.naive_bayes import GaussianNB

from expunge import Forgotten, Sisa, demo
from expunge.errors import MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path


class ForgetsNothing(Sisa):
    """Says Exact and keeps what the old shards have learned."""

    def forget(self, *given: Any) -> Forgotten[Any]:
        done = super().forget(*given)
        pairs = zip(given[0].shards, done.model.shards, strict=True)
        shards = tuple(replace(old, chain=new.chain) for old, new in pairs)
        return replace(done, model=replace(done.model, shards=shards))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The demo over a quick model, by whatever method."""

    def stage(kind: type[Sisa]) -> None:
        on = demo.scene()
        monkeypatch.setattr(demo, "scene", lambda: replace(on, method=kind(GaussianNB(), shards=demo.SHARDS)))

    return stage


def test_the_demo_plays(quick: Any) -> None:
    quick(Sisa)
    told = StringIO()
    assert demo.play(Console(file=told, width=100))
    assert told.getvalue().count("yes") >= demo.SINGLES + len(demo.BATCHES) + 1


def test_the_demo_fails_when_nothing_is_forgotten(quick: Any) -> None:
    quick(ForgetsNothing)
    told = StringIO()
    assert not demo.play(Console(file=told, width=100))
    assert "NO" in told.getvalue()
    assert "VETO" in told.getvalue()


def test_the_tables_fit_a_terminal_of_80_columns(quick: Any) -> None:
    quick(Sisa)
    told = StringIO()
    demo.play(Console(file=told, width=80))
    tables = told.getvalue().partition("0.5 is a coin")[0]
    assert "…" not in tables
    assert max(map(len, tables.splitlines())) <= 80


def test_nobody_is_both_learned_and_held_out() -> None:
    on = demo.scene()
    assert not set(on.names()) & set(on.held_out.ids.tolist())
    assert len(on.patients) + len(on.held_out) == 569


def test_without_matplotlib_the_picture_names_its_extra_before_any_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None if name == "matplotlib" else object())
    told = StringIO()
    with pytest.raises(MissingExtraError, match=r"pip install 'expunge\[demo\]'"):
        demo.play(Console(file=told), tmp_path / "demo.png")
    assert told.getvalue() == ""


def test_the_picture_is_drawn_where_it_was_asked_for(tmp_path: Path) -> None:
    costs = demo.Costs(np.arange(1.0, 4.0), np.arange(1.0, 4.0), 1.0, {1: 1})
    demo.draw(tmp_path / "costs.png", costs)
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")
