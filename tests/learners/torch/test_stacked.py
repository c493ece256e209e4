from __future__ import annotations

from functools import partial
from itertools import pairwise
from types import MethodType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from expunge import Run, Table, fingerprint
from expunge.errors import LearnError
from expunge.learners.torch import Net, TorchLearner, asked, block, cosine, products, stacked

LAYERS: dict[str, Any] = {
    "relu": nn.ReLU,
    "relu in place": partial(nn.ReLU, inplace=True),
    "leaky": partial(nn.LeakyReLU, 0.1),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "softplus": nn.Softplus,
}
NORMS: dict[str, Any] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
OPTIMIZERS: tuple[Any, ...] = (
    partial(torch.optim.SGD, lr=0.1),
    partial(torch.optim.SGD, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    torch.optim.Adam,
    partial(torch.optim.Adam, lr=0.01, amsgrad=True, weight_decay=0.1),
    partial(torch.optim.Adam, lr=0.01, fused=True),
    torch.optim.AdamW,
    partial(torch.optim.RMSprop, momentum=0.5, centered=True),
    partial(torch.optim.Adagrad, lr=0.1),
    torch.optim.NAdam,
    torch.optim.Rprop,
    partial(torch.optim.ASGD, lr=0.1),
)


def plateau(optimizer: torch.optim.Optimizer, epochs: int) -> Any:
    return ReduceLROnPlateau(optimizer, factor=1 / (epochs + 1), patience=0, threshold=0.05)


def drawing(optimizer: torch.optim.Optimizer, epochs: int) -> LambdaLR:
    """A schedule that draws from the global generators, where nobody should."""

    def factor(epoch: int) -> float:
        return 1 / (1 + epoch / epochs * float(torch.rand(()) + np.random.rand())) if epoch else 1.0  # noqa: NPY002

    return LambdaLR(optimizer, factor)


def network(outputs: int, *, widths: tuple[int, ...], between: str, norm: str, bias: bool, wide: bool) -> nn.Module:
    """A stack of layers as a user would write it."""
    parts: list[nn.Module] = [nn.Flatten()]
    for begin, end in pairwise(widths):
        parts.append(nn.Linear(begin, end, bias=bias))
        parts += [NORMS[norm](end)] if norm in NORMS else []
        parts.append(nn.Sequential(LAYERS[between]()))
    module = nn.Sequential(*parts, nn.Linear(widths[-1], outputs))
    return module.double() if wide else module


def even(outputs: int) -> nn.Module:
    """Sizes at which all products have the same bits in one call."""
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, outputs))


def tied(outputs: int) -> nn.Module:
    """One layer twice."""
    inner = nn.Linear(6, 6)
    return nn.Sequential(inner, nn.ReLU(), inner, nn.ReLU(), nn.Linear(6, outputs))


def mlp(outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 17), nn.ReLU(), nn.Linear(17, outputs))


def zeros(outputs: int) -> nn.Module:
    """A network whose last layer begins at zero: no gradient reaches the others in the first step."""
    module = mlp(outputs)
    for held in module[2].parameters():  # type: ignore[index]
        nn.init.zeros_(held)
    return module


def dropping(outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 9), nn.Dropout(0.5), nn.Linear(9, outputs))


def table(n: int, task: str = "classification", seed: int = 0) -> Table:
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 2, 3)).astype(np.float32)
    first = X[:, 0, 0]
    label = {
        "classification": np.digitize(first, [-0.3, 0.4]),
        "multilabel": np.column_stack([first > 0, first < 1]),
        "regression": first * 2,
    }[task]
    names: Any = {"classification": [0, 1, 2], "multilabel": ["up", "low"]}.get(task)
    return Table.from_arrays(X, label, np.arange(n) + 1000 * seed, classes=names)


def flat(n: int, seed: int = 0) -> Table:
    whole = table(n, seed=seed)
    return Table.from_arrays(whole.features.reshape(n, 6), whole.label, whole.ids, classes=[0, 1, 2])


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    """A process that has found nothing out yet; a clock by which a program of equal bits always pays."""
    pays: dict[Any, Any] = {}
    monkeypatch.setattr(stacked, "PAYS", pays)
    monkeypatch.setattr(products, "EQUAL", {})
    monkeypatch.setattr(block, "ELEMENTWISE", {})
    monkeypatch.setattr(stacked, "faster", lambda *_: True)
    return pays


