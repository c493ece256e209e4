"""Blind is not clean, found is found, and what cannot be told apart is called so."""

from __future__ import annotations

import gzip
import json
import pickle
import zlib
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.audit.needles import needles
from expunge.audit.residue import Part, Stream, in_bytes, in_records, packed, verdict
from expunge.data.table import Table

COUNT = 20
X = np.random.default_rng(1).normal(size=(COUNT, 3))
TABLE = Table.from_arrays(X, ids=[f"somebody-{k:04d}" for k in range(COUNT)])
STAYS = TABLE.take(slice(1, None))
SOUGHT = needles(TABLE.take(np.array([0])), STAYS, names=True)
CONTROL = b"kept for sure"
NOTHING = needles(TABLE.take(np.array([0])), TABLE, names=False)


def stream(*chunks: bytes) -> Stream:
    return Stream(chunks, CONTROL)


def test_open_files_without_the_forgotten_are_clean() -> None:
    part = in_bytes("files", [stream(b"kept for", b" sure"), stream(CONTROL + X[1:].tobytes())], SOUGHT)
    assert part == Part("files", 13 + 13 + 24 * 19, 0, "found", len(SOUGHT.patterns), kinds={})
    assert verdict((part,)) == "clean"


def test_the_forgotten_are_found_by_kind_also_across_chunks() -> None:
    row = X[0].tobytes()
    part = in_bytes("files", [stream(CONTROL, b"..somebody-", b"0000..", row[:5], row[5:])], SOUGHT)
    assert part.kinds is not None
    assert set(part.kinds) == {"id", "values"}
    assert verdict((part, in_bytes("packed", [], SOUGHT))) == "found"  # even where another part is blind


@pytest.mark.parametrize("hide", [zlib.compress, lambda content: content.decode("latin-1").encode("utf-16")])
def test_a_part_that_hides_its_control_is_blind(hide: object) -> None:
    assert callable(hide)
    hidden = hide(CONTROL + X.tobytes() * 3)
    part = in_bytes("hidden", [stream(hidden)], SOUGHT)
    assert (part.found, part.control) == (0, "blind")
    assert verdict((part,)) == "blind"


def test_one_hidden_file_among_open_ones_makes_the_part_blind() -> None:
    part = in_bytes("files", [stream(CONTROL), stream(b""), stream(CONTROL)], SOUGHT)
    assert part.control == "blind"
    other = in_bytes("files", [Stream([CONTROL], CONTROL), Stream([CONTROL], b"of another file")], SOUGHT)
    assert other.control == "blind"


def test_no_part_and_no_stream_are_blind() -> None:
    assert in_bytes("nothing", [], SOUGHT).control == "blind"
    assert verdict(()) == "blind"


def test_what_nothing_tells_apart_is_neither_clean_nor_found() -> None:
    assert (len(NOTHING.patterns), len(NOTHING.values)) == (0, 0)
    part = in_bytes("files", [stream(CONTROL)], NOTHING)
    assert (part.control, part.needles) == ("found", 0)
    assert verdict((part,)) == "not distinguishable"


def test_what_is_found_in_some_places_only_does_not_make_a_part_clean() -> None:
    sought = needles(Table.from_arrays([[0.0]], ids=["Annalu"]), Table.from_arrays([[0.0]], ids=["Maria"]), names=True)
    part = in_bytes("files", [stream(CONTROL, b",Maria,")], sought)
    assert (part.needles, verdict((part,))) == (0, "not distinguishable")
    assert in_bytes("files", [stream(CONTROL, b",Annalu,")], sought).kinds == {"id": 2}


def test_records_are_searched_by_value() -> None:
    blocks = [TABLE.take(slice(0, 7)), TABLE.take(slice(7, 7)), TABLE.take(slice(7, None))]
    part = in_records("blocks", blocks, SOUGHT, TABLE.take(np.array([5, 12])))
    assert (part.searched, part.found, part.control, part.unit) == (COUNT, 1, "found", "records")
    clean = in_records("blocks", [STAYS], SOUGHT, TABLE.take(np.array([5, 12])))
    assert verdict((clean,)) == "clean"


def test_records_without_their_control_are_blind() -> None:
    assert in_records("blocks", [STAYS.take(np.array([0]))], SOUGHT, TABLE.take(np.array([5]))).control == "blind"
    assert in_records("blocks", [STAYS], SOUGHT, TABLE.take(np.array([5, 0]))).control == "blind"
    assert in_records("blocks", [STAYS], SOUGHT, TABLE.take(slice(0, 0))).control == "blind"
    narrow = Table.from_arrays(X[1:].astype(np.float32), ids=STAYS.ids)  # names would be seen, values would not
    assert in_records("blocks", [narrow], SOUGHT, TABLE.take(np.array([5]))).control == "blind"


def test_the_body_is_numbers_and_names_nobody() -> None:
    part = in_bytes("files", [stream(CONTROL, b"somebody-0000")], SOUGHT)
    body = part.body()
    assert (body["found"], body["needles"], body["unit"]) == (1, len(SOUGHT.patterns), "bytes")
    said = json.dumps(body) + str(part) + repr(part)
    assert "somebody" not in said
    assert "kept for sure" not in said


Control: TypeAlias = Literal["found", "blind"]
CONTROLS: list[Control] = ["found", "blind"]


@given(parts=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(CONTROLS), st.integers(0, 1)), max_size=4))
def test_the_verdict_is_the_worst_of_the_parts(parts: list[tuple[int, Control, int]]) -> None:
    plain = Part("p", 1, 0, "found", 1)
    made = tuple(replace(plain, found=found, control=control, needles=count) for found, control, count in parts)
    said = verdict(made)
    assert (said == "found") == any(found for found, _, _ in parts)
    assert (said == "clean") == (bool(parts) and all(part == (0, "found", 1) for part in parts))
    if any(control == "blind" for _, control, _ in parts):
        assert said in {"blind", "found"}


def test_what_hides_bytes_is_recognised() -> None:
    random = np.random.default_rng(0)
    assert packed(zlib.compress(b"abc")) == packed(zlib.compress(b"abc", 9)) == packed(zlib.compress(b"a", 1)) == "zlib"
    assert [packed(pickle.dumps(["abc"], protocol)) for protocol in (2, 3, 4, 5)] == ["pickle"] * 4
    assert packed(b"x^2 is no zlib") is None
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(b"abc" * 99)
    assert packed(gzip.compress(b"abc")) == "gzip"
    assert packed(sink.getvalue().to_pybytes()) == "zstd"
    assert packed(random.bytes(70_000)) == "compressed or sealed"
    open_ones = [b"", b"id,name\n1,ann\n" * 9999, random.normal(size=9000).tobytes(), bytes(99_999), random.bytes(64)]
    assert [packed(content) for content in open_ones] == [None] * 5
