"""What surrounds training and would change its bits unasked: threads, generators, switches of torch, the device.

Everything is set for the time of training and put back afterwards. Whatever torch refuses there becomes a sentence.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from expunge import keyed
from expunge.errors import ExpungeError, LearnError, ParameterError
from expunge.learners.failures import reason
from expunge.learners.surroundings import global_randomness, limited_pools

if TYPE_CHECKING:
    from expunge.protocol import Run


BACKENDS: Any = torch.backends  # whose switches are properties that torch puts in place by itself
SWITCHES: tuple[tuple[Any, str, Any], ...] = (
    (BACKENDS.mkldnn, "enabled", True),
    (BACKENDS.mkldnn.conv, "fp32_precision", "ieee"),  # "none" would be whatever the user has set for all
    (BACKENDS.mkldnn.rnn, "fp32_precision", "ieee"),
    (BACKENDS.cudnn, "enabled", True),
    (BACKENDS.cudnn, "benchmark", False),
    (BACKENDS.cudnn.conv, "fp32_precision", "tf32"),
    (BACKENDS.cudnn.rnn, "fp32_precision", "tf32"),
)
"""Where, what, and how it is while training."""


def device_of(name: str) -> torch.device:
    """The device that a name stands for; "auto": the first GPU of CUDA where there is one, else the processor.

    Raises
    ------
    ParameterError
        When there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device).cpu()
    except Exception as refusal:  # each backend raises its own
        msg = (
            f"device must be 'auto', 'cpu', or a device that torch finds here such as 'cuda'; got {name!r} ({refusal})"
        )
        raise ParameterError(msg) from refusal
    return device


def described(device: torch.device) -> str:
    """What a device is, as far as it is known to change bits."""
    if device.type == "cuda":
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}, cuDNN {cudnn}"
    return f"{device.type} {torch.backends.cpu.get_cpu_capability()}"


@contextmanager
def deterministic(run: Run, device: torch.device, *, strict: bool) -> Iterator[None]:
    """The number of threads, every global generator and every switch as training needs them; put back afterwards.

    Parameters
    ----------
    run : Run
        Its threads are enforced, its key seeds the generators.
    device : torch.device
    strict : bool
        Whether an operation without a deterministic form is an error.
    """
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    strictness = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic  # which sets this switch by a property of the module
    filled = memory.fill_uninitialized_memory
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may add in another order
    with (
        generators_kept(device),
        torch.inference_mode(mode=False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
        on_processor(),
        switches_set(),
        global_randomness(run.key),
        limited_pools(run.threads),
    ):
        torch.set_num_threads(run.threads)
        torch.set_default_dtype(torch.float32)
        torch.use_deterministic_algorithms(strict)
        memory.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.set_default_dtype(dtype)
            torch.use_deterministic_algorithms(strictness[0], warn_only=strictness[1])
            memory.fill_uninitialized_memory = filled


@contextmanager
def generators_kept(device: torch.device) -> Iterator[None]:
    """The global generators of torch, numpy and Python are put back to where they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), global_randomness(b"kept"):
        yield


@contextmanager
def switches_set() -> Iterator[None]:
    """Libraries and precisions that a user may have switched, as they are for everybody; put back afterwards."""
    products = (BACKENDS.cuda.matmul, BACKENDS.mkldnn.matmul)
    held = [(place, name, getattr(place, name)) for place, name, _ in SWITCHES]
    before = [(place, "fp32_precision", place.fp32_precision) for place in products]
    try:
        old = torch.get_float32_matmul_precision()
    except RuntimeError:  # set by the newer switches alone, which the old one cannot describe
        old = None
    torch.set_float32_matmul_precision("highest")
    for place, name, wanted in SWITCHES:
        setattr(place, name, wanted)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(old or "highest")
        for place, name, value in [*before, *held]:
            _put_back(place, name, value)


def _put_back(place: Any, name: str, value: Any) -> None:
    """Set a switch to what it was; a precision that it had from a switch above it is had from there again."""
    if name == "fp32_precision":
        setattr(place, name, "none")
    if getattr(place, name) != value:
        setattr(place, name, value)


def on_processor() -> AbstractContextManager[Any]:
    """New tensors are on the processor where nobody says otherwise, whatever the user's default device is."""
    return torch.device("cpu") if torch.get_default_device().type != "cpu" else nullcontext()


def seed(run: Run, *names: object) -> None:
    """The global generators of torch (of every device), numpy and Python start from what belongs to these names."""
    number = int.from_bytes(keyed.subkey(run.key, "torch", *names)[:8], "little")
    # Without an accelerator torch.manual_seed does the same, and formats a stack trace for each kind that is absent.
    (torch.manual_seed if torch.accelerator.is_available() else torch.default_generator.manual_seed)(number)
    np.random.seed(keyed.seed(run.key, "numpy", *names))  # noqa: NPY002  (for what draws from them unasked)
    random.seed(keyed.seed(run.key, "python", *names))


@contextmanager
def in_words(doing: str, device: torch.device) -> Iterator[None]:
    """What torch or a user's module raises, as a sentence about what was being done.

    Raises
    ------
    LearnError
        With the reason in torch's words, without what these quote, and what helps where that is known.
    """
    try:
        yield
    except (ExpungeError, Warning):  # a sentence already; a warning made an error by the user's own filters
        raise
    except Exception as failure:
        said = reason(failure, None).splitlines()[0]
        if isinstance(failure, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(failure):
            msg = (
                f"{doing}: out of memory on {device}. A smaller batch_size helps, or accumulate=2 or more, which takes"
            )
            raise LearnError(f"{msg} each batch in parts and adds up their gradients") from failure
        if "deterministic" in str(failure) and isinstance(failure, RuntimeError):
            msg = f"{doing}: a layer has no deterministic form on {device} ({said}). Another device or layer helps;"
            raise LearnError(f"{msg} with deterministic=False it may be used, and the claim is Empirical") from failure
        msg = f"{doing}: {said}"
        raise LearnError(msg) from failure