def both(learner: TorchLearner, data: list[Table], threads: int = 1) -> tuple[list[Net], list[Net]]:
    """Together and alone, each with runs of its own."""
    runs = [[Run(key=b"%d" % k, threads=threads) for k in range(len(data))] for _ in range(2)]
    return learner.learn_together(data, runs[0]), [learner.learn(*each) for each in zip(data, runs[1], strict=True)]


def shared(found: dict[Any, Any]) -> bool:
    """Whether anything was trained as one program."""
    return any(pays for key, pays in found.items() if key[0] == "trained")


# -- the same bits -----------------------------------------------------------------------------------------------------

architectures = st.fixed_dictionaries(
    {
        "widths": st.lists(st.sampled_from([1, 3, 8, 16, 33]), max_size=2).map(lambda inner: (6, *inner)),
        "between": st.sampled_from(sorted(LAYERS)),
        "norm": st.sampled_from(["none", "none", "batch", "layer"]),
        "bias": st.booleans(),
        "wide": st.sampled_from([False, False, False, True]),
    }
)

choices = st.fixed_dictionaries(
    {
        "optimizer": st.sampled_from(OPTIMIZERS),
        "schedule": st.sampled_from([None, cosine, plateau, drawing]),
        "batch_size": st.integers(1, 20),
    }
)


@settings(max_examples=40)
@given(
    how=architectures,
    chosen=choices,
    task=st.sampled_from(["classification", "classification", "multilabel", "regression"]),
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=5) | st.integers(1, 40).map(lambda n: [n] * 4),
    threads=st.sampled_from([1, 1, 1, 2]),
)
def test_together_gives_the_bits_of_alone(
    how: dict[str, Any], chosen: dict[str, Any], task: str, sizes: list[int], threads: int
) -> None:
    learner = TorchLearner(partial(network, **how), epochs=2, together=3, **chosen)
    data = [table(n, task, seed) for seed, n in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacked, "faster", lambda *_: True)
        patch.setattr(asked, "OFTEN", 1)
        together, alone = both(learner, data, threads)
        assert [fingerprint(net) for net in together] == [fingerprint(net) for net in alone]
        first = learner.predict_together(together, table(13, task, 99))
        again = learner.predict_together(together, table(13, task, 99))
    for scores, one, net in zip(first, again, alone, strict=True):
        own = learner.predict(net, table(13, task, 99))
        np.testing.assert_array_equal(scores, own)
        np.testing.assert_array_equal(one, own)


@pytest.mark.parametrize("schedule", [None, cosine, plateau, drawing])
@pytest.mark.parametrize("optimizer", [OPTIMIZERS[1], OPTIMIZERS[3], OPTIMIZERS[7]], ids=["SGD", "Adam", "Adagrad"])
def test_slices_go_on_together_to_the_bits_of_alone(found: dict[Any, Any], optimizer: Any, schedule: Any) -> None:
    learner = TorchLearner(mlp, optimizer, schedule, batch_size=8)
    data = [flat(n, n) for n in (24, 24, 23, 23)]
    together: list[Net | None] = [None] * 4
    alone: list[Net | None] = [None] * 4
    for piece in range(3):
        runs = [Run(key=b"%d %d" % (k, piece)) for k in range(4)]
        together = list(learner.go_on_together(together, data, 2, runs, 6))
        alone = [learner.go_on(state, part, 2, run, 6) for state, part, run in zip(alone, data, runs, strict=True)]
        assert [fingerprint(net) for net in together] == [fingerprint(net) for net in alone]
    assert shared(found)


@pytest.mark.parametrize("factory", [mlp, zeros, partial(nn.Linear, 6, 3)], ids=["mlp", "zeros", "linear"])
def test_networks_of_the_clear_case_are_one_program(found: dict[Any, Any], factory: Any) -> None:
    learner = TorchLearner(factory, epochs=2, batch_size=16)
    together, alone = both(learner, [flat(50, seed) for seed in range(5)])
    assert [fingerprint(net) for net in together] == [fingerprint(net) for net in alone]
    assert shared(found)


def test_networks_with_as_many_batches_but_other_records_are_one_program(found: dict[Any, Any]) -> None:
    together, alone = both(TorchLearner(mlp, epochs=2, batch_size=16), [flat(n, n) for n in (50, 55, 60, 64)])
    assert [fingerprint(net) for net in together] == [fingerprint(net) for net in alone]
    assert list(found.values()) == [True]


