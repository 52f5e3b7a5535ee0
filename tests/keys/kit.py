"""Key material for the tests of keys, in the formats that keys come in."""

from __future__ import annotations

import datetime as dt
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])


def public_key(key: Any) -> Any:
    """Return the public key of a private or a public key."""
    return key.public_key() if hasattr(key, "public_key") else key


def certificate(key: Any, *, ca: Any = None, serial: int = 7) -> x509.Certificate:
    """Make an expired certificate for a key, signed by ``ca`` or by the private key itself."""
    ca = ca or key
    start = dt.datetime(2001, 1, 1, tzinfo=dt.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(public_key(key))
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .sign(ca, hashes.SHA256() if hasattr(ca, "key_size") else None)
    )


def certificate_pem(key: Any) -> str:
    """Return a self-signed certificate as PEM."""
    return certificate(key).public_bytes(Encoding.PEM).decode()


def pem(key: Any, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    """Return the public key as PEM."""
    return public_key(key).public_bytes(Encoding.PEM, form).decode()


def der(key: Any) -> bytes:
    """Return the public key as DER."""
    return public_key(key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def openssh(key: Any) -> str:
    """Return the public key as an OpenSSH line."""
    return public_key(key).public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def private_pem(key: Any, form: str = "PKCS8", password: bytes | None = None) -> str:
    """Return the private key as PEM."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, getattr(PrivateFormat, form), encryption).decode()
