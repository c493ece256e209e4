"""What Bernoulli naive Bayes alone says; what it shares with the others of counts is in test_counts.py."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from expunge import BernoulliNB, Run, Table
from expunge.errors import DataError, ParameterError

RUN = Run(key=b"k")


def test_the_threshold_is_a_number() -> None:
    with pytest.raises(ParameterError, match="binarize to be a finite number"):
        BernoulliNB(binarize=np.nan)


def test_only_what_is_above_the_threshold_counts() -> None:
    y = ["a", "b", "b"]
    counted, there = (Table.from_arrays(np.array(X), y) for X in ([[2.0], [0.5], [9.0]], [[1.0], [0.0], [1.0]]))
    first, then = BernoulliNB(binarize=0.5).learn(counted, RUN), BernoulliNB().learn(there, RUN)
    assert first.solved.weights.tolist() == then.solved.weights.tolist()


def test_zeros_that_are_above_the_threshold_are_not_sparse() -> None:
    with pytest.raises(DataError, match="threshold of 0 or more"):
        BernoulliNB(binarize=-1.0).learn(Table.from_arrays(sparse.csr_array(np.eye(2)), ["a", "b"]), RUN)
    with pytest.raises(DataError, match="column 'x0': row 1 is missing"):
        BernoulliNB().learn(Table.from_arrays(np.array([[1.0], [np.nan]]), ["a", "b"]), RUN)
