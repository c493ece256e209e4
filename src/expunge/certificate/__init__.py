"""What was asked, claimed, measured and destroyed; signed; verifies offline against a trusted key."""

from expunge.certificate.canonical import canonical
from expunge.certificate.commitment import commitment, covers, outcome
from expunge.certificate.contents import Certificate, check, claimed
from expunge.certificate.prose import lines, text
from expunge.certificate.signature import SCHEMA, Verified, public_key, read_public, sign, verify
from expunge.certificate.statement import OUTSIDE, RESUMED

__all__ = [
    "OUTSIDE",
    "RESUMED",
    "SCHEMA",
    "Certificate",
    "Verified",
    "canonical",
    "check",
    "claimed",
    "commitment",
    "covers",
    "lines",
    "outcome",
    "public_key",
    "read_public",
    "sign",
    "text",
    "verify",
]
