"""A forgotten column: its weights are cut out, which is the network with the column at nought; or it is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from torch import nn

from expunge import Batch, Column, Quote, Records, Refusal, Retrain, Run, Table, TorchLearner, fingerprint
from expunge.errors import DataError, RefusedError
from expunge.methods.torch import _narrowed as module
from expunge.methods.torch._narrowed import columns_of, narrowed
from expunge.methods.torch.finetune import Finetune
from expunge.methods.torch.l1_sparse import L1Sparse
from expunge.methods.torch.random_label import RandomLabel
from expunge.methods.torch.reset_layers import ResetLayers
from expunge.testing import patients
from expunge.testing.networks import dropping, mlp, pictures

if TYPE_CHECKING:
    from expunge.learners.torch import Net

RUN = Run(key=b"a key for tests")
SHORT = TorchLearner(mlp, partial(torch.optim.Adam, lr=0.05), epochs=3, batch_size=8)


def turned(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """A layer that gives as many numbers as it takes, so that nobody knows which of them is the column."""
    return nn.Sequential(nn.Linear(shape[0], shape[0]), nn.Linear(shape[0], outputs))


def waisted(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """A hidden layer as wide as the input: each tensor could be cut, and the second layer would lose a number too."""
    return nn.Sequential(nn.Linear(shape[0], 4), nn.Tanh(), nn.Linear(4, shape[0]), nn.Linear(shape[0], outputs))


def told(net: Net, learner: TorchLearner, data: Table) -> np.ndarray:
    return learner.predict(net, data)


@settings(deadline=None, max_examples=10)
@given(st.sets(st.sampled_from(["x0", "x1", "x2"]), min_size=1, max_size=2))
def test_the_cut_network_is_the_one_with_the_column_at_nought(gone: set[str]) -> None:
    data, X = patients(), np.array(patients().features)
    net = SHORT.learn(data, RUN)
    less = narrowed(SHORT, net, sorted(gone))
    assert not isinstance(less, Refusal)
    X[:, [int(name[1]) for name in gone]] = 0
    without = data
    for name in gone:
        without = without.drop(name)
    at_nought = Table.from_arrays(X, data.label, data.ids)
    np.testing.assert_allclose(told(less, SHORT, without), told(net, SHORT, at_nought), atol=1e-6)
    assert less.names == without.names


@pytest.mark.parametrize("kind", [Finetune, L1Sparse, ResetLayers])
def test_a_forgotten_column_is_read_no_more_and_nobody_has_to_have_it(kind: Any) -> None:
    data, target = patients(), Batch([Records([5]), Column("x1")])
    method = kind(SHORT, epochs=2)
    net = method.learn(data, RUN)
    quote = method.quote(net, target, data, RUN)
    assert isinstance(quote, Quote)
    assert any("reads the column no more" in sentence for sentence in quote.assumptions)
    done = method.forget(net, target, data, RUN)
    after = data.after(target)
    assert done.examples <= quote.examples
    assert method.predict(done.model, after).shape == (39, 3)
    with pytest.raises(DataError, match="learned from the columns 'x0', 'x2'"):
        method.predict(done.model, data)
    assert done.model.log is None  # it told of rows that had the column
    again = method.forget(done.model, Records([394]), after, RUN)
    assert method.predict(again.model, after).shape == (39, 3)


def test_what_the_column_said_has_no_part_in_what_the_training_afterwards_sees() -> None:
    data, method, target = patients(), Finetune(SHORT, epochs=2), Column("x1")
    X = np.array(data.features)
    X[:, 1] = np.random.default_rng(3).permutation(X[:, 1]) * 7
    others = Table.from_arrays(X, data.label, data.ids, data.owners)
    net = SHORT.learn(data, RUN)
    ends = [fingerprint(method.forget(net, target, each, RUN).model) for each in (data, others)]
    assert ends[0] == ends[1]


def test_a_column_that_gave_the_label_away_is_no_help_afterwards() -> None:
    random = np.random.default_rng(0)
    X, said = random.normal(size=(300, 4)).astype(np.float32), random.random(300) < 0.5
    X[:, 2] = np.where(said, 3, -3)
    data = Table.from_arrays(X, np.where(said ^ (random.random(300) < 0.02), "a", "b"))
    learner, target = replace(SHORT, epochs=30), Column("x2")
    method = Finetune(learner, epochs=5, lr=0.1)
    net = method.learn(data, RUN)
    model = method.forget(net, target, data, RUN).model
    oracle = Retrain(learner).forget(net, target, data, RUN).model
    right = [
        np.mean(np.array(each.classes)[method.predict(each, part).argmax(1)] == part.label)
        for each, part in ((net, data), (model, data.after(target)), (oracle, data.after(target)))
    ]
    assert right[0] > 0.95
    assert right[1] < right[2] + 0.1 < 0.9


@pytest.mark.parametrize(
    ("learner", "data", "why"),
    [
        (replace(SHORT, factory=partial(nn.Linear, 3, 3)), patients(), "something else"),
        (replace(SHORT, factory=dropping), patients(), "says something else than with the column at nought"),
        (replace(SHORT, factory=turned), patients(), r"0.weight is \(3, 3\) with the column, and \(2, 2\) without"),
        (replace(SHORT, factory=waisted), patients(), "says something else"),
        (replace(SHORT, prepare=StandardScaler()), patients(), "preprocessing"),
    ],
)
def test_networks_that_cannot_be_cut_are_refused_with_the_reason(learner: TorchLearner, data: Table, why: str) -> None:
    method, target = Finetune(learner, epochs=1), Column("x1")
    net = method.learn(data, RUN)
    refused = method.quote(net, target, data, RUN)
    assert isinstance(refused, Refusal)
    assert refused.kind == "instead"
    assert refused.reason.startswith("a column is forgotten by cutting its weights out of the first layer, and ")
    assert re.search(why, refused.reason)
    with pytest.raises(RefusedError):
        method.forget(net, target, data, RUN)


def test_methods_that_keep_a_side_refuse_a_column() -> None:
    data, method = patients(), RandomLabel(SHORT)
    refused = method.quote(method.learn(data, RUN), Column("x1"), data, RUN)
    assert isinstance(refused, Refusal)
    assert "Finetune, L1Sparse, ResetLayers" in refused.reason


def test_pictures_have_no_columns_to_cut() -> None:
    data = pictures(24)
    assert columns_of(Column("x1"), data) == ()
    net = Finetune(SHORT).learn(patients(), RUN)
    refused = narrowed(SHORT, replace(net, shape=(3, 1)), ["x1"])
    assert isinstance(refused, Refusal)
    assert "no row of columns" in refused.reason


def test_a_cut_beside_the_column_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the tensors lose the last place, whatever column it is."""
    cut = module._cut

    def last(held: torch.Tensor, shape: Any, kept: Any) -> torch.Tensor | None:
        return cut(held, shape, range(len(kept)))

    monkeypatch.setattr(module, "_cut", last)
    assert isinstance(narrowed(SHORT, SHORT.learn(patients(), RUN), ["x1"]), Refusal)
