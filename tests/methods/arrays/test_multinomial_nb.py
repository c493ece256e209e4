"""What multinomial naive Bayes alone says; what it shares with the others of counts is in test_counts.py."""

from __future__ import annotations

import numpy as np
import pytest

from expunge import MultinomialNB, Records, Run, Table

RUN = Run(key=b"k")


def test_weights_are_logarithms_of_smoothed_shares() -> None:
    table = Table.from_arrays(np.array([[2.0, 0.5], [0.0, 1.0], [1.0, 1.0]]), ["a", "b", "a"])
    method = MultinomialNB(alpha=0.5)
    done = method.forget(method.learn(table, RUN), Records([2]), table, RUN)
    assert np.exp(done.model.solved.weights) == pytest.approx(np.array([[2.5 / 3.5, 1 / 3.5], [0.25, 0.75]]))
    assert np.exp(done.model.solved.start) == pytest.approx([0.5, 0.5])
