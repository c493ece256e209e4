"""A point says how long its gradient is, and how long the true one can be."""

from __future__ import annotations

import math

import numpy as np

from expunge.linear.point import Point


def test_the_true_gradient_is_as_long_as_the_allowance_lets_it() -> None:
    point = Point(np.zeros(3), np.array([2.0, 3.0, 6.0]), allowance=0.25)
    assert point.length == 7.0
    assert 7.25 <= point.residual <= 7.25 * (1 + 1e-14)
    assert (point.origin, point.apart, point.unseen) == (None, math.inf, 0.0)


def test_what_is_no_number_is_infinitely_long() -> None:
    for strange in (np.nan, np.inf, 1e200):
        point = Point(np.zeros(2), np.array([strange, 1e200]), allowance=1.0)
        assert point.length == math.inf
        assert point.residual == math.inf
