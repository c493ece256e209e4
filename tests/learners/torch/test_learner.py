"""`TorchLearner`: pure in the set of records, whatever surrounds it; every user's mistake ends in a sentence."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from torch import nn

from expunge import Records, Refusal, Retrain, Run, Sisa, Table, TorchLearner, fingerprint
from expunge.codec import decode, encode
from expunge.environment import of_learner, tag_of
from expunge.errors import DataError, EmptyModelError, ExpungeError, LearnError, MismatchError, ParameterError
from expunge.learners.tabular import Tabular
from expunge.learners.torch import cosine
from expunge.learners.torch import course as training
from expunge.learners.torch.stacked import PAYS
from expunge.learners.torch.tensors import Bits
from expunge.protocol import Continuing, Learner, Named, Priced, Together, Wavering
from expunge.testing import patients
from expunge.testing.networks import Cnn, Counted, Words, dropping, mlp, noisy, pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from expunge.learners.torch import Net

RUN = Run(key=b"a key for tests")
SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
DROPPING = TorchLearner(dropping, SGD, cosine, epochs=3, batch_size=8)
KINDS = {
    "mlp": (TorchLearner(mlp, SGD, epochs=2, batch_size=8), patients(24)),
    "dropping": (DROPPING, patients(24)),
    "cnn": (TorchLearner(Cnn, epochs=2, batch_size=8, augment=noisy), pictures(24)),
    "stopped": (TorchLearner(mlp, SGD, epochs=5, validation=0.3, patience=2), patients(24)),
    "short": (TorchLearner(dropping, SGD, epochs=2, precision="bfloat16"), patients(24)),
    "prepared": (TorchLearner(mlp, SGD, epochs=2, prepare=PCA(2)), patients(24)),
    "several": (TorchLearner(mlp, epochs=2), patients(24, several=True)),
    "numbers": (TorchLearner(mlp, epochs=2), patients(24, numbers=True, several=True)),
}
every_kind = pytest.mark.parametrize(("learner", "data"), KINDS.values(), ids=KINDS)


def trained(learner: TorchLearner, data: Table, run: Run = RUN) -> str:
    return fingerprint(learner.learn(data, run))


def plain(features: Any, rows: int = 24) -> Table:
    """Rows with these features and two classes."""
    return Table.from_arrays(features, np.arange(rows) % 2)


def rows_of(data: Table) -> NDArray[Any]:
    return np.asarray(data.features)


# -- pure in the set of records ----------------------------------------------------------------------------------------


@every_kind
def test_the_order_of_the_rows_changes_no_bit(learner: TorchLearner, data: Table) -> None:
    backwards = data.take(np.arange(len(data))[::-1])
    assert trained(learner, data) == trained(learner, backwards)
    assert trained(learner, data) != trained(learner, data.take(slice(1, None)))
    assert trained(learner, data) != trained(learner, data, Run(key=b"another"))


@every_kind
def test_it_learns_the_same_on_each_device_twice(learner: TorchLearner, data: Table, device: str) -> None:
    here = replace(learner, device=device)
    assert trained(here, data) == trained(here, data)
    assert np.isfinite(here.predict(here.learn(data, RUN), data)).all()


@every_kind
def test_nothing_that_the_user_set_changes_a_bit_and_all_of_it_is_put_back(
    learner: TorchLearner, data: Table, settings_of_a_user: Callable[[], list[Any]]
) -> None:
    before = settings_of_a_user()
    model = learner.learn(data, RUN)
    scores = learner.predict(model, data)
    module = learner.module(model)
    assert all(torch.equal(one, other) for one, other in zip(before, settings_of_a_user(), strict=True))
    assert not module.training
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(1)
    assert fingerprint(model) == trained(learner, data)
    assert np.array_equal(scores, learner.predict(model, data))


@pytest.fixture
def settings_of_a_user() -> Iterator[Callable[[], list[Any]]]:
    """Settings that nobody would expect, and what reads them all."""

    def read() -> list[Any]:
        switches = [
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.get_default_dtype() == torch.float64,
            torch.get_float32_matmul_precision() == "medium",
            torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
            torch.is_grad_enabled(),
        ]
        numpys = np.random.get_state()  # noqa: NPY002
        python = [float(number) for number in random.getstate()[1]]
        states: list[Any] = [torch.get_rng_state(), torch.from_numpy(numpys[1].astype(np.int64)), torch.tensor(python)]  # type: ignore[index]
        return [*states, torch.tensor(numpys[2]), torch.tensor([float(switch) for switch in switches])]  # type: ignore[index]

    torch.manual_seed(123)
    np.random.seed(5)  # noqa: NPY002
    random.seed(7)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("medium")
    yield read
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize(
    "around", [torch.no_grad, torch.inference_mode, partial(torch.autocast, "cpu", torch.bfloat16)]
)
def test_modes_that_the_user_is_in_change_no_bit(around: Any) -> None:
    data, expected = patients(24), trained(DROPPING, patients(24))
    with around():
        model = DROPPING.learn(data, RUN)
    assert fingerprint(model) == expected


def test_a_default_device_of_the_users_changes_no_bit() -> None:
    data, expected = patients(24), trained(DROPPING, patients(24))
    torch.set_default_device("meta")
    try:
        model = DROPPING.learn(data, RUN)
        scores = DROPPING.predict(model, data)
    finally:
        torch.set_default_device(None)
    assert fingerprint(model) == expected
    assert np.array_equal(scores, DROPPING.predict(model, data))


def test_planted_generators_that_are_not_seeded_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def seeds() -> set[str]:
        made = set()
        for seed in (1, 2):
            torch.manual_seed(seed)
            made.add(trained(DROPPING, patients(24)))
        return made

    assert len(seeds()) == 1
    monkeypatch.setattr(training, "seed", lambda *_: None)
    assert len(seeds()) == 2


def test_the_threads_of_the_run_are_those_of_the_module() -> None:
    learner = TorchLearner(Counted, epochs=1)
    for threads in (1, 2):
        model = learner.learn(patients(24), replace(RUN, threads=threads))
        assert model.weights is not None
        assert int(model.weights["threads"]) == threads


@every_kind
def test_together_is_alone(learner: TorchLearner, data: Table) -> None:
    PAYS.clear()
    runs = [Run(key=key) for key in (b"one", b"two", b"three")]
    parts = [data.take(slice(k, None)) for k in range(3)]
    made = learner.learn_together(parts, runs)
    alone = [learner.learn(part, run) for part, run in zip(parts, runs, strict=True)]
    assert list(map(fingerprint, made)) == list(map(fingerprint, alone))
    asked = zip(learner.predict_together(made, data), alone, strict=True)
    assert all(np.array_equal(scores, learner.predict(model, data)) for scores, model in asked)


def restless(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """A loss that draws from the global generator."""
    return nn.functional.cross_entropy(outputs + 0.1 * torch.randn(outputs.shape), target)


def jumpy(record: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """An augmentation that does not care for the generator that it is given."""
    return record + 0.1 * torch.randn(record.shape)


class Langevin(torch.optim.SGD):
    """An optimiser that draws from the global generator."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for held in group["params"]:
                    held.add_(0.01 * torch.randn(held.shape))


