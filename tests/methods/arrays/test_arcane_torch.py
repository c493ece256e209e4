"""ARCANE over autoencoders keeps every law to the bit, with slices and classes that train together."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from expunge import Arcane, Label, Owners, Records, Run, Table, TorchLearner, fingerprint
from expunge.errors import ParameterError
from expunge.learners.torch import Autoencoder, inputs
from expunge.learners.torch import course as training
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import learning_is_a_pure_function
from expunge.testing.networks import bottleneck, noisy

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = b"a key for tests"
NET = TorchLearner(bottleneck, partial(torch.optim.Adam, lr=0.05), epochs=2, batch_size=8, device="cpu", augment=noisy)
CODER = Autoencoder(NET)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def case(method: Arcane, data: Table, **options: Any) -> Case:
    return Case(method, data, portable=False, shrink=False, **{"examples": 2, **options})


@contract(
    case(Arcane(CODER), patients(18)),
    case(Arcane(CODER, slices=2, calibration="none"), patients(18, owned=False)),
)
def test_an_autoencoder_for_each_class_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


def test_classes_that_train_together_are_the_classes_that_train_alone() -> None:
    data = patients(24)
    made = {
        fingerprint(Arcane(Autoencoder(replace(NET, together=most)), slices=2).learn(data, Run(key=KEY)))
        for most in (1, 16)
    }
    assert len(made) == 1


def test_the_threads_of_the_run_calibrate_too() -> None:
    data, method, target = patients(24), Arcane(CODER), Owners([4])
    for threads in (1, 2):
        run = Run(key=KEY, threads=threads)
        done = method.forget(method.learn(data, run), target, data, run)
        torch.set_num_threads(3 - threads)  # whatever a user has set
        assert fingerprint(done.model) == fingerprint(method.learn(data.after(target), run.afresh()))


def test_nobody_of_the_forgotten_stays_in_the_logs_and_a_class_goes_with_its_network() -> None:
    data, method, run = patients(24), Arcane(CODER), Run(key=KEY)
    gone = Records(data.ids[:5].tolist())
    made = method.forget(method.learn(data, run), gone, data, run).model
    held = np.concatenate([part.state.log.ids for part in made.parts])
    assert not set(held.tolist()) & set(data.ids[:5].tolist())
    quote = method.quote(method.learn(data, run), Label("ham"), data, run)
    assert getattr(quote, "examples", None) == 0


@pytest.mark.parametrize("options", [{"validation": 0.3}, {"shadow": 0.3}], ids=lambda given: next(iter(given)))
def test_what_cannot_go_on_is_refused_with_slices(options: dict[str, Any]) -> None:
    method = Arcane(Autoencoder(replace(NET, **options)), slices=2)
    with pytest.raises(ParameterError, match="Arcane with 2 slices cannot be learned"):
        method.learn(patients(18), Run(key=KEY))


def unseeded(data: Table, run: Run, epoch: int) -> Any:
    return np.random.default_rng().integers(2**63, size=len(data)).astype(np.uint64)


def in_rows(key: Any, ids: Any, *names: object) -> Any:
    return np.arange(len(ids))


@pytest.mark.parametrize(
    ("place", "name", "wrong"),
    [(training, "keyed", type("Rows", (), {"order": staticmethod(in_rows)})), (inputs, "augment_seeds", unseeded)],
    ids=["order by position", "augmentation from a generator of its own"],
)
def test_a_planted_bug_breaks_the_first_law(place: Any, name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, name, wrong)
    with pytest.raises(AssertionError):
        learning_is_a_pure_function(case(Arcane(CODER), patients(18), examples=4))
