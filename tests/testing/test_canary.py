"""The canary is one record more, and every needle is found where it stands: a scan that finds nothing saw nothing."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from expunge import Table
from expunge.codec import encode
from expunge.testing import patients
from expunge.testing.canary import CANARY, CANARY_ID, needles_of, text_of, with_canary

NAMED = Table.from_arrays(np.eye(4), ["a", "b"] * 2, ["p", "q", "r", "s"], ["x", "x", "y", "y"])


@pytest.mark.parametrize("data", [patients(), patients(owned=False), NAMED])
def test_the_canary_is_one_record_more(data: Table) -> None:
    planted = with_canary(data)
    assert len(planted) == len(data) + 1
    assert (planted.features == CANARY).all(axis=1).sum() == 1


@pytest.mark.parametrize("data", [patients(), patients(owned=False), NAMED])
def test_each_name_of_the_canary_is_found_where_it_stands(data: Table) -> None:
    planted = with_canary(data)
    held = pickle.dumps(planted) + text_of(planted)
    clean = pickle.dumps(data) + text_of(data)
    needles = needles_of(planted)
    found = [needle for needle in needles if needle in held]
    assert len(found) >= 3
    assert not [needle for needle in needles if needle in clean]


def test_a_model_that_kept_the_row_would_be_caught() -> None:
    kept = encode({"row": np.full(3, CANARY), "id": np.array([CANARY_ID])})
    assert sum(needle in kept for needle in needles_of(with_canary(patients()))) >= 2