@pytest.mark.parametrize("options", [{"loss": restless}, {"augment": jumpy}, {"optimizer": Langevin}])
def test_what_a_user_wrote_may_draw_from_the_global_generator_alone_and_together(options: Any) -> None:
    learner, data = replace(KINDS["mlp"][0], **options), patients(24)
    parts, runs = [data, data.take(slice(4, None))], [RUN, Run(key=b"another")]
    alone = [trained(learner, part, run) for part, run in zip(parts, runs, strict=True)]
    assert [fingerprint(model) for model in learner.learn_together(parts, runs)] == alone


# -- what it learns ----------------------------------------------------------------------------------------------------


def test_it_learns_what_can_be_learned(device: str) -> None:
    features = np.random.default_rng(0).normal(size=(120, 3)).astype(np.float32)
    targets = {
        "classes": np.where(features[:, 0] > 0, "left", "right"),
        "labels": features[:, :2] > 0,
        "numbers": features @ np.array([[1.0, 0.0], [2.0, -1.0], [0.0, 1.0]]),
        "number": features[:, 0].astype(np.float64),
    }
    learner = TorchLearner(mlp, partial(torch.optim.Adam, lr=0.05), epochs=30, batch_size=16, device=device)
    found = {}
    for name, target in targets.items():
        table = Table.from_arrays(features, target)
        model = learner.learn(table, RUN)
        found[name] = learner.predict(model, table)
        assert model.log is not None
        assert np.nanmean(model.log.fit[-1]) > np.nanmean(model.log.fit[0])
    assert np.mean(found["classes"].argmax(1) == (features[:, 0] <= 0)) > 0.95
    assert np.allclose(found["classes"].sum(1), 1)
    assert np.mean((found["labels"] > 0.5) == targets["labels"]) > 0.95
    assert found["numbers"].shape == (120, 2)
    assert found["number"].shape == (120,)
    for name in ("numbers", "number"):
        assert np.mean((found[name] - targets[name]) ** 2) < 0.1 * np.var(targets[name])


