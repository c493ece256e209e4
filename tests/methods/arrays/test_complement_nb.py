"""What complement naive Bayes alone says; what it shares with the others of counts is in test_counts.py."""

from __future__ import annotations

import numpy as np
import pytest

from expunge import ComplementNB, Run, Table
from expunge.errors import ParameterError

RUN = Run(key=b"k")


def test_a_class_is_weighed_by_what_the_others_have() -> None:
    table = Table.from_arrays(np.array([[3.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), ["a", "b", "c"])
    weights = ComplementNB().learn(table, RUN).solved.weights
    assert np.exp(-weights[0]) == pytest.approx([2 / 5, 3 / 5])  # of class a: one of the first word, two of the second


def test_norm_is_true_or_false() -> None:
    with pytest.raises(ParameterError, match="norm to be True or False"):
        ComplementNB(norm=1)  # type: ignore[arg-type]
