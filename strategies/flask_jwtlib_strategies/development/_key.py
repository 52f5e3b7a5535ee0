"""The key that signs development tokens, and the name of their issuer."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

from attrs import Factory, field, frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from flask_jwtlib import AuthenticationError, BearerToken, ConfigurationError, VerificationKey
from flask_jwtlib.jws import CompactJWS

__all__ = [
    "ALGORITHM",
    "LONGEST_LIFETIME",
    "DevelopmentKey",
    "is_development_issuer",
    "is_development_token",
]

ALGORITHM = "EdDSA"
LONGEST_LIFETIME = 86_400
"""The longest lifetime of a development token, in seconds: a day."""

_ISSUER = "urn:flask-jwtlib:development:"


def is_development_issuer(issuer: object) -> bool:
    """Return whether this is the ``iss`` of a development key, whichever it is."""
    return isinstance(issuer, str) and issuer.startswith(_ISSUER)


def is_development_token(token: BearerToken) -> bool:
    """Return whether a token claims, without proof, to be a development token: by the form of its ``iss``."""
    try:
        return is_development_issuer(CompactJWS.of(token).unverified("iss"))
    except AuthenticationError:
        # It is too long, or not a JWT. The validator that it belongs to decides.
        return False


def _key_id(key: DevelopmentKey) -> str:
    return sha256(key.private_key.public_key().public_bytes_raw()).hexdigest()[:32]


@frozen(eq=False)
class DevelopmentKey:
    """A key of one app and one developer.

    Args:
        private_key: The key.

    Attributes:
        kid: The key's ID, made of the public key.
        issuer: The ``iss`` of its tokens, which no other key's tokens have.
    """

    private_key: Ed25519PrivateKey = field(repr=False)
    kid: str = field(init=False, default=Factory(_key_id, takes_self=True))

    @property
    def issuer(self) -> str:
        return f"{_ISSUER}{self.kid}"

    @classmethod
    def generate(cls) -> DevelopmentKey:
        """Return a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> DevelopmentKey:
        """Return the key that a file has.

        Raises:
            ConfigurationError: It isn't an Ed25519 key in PEM. The text shows nothing of the content.
        """
        key: object = None
        # It can be broken in any way, and the error could show a part of it.
        with suppress(Exception):
            key = load_pem_private_key(pem, None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigurationError("it is not an Ed25519 key in PEM")
        return cls(key)

    @property
    def pem(self) -> bytes:
        """The private key, for its file."""
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def verification_key(self) -> VerificationKey:
        """The public key, for tokens of this issuer."""
        return VerificationKey(self.private_key.public_key(), algorithms=ALGORITHM, kid=self.kid)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a token with these claims and the ``iss`` of this key (RFC 7515 §7.1).

        Raises:
            ValueError: JSON can't represent a claim.
        """
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": self.kid}
        signing_input = f"{_segment(header)}.{_segment({**claims, 'iss': self.issuer})}"
        return f"{signing_input}.{_base64url(self.private_key.sign(signing_input.encode()))}"


def _segment(members: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(members, separators=(",", ":"), allow_nan=False).encode())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
