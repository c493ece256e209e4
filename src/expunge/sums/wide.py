"""Whole numbers of any size in arrays: planes of 30 bits, the lowest first, so that no sum can round or overflow.

A number is the sum of ``plane[i] * 2**(30 * i)``, each plane from -2**29 to 2**29 - 1. That form is the only one of a
number, and no plane above the highest that any number needs is kept: two arrays that say the same are the same bits,
whatever was added and taken away before.

Examples
--------
>>> import numpy as np
>>> large = placed(np.array([3, -1]), 100)
>>> as_integers(minus(plus(large, placed(np.array([7, 0]), 0)), large)).tolist()
[7, 0]
>>> as_float(times(large, large), -200)
array([9., 1.])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    Floats = NDArray[np.float64]

Wide: TypeAlias = NDArray[np.int64]
"""(planes, ...) whole numbers."""

BITS = 30  # of a plane: a product of two and a sum of some such products stay within 63
HALF = 1 << (BITS - 1)


def zeros(*shape: int) -> Wide:
    """Zero in every place."""
    return np.zeros((1, *shape), np.int64)


def carried(planes: Sequence[NDArray[np.int64]] | NDArray[np.int64]) -> Wide:
    """The one form of the numbers that these planes add up to; each plane may hold up to 2**62 either way."""
    shape = np.shape(planes[0])
    made = np.empty((len(planes) + 3, *shape), np.int64)
    carry: Any = np.zeros(shape, np.int64)
    count = 0
    for plane in planes:
        carry = _carry(np.add(plane, carry, out=made[count, ...]))
        count += 1
    while np.count_nonzero(carry):
        made[count] = carry
        carry = _carry(made[count, ...])
        count += 1
    while count > 1 and not np.count_nonzero(made[count - 1]):
        count -= 1
    return made[:count]


def _carry(value: NDArray[np.int64]) -> NDArray[np.int64]:
    """What is beyond a plane's 30 bits, which are left in place."""
    carry = np.asarray(value + HALF)
    np.right_shift(carry, BITS, out=carry)
    np.subtract(value, carry << BITS, out=value)
    return carry


def placed(values: NDArray[np.int64], shift: int) -> Wide:
    """``values * 2**shift``, of any int64 and a shift of 0 or more."""
    first, within = divmod(shift, BITS)
    mask = (1 << BITS) - 1
    parts = (values & mask, (values >> BITS) & mask, values >> (2 * BITS))
    made = np.zeros((first + len(parts), *values.shape), np.int64)
    for place, part in enumerate(parts):
        made[first + place] = part << within
    return carried(made)


def plus(*numbers: Wide) -> Wide:
    """The sum of several, up to a million of them."""
    return carried(_laid(numbers))


def minus(number: Wide, other: Wide) -> Wide:
    """The difference."""
    return carried(_laid((number, -other)))


def times(number: Wide, other: Wide) -> Wide:
    """The product, place by place; shapes are stretched as numpy does."""
    return carried(product(number, other))


def product(number: Wide, other: Wide) -> list[Any]:
    """Planes of the product, not carried yet; of up to eight planes each."""
    made: list[Any] = [None] * (len(number) + len(other) - 1)
    for place, plane in enumerate(number):
        for above, factor in enumerate(other, place):
            made[above] = plane * factor if made[above] is None else made[above] + plane * factor
    return made


def difference(number: Wide, by: Wide, other: Wide, with_: Wide) -> Wide:
    """``number * by - other * with_``, carried once; of up to eight planes each."""
    first, second = product(number, by), product(other, with_)
    made: list[Any] = [first[place] if place < len(first) else 0 for place in range(max(len(first), len(second)))]
    for place, plane in enumerate(second):
        made[place] = made[place] - plane
    return carried(made)


def divided(number: Wide, by: NDArray[np.int64]) -> tuple[Wide, NDArray[np.int64]]:
    """Quotient, rounded down, and remainder; ``by`` is from 1 to 2**31 - 1, in a shape that fits the numbers'."""
    rest = np.zeros(number.shape[1:], np.int64)
    made = []
    for plane in number[::-1]:
        value = (rest << BITS) + plane
        quotient = value // by
        rest = value - quotient * by
        made.append(quotient)
    return carried(made[::-1]), rest


def as_float(number: Wide, exponent: int = 0) -> Floats:
    """``number * 2**exponent`` in float64, within one unit in the last place: planes have signs, so no digits cancel.

    The operations are one multiplication and one addition a plane, which every processor rounds alike.
    """
    made = number[-1].astype(np.float64)
    for plane in number[-2::-1]:
        made = made * float(1 << BITS) + plane
    scaled: Floats = np.ldexp(made, exponent)
    return scaled


def as_wide(value: int) -> Wide:
    """One Python integer of any size, without axes."""
    made = []
    while not -HALF <= value < HALF:
        low = ((value + HALF) & ((1 << BITS) - 1)) - HALF
        made.append(low)
        value = (value - low) >> BITS
    return np.array([*made, value], np.int64)


def split(values: NDArray[np.int64]) -> Wide:
    """Any 64 bits, as planes."""
    return placed(values, 0)


def stacked(numbers: Sequence[Wide]) -> Wide:
    """(planes, numbers, ...) several arrays of one shape as one; planes that some lack are zeros."""
    made = np.zeros((max(map(len, numbers), default=1), len(numbers), *numbers[0].shape[1:]), np.int64)
    for place, number in enumerate(numbers):
        made[: len(number), place] = number
    return made


def as_integers(number: Wide) -> NDArray[np.object_]:
    """Python integers, for reading; slow."""
    made = np.zeros(number.shape[1:], object)
    for plane in number[::-1]:
        made = made * (1 << BITS) + plane.astype(object)
    return np.asarray(made, object)


def _laid(numbers: Sequence[Wide]) -> list[NDArray[np.int64]]:
    """Planes of the sum, not carried yet."""
    made = []
    for place in range(max(map(len, numbers))):
        held = [number[place] for number in numbers if len(number) > place]
        total = held[0]
        for plane in held[1:]:
            total = total + plane
        made.append(total)
    return made
