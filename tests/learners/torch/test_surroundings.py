"""What surrounds training is held still, put back, and put into words."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from expunge import Run
from expunge.errors import DataError, LearnError, ParameterError
from expunge.learners.torch.surroundings import described, deterministic, device_of, in_words, on_processor, seed

RUN = Run(key=b"a key for tests", threads=2)
CPU = torch.device("cpu")


def test_inside_all_is_as_training_needs_it() -> None:
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    try:
        with deterministic(RUN, CPU, strict=True):
            assert torch.get_num_threads() == 2
            assert torch.get_default_dtype() == torch.float32
            assert torch.are_deterministic_algorithms_enabled()
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.get_num_threads() == 1
        assert torch.get_default_dtype() == torch.float64
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        with deterministic(RUN, CPU, strict=False):
            assert not torch.are_deterministic_algorithms_enabled()
    finally:
        torch.set_default_dtype(torch.float32)
        torch.use_deterministic_algorithms(mode=False)


def test_all_is_put_back_after_a_failure_too() -> None:
    before = torch.get_rng_state()

    def fail() -> None:
        with deterministic(RUN, CPU, strict=True):
            seed(RUN, "somewhere")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.get_num_threads() == 1
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_precision_that_is_inherited_is_not_pinned() -> None:
    held: Any = torch.backends
    places = (held.mkldnn.matmul, held.mkldnn.conv, held.mkldnn.rnn)
    for place in (*places, held.cuda.matmul):  # whatever another test left
        place.fp32_precision = "none"
    try:
        held.fp32_precision = "tf32"
        assert [place.fp32_precision for place in places] == ["tf32"] * 3
        with deterministic(RUN, CPU, strict=True):
            assert [place.fp32_precision for place in places] == ["ieee"] * 3
    finally:
        held.fp32_precision = "none"
    assert [place.fp32_precision for place in places] == ["none"] * 3
    assert torch.get_float32_matmul_precision() == "highest"


def test_libraries_and_precisions_that_were_switched_are_set_aside() -> None:
    held: Any = torch.backends
    held.mkldnn.enabled = False
    held.cudnn.benchmark = True
    held.cuda.matmul.fp32_precision = "tf32"  # after which torch no longer says its old precision, but raises
    try:
        with deterministic(RUN, CPU, strict=True):
            assert held.mkldnn.enabled
            assert not held.cudnn.benchmark
            assert held.cuda.matmul.fp32_precision == "ieee"
            assert torch.get_float32_matmul_precision() == "highest"
        assert not held.mkldnn.enabled
        assert held.cudnn.benchmark
        assert held.cuda.matmul.fp32_precision == "tf32"
    finally:
        held.mkldnn.enabled, held.cudnn.benchmark = True, False
        torch.set_float32_matmul_precision("highest")


def test_a_seed_belongs_to_the_key_and_the_names() -> None:
    drawn = []
    with deterministic(RUN, CPU, strict=True):
        for run, name in ((RUN, "a"), (RUN, "a"), (RUN, "b"), (Run(key=b"another"), "a")):
            seed(run, name)
            drawn.append((float(torch.rand(1)), float(np.random.rand()), random.random()))  # noqa: NPY002
    assert drawn[0] == drawn[1]
    assert all(len({numbers[kind] for numbers in drawn}) == 3 for kind in range(3))


def test_a_device_is_found_and_described() -> None:
    assert device_of("cpu") == CPU
    assert device_of("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert described(CPU).startswith("cpu ")
    for name in ("gpu", "cuda:99", "meta", ""):
        with pytest.raises(ParameterError, match=f"a device that torch finds here such as 'cuda'; got '{name}'"):
            device_of(name)


def test_new_tensors_are_on_the_processor_whatever_the_default() -> None:
    torch.set_default_device("meta")
    try:
        with on_processor():
            assert torch.zeros(1).device == CPU
    finally:
        torch.set_default_device(None)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried\nto allocate"),
            "out of memory on cpu. A smaller batch_size",
        ),
        (MemoryError(), "out of memory on cpu"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "out of memory on cpu"),
        (
            RuntimeError("scatter does not have a deterministic implementation, but you set"),
            "a layer has no deterministic form on cpu .*; with deterministic=False it may be used, and the claim is",
        ),
        (ValueError("of two\nlines"), "working failed: ValueError: of two$"),
    ],
)
def test_failures_are_sentences(failure: Exception, said: str) -> None:
    with pytest.raises(LearnError, match=said), in_words("working failed", CPU):
        raise failure


@pytest.mark.parametrize("kept", [DataError("said already"), UserWarning("made an error"), KeyboardInterrupt()])
def test_what_says_it_already_is_left_alone(kept: BaseException) -> None:
    with pytest.raises(type(kept)) as caught, in_words("working failed", CPU):
        raise kept
    assert caught.value is kept


def test_what_a_module_quotes_is_not_told() -> None:
    with pytest.raises(LearnError) as refused, in_words("working failed", CPU):
        raise ValueError("unknown 'ann@example.org' in record [86421.125, 0.5], shapes [3, 4]")
    assert str(refused.value) == "working failed: ValueError: unknown '...' in record [...], shapes [3, 4]"
