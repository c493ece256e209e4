"""A certificate's file: what is said, and an Ed25519 signature over it. Verifies offline, and only to the byte.

A file has one spelling. What was read is written again and compared, so a changed space, a key given twice or another
spelling of a number fails like a changed figure. A signature shows who says something and that it was not changed; it
does not show that it is true.

Examples
--------
>>> seed = bytes(32)
>>> file = sign({"schema": SCHEMA, "said": "nothing much"}, seed)
>>> verify(file, [public_key(seed)]).body["said"]
'nothing much'
>>> verify(file.replace(b"much", b"Much"), [public_key(seed)])
Traceback (most recent call last):
expunge.errors.CertificateError: this certificate was altered: its signature is not over what it says
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from expunge.certificate.canonical import canonical, written
from expunge.errors import CertificateError, CodecError, ParameterError, UnknownSignerError

SCHEMA = "expunge/certificate/1"

_DOMAIN = b"expunge/certificate\n"  # a signature over a certificate is one over nothing else
_PRIME = 2**255 - 19
# The y of the points whose order divides 8, by which a signature is not bound to a message (RFC 8032, section 5.1.7).
_EIGHTH = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL = frozenset({0, 1, _PRIME - 1, _EIGHTH, _PRIME - _EIGHTH})
_KEY = re.compile(r"[0-9a-fA-F]{64}")
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PUBLIC KEY-----")
_ED25519 = bytes.fromhex("302a300506032b6570032100")  # what stands before the 32 bytes of a key (RFC 8410, section 4)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a certificate says, and the public key of who says it."""

    body: dict[str, Any]
    signer: str


def public_key(seed: bytes) -> str:
    """The public key of a private seed of 32 bytes, as 64 hexadecimal digits."""
    return str(_private(seed).public_key().public_bytes_raw().hex())


def read_public(text: str) -> str:
    """A public key as people hand it on: 64 hexadecimal digits, or PEM; a file's content, too.

    Raises
    ------
    ParameterError
        If it is neither.
    """
    if "PRIVATE KEY" in text:
        raise ParameterError("this is a private key, which stays where it is; give the public key that belongs to it")
    if _KEY.fullmatch(text.strip()):
        return _sound(text.strip().lower())
    found = _PEM.fullmatch(text.strip())
    try:
        content = b64decode(re.sub(r"\s", "", found[1]), validate=True) if found else b""
    except ValueError:
        content = b""
    if not content.startswith(_ED25519) or len(content) != len(_ED25519) + 32:
        raise ParameterError("a public key is 64 hexadecimal digits, or the PEM text of an Ed25519 public key")
    return _sound(content[len(_ED25519) :].hex())


def _sound(public: str) -> str:
    """The key, unless it is a point of small order: under such a key anybody signs anything."""
    if _is_weak(public):
        raise ParameterError(f"{public} is no key that anybody can hold alone: every signature fits it")
    return public


def _is_weak(public: str) -> bool:
    return (int.from_bytes(bytes.fromhex(public), "little") & ((1 << 255) - 1)) % _PRIME in _SMALL


def sign(body: Mapping[str, Any], seed: bytes) -> bytes:
    """The content of a certificate's file: indented JSON with sorted keys, and the signature.

    Raises
    ------
    CertificateError
        If the body does not say that it is of this schema, or JSON cannot hold it.
    """
    if body.get("schema") != SCHEMA:
        raise CertificateError(f"a certificate is of the schema {SCHEMA}; got {body.get('schema')!r}")
    private = _private(seed)
    try:
        value = private.sign(_DOMAIN + canonical(dict(body)))
    except CodecError as refusal:
        raise CertificateError(f"a certificate cannot hold this: {refusal}") from refusal
    return _file(dict(body), public_key(seed), value.hex())


def verify(content: bytes, trusted: Collection[str]) -> Verified:
    """What a certificate's file says, if every byte is as it was signed and the signer is trusted.

    Parameters
    ----------
    content : bytes
        Of the file.
    trusted : collection of str
        Public keys in hexadecimal digits, as `read_public` returns them.

    Raises
    ------
    CertificateError
        If it is no certificate, was altered, or is of a schema that this version does not know.
    UnknownSignerError
        If it is whole, and signed by somebody who is not trusted.
    """
    body, public, value = _parsed(content)
    _check_signature(body, public, value)
    if _file(body, public, value) != content:
        raise CertificateError(
            "this certificate was altered: what it says is what was signed, but not byte for byte as it was written"
            " (an editor or a transfer may have changed spaces or line ends); get the file again"
        )
    if body.get("schema") != SCHEMA:
        raise CertificateError(
            f"this certificate is of the schema {body.get('schema')!r}, and this version knows {SCHEMA!r} alone:"
            " verify it with the version of expunge that it names"
        )
    if _is_weak(public):
        raise CertificateError(
            f"this certificate is signed with {public}, a key that every signature fits: it says nothing"
        )
    if public not in {known.lower() for known in trusted}:
        raise UnknownSignerError(
            f"this certificate is whole, and signed with the key {public}, which is not among the {len(trusted)} keys"
            " that are trusted here: ask the issuer, by another way than this file, whether it is theirs"
        )
    return Verified(body, public)


def _file(body: dict[str, Any], public: str, value: str) -> bytes:
    signature = {"algorithm": "Ed25519", "public": public, "value": value}
    return (written({"certificate": body, "signature": signature}, indent=2) + "\n").encode()


def _parsed(content: bytes) -> tuple[dict[str, Any], str, str]:
    """Body, public key and signature of a file."""
    try:
        read = json.loads(content.decode())
    except (ValueError, RecursionError) as refusal:
        raise CertificateError("this is no certificate, or it was altered: it is not JSON in UTF-8") from refusal
    match read:
        case {"certificate": dict(body), "signature": {"public": str(public), "value": str(value)}} if (
            _HEX.fullmatch(public) and _HEX.fullmatch(value)  # `bytes.fromhex` would take capitals and spaces, too
        ):
            return body, public, value
    raise CertificateError(
        "this is no certificate, or it was altered: it has no `certificate` and `signature` as we write them"
    )


def _check_signature(body: dict[str, Any], public: str, value: str) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(value), _DOMAIN + canonical(body))
    except (InvalidSignature, ValueError, CodecError) as refusal:
        raise CertificateError("this certificate was altered: its signature is not over what it says") from refusal


def _private(seed: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not isinstance(seed, bytes) or len(seed) != 32:
        raise ParameterError("a signing seed is 32 random bytes, e.g. secrets.token_bytes(32)")
    return Ed25519PrivateKey.from_private_bytes(seed)
