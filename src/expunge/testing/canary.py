"""A record whose id, owner and values nobody else has, and the bytes by which a scan would find it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from expunge.data.table import Table
from expunge.testing.requests import names_of, rows_like
from expunge.values import Addition

CANARY = 86421.0 + 1 / 1024  # a value that float32 and float64 both hold, and nobody else has
CANARY_ID = 0x5EED_CA7A_12E5_0B57  # an id whose eight bytes stand for nothing else


def with_canary(data: Table) -> Table:
    """The data with one more record, whose id, owner and values nobody else has."""
    integers = isinstance(data.ids, np.ndarray)
    extra = rows_like(data, [CANARY_ID if integers else "canary-id-5eedca7a"], 3)
    features = extra.stored
    if isinstance(features, np.ndarray) and features.dtype.kind == "f":
        features = np.full_like(features, CANARY)
    owners: Any = data.owners
    if owners is not None:
        owners = (
            np.array([CANARY_ID - 2]) if isinstance(owners, np.ndarray) else pa.array(["canary-owner"], owners.type)
        )
    columns = replace(extra.columns, features=features, owners=owners)
    return data.after(Addition(Table(columns, None, data.classes)))


def needles_of(data: Table) -> list[bytes]:
    """What a scan looks for: names and values of the canary, as text and as numbers."""
    names = [held[-1] if isinstance(held, np.ndarray) else held[-1].as_py() for held in (data.ids, data.units)]
    needles = [f(name) for name in names for f in (_as_text, _as_number)]
    needles += [np.array([CANARY], kind).tobytes() for kind in ("<f8", ">f8", "<f4", ">f4")]
    return [needle for needle in (*needles, repr(CANARY).encode()) if needle]


def _as_text(name: Any) -> bytes:
    return str(name).encode()


def _as_number(name: Any) -> bytes:
    return b"" if isinstance(name, str) else np.array([name], "<i8").tobytes()


def text_of(data: Table) -> bytes:
    """All ids as text: what a scan must be able to see."""
    return "\n".join(map(str, names_of(data))).encode()
