"""SCRUB disobeys a teacher that stays as it was, and rewinds to where it errs on the forgotten as on strangers."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from expunge import Addition, Correction, Label, Quote, Records, Refusal, Run, Table, TorchLearner, fingerprint
from expunge.errors import ParameterError
from expunge.learners.torch.early import held_out
from expunge.methods.torch import scrub
from expunge.methods.torch._unlearning import Unlearning
from expunge.methods.torch.scrub import Scrub, expected_error
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import a_quote_keeps_its_word, learning_is_a_pure_function
from expunge.testing.networks import Cnn, mlp, pictures
from expunge.testing.requests import planted, rows_like

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
LEARNER = TorchLearner(mlp, SGD, epochs=60, batch_size=40)
RUN = Run(key=b"a key for tests")
UNSEEN = patients(60).take(np.arange(40, 60))
FAST = Scrub(LEARNER, epochs=6, lr=0.05, weight_decay=0.0, held_out=UNSEEN)


@contract(Case(Scrub(LEARNER, lr=0.02, held_out=UNSEEN), examples=2, portable=False, shrink=False))
def test_scrub(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("law", [learning_is_a_pure_function, a_quote_keeps_its_word])
def test_with_batch_norm_and_units_held_out_by_the_learner(law: Law) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8, validation=0.4)
    law(Case(Scrub(learner, epochs=2, ascents=1), pictures(24), examples=2, portable=False, shrink=False))


# -- the teacher -------------------------------------------------------------------------------------------------------


def test_the_forgotten_are_disobeyed(at_work: Callable[..., Any]) -> None:
    """After the ascents, and before anything heals, they are answered otherwise than by the teacher."""
    data = patients(40)
    method = replace(FAST, epochs=2, ascents=2, rewind=False, alpha=0.0, gamma=1e-9)
    with at_work(method, data, planted(data)) as work:
        before = work.fit(work.original(), work.forgotten)
        method.unlearn(work)
        assert float((before - work.fit(work.student, work.forgotten)).mean()) > 0.3


def assert_kept(teacher: Any, at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end the teacher is what it was at the start, and shares no memory with the student."""
    made: list[nn.Module] = []

    def kept(work: Unlearning) -> nn.Module:
        made.append(teacher(work))
        return made[0]

    monkeypatch.setattr(Unlearning, "teacher", kept)
    data = pictures(24)
    method = Scrub(TorchLearner(Cnn, SGD, epochs=2, batch_size=8), epochs=2, ascents=1, rewind=False)
    with at_work(method, data, planted(data)) as work:
        method.unlearn(work)
        fresh = work.original().state_dict()
        assert all(torch.equal(held, fresh[name]) for name, held in made[0].state_dict().items())
        theirs = {held.data_ptr() for held in made[0].state_dict().values()}
        assert not theirs & {held.data_ptr() for held in work.student.state_dict().values()}
        assert not any(part.training for part in made[0].modules())
        assert all(part.training for part in work.student.modules())


