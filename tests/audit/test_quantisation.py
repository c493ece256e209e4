"""Rounding weights: the grid by its definition and beside torch's, what is left alone, and what cannot be rounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from expunge.audit.arms import Missing
from expunge.audit.further import Sides
from expunge.audit.quantisation import Quantisation, rounded
from expunge.data.table import Table
from expunge.errors import ParameterError
from expunge.protocol import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = st.integers(2, 16)
WEIGHTS = arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.floats(-8, 8, width=16))
SIDES = Sides(Table.from_arrays(np.eye(2), [0, 1]), Table.from_arrays(np.eye(2), [0, 1], ids=[5, 6]), b"key")


def step(weights: NDArray[Any], bits: int) -> float:
    return float(np.abs(weights).max()) / float(2 ** (bits - 1) - 1)


@given(WEIGHTS, BITS)
def test_each_weight_goes_to_the_nearest_of_a_few_levels(weights: NDArray[Any], bits: int) -> None:
    made = rounded(weights, bits)
    assert made.dtype == weights.dtype
    assert np.abs(made - weights).max() <= step(weights, bits) * 0.5 + 1e-6
    assert len(np.unique(made)) <= 2**bits - 1
    assert np.abs(made).max() == pytest.approx(np.abs(weights).max(), rel=1e-6)


@given(WEIGHTS, BITS)
def test_the_grid_is_symmetric_and_rounding_twice_is_rounding_once(weights: NDArray[Any], bits: int) -> None:
    made = rounded(weights, bits)
    assert (rounded(-weights, bits) == -made).all()
    assert np.allclose(rounded(made, bits), made, rtol=1e-6, atol=0)


@given(WEIGHTS.filter(lambda weights: np.abs(weights).max() > 0.01), st.sampled_from([4, 8]))
def test_it_is_what_torch_calls_fake_quantisation(weights: NDArray[Any], bits: int) -> None:
    most, size = 2 ** (bits - 1) - 1, step(weights, bits)
    near_half = np.abs(np.abs(weights / size) % 1 - 0.5) < 1e-3  # where single precision decides
    its = torch.fake_quantize_per_tensor_affine(torch.tensor(weights), size, 0, -most, most).numpy()
    assert np.allclose(rounded(weights, bits)[~near_half], its[~near_half], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "kept",
    [np.array([0.3, 0.1]), np.array(0.3), np.array([[3, 1]]), np.zeros((2, 2)), np.zeros((0, 3))],
    ids=["vector", "number", "whole numbers", "zeros", "nothing"],
)
def test_vectors_and_what_holds_no_fractions_stay(kept: NDArray[Any]) -> None:
    assert rounded(kept, 2) is kept


@dataclass(frozen=True)
class Weighted:
    """A model with weights."""

    weights: Any


def test_a_model_is_left_alone_and_its_vectors_too() -> None:
    matrix, bias = np.array([[0.7, 0.24, -0.06]]), np.array([0.06])
    after = Quantisation(4).after(None, Weighted({"matrix": matrix, "bias": bias}), SIDES, Run(key=b"key"))
    assert matrix.tolist() == [[0.7, 0.24, -0.06]]
    assert after.weights["matrix"] == pytest.approx(np.array([[0.7, 0.2, -0.1]]))
    assert after.weights["bias"].tolist() == [0.06]


@pytest.mark.parametrize(
    ("model", "words"),
    [("a text", "a str has no weights"), (Weighted(None), "has no weights"), (Weighted({"w": (1, 2)}), "numpy lacks")],
)
def test_what_cannot_be_rounded_says_why(model: Any, words: str) -> None:
    found = Quantisation().after(None, model, SIDES, Run(key=b"key"))
    assert isinstance(found, Missing)
    assert words in found.reason


@pytest.mark.parametrize("bits", [1, 17, 4.0, True, "4"])
def test_bits_that_are_none_are_refused(bits: Any) -> None:
    with pytest.raises(ParameterError, match="bits to be a whole number from 2 to 16"):
        Quantisation(bits)


def test_its_figures_name_the_bits_and_it_costs_nothing() -> None:
    assert [figure.name for figure in Quantisation(8).figures(SIDES)] == ["fit, 8 bits", "accuracy, 8 bits"]
    assert Quantisation().visits(None, 100, 10) == 0
