"""Tensors and arrays share no memory, and no bit is lost on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from expunge.codec import decode, encode
from expunge.errors import CodecError
from expunge.learners.torch.tensors import Bits, arrays, as_array, as_tensor, tensors

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(st.binary(min_size=16, max_size=16))
def test_every_bit_comes_back(dtype: torch.dtype, drawn: bytes) -> None:
    number = torch.frombuffer(bytearray(drawn), dtype=torch.uint8)
    tensor = (number % 2 == 0) if dtype == torch.bool else number.view(dtype)
    again = as_tensor(decode(encode(as_array(tensor))))
    assert again.dtype == tensor.dtype
    assert torch.equal(again.view(torch.uint8), tensor.view(torch.uint8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_no_memory_is_shared_either_way(dtype: torch.dtype) -> None:
    tensor = torch.ones(4, dtype=dtype)
    array = as_array(tensor)
    back = as_tensor(array)
    tensor.zero_()
    assert back.sum() == 4
    held = array.bits if isinstance(array, Bits) else array
    kept = held.copy()
    back.zero_()
    assert np.array_equal(held, kept)
    assert as_tensor(array).data_ptr() % 64 == 0, "in memory that torch took"


def test_the_state_of_an_optimiser_comes_back_as_it_was() -> None:
    state: Any = {
        "state": {0: {"step": torch.tensor(3.0), "moment": torch.ones(2, 2)}},
        "groups": [{"betas": (0.9, 1)}],
    }
    again = tensors(decode(encode(arrays(state))))
    assert again["groups"] == state["groups"]
    assert type(again["groups"][0]["betas"]) is tuple
    assert torch.equal(again["state"][0]["moment"], torch.ones(2, 2))
    state["state"][0]["moment"].zero_()
    assert again["state"][0]["moment"].sum() == 4


def test_views_are_copied_as_what_they_show() -> None:
    assert as_array(torch.arange(6).view(2, 3).T).tolist() == [[0, 3], [1, 4], [2, 5]]  # type: ignore[union-attr]


@pytest.mark.parametrize("strange", [torch.eye(2).to_sparse(), torch.zeros(2, dtype=torch.float8_e4m3fn)])
def test_what_numpy_has_no_word_for_is_a_sentence(strange: torch.Tensor) -> None:
    with pytest.raises(CodecError, match=r"a tensor of torch\..* cannot be part of a model"):
        as_array(strange)
