"""The networks that laws are tried on: small, importable, and with everything in them that a learner stumbles over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from expunge.codec import fingerprint
from expunge.testing import patients
from expunge.testing.networks import Cnn, Counted, Words, dropping, mlp, noisy, pictures


@pytest.mark.parametrize("factory", [Cnn, Words, mlp, dropping, Counted, noisy], ids=lambda given: given.__name__)
def test_every_process_finds_them_by_name(factory: Any) -> None:
    assert fingerprint(factory)


def test_the_cnn_has_what_counts_and_what_is_random() -> None:
    kinds = {type(part) for part in Cnn(3).modules()}
    assert {nn.Conv2d, nn.BatchNorm2d, nn.Dropout} <= kinds
    assert Cnn(3).eval()(torch.zeros(4, 5, 5)).shape == (4, 3)


def test_the_words_tie_their_weights() -> None:
    module = Words(2)
    assert module.back.weight is module.vectors.weight
    assert module(torch.zeros(4, 6, dtype=torch.int64)).shape == (4, 2)


def test_rows_go_through_the_others() -> None:
    for factory in (mlp, dropping, Counted):
        assert factory((3,), 2)(torch.zeros(4, 3)).shape == (4, 2)


def test_pictures_are_the_patients() -> None:
    known, shown = patients(24), pictures(24)
    assert shown.features.shape == (24, 5, 5)
    assert shown.features.dtype == np.float32
    for mine, theirs in ((shown.ids, known.ids), (shown.owners, known.owners), (shown.label, known.label)):
        assert np.array_equal(np.asarray(mine), np.asarray(theirs))
    assert np.array_equal(shown.features[12], shown.features[6]), "exact duplicates stay exact"
