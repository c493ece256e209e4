"""A network by the command line alone: from `init` to a certificate that verifies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from expunge.learners import own_code

NETS = """
from torch import nn


def mlp(shape, outputs, width=8):
    return nn.Sequential(nn.BatchNorm1d(shape[0]), nn.Linear(shape[0], width), nn.ReLU(), nn.Linear(width, outputs))
"""
MADE = ["--learner", "expunge.TorchLearner", "--set", "factory=nets.mlp", "--set", "epochs=2", "--set", "shards=2"]
SGD = ["--set", 'optimizer={call = "torch.optim.SGD", lr = 0.1}']


@pytest.fixture(autouse=True)
def _afterwards() -> Iterator[None]:
    yield
    own_code.importable(Path(__file__).parent)


def test_a_network_is_proposed_learned_asked_and_made_to_forget(
    empty: Path, expunge: Callable[..., Any], csv_of: Callable[..., Path]
) -> None:
    def done(*arguments: str | Path) -> Any:
        said = expunge(*arguments, "--json")
        assert said.code == 0, said.out + said.err
        return said.document

    (empty / "nets.py").write_text(NETS, encoding="utf-8")
    rows = csv_of(empty / "orders.csv")
    done("init", "--source", "orders.csv", "--id", "row", "--label", "late", "--owner", "who", *MADE, *SGD)
    (model,) = done("learn")["models"]
    assert model["visits"] == 2 * 60
    assert len(done("predict", rows)["rows"]) == 60
    assert "Exact" in expunge("quote", "--records", "7").out
    assert done("forget", "--owners", "person 3")["models"][0]["claim"] == {"name": "Exact"}
    (certified,) = (empty / "certificates").glob("*.json")
    assert expunge("verify", certified).code == 0
    assert done("audit")["models"][0]["equal"]
    assert [found["verdict"] for found in done("scan", "--owners", "person 3")["scans"]] != ["found"]
    assert "1 certified" in expunge("status").out


def test_a_factory_that_is_nowhere_is_said_before_anything_is_written(
    empty: Path, expunge: Callable[..., Any], csv_of: Callable[..., Path]
) -> None:
    csv_of(empty / "orders.csv")
    said = expunge("init", "--source", "orders.csv", "--id", "row", "--label", "late", *MADE)
    assert said.code == 14
    assert f"No module named 'nets'; it was looked for in {empty}, and among the installed packages" in said.err
    assert not (empty / "expunge.toml").exists()
