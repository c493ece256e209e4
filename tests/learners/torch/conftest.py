"""Fixtures for networks: the devices that are here, and one thread unless a test says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """Each device of this machine in turn."""
    name: str = request.param
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch finds no GPU of CUDA here")
    return name


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One thread for torch; put back, for the tests of others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
