"""Randomness that belongs to names: stable, uniform, independent of everything but key, names and unit."""

from __future__ import annotations

import hmac
from hashlib import blake2b, sha256
from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from expunge import keyed

KEY = b"golden key"
INTEGERS = st.integers(-(2**63), 2**63 - 1)
NAMES = st.integers(-(2**80), 2**80) | st.text(max_size=9) | st.binary(max_size=9)


def text(*values: str | None) -> pa.Array:
    return pa.array(values, type=pa.large_string())


def drawn_slowly(key: bytes, unit: int | str, *names: object) -> int:
    """One draw as the documentation says it, one unit at a time."""
    if isinstance(unit, str):
        secret = keyed.subkey(key, "draw", "strings", *names)
        return int.from_bytes(blake2b(unit.encode(), digest_size=16, key=secret).digest()[:8], "little")
    secret = keyed.subkey(key, "draw", "integers", *names)
    block = unit.to_bytes(8, "little", signed=True) + bytes(8)
    cipher = Cipher(algorithms.AES(secret[:16]), modes.ECB()).encryptor()  # noqa: S305  (one block)
    return int.from_bytes(cipher.update(block)[:8], "little")


def digested_slowly(key: bytes, row: bytes) -> bytes:
    """CBC-MAC of one row by the library's own CBC mode, zeros to the block."""
    secret = keyed.subkey(key, "rows", len(row))[:16]
    padded = row.ljust(-(-max(len(row), 1) // 16) * 16, b"\0")
    return Cipher(algorithms.AES(secret), modes.CBC(bytes(16))).encryptor().update(padded)[-16:]


# -- the format is a promise: placements of models at rest follow from these numbers -----------------------------------


def test_subkeys_and_seeds_are_pinned() -> None:
    assert keyed.subkey(KEY, "shard", 4, b"x").hex() == (
        "ae9c64af1fa317668633129b5b053b71c3e25fd1ce23225d9a9e99a585f26a0a"
    )
    assert keyed.seed(KEY, "shard", 3) == 885085544
    assert keyed.key_id(KEY) == "c74c2a27bdc9652c"


@pytest.mark.parametrize("units", [np.arange(40_000), text(*map(str, range(40_000)))], ids=["integers", "strings"])
def test_the_two_numbers_of_a_unit_are_independent(units: Any) -> None:
    pairs = keyed.draws(KEY, units, "unit") % np.uint64(8)
    counts = np.bincount((pairs[:, 0] * np.uint64(8) + pairs[:, 1]).astype(np.int64), minlength=64)
    assert ((counts - 625) ** 2 / 625).sum() < 103.4, "above the 99.9 % quantile of 63 degrees of freedom"


def test_draws_are_pinned() -> None:
    assert keyed.draw(KEY, np.array([0, 1, -1, 2**63 - 1]), "shard").tolist() == [
        11051288887685068720,
        14719103513314519816,
        17745638632001608010,
        4181279400897038084,
    ]
    assert keyed.draw(KEY, text("", "ann", "bob"), "shard").tolist() == [
        754762140633506376,
        12157792983599755916,
        13243809827437052504,
    ]
    assert keyed.order(KEY, np.arange(8), "e", 1).tolist() == [6, 5, 4, 0, 2, 1, 3, 7]


def test_digests_are_pinned() -> None:
    rows = keyed.digest_rows(KEY, np.arange(40, dtype=np.uint8).reshape(2, 20))
    assert [row.tobytes().hex() for row in rows] == [
        "7a77ef388de501c71e3fa10b9afe6ede",
        "c5cb9c1db94bd98e747087f714abefbc",
    ]
    assert [row.tobytes().hex() for row in keyed.digest_strings(KEY, text("a", None, "b"))] == [
        "5f6ff44a7845471343a097a82aee5080",
        "0" * 32,
        "b79086e79bf0a0c1e3ea6fec948aa527",
    ]
    assert keyed.digest(KEY, b"a", b"bc") == "f762573e52cf900be11c10479c9d2e18"


def test_a_subkey_is_hkdf_over_the_canonical_names() -> None:
    """RFC 5869, written out: extract with a salt of zeros, expand to one block."""
    info = b"expunge/1" + b"s" + (5).to_bytes(8, "little") + b"shard" + b"i" + (1).to_bytes(8, "little") + b"4"
    extracted = hmac.digest(bytes(32), KEY, sha256)
    assert keyed.subkey(KEY, "shard", 4) == hmac.digest(extracted, info + b"\x01", sha256)


# -- names are told apart, and types that spell the same name are not --------------------------------------------------


@pytest.mark.parametrize("four", [4, np.int64(4), np.uint8(4), np.int32(4), np.array(4)[()]])
def test_an_integer_is_the_same_name_in_every_type(four: Any) -> None:
    assert keyed.subkey(KEY, four) == keyed.subkey(KEY, 4)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((4,), ("4",)),
        ((4,), (b"4",)),
        (("4",), (b"4",)),
        (("ab", "c"), ("a", "bc")),
        (("ab",), ("a", "b")),
        (("a",), ("a", "")),
        ((), ("",)),
        ((1, 2), (12,)),
        ((1,), (-1,)),
        (("a\0",), ("a",)),
        (("é",), ("e\u0301",)),
    ],
)
def test_different_names_have_different_subkeys(a: tuple[object, ...], b: tuple[object, ...]) -> None:
    assert keyed.subkey(KEY, *a) != keyed.subkey(KEY, *b)


