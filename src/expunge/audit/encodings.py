r"""How one fact of a record looks in bytes: every spelling by which a file, a page or a model may hold it.

Texts are spelled as UTF-8, UTF-16, UTF-32 (numpy's own), JSON, hexadecimal and base64; numbers that stand side by side
as rows of floats and integers, as our codec writes single floats, and as decimal text. A fact that is too short to be
told from chance by itself is spelled with what stands around it where our codec, JSON or CSV write it.

`information` says how much a number tells: 0.1 has a long mantissa, and anybody may come by it.

Examples
--------
>>> information(86421.0009765625) > 26, information(0.1) < 4, information(1 / 3) < 4
(True, True, True)
>>> b'["s","Zo\\u00e9"]' in quoted("Zoé"), "Zoé Zahl".encode("utf-16-le") in plain("Zoé Zahl")
(True, True)
"""

from __future__ import annotations

import base64
import json
import math
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from expunge.audit.search import BRIEF, SHORTEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FRACTION = 100_000  # the largest denominator for which a fraction counts as a simple number
ROUNDING = 2.0**-51  # by how much what was computed from numbers near 1 may miss the fraction it stands for
ZERO, OTHER = 2, 8  # bits that a byte of a pattern is worth: zeros are everywhere
ENOUGH = 56  # bits that a spelling must be worth
BOUNDED = 32  # ... one that is found only where it stands by itself
SIGNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
SEVERAL = ("i8", "i4", "f4")  # spellings that need several numbers to be worth anything


def information(value: float) -> float:
    """Bits by which a number differs from one that anybody may come by: a short decimal, a simple fraction.

    The least of three: bits of its mantissa, bits of its significant decimal digits, bits of numerator and denominator
    where it is the fraction of two small numbers (our choice: a denominator of at most 100,000).
    """
    if not math.isfinite(value) or value == 0:
        return 0.0
    mantissa = int(math.frexp(abs(value))[0] * 2**53)
    significant = 54 - (mantissa & -mantissa).bit_length()
    digits = len(repr(abs(float(value))).split("e")[0].replace(".", "").strip("0"))
    least = min(float(significant), digits * math.log2(10))
    if least <= 16:
        return least
    simple = Fraction(value).limit_denominator(FRACTION)
    if not simple or abs(float(simple) - value) > max(4 * math.ulp(value), ROUNDING):
        return least
    return min(least, math.log2(abs(simple.numerator) + 1) + math.log2(simple.denominator))


def worth(pattern: bytes) -> int:
    """Bits by which a pattern is told from other bytes."""
    zeros = pattern.count(0)
    return ZERO * zeros + OTHER * (len(pattern) - zeros)


def plain(text: str) -> list[bytes]:
    """Spellings of a text that is found by itself, in whatever stands around it."""
    spelled = [text.encode(), _json(text), _in_one_byte(text), *map(text.encode, ("utf-16-le", "utf-16-be"))]
    spelled += [text.encode("utf-32-le"), text.encode().hex().encode(), *_as_uuid(text)]
    return _good(spelled)