def test_schedules_that_part_end_the_program_and_not_the_training(found: dict[Any, Any]) -> None:
    learner = TorchLearner(mlp, OPTIMIZERS[3], plateau, epochs=12, batch_size=16)
    together, alone = both(learner, [flat(40, seed) for seed in range(4)])
    assert [fingerprint(net) for net in together] == [fingerprint(net) for net in alone]
    assert shared(found)


def test_more_data_sets_than_go_together_come_back_in_their_order(found: dict[Any, Any]) -> None:
    learner = TorchLearner(mlp, epochs=1, together=3)
    together, alone = both(learner, [flat(n, n) for n in (9, 70, 9, 0, 71, 9, 9, 70)])
    assert [fingerprint(net) for net in together] == [fingerprint(net) for net in alone]
    assert shared(found)


def test_runs_with_other_threads_go_alone(found: dict[Any, Any]) -> None:
    learner, data = TorchLearner(mlp, epochs=1), [flat(20), flat(20)]
    runs = [Run(key=b"k", threads=threads) for threads in (1, 2)]
    assert len(learner.learn_together(data, runs)) == len(learner.go_on_together([None, None], data, 1, runs, 1)) == 2
    assert not found


# -- what must not share -----------------------------------------------------------------------------------------------


def own_loss(made: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(made, target) * (1 + torch.rand(()))


def jitter(record: Tensor, generator: torch.Generator) -> Tensor:
    del generator
    return record + torch.rand(())


def hooked(outputs: int) -> nn.Module:
    module = mlp(outputs)
    module[0].register_forward_hook(lambda _m, _i, out: out * 1.5)  # type: ignore[index]
    return module


def watched(outputs: int) -> nn.Module:
    module = mlp(outputs)
    next(module.parameters()).register_hook(lambda gradient: gradient.clamp(-0.01, 0.01))  # type: ignore[no-untyped-call]
    return module


def clipped(parameters: Any) -> torch.optim.Optimizer:
    held = list(parameters)
    optimizer = torch.optim.SGD(held, lr=0.5)

    def clip(*_: object) -> None:
        nn.utils.clip_grad_norm_(held, 0.1)

    optimizer.register_step_pre_hook(clip)
    return optimizer


def replaced(parameters: Any) -> torch.optim.Optimizer:
    held = list(parameters)
    optimizer = torch.optim.SGD(held, lr=0.5)
    step = optimizer.step

    def clipping(_: object) -> None:
        nn.utils.clip_grad_norm_(held, 0.1)
        step()

    optimizer.step = MethodType(clipping, optimizer)  # type: ignore[method-assign]
    return optimizer


class Clipping(torch.optim.SGD):
    """An optimiser that looks at all gradients of a network."""

    def step(self, closure: Any = None) -> Any:
        held = [parameter for group in self.param_groups for parameter in group["params"]]
        nn.utils.clip_grad_norm_(held, 0.1)
        return super().step(closure)


class Slope(nn.Sequential):
    """A stack that does more than its layers."""

    def forward(self, given: Any) -> Any:
        return super().forward(given) * torch.rand(())  # type: ignore[no-untyped-call]


def sloped(outputs: int) -> nn.Module:
    return Slope(nn.Linear(6, outputs))


def differing(outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(float(torch.rand(()))), nn.Linear(8, outputs))


ALONE: dict[str, dict[str, Any]] = {
    "a loss that draws": {"loss": own_loss},
    "an augmentation that draws": {"augment": jitter},
    "parts of batches": {"accumulate": 2},
    "short numbers": {"precision": "bfloat16"},
    "dropout": {"factory": dropping},
    "a hook": {"factory": hooked},
    "a hook on a weight": {"factory": watched},
    "clipping by a hook": {"optimizer": clipped},
    "clipping by another step": {"optimizer": replaced},
    "clipping and a schedule": {"optimizer": replaced, "schedule": cosine},
    "an optimiser of one's own": {"optimizer": partial(Clipping, lr=0.5)},
    "a stack of one's own": {"factory": sloped},
    "layers that differ": {"factory": differing},
    "one layer twice": {"factory": tied},
}


@pytest.mark.parametrize("name", sorted(ALONE))
def test_what_one_program_could_not_do_goes_alone(found: dict[Any, Any], name: str) -> None:
    learner = TorchLearner(**{"factory": mlp, "epochs": 2, "batch_size": 8, **ALONE[name]})
    together, alone = both(learner, [flat(24, seed) for seed in range(3)])
    assert [fingerprint(net) for net in together] == [fingerprint(net) for net in alone]
    assert not shared(found)


def test_a_program_that_does_not_pay_is_not_used(found: dict[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked, "faster", lambda *_: False)
    both(TorchLearner(mlp, epochs=1), [flat(20), flat(20, 1)])
    assert list(found.values()) == [False]


def test_what_fails_together_is_said_as_it_is_alone(found: dict[Any, Any]) -> None:
    learner = TorchLearner(partial(nn.Linear, 5, 3), epochs=1)
    with pytest.raises(LearnError) as alone:
        learner.learn(flat(20), Run(key=b"k"))
    with pytest.raises(LearnError) as together:
        learner.learn_together([flat(20), flat(20, 1)], [Run(key=b"k"), Run(key=b"l")])
    assert str(together.value) == str(alone.value)
    assert not shared(found)


def test_a_network_that_diverges_among_others_is_a_sentence(found: dict[Any, Any]) -> None:
    learner = TorchLearner(mlp, partial(torch.optim.SGD, lr=1e3), epochs=40, batch_size=8)
    wide = [Table.from_arrays(flat(24, k).features * 1e3, flat(24, k).label, classes=[0, 1, 2]) for k in range(3)]
    with pytest.raises(LearnError, match="training diverged in epoch"):
        learner.learn_together(wide, [Run(key=b"%d" % k) for k in range(3)])
    assert found


# -- planted bugs ------------------------------------------------------------------------------------------------------


def off(made: Tensor) -> Tensor:
    """One number of the last network, off by its last bit."""
    off_by_one = made.clone()
    last = off_by_one[-1].view(-1)[-1:]
    last.copy_(torch.nextafter(last, last + 1))
    return off_by_one


def test_a_product_that_differs_in_the_last_bit_is_not_used(
    found: dict[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, data, right = TorchLearner(even, epochs=1, batch_size=16), [flat(32, seed) for seed in range(3)], torch.bmm
    both(learner, data)
    assert any(equal for key, equal in products.EQUAL.items() if key[0] == "linear")
    products.EQUAL.clear()
    found.clear()
    monkeypatch.setattr(torch, "bmm", lambda *given: off(right(*given)))
    together, alone = both(learner, data)
    assert [fingerprint(net) for net in together] == [fingerprint(net) for net in alone]
    assert {equal for key, equal in products.EQUAL.items() if key[0] == "linear"} == {False}
    assert shared(found)


@pytest.mark.parametrize("what", ["product", "step", "gradient", "loss"])
def test_a_program_that_differs_in_the_last_bit_is_rejected(
    found: dict[Any, Any], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "product":
        right = products.linear
        monkeypatch.setattr(products, "linear", lambda *given: off(right(*given)))
        monkeypatch.setattr(products, "is_one_call", lambda *_, **__: True)
    elif what == "loss":
        losses = products.losses
        monkeypatch.setattr(products, "losses", lambda *given: off(losses(*given)))
    elif what == "step":
        step = block.Block.step

        def moved(self: block.Block) -> None:
            step(self)
            self.values[0][-1, :1] = torch.nextafter(self.values[0][-1, :1], torch.tensor(9.0))

        monkeypatch.setattr(block.Block, "step", moved)
    else:
        monkeypatch.setattr(block.Block, "gradient", lambda self, first: self._view(self.gradients, first).roll(1, 0))
    together, alone = both(TorchLearner(mlp, epochs=1, batch_size=8), [flat(24, seed) for seed in range(3)])
    assert [fingerprint(net) for net in together] == [fingerprint(net) for net in alone]
    assert list(found.values()) == [False]


def narrow(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(shape[0], 8), nn.ReLU(), nn.Linear(8, outputs))


def test_networks_that_took_different_numbers_of_steps_before_go_on_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As slices of unequal size leave them: what was found to pay for others of their shapes has to be no error."""
    learner, random = TorchLearner(narrow, torch.optim.Adam, epochs=2, batch_size=4, device="cpu"), np.random
    X, y = random.default_rng(0).normal(size=(32, 3)), np.arange(32) % 2
    table, runs = Table.from_arrays(X, y), [Run(key=b"a"), Run(key=b"b")]
    begun = [learner.go_on(None, table.take(slice(0, size)), 1, runs[0], 2) for size in (8, 24)]
    alone = [learner.go_on(net, table, 1, run, 2) for net, run in zip(begun, runs, strict=True)]
    monkeypatch.setattr(stacked, "_pays", lambda _: True)
    both = learner.go_on_together(begun, [table, table], 1, runs, 2)
    assert list(map(fingerprint, both)) == list(map(fingerprint, alone))