@given(st.lists(NAMES, max_size=4), st.lists(NAMES, max_size=4))
def test_subkeys_are_equal_only_when_the_names_are(a: list[object], b: list[object]) -> None:
    same = [(type(name), name) for name in a] == [(type(name), name) for name in b]
    assert (keyed.subkey(KEY, *a) == keyed.subkey(KEY, *b)) == same


@pytest.mark.parametrize("name", [1.0, np.float64(1), None, (1,), ["a"], 1j])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(TypeError):
        keyed.subkey(KEY, name)


def test_every_key_has_its_own_subkeys_and_a_key_object_is_its_bytes() -> None:
    from expunge.protocol import Key

    assert keyed.subkey(Key(KEY), "a") == keyed.subkey(KEY, "a") != keyed.subkey(KEY + b"\0", "a")
    assert KEY.hex() not in keyed.key_id(KEY)


# -- draws -------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(INTEGERS, max_size=20))
def test_integers_are_drawn_as_the_slow_reference_draws_them(units: list[int]) -> None:
    made = keyed.draw(KEY, np.array(units, dtype=np.int64), "shard", 2)
    assert made.tolist() == [drawn_slowly(KEY, unit, "shard", 2) for unit in units]
    assert made.dtype == np.uint64


@settings(deadline=None)
@given(st.lists(st.text(max_size=20), max_size=20))
def test_strings_are_drawn_as_the_slow_reference_draws_them(units: list[str]) -> None:
    made = keyed.draw(KEY, text(*units), "shard", 2)
    assert made.tolist() == [drawn_slowly(KEY, unit, "shard", 2) for unit in units]


def test_a_unit_draws_the_same_in_any_company_and_order() -> None:
    ids = np.random.default_rng(0).permutation(1000)
    drawn = keyed.draw(KEY, ids, "shard")
    assert (keyed.draw(KEY, ids[::-1], "shard") == drawn[::-1]).all()
    assert (keyed.draw(KEY, ids[::7], "shard") == drawn[::7]).all()
    assert keyed.draw(KEY, ids[500:501], "shard")[0] == drawn[500]
    assert (keyed.draw(KEY, ids.astype(np.int32), "shard") == drawn).all()
    names = text(*map(str, ids))
    assert (keyed.draw(KEY, names[::-1], "shard") == keyed.draw(KEY, names, "shard")[::-1]).all()
    assert (keyed.draw(KEY, names[3:9], "shard") == keyed.draw(KEY, names, "shard")[3:9]).all()


def test_a_number_and_its_text_draw_apart() -> None:
    assert keyed.draw(KEY, np.array([4]), "s")[0] != keyed.draw(KEY, text("4"), "s")[0]


def test_different_integers_never_draw_the_same_block() -> None:
    assert len(np.unique(keyed.draw(KEY, np.arange(100_000), "shard"))) == 100_000


@pytest.mark.parametrize("units", [np.arange(64_000), text(*map(str, range(64_000)))], ids=["integers", "strings"])
@pytest.mark.parametrize("bound", [2, 7, 64])
def test_draws_below_a_bound_are_uniform(units: Any, bound: int) -> None:
    counts = np.bincount((keyed.draw(KEY, units, "shard") % np.uint64(bound)).astype(np.int64), minlength=bound)
    expected = len(units) / bound
    assert len(counts) == bound
    assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-6, bound - 1)