def base64_of(text: str) -> list[bytes]:
    """What the base64 of whatever holds this text holds.

    By where in it the text begins, and with each sign in which its last bits may end: without those, the text of one
    record would be that of the next. Where it begins up to four bits are left open.
    """
    content, made = text.encode(), []
    for before in range(3):
        bits = 8 * (before + len(content))
        spelled = base64.b64encode(bytes(before) + content + bytes(2))
        first, last, open_bits = -(-8 * before // 6), bits // 6, -bits % 6
        made.append(spelled[first:last])
        if open_bits:
            sign = SIGNS.index(spelled[last])
            made[-1:] = [made[-1] + SIGNS[sign + k : sign + k + 1] for k in range(2**open_bits)]
    return _good(made)


def quoted(text: str) -> list[bytes]:
    """Spellings of a text that is found only as a whole: with the quotes that our codec, JSON and CSV put around it."""
    inside = _json(text)
    spelled = [b'["s","%s"]' % inside, b'"%s"' % inside, b'"%s"' % text.encode(), b",%s," % text.encode()]
    return _good([*spelled, text.encode("utf-32-le")])


def bounded(text: str, edge: str = "word") -> list[tuple[bytes, str]]:
    """Spellings of a text that is found where it stands by itself, each with how it has to stand.

    ``edge``: as a ``"word"``, or as a ``"field"``, which fewer signs bound: for texts that are too short to be a word
    that nobody else uses.
    """
    units = (
        ("", "utf-8"),
        (" in utf-16-le", "utf-16-le"),
        (" in utf-16-be", "utf-16-be"),
        (" in utf-32-le", "utf-32-le"),
    )
    spelled = [(text.encode(code), edge + unit) for unit, code in units]
    spelled += [(_json(text), edge), (_in_one_byte(text), edge)]
    return [(each, how) for each, how in dict.fromkeys(spelled) if len(each) >= BRIEF and worth(each) >= BOUNDED]


def hexadecimal(text: str) -> list[bytes]:
    """As its bytes are written in hexadecimal digits."""
    return _good([text.encode().hex().encode()])


def integer(number: int, *, alone: bool) -> list[bytes]:
    """Spellings of an integer; not ``alone``: only those that say where it begins and ends."""
    digits = str(number).encode()
    spelled = [b'["i","%s"]' % hex(number).encode(), b'"%s"' % digits, b",%s," % digits, b"\n%s," % digits]
    if alone:
        wide = [struct.pack(order + "q", number) for order in "<>"] if -(2**63) <= number < 2**63 else []
        spelled += [digits, *wide]
    return _good(spelled)


def row(values: Sequence[float]) -> list[bytes]:
    """Spellings of numbers that stand side by side."""
    numbers = np.array(values, dtype=np.float64)
    kinds = [kind for kind in ("f8", "f4", "i8", "i4") if _fits(numbers, kind)]
    spelled = [numbers.astype(order + kind).tobytes() for kind in kinds for order in "<>"]
    spelled.append(b'"],["f","'.join(struct.pack("<d", value).hex().encode() for value in values))
    whole = [str(int(value)) if value == int(value) else repr(value) for value in map(float, values)]
    for texts in ([repr(float(value)) for value in values], whole):
        spelled += [mark.join(texts).encode() for mark in (",", ", ", ";")]
    return _good(spelled)


def _fits(numbers: np.ndarray[tuple[int], np.dtype[np.float64]], kind: str) -> bool:
    """Whether a row can be a row of this type, and says something as one."""
    if kind in SEVERAL and len(numbers) < 2:
        return False
    if kind == "f8":
        return True
    if kind == "f4":
        return bool(np.abs(numbers).max() < np.finfo(np.float32).max)
    limits = np.iinfo(kind)
    return bool(((numbers == np.floor(numbers)) & (numbers >= limits.min) & (numbers < limits.max)).all())


def _json(text: str) -> bytes:
    """As JSON in ASCII, between the quotes."""
    return json.dumps(text)[1:-1].encode()


def _in_one_byte(text: str) -> bytes:
    """As Latin-1, which older CSV files are in."""
    return b"" if text.isascii() or max(text) > "\xff" else text.encode("latin-1")


def _as_uuid(text: str) -> list[bytes]:
    """The sixteen bytes that a UUID is, and its digits without dashes."""
    digits = text.replace("-", "").lower()
    if len(digits) != 32 or set(digits) - set("0123456789abcdef"):
        return []
    return [bytes.fromhex(digits), digits.encode()]


def _good(spelled: Iterable[bytes]) -> list[bytes]:
    """Each spelling once, without those that are worth too little."""
    return [text for text in dict.fromkeys(spelled) if len(text) >= SHORTEST and worth(text) >= ENOUGH]
