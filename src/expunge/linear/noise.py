"""Gaussian noise for a release, from a stream that only the key's holder can follow, without the traps of floats.

Adding a float drawn from a normal distribution to a float lets the last bits tell what was added (Mironov 2012 showed
it for Laplace noise). Here parameters are rounded to a grid, and the noise is a whole number of grid steps: a normal
deviate, drawn by Karney's rejection with exact integer arithmetic to 128 bits and then rounded. A rounded sum of a
whole number and a deviate is that number plus the rounded deviate, so what is published is a function of the exact
Gaussian mechanism, and its guarantee is the mechanism's. What 128 bits leave out is below 2^-90 for each coordinate.

The stream is named by lineage, release number and what is released, its sigma included: asked again for the same
release it gives the same bytes, so that a crash spends nothing. It never adds one noise to two states, whose difference
would be plain to see, nor at two sizes to one state, which would follow from both.

References
----------
Karney (2016), "Sampling exactly from the normal distribution", ACM TOMS 42(1), arXiv:1303.6257, algorithm N.
Canonne, Kamath, Steinke (2020), arXiv:2004.00010, algorithm 1 (Bernoulli of exp(-x) by integers alone).

Examples
--------
>>> import numpy as np
>>> first = released(np.zeros(2), 1.0, Stream(b"key", "lineage", 1, "state"))
>>> bool((first == released(np.zeros(2), 1.0, Stream(b"key", "lineage", 1, "state"))).all())
True
>>> bool((first == released(np.zeros(2), 1.0, Stream(b"key", "lineage", 2, "state"))).any())
False
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from expunge import keyed
from expunge.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.keyed import Secret

    Floats = NDArray[np.float64]

BITS = 128  # of a deviate's fraction
FINE = 20  # grid steps in a standard deviation, as a power of 2
MOST = 2.0**52  # grid steps of a parameter; its sum with any noise that can occur is exact in float64
CHUNK = 1 << 12  # bytes that the cipher makes at a time


class Stream:
    """Random integers that belong to a release.

    Parameters
    ----------
    key : bytes or Key
    lineage : str
        Which model's releases these are.
    number : int
        Which of its releases this is.
    state : str
        Fingerprint of what is released, and with which sigma.
    """

    def __init__(self, key: Secret, lineage: str, number: int, state: str) -> None:
        secret = keyed.subkey(key, "release noise", lineage, number, state)
        self._cipher = Cipher(ChaCha20(secret, bytes(16)), mode=None).encryptor()
        self._held, self._left = 0, 0

    def bits(self, count: int) -> int:
        """A uniform integer of so many bits."""
        while self._left < count:
            fresh = self._cipher.update(bytes(CHUNK))
            self._held |= int.from_bytes(fresh, "little") << self._left
            self._left += 8 * CHUNK
        made = self._held & ((1 << count) - 1)
        self._held >>= count
        self._left -= count
        return made

    def below(self, limit: int) -> int:
        """A uniform integer in [0, limit)."""
        size = (limit - 1).bit_length()
        while True:
            drawn = self.bits(size)
            if drawn < limit:
                return drawn

    def dies(self, numerator: int, denominator: int) -> bool:
        """False with probability exp(-numerator / denominator), to the last bit."""
        while numerator > denominator:
            if self._decays(1, 1):
                return True
            numerator -= denominator
        return self._decays(numerator, denominator)

    def _decays(self, numerator: int, denominator: int) -> bool:
        """As `dies`, for a quotient in [0, 1]: von Neumann's series, stopped at the first failure."""
        k = 1
        while self.below(denominator * k) < numerator:
            k += 1
        return k % 2 == 0

    def deviate(self) -> int:
        """A normal deviate times 2^128, rounded: Karney's algorithm N with its fraction drawn beforehand."""
        while True:
            whole = 0
            while not self.dies(1, 2):
                whole += 1
            if self.dies(whole * (whole - 1), 2):
                continue
            fraction = (self.bits(BITS) << 1) | 1  # the middle of its cell
            if not self.dies(fraction * ((whole << (BITS + 2)) + fraction), 1 << (2 * BITS + 3)):
                size = (whole << (BITS + 1)) + fraction
                return (size if self.bits(1) else -size) >> 1


def grid(sigma: float) -> float:
    """The step that parameters are rounded to: a power of 2, `FINE` powers below sigma."""
    if not (sigma > 0 and math.isfinite(sigma)):
        msg = f"noise has a standard deviation above 0, got {sigma}"
        raise ParameterError(msg)
    return math.ldexp(1.0, math.frexp(sigma)[1] - 1 - FINE)


def released(weights: Floats, sigma: float, stream: Stream) -> Floats:
    """The parameters on the grid, with noise of standard deviation ``sigma`` (never less) on each.

    Rounding to the grid moves two states apart by at most ``grid(sigma) sqrt(p)``: count that in the sensitivity.

    Raises
    ------
    ParameterError
        When a parameter is too large beside sigma for the grid to be exact in float64.
    """
    step = grid(sigma)
    spread = math.ceil(sigma / step)
    made = np.empty(weights.shape)
    for place, weight in enumerate(weights.ravel().tolist()):
        scaled = weight / step  # exact: a division by a power of 2
        if not abs(scaled) < MOST:
            msg = f"a parameter of size {abs(weight):.2g} cannot carry noise of {sigma:.2g} in float64"
            raise ParameterError(msg)
        noise = (stream.deviate() * spread + (1 << (BITS - 1))) >> BITS
        made.flat[place] = (round(scaled) + noise) * step
    return made