def test_a_single_class_is_predicted_for_everything_and_nothing_cannot_be_asked() -> None:
    learner, data = KINDS["mlp"][0], patients(24)
    one = data.take(np.flatnonzero(np.asarray(data.label) == "ham"))
    assert np.array_equal(learner.predict(learner.learn(one, RUN), data), np.ones((24, 1)))
    for empty in (data.take(slice(0, 0)), replace(patients(24, several=True), classes=("a",)).take(slice(0, 0))):
        model = learner.learn(empty, RUN)
        for ask in (lambda model=model: learner.predict(model, data), lambda model=model: learner.module(model)):
            with pytest.raises(EmptyModelError, match="holds no network"):
                ask()


@pytest.mark.parametrize("count", [1, 2, 5, 8, 9, 17])
@pytest.mark.parametrize("factory", [dropping, mlp])
def test_a_shard_of_any_size_is_learned_with_batch_norm_too(count: int, factory: Any) -> None:
    data = replace(patients(24), classes=("ham", "spam", "unsure")).take(slice(0, count))
    learner = TorchLearner(factory, SGD, epochs=2, batch_size=8, accumulate=4)
    scores = learner.predict(learner.learn(data, RUN), data)
    assert np.isfinite(scores).all()
    assert trained(learner, data) == trained(learner, data.take(np.arange(count)[::-1]))


def test_parts_of_a_batch_add_up_to_the_batch() -> None:
    data, whole = patients(24), TorchLearner(mlp, SGD, epochs=3, batch_size=12)
    parts = replace(whole, accumulate=3)
    at_once, added = (learner.predict(learner.learn(data, RUN), data) for learner in (whole, parts))
    assert np.allclose(at_once, added, atol=1e-4)
    assert not np.allclose(at_once, whole.predict(replace(whole, batch_size=4).learn(data, RUN), data), atol=1e-4)


def test_its_parameters_say_what_it_is() -> None:
    learner, slices = KINDS["mlp"][0], KINDS["stopped"][0]
    for protocol in (Learner, Continuing, Named, Priced, Together, Wavering):
        assert isinstance(learner, protocol)
    assert learner.passes == 2
    assert learner.visits(patients(24), RUN) == 48
    assert learner.cannot_go_on("cumulative") is None
    assert "validation" in str(slices.cannot_go_on("cumulative"))
    assert "prepare" in str(KINDS["prepared"][0].cannot_go_on("incremental"))
    assert learner.set_params(epochs=5).epochs == 5


def test_operations_without_a_deterministic_form_are_allowed_by_name_and_weaken_the_claim() -> None:
    free, data = replace(KINDS["mlp"][0], deterministic=False), patients(24)
    assert free.wavers() is not None
    for method in (Retrain(free), Sisa(free, shards=2)):
        quote = method.quote(method.learn(data, RUN), Records([5]), data, RUN)
        assert not isinstance(quote, Refusal)
        assert type(quote.claim).__name__ == "Empirical"
        assert any("deterministic=False" in said for said in quote.assumptions)