@pytest.mark.parametrize("units", [np.arange(64_000), text(*map(str, range(64_000)))], ids=["integers", "strings"])
@pytest.mark.parametrize("other", [("slice",), ("shard", 1), ("shard", "")])
def test_draws_under_different_names_are_independent(units: Any, other: tuple[object, ...]) -> None:
    table = np.zeros((8, 8))
    np.add.at(
        table,
        tuple((keyed.draw(KEY, units, *names) % np.uint64(8)).astype(np.int64) for names in (("shard",), other)),
        1,
    )
    expected = len(units) / 64
    assert ((table - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-6, 63)


def test_every_bit_of_a_draw_is_fair() -> None:
    drawn = np.ascontiguousarray(keyed.draw(KEY, np.arange(40_000), "bits"))
    bits = np.unpackbits(drawn.view(np.uint8).reshape(-1, 8), axis=1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(40_000)


def test_seeds_fit_what_scikit_learn_takes() -> None:
    seeds = [keyed.seed(KEY, "shard", k) for k in range(500)]
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert len(set(seeds)) == 500


def test_nobody_draws_nothing() -> None:
    for nobody in (np.zeros(0, np.int64), text()):
        assert keyed.draw(KEY, nobody, "s").shape == (0,)
        assert keyed.order(KEY, nobody, "s").shape == (0,)
        assert keyed.draws(KEY, nobody, "s").shape == (0, 2)


# -- order -------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(INTEGERS, unique=True, max_size=30), st.randoms(use_true_random=False))
def test_the_order_is_one_of_the_set(ids: list[int], random: Any) -> None:
    given_order = np.array(ids, dtype=np.int64)
    shuffled = np.array(random.sample(ids, len(ids)), dtype=np.int64)
    in_order = given_order[keyed.order(KEY, given_order, "epoch", 1)]
    assert (shuffled[keyed.order(KEY, shuffled, "epoch", 1)] == in_order).all()
    without = given_order[1:]
    assert without[keyed.order(KEY, without, "epoch", 1)].tolist() == [i for i in in_order.tolist() if i != ids[0]]


def test_each_epoch_has_its_own_order() -> None:
    ids = np.arange(50)
    assert (keyed.order(KEY, ids, "epoch", 1) != keyed.order(KEY, ids, "epoch", 2)).any()


@pytest.mark.parametrize("ids", [np.array([5, -3, 2**62, 0]), text("b", "a\0", "a", "é")], ids=["integers", "strings"])
def test_equal_draws_are_ordered_by_id(ids: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "draw", lambda _key, units, *_names: np.full(len(units), 7, np.uint64))
    ways = ([0, 1, 2, 3], [3, 1, 2, 0], [2, 3, 0, 1])
    orders = []
    for way in ways:
        held = ids[np.array(way)] if isinstance(ids, np.ndarray) else ids.take(pa.array(way))
        orders.append([held.tolist()[place] for place in keyed.order(KEY, held, "e")])
    assert orders == [sorted(ids.tolist())] * 3


def test_ties_do_not_disturb_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "draw", lambda _key, units, *_: np.asarray(units).astype(np.uint64) // np.uint64(2))
    assert np.array([5, 0, 4, 1])[keyed.order(KEY, np.array([5, 0, 4, 1]))].tolist() == [0, 1, 4, 5]


# -- digests -----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 70), st.integers(0, 5), st.integers(0, 2**32))
def test_rows_are_digested_as_the_slow_reference_digests_them(width: int, count: int, seed: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 256, (count, width), dtype=np.uint8)
    before = rows.copy()
    made = keyed.digest_rows(KEY, rows)
    assert [row.tobytes() for row in made] == [digested_slowly(KEY, row.tobytes()) for row in rows]
    assert (rows == before).all()


@pytest.mark.parametrize("count", [keyed.ROWS - 1, keyed.ROWS, keyed.ROWS + 1])
def test_chunks_do_not_show(count: int) -> None:
    rows = np.arange(count * 3, dtype=np.uint32).view(np.uint8).reshape(count, 12)
    made = keyed.digest_rows(KEY, rows)
    for row in (0, count // 2, count - 1):
        assert made[row].tobytes() == digested_slowly(KEY, rows[row].tobytes())
    assert len(np.unique(made, axis=0)) == count


def test_small_chunks_and_strided_rows_give_the_same_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).integers(0, 256, (23, 40), dtype=np.uint8)
    whole = keyed.digest_rows(KEY, rows)
    monkeypatch.setattr(keyed, "ROWS", 5)
    assert (keyed.digest_rows(KEY, rows) == whole).all()
    assert (keyed.digest_rows(KEY, np.asfortranarray(rows)) == whole).all()
    assert (keyed.digest_rows(KEY, rows[::-1])[::-1] == whole).all()


def test_rows_of_different_width_do_not_collide_by_padding() -> None:
    short, long = np.zeros((1, 3), np.uint8), np.zeros((1, 4), np.uint8)
    digests = {keyed.digest_rows(KEY, np.zeros((1, width), np.uint8)).tobytes() for width in (0, 1, 3, 4, 16, 17, 32)}
    assert len(digests) == 7
    assert keyed.digest_rows(KEY, short).tobytes() != keyed.digest_rows(KEY, long).tobytes()


def test_any_flipped_bit_changes_the_digest_of_its_row_alone() -> None:
    rows = np.random.default_rng(2).integers(0, 256, (3, 33), dtype=np.uint8)
    before = keyed.digest_rows(KEY, rows)
    for byte in range(33):
        changed = rows.copy()
        changed[1, byte] ^= 1 << (byte % 8)
        assert (keyed.digest_rows(KEY, changed) != before).any(axis=1).tolist() == [False, True, False]


@given(st.lists(st.text(max_size=5) | st.none(), max_size=12))
def test_each_string_has_its_own_digest_wherever_it_stands(values: list[str | None]) -> None:
    made = keyed.digest_strings(KEY, text(*values))
    assert made.shape == (len(values), 16)
    secret = keyed.subkey(KEY, "strings")
    for value, row in zip(values, made, strict=True):
        expected = bytes(16) if value is None else blake2b(value.encode(), digest_size=16, key=secret).digest()
        assert row.tobytes() == expected


def test_strings_of_a_slice_and_of_chunks_keep_their_digests() -> None:
    whole = keyed.digest_strings(KEY, text("a", None, "b", "a"))
    assert (keyed.digest_strings(KEY, text("x", "a", None, "b", "a")[1:]) == whole).all()
    assert (keyed.digest_strings(KEY, pa.array(["a", None, "b", "a"], pa.string())) == whole).all()


@given(st.lists(st.binary(max_size=4), max_size=4), st.lists(st.binary(max_size=4), max_size=4))
def test_a_digest_tells_sequences_apart(a: list[bytes], b: list[bytes]) -> None:
    assert (keyed.digest(KEY, *a) == keyed.digest(KEY, *b)) == (a == b)
    assert len(keyed.digest(KEY, *a)) == 32


def test_a_million_integers_go_through_the_cipher_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    held, encipher = keyed._cipher, Mock()

    def watched(secret: bytes) -> Mock:
        encipher.side_effect = held(secret)
        return encipher

    monkeypatch.setattr(keyed, "_cipher", watched)
    drawn = keyed.draw(KEY, np.arange(1_000_000), "shard")
    assert encipher.call_count == 1
    assert drawn[123_456] == drawn_slowly(KEY, 123_456, "shard")


@pytest.mark.slow
def test_a_million_strings_are_drawn() -> None:
    drawn = keyed.draw(KEY, text(*(f"patient-{k}" for k in range(1_000_000))), "shard")
    assert drawn[123_456] == drawn_slowly(KEY, "patient-123456", "shard")
    assert len(np.unique(drawn)) == 1_000_000


@pytest.mark.parametrize("text", [False, True])
@given(ids=st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_an_id_that_is_there_twice_moves_no_other(text: bool, ids: list[int]) -> None:  # noqa: FBT001
    once, twice = (np.array(names) for names in (sorted(set(ids)), ids))
    given_ids = [pa.array(list(map(str, names)), pa.large_string()) if text else names for names in (once, twice)]
    alone, both = (np.asarray(names)[keyed.order(KEY, names, "epoch")].tolist() for names in given_ids)
    assert list(dict.fromkeys(both)) == alone
