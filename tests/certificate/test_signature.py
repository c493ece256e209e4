"""A signed file verifies to the byte, for a trusted signer, and not otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.certificate import signature
from expunge.certificate.canonical import canonical, written
from expunge.certificate.signature import SCHEMA, public_key, read_public, sign, verify
from expunge.errors import CertificateError, ParameterError, UnknownSignerError

SEED = bytes(range(32))
PUBLIC = public_key(SEED)
BODY = {"schema": SCHEMA, "text": "na\u00efve \u2028", "numbers": [1, 2.5, 1e-05, True, None], "a": {"b": "c"}}
FILE = sign(BODY, SEED)


def signed_by_hand(body: Any, seed: bytes = SEED, **changes: Any) -> bytes:
    """A file whose signature is right, whatever it says."""
    value = Ed25519PrivateKey.from_private_bytes(seed).sign(b"expunge/certificate\n" + canonical(body)).hex()
    signature = {"algorithm": "Ed25519", "public": public_key(seed), "value": value, **changes}
    return (written({"certificate": body, "signature": signature}, indent=2) + "\n").encode()


def test_the_key_is_the_one_of_the_standard() -> None:
    # RFC 8032, section 7.1, test 1
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert public_key(seed) == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def test_what_was_signed_verifies_and_can_be_read_by_people() -> None:
    found = verify(FILE, [PUBLIC.upper(), "0a" * 32])
    assert (found.body, found.signer) == (BODY, PUBLIC)
    assert signed_by_hand(BODY) == FILE == sign(dict(reversed(BODY.items())), SEED)
    assert FILE.decode().splitlines()[:3] == ["{", '  "certificate": {', '    "a": {']
    assert SEED.hex() not in FILE.decode()


def test_every_changed_byte_fails() -> None:
    for at, byte in enumerate(FILE):
        for other in {byte ^ 1 << bit for bit in range(8)} | set(b' "0A,') - {byte}:
            with pytest.raises(CertificateError):
                verify(FILE[:at] + bytes([other]) + FILE[at + 1 :], [PUBLIC])


def test_every_byte_of_a_real_certificate_counts(sample: Any) -> None:
    content = sign(sample.certificate().body(), SEED)
    assert verify(content, [PUBLIC]).body == json.loads(content)["certificate"]
    for at in range(len(content)):
        with pytest.raises(CertificateError):
            verify(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :], [PUBLIC])
    for at in range(0, len(content), 7):
        with pytest.raises(CertificateError):
            verify(content[:at] + content[at + 1 :], [PUBLIC])


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(FILE)), until=st.integers(0, len(FILE)), put=st.binary(max_size=6))
def test_every_other_change_fails_too(at: int, until: int, put: bytes) -> None:
    changed = FILE[:at] + put + FILE[max(at, until) :]
    if changed != FILE:
        with pytest.raises(CertificateError):
            verify(changed, [PUBLIC])


@pytest.mark.parametrize(
    "changed",
    [
        FILE.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + FILE,
        FILE + b"\n",
        FILE.replace(b"2.5", b"2.50"),
        FILE.replace(PUBLIC.encode(), PUBLIC.upper().encode()),
        FILE.replace(PUBLIC.encode(), PUBLIC[:2].encode() + b" " + PUBLIC[2:].encode()),
        FILE.replace(b'"b": "c"', b'"b": "d",\n      "b": "c"'),
        FILE.replace(b'"algorithm": "Ed25519"', b'"algorithm": "none"'),
        FILE.replace(b'"algorithm"', b'"also": 1, "algorithm"'),
        FILE.replace("\u00ef".encode(), b"\\u00ef"),
        json.dumps(json.loads(FILE)).encode(),
        json.dumps(json.loads(FILE), indent=2, ensure_ascii=False).encode() + b"\n\n",
    ],
    ids=["crlf", "bom", "line", "number", "case", "space", "twice", "algorithm", "field", "escape", "flat", "end"],
)
def test_another_spelling_of_the_same_fails(changed: bytes) -> None:
    assert changed != FILE
    with pytest.raises(CertificateError):
        verify(changed, [PUBLIC])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"{",
        b"[]",
        b"null",
        b"1" * 5000,
        b"[" * 100_000,
        b'{"certificate": {}}',
        b'{"certificate": 1, "signature": {}}',
    ],
    ids=["empty", "binary", "open", "list", "null", "long", "deep", "no signature", "no body"],
)
def test_what_is_no_certificate_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(CertificateError, match="no certificate"):
        verify(content, [PUBLIC])


def test_a_signature_over_something_that_json_does_not_have_fails() -> None:
    with pytest.raises(CertificateError):
        verify(FILE.replace(b"2.5", b"NaN"), [PUBLIC])
    with pytest.raises(CertificateError, match="cannot hold this"):
        sign({**BODY, "x": float("nan")}, SEED)


def test_another_schema_is_named() -> None:
    for schema in ("expunge/certificate/2", None, 7):
        with pytest.raises(CertificateError, match="this version knows"):
            verify(signed_by_hand({**BODY, "schema": schema}), [PUBLIC])
        with pytest.raises(CertificateError, match="of the schema expunge/certificate/1; got"):
            sign({**BODY, "schema": schema}, SEED)


def test_an_unknown_signer_is_named_by_the_whole_key() -> None:
    stranger = bytes(32)
    file = sign(BODY, stranger)
    for trusted in ([], [PUBLIC]):
        with pytest.raises(UnknownSignerError, match=public_key(stranger)):
            verify(file, trusted)
    swapped = file.replace(public_key(stranger).encode(), PUBLIC.encode())
    with pytest.raises(CertificateError, match="altered"):
        verify(swapped, [PUBLIC])


def test_a_public_key_is_read_as_people_hand_it_on() -> None:
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    for text in (PUBLIC, PUBLIC.upper(), f"\n {PUBLIC}\r\n", pem, pem.replace("\n", "\r\n"), f"\n{pem}\n"):
        assert read_public(text) == PUBLIC
    hidden = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with pytest.raises(ParameterError, match="stays where it is") as refused:
        read_public(hidden)
    assert hidden.splitlines()[1] not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "ab", "g" * 64, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", PUBLIC * 2]
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="64 hexadecimal digits"):
        read_public(text)


@pytest.mark.parametrize("seed", [b"", b"x" * 31, "x" * 32])
def test_a_seed_has_its_length_and_is_not_repeated(seed: Any) -> None:
    with pytest.raises(ParameterError, match="32 random bytes") as refused:
        public_key(seed)
    assert "xxx" not in str(refused.value)


PRIME = 2**255 - 19
CURVE = -121665 * pow(121666, -1, PRIME) % PRIME


def doubled(point: tuple[int, int]) -> tuple[int, int]:
    """Twice a point of the curve -x^2 + y^2 = 1 + d x^2 y^2."""
    x, y = point
    product = CURVE * x * x * y * y % PRIME
    return 2 * x * y * pow(1 + product, -1, PRIME) % PRIME, (y * y + x * x) * pow(1 - product, -1, PRIME) % PRIME


def root(square: int) -> int:
    """A square root modulo the prime, which is 5 modulo 8."""
    found = pow(square, (PRIME + 3) // 8, PRIME)
    return found if found * found % PRIME == square else found * pow(2, (PRIME - 1) // 4, PRIME) % PRIME


@pytest.mark.parametrize("y", sorted(signature._SMALL), ids=["0", "1", "8a", "8b", "-1"])
def test_the_keys_that_everything_fits_are_those_of_small_order_and_are_refused(y: int) -> None:
    x = root((y * y - 1) * pow(CURVE * y * y + 1, -1, PRIME) % PRIME)
    point = x, y
    for _ in range(3):
        point = doubled(point)
    assert point == (0, 1)
    for sign_bit in (0, 1 << 255):
        key = (y | sign_bit).to_bytes(32, "little").hex()
        with pytest.raises(ParameterError, match="every signature fits it"):
            read_public(key)


def test_a_certificate_under_such_a_key_is_none_even_where_it_is_trusted() -> None:
    weak = "01" + "00" * 31  # the neutral point, as R and as key: S = 0 fits whatever is said
    signed = signed_by_hand(BODY, public=weak, value=weak + "00" * 32)
    with pytest.raises(CertificateError):
        verify(signed, [weak])
