"""What is told of a target before anything is run: by brute force, on planted cases, and what fine-tuning leaves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.preprocessing import FunctionTransformer

from expunge import Addition, Column, Correction, Label, Owners, Records, Run, Table
from expunge.audit import hardness as module
from expunge.audit.hardness import HALF, HEART, NEAREST, QUARTER, Hardness, Share, hardness
from expunge.errors import DataError
from expunge.testing import patients
from expunge.testing.requests import rows_like

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.values import Target

RUN = Run(key=b"a key for tests")


def digits(rows: int = 600) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))[:rows]
    return x[order] / 16, y[order].astype(str)


def told(data: Table, target: Any, learner: Any = None, model: Any = None) -> Hardness:
    return hardness(learner, model, target, data, RUN)


# -- planted cases -----------------------------------------------------------------------------------------------------


def test_wrong_labels_and_outliers_are_hard_and_records_among_their_kind_are_easy() -> None:
    x, y = digits()
    go = np.arange(20)
    assert told(Table.from_arrays(x, y), Records(go)).level == "easy"
    wrong = y.copy()
    wrong[go] = [str((int(name) + 3) % 10) for name in y[go]]
    found = told(Table.from_arrays(x, wrong), Records(go))
    assert found.sentence == f"hard: {found.heart} of 20 records are known by heart"
    assert found.heart >= 19
    assert found.judged == "the nearest records that stay, in standardised inputs"
    far = x.copy()
    far[go] = 1 - far[go]
    assert told(Table.from_arrays(far, y), Records(go)).level == "hard"


def test_a_record_of_which_a_copy_stays_is_not_known_by_heart_unless_it_says_something_else() -> None:
    x, y = digits()
    y[:20] = [str((int(name) + 3) % 10) for name in y[:20]]
    for noise, twins, copies in ((0.0, 20, 0), (0.01, 0, 20)):
        near_by = x[:20] + noise * np.random.default_rng(1).normal(size=(20, 64))
        both = np.concatenate([x, near_by]).reshape(-1, 8, 8)
        found = told(Table.from_arrays(both, np.concatenate([y, y[:20]])), Records(range(20)))
        assert (found.heart, found.level) == (0, "easy")
        assert (found.twins, found.copies) == (twins, copies)
        other = [str((int(name) + 1) % 10) for name in y[:20]]
        assert told(Table.from_arrays(both, np.concatenate([y, other])), Records(range(20))).heart >= 19


def test_the_share_of_a_class_makes_it_foundational() -> None:
    x, y = digits()
    data, threes = Table.from_arrays(x, y), np.flatnonzero(y == "3")
    found = {part: told(data, Records(threes[: round(part * len(threes))])) for part in (0.1, 0.3, 0.6)}
    assert [one.level for one in found.values()] == ["easy", "hard", "foundational"]
    assert found[0.3].sentence == f"hard: {round(0.3 * len(threes)) / len(threes):.0%} of all records of class '3' go"
    whole = told(data, Label("3"))
    assert whole.sentence == "foundational: all records of class '3' go, and what the model knows of it with them"
    assert whole.share == Share("3", len(threes), len(threes))
    owner = told(Table.from_arrays(x, y, owners=np.where(y == "3", 1, 0)), Owners([1]))
    assert owner.share == whole.share


def test_the_class_that_loses_the_largest_part_is_named_and_not_the_one_that_loses_most() -> None:
    label = np.repeat(["few", "many"], [10, 90])
    data = Table.from_arrays(np.random.default_rng(0).normal(size=(100, 2)), label)
    assert told(data, Records([*range(4), *range(20, 30)])).share == Share("few", 4, 10)


@pytest.mark.parametrize(
    ("made", "level"),
    [
        (Hardness(1, 9, Share("a", 1, 10)), "easy"),
        (Hardness(1, 9, Share("a", round(QUARTER * 8), 8)), "hard"),
        (Hardness(1, 9, Share("a", round(HALF * 8), 8)), "foundational"),
        (Hardness(1, 9, None, heart=round(HEART * 10), asked=10), "hard"),
        (Hardness(1, 9, None, heart=1, asked=10), "easy"),
        (Hardness(9, 0, None), "foundational"),
        (Hardness(0, 9, None), "easy"),
    ],
)
def test_levels_are_what_they_are_said_to_be(made: Hardness, level: str) -> None:
    assert made.level == level
    assert made.sentence.startswith(f"{level}: ")


# -- where it is read from ---------------------------------------------------------------------------------------------


@dataclass
class Seeing:
    """A learner whose features are the first inputs."""

    count: int = 1

    def features(self, model: Any, data: Table) -> NDArray[np.float64]:
        return np.asarray(data.features, dtype=np.float64)[:, : self.count]


def test_near_is_near_in_the_features_of_a_learner_that_has_any() -> None:
    random = np.random.default_rng(0)
    label = np.repeat(["a", "b"], 100)
    x = np.column_stack([np.repeat([0.0, 9.0], 100) + random.normal(size=200), random.normal(scale=50, size=(200, 20))])
    wrong = np.array(label)
    wrong[:10] = "b"
    data = Table.from_arrays(x, wrong)
    found = told(data, Records(range(10)), Seeing())
    assert (found.heart, found.place) == (10, "the model's features")
    assert found.judged == "the nearest records that stay, in the model's features"


def test_a_copy_is_one_as_the_network_takes_it() -> None:
    x, y = digits(300)  # most records have nothing at the rim, so that noise there is large in units of its spread
    near_by = x[:6] + 0.02 * np.random.default_rng(1).normal(size=(6, 64))
    data = Table.from_arrays(np.concatenate([x, near_by]), np.concatenate([y, y[:6]]))
    loud = FunctionTransformer(lambda given: given + 1e4 * np.abs(given[:, :1]))  # tells apart what is nearly the same
    found = {
        name: told(data, Records(range(6)), model=model).copies
        for name, model in (
            ("raw", SimpleNamespace(prepared=None)),
            ("prepared", SimpleNamespace(prepared=loud)),
            ("standardised", SimpleNamespace()),
        )
    }
    assert found["raw"] == 6
    assert found["standardised"] < 6
    assert found["prepared"] < 6


def logged(ids: Any, doubt: NDArray[np.float64]) -> Any:
    """A model with a training log of three epochs, in the mean as doubtful as told."""
    fit = np.log(np.maximum(np.stack([1 - doubt] * 3), 1e-30)).astype(np.float32)
    fit[0, 0] = np.nan
    return SimpleNamespace(log=SimpleNamespace(ids=ids, fit=fit))


def test_a_training_log_says_what_is_known_by_heart() -> None:
    x, y = digits(300)
    data, doubt = Table.from_arrays(x, y), np.full(300, 0.15)
    doubt[:5] = 0.35  # twice the usual doubt is 0.3
    found = told(data, Records(range(10)), model=logged(np.arange(300), doubt))
    assert (found.heart, found.asked, found.judged, found.level) == (5, 10, "the training log", "hard")
    assert told(data, Records(range(10)), model=logged(np.arange(300), doubt * 2)).heart == 5  # 0.7 against 0.5
    assert told(data, Records(range(10)), model=logged(np.arange(300), doubt / 2)).heart == 0  # 0.175: never by heart
    assert told(data, Records(range(10)), model=logged(np.arange(300), np.full(300, 0.9))).heart == 10  # all are
    unmet = logged(np.arange(100, 300), doubt[100:])
    assert told(data, Records(range(10)), model=unmet).heart == told(data, Records(range(10))).heart  # by those near
    assert told(data, Records(range(10)), model=SimpleNamespace(log=None)).judged.startswith("the nearest")


def test_ids_of_text_are_found_in_a_log() -> None:
    x, y = digits(100)
    ids = np.array([f"r{k:03}" for k in range(100)])
    doubt = np.where(np.arange(100) < 3, 0.9, 0.1)
    found = told(Table.from_arrays(x, y, ids=ids), Records(ids[:6].tolist()), model=logged(ids.astype(object), doubt))
    assert found.heart == 3


# -- by brute force ----------------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_entangled_are_those_with_a_forgotten_one_among_their_ten_nearest(seed: int, gone: int) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(size=(60, 3))
    data = Table.from_arrays(x, random.integers(0, 2, 60))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "AT_ONCE", 17)
        found = told(data, Records(range(gone)), Seeing(3))
    by_hand = 0
    for k in range(gone, 60):
        apart = ((x - x[k]) ** 2).sum(axis=1)
        apart[k] = np.inf
        by_hand += bool((np.argsort(apart)[:NEAREST] < gone).any())
    assert (found.entangled, found.crowd) == (by_hand, 60 - gone)


def test_outliers_are_entangled_with_nobody_and_a_random_draw_with_about_ten_each() -> None:
    x, y = digits()
    random_draw = told(Table.from_arrays(x, y), Records(range(6)))
    assert 5 <= random_draw.entangled / 6 <= 14
    assert random_draw.entanglement == pytest.approx(1, abs=0.8)
    far = x.copy()
    far[:6] += 9 * np.random.default_rng(0).normal(size=64)
    apart = told(Table.from_arrays(far, y), Records(range(6)))
    assert apart.entangled == 0
    assert apart.entanglement is not None
    assert apart.entanglement < 0.1


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_the_order_of_records_means_nothing(seed: int) -> None:
    data = patients(60)
    mixed = data.take(np.random.default_rng(seed).permutation(60))
    target = Records(data.ids[:9].tolist())
    assert told(mixed, target) == told(data, target)


def test_large_data_are_sampled_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = digits()
    for name, value in (("NUMBERS", 64 * 200), ("ASKED", 12), ("CROWD", 100), ("AT_ONCE", 30)):
        monkeypatch.setattr(module, name, value)
    data = Table.from_arrays(x, y)
    found = told(data, Records(range(40)))
    assert (found.records, found.retained, found.asked, found.crowd) == (40, 560, 12, 100)
    assert found == told(data.take(slice(None, None, -1)), Records(range(40)))
    assert found.level == "easy"


# -- any data, any target ----------------------------------------------------------------------------------------------


def test_pictures_numbers_and_several_labels() -> None:
    x, y = digits(200)
    pictures = told(Table.from_arrays(x.reshape(-1, 8, 8), y), Records(range(5)))
    assert pictures.level == "easy"
    smooth = Table.from_arrays(x[:, :3], x[:, :3].sum(axis=1))
    assert told(smooth, Records(range(5))).share is None
    assert told(smooth, Records(range(5))).level == "easy"
    even = np.random.default_rng(0).random((400, 2))
    for moved, level in ((0.0, "easy"), (0.6, "hard")):  # the labels' spread is 0.4
        jump = even.sum(axis=1) + np.where(np.arange(400) < 5, moved, 0.0)
        assert told(Table.from_arrays(even, jump), Records(range(5))).level == level
    carried = np.column_stack([y == "0", y >= "5"])
    assert told(Table.from_arrays(x, carried), Records(range(5))).level == "easy"
    carried[:5] = ~carried[:5]
    assert told(Table.from_arrays(x, carried), Records(range(5))).level == "hard"
    assert told(patients(several=True), Records([5])).share is None


def test_columns_of_text_and_missing_values() -> None:
    import pyarrow as pa

    frame = pa.table(
        {"town": ["Bern", "Ulm", None, "Ulm"] * 10, "age": [1.0, None, 3.0, 4.0] * 10, "y": ["a", "b"] * 20}
    )
    found = told(Table.from_frame(frame, label="y"), Records([0, 1]))
    assert found.twins == 18
    assert found.level == "easy"


def test_targets_that_take_nobody_or_everybody() -> None:
    data = patients()
    assert told(data, Records([])).sentence == "easy: no record goes"
    news = rows_like(data, data.ids[:2].tolist(), 1)
    assert told(data, Correction(news)).records == 2
    new = Table.from_arrays(np.zeros((1, 3)), ["ham"], ids=[9999], owners=[1])
    assert told(data, Addition(new)).lines()[1:] == ["  Easy: no record goes."]
    assert told(data, Column("x0")).sentence == "foundational: no record stays as it is"
    assert told(data, Records(data.ids.tolist())).level == "foundational"
    assert told(data.take(slice(0, 2)), Records(data.ids[:1].tolist())).records == 1  # one that stays


def test_what_is_told_holds_no_value_of_a_record_and_says_what_it_rests_on() -> None:
    x, y = digits()
    near_by = x[:4] + 0.01 * np.random.default_rng(1).normal(size=(4, 64))
    every = np.concatenate([x, near_by, x[:2]]).reshape(-1, 8, 8)
    data = Table.from_arrays(every, np.concatenate([y, y[:4], y[:2]]))
    text = "\n".join(told(data, Records(range(20))).lines())
    assert "Easy: what stays teaches the same." in text
    assert "2 that are the same and 4 that are nearly the same" in text
    assert "of 586 records that stay" in " ".join(text.split())
    assert "a guess from data and model" in text
    assert max(map(len, text.split("\n"))) <= 100


def test_data_without_labels_are_refused() -> None:
    with pytest.raises(DataError, match="these data have no labels"):
        told(Table.from_arrays(np.eye(4)), Records([0]))


# -- what fine-tuning leaves -------------------------------------------------------------------------------------------


def wide(shape: tuple[int, ...], outputs: int) -> Any:
    """The first of the two networks that were measured."""
    from torch import nn

    return nn.Sequential(nn.Linear(shape[0], 64), nn.ReLU(), nn.Linear(64, outputs))


@pytest.mark.slow
def test_what_is_easier_is_forgotten_more_easily_by_fine_tuning() -> None:
    """Beside oracles that were fine-tuned likewise, in standard deviations: what the thresholds rest on."""
    import torch

    from expunge import TorchLearner
    from expunge.measures.margin import margins
    from expunge.methods.torch.finetune import Finetune

    learner = TorchLearner(wide, partial(torch.optim.Adam, lr=3e-3), epochs=25, batch_size=50)
    method = Finetune(learner, epochs=5, lr=0.05)
    runs, others = ([Run(key=b"%s%d" % (name, k)) for k in range(6)] for name in (b"one", b"other"))
    x, y = digits(1200)
    wrong = y.copy()
    wrong[:20] = [str((int(name) + 3) % 10) for name in y[:20]]
    scenes: dict[str, tuple[Table, Target]] = {
        "easy": (Table.from_arrays(x.astype(np.float32), y), Records(np.flatnonzero(y == "0")[:20])),
        "hard": (Table.from_arrays(x.astype(np.float32), wrong), Records(range(20))),
        "foundational": (Table.from_arrays(x.astype(np.float32), y), Label("3")),
    }
    left = {}
    for level, (data, target) in scenes.items():
        change = data.change(target)
        assert change is not None
        gone, models = data.take(change.out), learner.learn_together([data] * 6, runs)
        oracles = learner.learn_together([data.after(target)] * 6, others)
        assert hardness(learner, models[0], target, data, runs[0]).level == level
        both = [
            np.stack([
                margins(learner.predict(tuned, gone), tuned.classes or (), np.asarray(gone.label))
                for tuned in (method.forget(net, target, data, run).model for net, run in zip(side, runs, strict=True))
            ])
            for side in (models, oracles)
        ]  # fmt: skip
        mine, its = both
        left[level] = float(np.mean(np.abs(mine.mean(axis=0) - its.mean(axis=0)) / (its.std(axis=0) + 0.1)))
    assert left["easy"] < 1
    assert left["hard"] > 2 * left["easy"]
    assert left["foundational"] > 2 * left["easy"]