def test_the_environment_names_torch_and_what_else_is_called() -> None:
    learner = KINDS["mlp"][0]
    assert of_learner(learner, 1)["torch"] == torch.__version__
    assert learner.runs_on in of_learner(learner, 1).values()
    assert tag_of(learner, 1) != tag_of(learner, 2)
    assert set(replace(learner, prepare=Tabular()).packages) == {"torch"}


# -- what comes out: a value -------------------------------------------------------------------------------------------


@every_kind
def test_a_model_is_a_value_without_a_pickle_in_it(learner: TorchLearner, data: Table) -> None:
    model = learner.learn(data, RUN)
    again = decode(encode(model), trusted=model.prepared is not None)
    assert fingerprint(again) == fingerprint(model)
    assert encode(again) == encode(model)
    assert np.array_equal(learner.predict(again, data), learner.predict(model, data))


def test_the_module_is_the_users_to_go_on_with() -> None:
    data = patients(24)
    model = DROPPING.learn(data, RUN)
    before, module = fingerprint(model), DROPPING.module(model)
    scores = torch.softmax(module(torch.tensor(rows_of(data), dtype=torch.float32)).double(), 1).detach().numpy()
    assert np.allclose(scores, DROPPING.predict(model, data))
    with torch.no_grad():
        for held in module.parameters():
            held.zero_()
    assert fingerprint(model) == before, "the module is a copy"