def test_the_teacher_stays_what_it_was(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert_kept(Unlearning.teacher, at_work, monkeypatch)


def test_a_shallow_teacher_is_caught(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that shares its tensors with the student is the student: there is nothing to disobey."""
    with pytest.raises(AssertionError):
        assert_kept(lambda work: copy.copy(work.student), at_work, monkeypatch)


# -- rewind ------------------------------------------------------------------------------------------------------------


def errors(method: Scrub, kept: list[Any], data: Table) -> list[float]:
    """Share of these records that each network takes for another class, by way of the learner's predictions."""
    truth = np.searchsorted(np.array(kept[0].classes), np.asarray(data.label))
    return [float((method.predict(each, data).argmax(1) != truth).mean()) for each in kept]


def assert_rewound(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is that of the epoch whose error on the forgotten is nearest to the last one's on the unseen."""
    data, saved = patients(40), []
    target = planted(data)
    one = Unlearning.copy

    def seen(work: Unlearning) -> nn.Module:
        saved.append(work.net())
        return one(work)

    monkeypatch.setattr(Unlearning, "copy", seen)
    with at_work(FAST, data, target) as work:
        FAST.unlearn(work)
        found = work.net()
        gone = work.forgotten.data
    assert len(saved) == FAST.epochs
    counts = Counter(np.asarray(gone.label).tolist())
    by_class = {name: UNSEEN.take(np.asarray(UNSEEN.label) == name) for name in counts}
    parts = [
        (count, errors(FAST, saved[-1:], by_class[name])[0]) for name, count in counts.items() if len(by_class[name])
    ]
    wanted = sum(count * error for count, error in parts) / sum(count for count, _ in parts)
    gaps = [abs(error - wanted) for error in errors(FAST, saved, gone)]
    assert min(gaps) < gaps[-1], "this case would not tell: the last epoch is the nearest"
    names = [fingerprint(each.weights) for each in saved]
    assert fingerprint(found.weights) in names
    assert gaps[names.index(fingerprint(found.weights))] == min(gaps)


def test_it_rewinds_to_the_epoch_that_errs_as_on_strangers(
    at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_rewound(at_work, monkeypatch)


def test_rewind_left_out_is_caught(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scrub, "_nearest", lambda *given: given[2][-1])
    with pytest.raises(AssertionError):
        assert_rewound(at_work, monkeypatch)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=1), st.lists(st.integers(0, 3), min_size=1))
def test_the_error_to_expect_is_that_of_the_forgotten_classes(held: list[tuple[bool, int]], gone: list[int]) -> None:
    """As if each forgotten record were answered as a random unseen one of its class."""
    classes = {name for _, name in held}
    if not classes & set(gone):
        return
    each = [np.mean([wrong for wrong, name in held if name == own]) for own in gone if own in classes]
    found = expected_error(
        torch.tensor([float(wrong) for wrong, _ in held]),
        torch.tensor([name for _, name in held]),
        torch.tensor(gone),
    )
    assert found == pytest.approx(np.mean(each))


def test_rewinding_needs_unseen_records_of_the_forgotten_classes() -> None:
    data = patients(40)
    net = LEARNER.learn(data, RUN)
    refused = Scrub(LEARNER).quote(net, Records([5]), data, RUN)
    assert isinstance(refused, Refusal)
    assert refused.kind == "misconfigured"
    assert "held_out=" in refused.reason
    of_one_class = UNSEEN.take(np.asarray(UNSEEN.label) == "ham")
    assert isinstance(Scrub(LEARNER, held_out=of_one_class).quote(net, Label("spam"), data, RUN), Refusal)
    for method in (Scrub(LEARNER, rewind=False), Scrub(LEARNER, held_out=of_one_class)):
        assert isinstance(method.quote(net, Label("ham"), data, RUN), Quote)


def test_units_that_the_learner_held_out_are_asked_and_not_trained_on(at_work: Callable[..., Any]) -> None:
    data = patients(40)
    learner = replace(LEARNER, epochs=3, validation=0.4)
    out = held_out(data, RUN, 0.4)
    with at_work(Scrub(learner, epochs=3), data, Records([])) as work:
        assert 0 < len(work.held_out) < len(data)
        assert set(work.held_out.data.ids.tolist()) == set(data.ids[out].tolist())
        assert not set(work.retained.data.ids.tolist()) & set(work.held_out.data.ids.tolist())
    net = learner.learn(data, RUN)
    assert isinstance(Scrub(learner, epochs=3).quote(net, Label("ham"), data, RUN), Refusal)  # all of them go
    assert isinstance(Scrub(learner, epochs=3).quote(net, Records(data.ids[~out][:1]), data, RUN), Quote)


@pytest.mark.parametrize(("gone", "chosen"), [([0.0, 0.5, 1.0], 1), ([0.5, 0.5, 1.0], 1), ([0.0, 0.2, 0.9], 1)])
def test_the_error_to_expect_is_the_last_ones_and_of_equals_the_later_is_taken(
    gone: list[float], chosen: int, at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, unseen = [torch.nn.Identity() for _ in range(3)], [0.0, 0.0, 0.5]

    def wrong(work: Unlearning, module: nn.Module, records: Any) -> torch.Tensor:
        error = (gone if records is work.forgotten else unseen)[kept.index(module)]  # type: ignore[arg-type]
        return torch.full((len(records),), error, dtype=torch.float64)

    monkeypatch.setattr(scrub, "_wrong", wrong)
    with at_work(FAST, patients(40), Records([5, 394])) as work:
        assert FAST._nearest(work, list(kept)) is kept[chosen]


# -- its edges ---------------------------------------------------------------------------------------------------------


def test_what_only_comes_is_learned_without_ascent_or_rewinding() -> None:
    data = patients(40)
    method = replace(FAST, held_out=None)
    net = method.learn(data, RUN)
    done = method.forget(net, Addition(rows_like(data, [7001], 1)), data, RUN)
    assert done.examples == -(-4 * 6 * 41 // 3)


def test_a_class_that_the_network_has_no_output_for_is_refused() -> None:
    data = patients(40)
    stranger = Table.from_arrays(np.zeros((1, 3)), ["bacon"], [7001], [7001])
    for target in (Addition(stranger), Correction(Table.from_arrays(np.zeros((1, 3)), ["bacon"], [5], [0]))):
        refused = FAST.quote(FAST.learn(data, RUN), target, data, RUN)
        assert isinstance(refused, Refusal)
        assert "'bacon'" in refused.reason


def test_batch_norm_counts_the_retained_alone(counted_by_batch_norm: Callable[..., int]) -> None:
    method = Scrub(TorchLearner(Cnn, SGD, epochs=2, batch_size=8), epochs=3, ascents=3, held_out=pictures(20))
    assert counted_by_batch_norm(method, pictures(24), Records([5, 394])) == 3 * 3


def test_visits_are_those_of_students_and_teachers_and_of_looking_back() -> None:
    data = patients(40)
    done = FAST.forget(FAST.learn(data, RUN), Records([5, 394]), data, RUN)
    assert done.examples == -(-(4 * (6 * 38 + 3 * 2) + 6 * 2 + 20) // 3)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"epochs": 2}, "ascents to be at most epochs"),
        ({"temperature": 0}, "temperature"),
        ({"held_out": 3}, "a Table with labels"),
        ({"held_out": Table.from_arrays(np.zeros((2, 3)))}, "a Table with labels"),
        ({"alpha": -1}, "alpha"),
        ({"rewind": 1}, "rewind"),
    ],
)
def test_settings_that_are_not_possible_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Scrub(LEARNER, **wrong)
