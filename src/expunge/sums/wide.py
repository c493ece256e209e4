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
MASK = (1 << BITS) - 1
POWERS = 1000  # powers of two below this are float64 themselves, and a product with one is what ldexp gives, sooner


def zeros(*shape: int) -> Wide:
    """Zero in every place."""
    return np.zeros((1, *shape), np.int64)


def carried(planes: Sequence[NDArray[np.int64]] | NDArray[np.int64]) -> Wide:
    """The one form of the numbers that these planes add up to; each plane may hold up to 2**62 either way.

    With half of a plane added to each, digits count from 0, and what is beyond 30 bits is carried by a shift.
    """
    made: Wide = np.add(planes, HALF, order="C")
    for place in range(1, len(made)):
        made[place] += made[place - 1] >> BITS
    beyond = made[-1] >> BITS
    made &= MASK
    made -= HALF
    if np.count_nonzero(beyond):
        return np.concatenate([made, carried(beyond[None])])
    count = len(made)
    while count > 1 and not np.count_nonzero(made[count - 1]):
        count -= 1
    return made[:count]


def placed(values: NDArray[np.int64], shift: int) -> Wide:
    """``values * 2**shift``, of any int64 and a shift of 0 or more."""
    first, within = divmod(shift, BITS)
    parts = (values & MASK, (values >> BITS) & MASK, values >> (2 * BITS))
    made = np.zeros((first + len(parts), *values.shape), np.int64)
    for place, part in enumerate(parts):
        made[first + place] = part << within
    return carried(made)


def plus(*numbers: Wide) -> Wide:
    """The sum of several, up to a million of them."""
    made = np.zeros((max(map(len, numbers)), *numbers[0].shape[1:]), np.int64)
    for number in numbers:
        if len(number) == len(made):
            made += number
        else:
            made[: len(number)] += number
    return carried(made)


def minus(number: Wide, other: Wide) -> Wide:
    """The difference."""
    if len(number) == len(other):
        return carried(number - other)
    made = np.zeros((max(len(number), len(other)), *number.shape[1:]), np.int64)
    made[: len(number)] = number
    made[: len(other)] -= other
    return carried(made)


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


def squared(number: Wide, *, outer: bool = False) -> list[Any]:
    """Planes of the squares, or of the products of every two of the last axis, not carried yet; of up to eight planes.

    Two different planes are multiplied once, for both orders.
    """
    made: list[Any] = [None] * (2 * len(number) - 1)
    for place, plane in enumerate(number):
        for above, other in enumerate(number[place:], 2 * place):
            part = plane[..., :, None] * other[..., None, :] if outer else plane * other
            if above > 2 * place:
                part = part + (part.swapaxes(-1, -2) if outer else part)
            made[above] = part if made[above] is None else made[above] + part
    return made


def difference(number: Wide, by: NDArray[np.int64] | int, planes: Sequence[Any]) -> Wide:
    """``number * by`` less what is in planes not carried yet; ``by`` is below 2**31, planes are of 62 bits less one."""
    made = np.empty((max(len(number), len(planes)), *number.shape[1:]), np.int64)
    np.multiply(number, by, out=made[: len(number)])
    made[len(number) :] = 0
    for place, plane in enumerate(planes):
        made[place] -= plane
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
    made: Floats = number[-1].astype(np.float64, order="C")
    for plane in number[-2::-1]:
        made *= float(1 << BITS)
        made += plane
    if abs(exponent) < POWERS:
        made *= 2.0**exponent
        return made
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
    count = max(map(len, numbers), default=1)
    if min(map(len, numbers), default=0) == count:
        return np.array(numbers).swapaxes(0, 1)
    made = np.zeros((count, len(numbers), *numbers[0].shape[1:]), np.int64)
    for place, number in enumerate(numbers):
        made[: len(number), place] = number
    return made


def as_integers(number: Wide) -> NDArray[np.object_]:
    """Python integers, for reading; slow."""
    made = np.zeros(number.shape[1:], object)
    for plane in number[::-1]:
        made = made * (1 << BITS) + plane.astype(object)
    return np.asarray(made, object)
