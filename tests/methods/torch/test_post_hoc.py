"""What all methods over a trained network share: what they refuse, what they quote, and what they hand to `unlearn`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
import torch

from expunge import (
    Addition,
    Batch,
    Column,
    Correction,
    Empirical,
    Label,
    Quote,
    Records,
    Refusal,
    Run,
    TorchLearner,
    fingerprint,
)
from expunge.errors import MismatchError, ParameterError, RefusedError
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_positive
from expunge.testing import Case, Law, contract, patients
from expunge.testing.networks import mlp
from expunge.testing.requests import rows_like

if TYPE_CHECKING:
    from expunge.learners.torch import Net
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Sides, Unlearning

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
SHORT = TorchLearner(mlp, SGD, epochs=5, batch_size=8)
RUN = Run(key=b"a key for tests")
TARGET = Records([5, 394])


@dataclass(frozen=True)
class Noise(PostHoc):
    """Looks at everybody, and adds a little noise to every weight: a method of a few lines."""

    needs: ClassVar[frozenset[Need]] = frozenset({"retained", "forgotten"})
    doubted: ClassVar[str | None] = "noise moves no record towards what the oracle says"
    learner: TorchLearner
    scale: float = 0.1

    def check(self) -> None:
        check_positive(self, "scale")

    def most(self, retained: int, forgotten: int) -> int:
        return retained + forgotten

    def unlearn(self, work: Unlearning) -> None:
        for side in (work.retained, work.forgotten):
            for batch in side.chunks():
                work.outputs(batch)
        with torch.no_grad():
            for held in work.student.parameters():
                held.add_(self.scale * torch.randn(held.shape))


@dataclass(frozen=True)
class Takes(Noise):
    """The same, and says that it only takes away."""

    learns: ClassVar[bool] = False


@dataclass(frozen=True)
class Picky(Noise):
    """Needs classes and the log, and refuses all but one record."""

    needs: ClassVar[frozenset[Need]] = frozenset({"log", "classification"})

    def refusal(self, model: Net, sides: Sides) -> Refusal | None:
        return None if len(sides.forgotten) == 1 else Refusal("one at a time", "never")


@contract(
    Case(
        Noise(SHORT),
        examples=2,
        portable=False,
        shrink=False,
        broken={"forgetting_ends_near_the_oracle": "noise moves no record towards what the oracle says"},
    )
)
def test_a_method_of_a_few_lines_keeps_the_laws(case: Case, law: Law) -> None:
    law(case)


def refused(method: PostHoc, target: Any, data: Any = None, net: Any = None) -> Refusal:
    """The refusal of a quote, which forgetting raises too."""
    data = patients() if data is None else data
    net = method.learn(data, RUN) if net is None else net
    answer = method.quote(net, target, data, RUN)
    assert isinstance(answer, Refusal), answer
    with pytest.raises(RefusedError) as raised:
        method.forget(net, target, data, RUN)
    assert raised.value.refusal == answer
    return answer


def test_learning_is_the_learners() -> None:
    method, data = Noise(SHORT), patients()
    net = method.learn(data, RUN)
    assert fingerprint(net) == fingerprint(SHORT.learn(data, RUN))
    assert method.recipe() == SHORT.recipe()
    assert method.visits(data, RUN) == SHORT.visits(data, RUN) == 5 * 40
    assert np.array_equal(method.predict(net, data), SHORT.predict(net, data))


def test_a_quote_is_empirical_and_says_what_it_costs() -> None:
    data = patients()
    net = SHORT.learn(data, RUN)
    for target, sides in (
        (TARGET, 40),
        (Addition(rows_like(data, [7001], 1)), 41),
        (Correction(rows_like(data, [5], 1)), 41),
        (Records([]), 0),
    ):
        quote = Noise(SHORT).quote(net, target, data, RUN)
        assert isinstance(quote, Quote)
        assert (quote.claim, quote.examples, quote.seconds) == (Empirical(), sides, None)
        assert any("nothing is proven" in sentence for sentence in quote.assumptions)
    done = Noise(SHORT).forget(net, TARGET, data, RUN)
    assert (done.claim, done.examples) == (Empirical(), 40)


def test_nothing_to_forget_is_nothing_done() -> None:
    data = patients()
    net = SHORT.learn(data, RUN)
    for nothing in (Records([]), Records([-1]), Batch([]), Correction(data.take(slice(0, 2)))):
        assert Noise(SHORT).forget(net, nothing, data, RUN).model is net


@pytest.mark.parametrize(
    ("target", "kind", "said"),
    [
        (object(), "never", "no record carries this target"),
        (Records(patients().ids), "instead", "no record would be left"),
        (Column(patients().names[0]), "instead", "without a column"),
        (Batch([TARGET, Column(patients().names[0])]), "instead", "without a column"),
    ],
)
def test_what_no_training_can_forget_is_refused(target: Any, kind: str, said: str) -> None:
    answer = refused(Noise(SHORT), target)
    assert answer.kind == kind
    assert said in answer.reason


def test_a_model_without_a_network_is_refused_where_something_changes() -> None:
    data = patients()
    one = data.take(np.asarray(data.label) == "ham")
    net = SHORT.learn(one, RUN)
    assert net.weights is None
    assert "holds no network" in refused(Noise(SHORT), Records(one.ids[:1]), one).reason
    assert isinstance(Noise(SHORT).quote(net, Records([]), one, RUN), Quote)


def test_a_class_without_an_output_is_refused() -> None:
    data = patients()
    known = data.take(np.asarray(data.label) != "unsure")
    new = data.take(np.asarray(data.label) == "unsure")
    answer = refused(Noise(SHORT), Addition(new), known)
    assert answer.kind == "instead"
    assert "'unsure'" in answer.reason
    assert isinstance(Noise(SHORT).quote(SHORT.learn(data, RUN), Label("unsure"), data, RUN), Quote)


def test_a_method_that_only_takes_away_refuses_additions_and_says_so_of_corrections() -> None:
    data = patients()
    answer = refused(Takes(SHORT), Addition(rows_like(data, [7001], 1)))
    assert answer.kind == "instead"
    assert "only takes away" in answer.reason
    quotes = [
        Takes(SHORT).quote(SHORT.learn(data, RUN), target, data, RUN)
        for target in (TARGET, Correction(rows_like(data, [5], 1)))
    ]
    said = [
        isinstance(quote, Quote) and any("not learned" in sentence for sentence in quote.assumptions)
        for quote in quotes
    ]
    assert said == [False, True]


def test_what_a_method_needs_and_is_not_there_is_said() -> None:
    method, data = Picky(SHORT), patients()
    numbers = patients(numbers=True)
    adam = Picky(replace(SHORT, optimizer=torch.optim.Adam))
    assert "this network is for regression" in refused(adam, Records([5]), numbers).reason
    unlogged = replace(SHORT, log=False).learn(data, RUN)
    answer = refused(method, Records([5]), net=unlogged)
    assert (answer.kind, "training log" in answer.reason) == ("misconfigured", True)
    assert refused(method, TARGET).reason == "one at a time"
    for target in (Records([5]), Records([])):  # where nothing changes it is not asked
        assert isinstance(method.quote(SHORT.learn(data, RUN), target, data, RUN), Quote)


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(MismatchError, match="must be the Net that this learner learned, got a dict"):
        Noise(SHORT).quote({}, TARGET, patients(), RUN)  # type: ignore[arg-type]  # on purpose


def test_only_networks_are_wrapped_and_settings_are_checked() -> None:
    with pytest.raises(ParameterError, match="Noise wraps the TorchLearner that made the network, got 3"):
        Noise(3)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ParameterError, match="Noise needs scale"):
        Noise(SHORT, scale=0)
    with pytest.raises(ParameterError, match="Noise needs scale"):
        Noise(SHORT).set_params(scale=-1)


def test_chance_belongs_to_key_and_method() -> None:
    data = patients()
    net = SHORT.learn(data, RUN)
    ends = [
        fingerprint(method.forget(net, TARGET, each, run).model)
        for method, each, run in (
            (Noise(SHORT), data, RUN),
            (Noise(SHORT), data.take(slice(None, None, -1)), Run(key=RUN.key)),
            (Takes(SHORT), data, RUN),
            (Noise(SHORT), data, Run(key=b"another")),
        )
    ]
    assert ends[0] == ends[1]
    assert len(set(ends)) == 3


def test_the_sides_are_those_of_after_and_of_the_change() -> None:
    data = patients()
    new = rows_like(data, [5], 1)
    change = data.change(Correction(new))
    assert change is not None
    sides = Noise(SHORT).sides(data, Correction(new), change, RUN)
    assert len(sides.held_out) == 0
    place = sides.retained.ids.tolist().index(5)
    assert np.array_equal(np.asarray(sides.retained.features)[place], np.asarray(new.features)[0])
    assert np.array_equal(sides.forgotten.features, data.take(data.ids == 5).features)