def test_a_module_trained_elsewhere_is_adopted() -> None:
    data, method = patients(24), Retrain(KINDS["mlp"][0])
    torch.manual_seed(0)
    foreign = mlp((3,), 3)
    drawn = torch.get_rng_state()
    model = method.learner.adopt(foreign, data, RUN)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert foreign.training
    given = foreign(torch.tensor(rows_of(data), dtype=torch.float32)).double()
    assert np.allclose(torch.softmax(given, 1).detach().numpy(), method.learner.predict(model, data))
    again = method.learner.module(model)
    assert all(torch.equal(a, b) for a, b in zip(foreign.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(
    ("foreign", "said"),
    [
        (mlp((3,), 2), r"2.bias is float32 \(3,\) there, and float32 \(2,\) here"),
        (nn.Linear(3, 3), "0.bias is .* there, and absent here"),
        (dropping((3,), 3), r"0.bias is float32 \(8,\) there, and float32 \(3,\) here"),
        (mlp((3,), 3).double(), "float64"),
    ],
)
def test_a_module_of_another_making_is_refused(foreign: nn.Module, said: str) -> None:
    answer: Any = KINDS["mlp"][0].adopt(foreign, patients(24), RUN)
    assert isinstance(answer, Refusal)
    assert re.search(said, answer.reason)


def by_hand(module: nn.Module, batches: Any, epochs: int) -> None:
    """A training loop of the user's, with an optimiser that wants a closure."""
    optimizer = torch.optim.LBFGS(module.parameters(), lr=0.1, max_iter=2)
    for epoch in range(epochs):
        for given, target in batches(epoch):

            def closure(given: Any = given, target: Any = target) -> Any:
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(module(given) + 0.01 * torch.randn(3), target)
                loss.backward()  # type: ignore[no-untyped-call]
                return loss

            optimizer.step(closure)  # type: ignore[no-untyped-call]


def test_a_loop_of_ones_own_is_as_pure_and_goes_on_from_slice_to_slice() -> None:
    learner, data = TorchLearner(mlp, loop=by_hand, epochs=2, batch_size=8, optimizer=torch.optim.LBFGS), patients(24)
    assert trained(learner, data) == trained(learner, data.take(np.arange(24)[::-1]))
    method = Sisa(learner, shards=2, slices=2)
    model = method.learn(data, RUN)
    done = method.forget(model, Records([5]), data, RUN)
    assert fingerprint(done.model) == fingerprint(method.learn(data.after(Records([5])), RUN.afresh()))


# -- data of every kind ------------------------------------------------------------------------------------------------


def test_frames_go_through_what_prepares_them() -> None:
    frame = pd.DataFrame({"age": range(24), "town": ["here", "there", "where"] * 8, "sick": [0, 1] * 12})
    table = Table.from_frame(frame, label="sick")
    for prepare, data in ((Tabular(dense=True), table), (StandardScaler(), table.drop("town"))):
        learner = TorchLearner(mlp, epochs=2, prepare=prepare)
        assert trained(learner, data) == trained(learner, data.take(np.arange(24)[::-1]))
        model = learner.learn(data, RUN)
        assert learner.predict(model, data).shape == (24, 2)
        with pytest.raises(ExpungeError, match="trusted"):
            decode(encode(model))
    with pytest.raises(DataError, match=r"column 'town' holds .*: give prepare=Tabular"):
        TorchLearner(mlp).learn(table, RUN)


def test_preprocessing_is_fitted_with_the_threads_and_generators_of_the_run() -> None:
    learner = TorchLearner(mlp, epochs=1, prepare=Drawing())  # type: ignore[no-untyped-call]
    models = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        models.append(trained(learner, patients(24)))
    assert models[0] == models[1]


class Drawing(StandardScaler):
    """A scaler that draws from numpy's global generator when it is fitted."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        super().fit(X, y)  # type: ignore[no-untyped-call]
        self.mean_ = self.mean_ + np.random.normal(size=3)  # noqa: NPY002
        return self


def test_tokens_go_through_an_embedding() -> None:
    tokens = np.random.default_rng(0).integers(0, 10, size=(24, 6))
    learner = TorchLearner(Words, epochs=2)
    for kind in (np.int64, np.int32, np.uint8):
        model = learner.learn(plain(tokens.astype(kind)), RUN)
        assert model.weights is not None
        assert set(model.weights) == {"vectors.weight", "said.weight", "said.bias"}, "tied weights once"
        again = learner.module(model)
        assert again.back.weight is again.vectors.weight  # type: ignore[union-attr]


def test_bytes_are_read_as_images_are() -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(24, 5, 5)).astype(np.uint8)
    learner = TorchLearner(Cnn, epochs=2)
    scaled = plain(torch.tensor(images).float().div(255).numpy())
    assert weights(learner.learn(plain(images), RUN)) == weights(learner.learn(scaled, RUN))


def weights(model: Net) -> str:
    return fingerprint(model.weights)


def short(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """A module whose own weights are short."""
    return mlp(shape, outputs).bfloat16()


def test_short_weights_are_kept_to_the_bit() -> None:
    learner, data = TorchLearner(short, SGD, epochs=2), patients(24)
    model = decode(encode(learner.learn(data, RUN)))
    assert isinstance(model.weights["0.weight"], Bits)
    assert learner.module(model)[0].weight.dtype == torch.bfloat16  # type: ignore[index]
    assert learner.predict(model, data).shape == (24, 3)


# -- sentences ---------------------------------------------------------------------------------------------------------


def nothing() -> None:
    """A factory that forgot to return."""


def failing(shape: tuple[int, ...]) -> nn.Module:
    msg = f"no network for {shape}"
    raise RuntimeError(msg)


def lazy(outputs: int) -> nn.Module:
    return nn.LazyLinear(outputs)


def two(shape: tuple[int, ...]) -> nn.Module:
    return nn.Linear(shape[0], 2)


def asking(depth: int) -> nn.Module:
    return nn.Linear(depth, 2)


def frozen(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Linear(shape[0], outputs).requires_grad_(requires_grad=False)


def hungry(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return Hungry(shape[0], outputs)


class Extra(nn.Linear):
    def get_extra_state(self) -> int:
        return 1


class Hungry(nn.Linear):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return super().forward(given) + torch.empty(1 << 50)[0]


class Cut(nn.Linear):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return super().forward(given).detach()


def wide(record: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.cat([record, record])


def per_output(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return outputs


def lost(module: nn.Module, batches: Any, epochs: int) -> None:
    with torch.no_grad():
        for held in module.parameters():
            held.fill_(torch.nan)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"factory": failing}, r"factory failing failed to make a module: RuntimeError: no network for \(3,\)"),
        ({"factory": nothing}, "factory nothing must make an nn.Module, and made a NoneType"),
        ({"factory": lazy}, "LazyLinear learns its shape from data: give the sizes"),
        ({"factory": partial(Extra, 3, 3)}, "Extra keeps extra state besides tensors"),
        ({"factory": asking}, "failed to make a module: TypeError: .*depth"),
        ({"factory": two}, r"must give shape \(8, 3\) for 8 records, one output a class, and gave shape \(8, 2\)"),
        ({"factory": frozen}, "optimizer or schedule could not be made: ValueError: .*empty parameter list"),
        ({"factory": hungry}, "out of memory on cpu. A smaller batch_size helps, or accumulate=2"),
        ({"factory": partial(Cut, 3, 3)}, "training failed: RuntimeError: .*does not require grad"),
        ({"optimizer": torch.optim.LBFGS}, "LBFGS evaluates the loss several times a step, by a closure"),
        ({"optimizer": partial(torch.optim.SGD, lr=-1.0)}, "could not be made: ValueError: Invalid learning rate"),
        ({"optimizer": partial(torch.optim.SGD, lr=1e30)}, "diverged in epoch 1 of 2: .* A smaller learning rate"),
        ({"loop": lost}, "diverged in the loop that was given"),
        ({"loop": nothing}, "training failed: TypeError: nothing"),
        ({"loss": per_output}, r"a loss must give one number a record, or their mean, .*got shape \(8, 3\)"),
        ({"augment": wide}, r"augment must keep the shape of a record, \(3,\), and gave \(6,\)"),
        ({"augment": nothing}, "training failed: TypeError: nothing"),
        ({"device": "tpu9"}, "device must be 'auto', 'cpu', or a device that torch finds here .*got 'tpu9'"),
        ({"device": "meta"}, "device must be 'auto'"),
        ({"precision": "float16", "device": "cpu"}, "precision='float16' needs a GPU"),
        ({"schedule": asking}, "optimizer or schedule could not be made: TypeError"),
    ],
)
def test_a_mistake_is_a_sentence(options: dict[str, Any], said: str) -> None:
    learner = TorchLearner(**{"factory": mlp, "epochs": 2, "batch_size": 8, **options})
    with pytest.raises((ParameterError, LearnError), match=said) as caught:
        learner.learn(patients(24), RUN)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("refusal", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError("no more")])
def test_a_memory_that_is_full_is_a_sentence(refusal: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Any, given: Any) -> None:
        raise refusal

    data = patients(24)
    model = KINDS["mlp"][0].learn(data, RUN)
    monkeypatch.setattr(nn.Linear, "forward", full)
    for doing, work in (("training", KINDS["mlp"][0].learn), ("predicting", KINDS["mlp"][0].predict)):
        with pytest.raises(LearnError, match=f"{doing} failed: out of memory on cpu"):
            work(*((data, RUN) if doing == "training" else (model, data)))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_features_that_are_no_numbers_are_named_as_the_reason(value: float) -> None:
    features = rows_of(patients(24)).copy()
    features[3, 1] = value
    with pytest.raises(
        LearnError, match=r"diverged .* for the features hold NaN or infinite values: fill or drop them"
    ):
        KINDS["mlp"][0].learn(plain(features), RUN)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda learner, model: learner.predict(model, plain(np.ones((24, 2)))), "the model learned from the columns"),
        (lambda learner, _: learner.predict("model", patients(24)), "must be a Net that a TorchLearner learned"),
        (lambda learner, _: learner.module(None), "must be a Net"),
        (lambda learner, model: replace(learner, factory=dropping).predict(model, patients(24)), "no longer makes"),
        (lambda learner, _: learner.adopt("model", patients(24), RUN), "what is adopted is a trained nn.Module"),
        (lambda learner, _: learner.learn([1.0], RUN), "data must be a Table"),
        (lambda learner, _: learner.learn(plain(np.array([["a"], ["b"]] * 12)), RUN), "a network takes numbers"),
        (lambda learner, _: learner.learn(Table.from_arrays(np.ones((4, 3))), RUN), "needs a label"),
        (lambda learner, _: replace(learner, task="multilabel").learn(patients(24), RUN), "not for multilabel"),
    ],
)
def test_a_wrong_question_is_a_sentence(ask: Any, said: str) -> None:
    learner = KINDS["mlp"][0]
    with pytest.raises((DataError, MismatchError, ParameterError), match=said):
        ask(learner, learner.learn(patients(24), RUN))
