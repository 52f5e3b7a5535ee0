"""A token issuer for tests, with real keys. It signs any token, valid or not."""

from __future__ import annotations

import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import Factory, field, frozen
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils

from ..errors import ConfigurationError
from ..keys import VerificationKey

__all__ = ["TokenIssuer", "base64url", "bearer"]

_EdwardsKey = ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | _EdwardsKey | bytes
_PublicKey = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
)

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES: dict[str, tuple[str, ec.EllipticCurve]] = {
    "ES256": ("P-256", ec.SECP256R1()),
    "ES384": ("P-384", ec.SECP384R1()),
    "ES512": ("P-521", ec.SECP521R1()),
    "ES256K": ("secp256k1", ec.SECP256K1()),
}
_ALGORITHMS = frozenset(
    {
        "EdDSA",
        "Ed25519",
        "Ed448",
        *_CURVES,
        *(name + size for name in ("HS", "RS", "PS") for size in _HASHES),
    }
)


def base64url(data: bytes) -> str:
    """Encode bytes in base64url without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def bearer(token: str) -> dict[str, str]:
    """Return the request headers that carry a token (RFC 6750 §2.1)."""
    return {"Authorization": f"Bearer {token}"}


def _new_key(algorithm: str) -> _PrivateKey:
    if algorithm not in _ALGORITHMS:
        raise ConfigurationError(
            f"algorithm is {algorithm!r}, expected one of {', '.join(sorted(_ALGORITHMS))}"
        )
    if algorithm[:2] in {"RS", "PS"}:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm][1])
    if algorithm in {"EdDSA", "Ed25519"}:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    return secrets.token_bytes(64)


@frozen(eq=False)
class TokenIssuer:
    """Issues signed JWTs for tests. Configure its ``public_pem``, ``jwks`` or ``verification_key``.

    Args:
        issuer: The ``iss`` of its tokens.
        algorithm: The JWS algorithm that it signs with. ``EdDSA`` makes an Ed25519 key, unless you pass an
            Ed448 key.
        kid: The key ID in its tokens, or None.
        lifetime: Seconds until its tokens expire.
        claims: Claims that its tokens have in addition, such as ``{"aud": "api"}``.
        typ: The ``typ`` in its tokens' header, or None.
        private_key: A private key object of ``cryptography``, or an HMAC secret. By default a new one that
            fits the algorithm.
        clock: Returns the time in seconds since the epoch.
    """

    issuer: str = "https://issuer.example"
    algorithm: str = field(default="RS256", kw_only=True)
    kid: str | None = field(default="key-1", kw_only=True)
    lifetime: float = field(default=3600, kw_only=True)
    claims: Mapping[str, Any] = field(factory=dict[str, Any], kw_only=True)
    typ: str | None = field(default="JWT", kw_only=True)
    private_key: _PrivateKey = field(
        default=Factory(lambda self: _new_key(self.algorithm), takes_self=True),
        kw_only=True,
        repr=False,
    )
    clock: Callable[[], float] = field(default=time.time, kw_only=True, repr=False)

    def auth(
        self,
        sub: Any = "alice",
        *,
        scope: str | Iterable[str] | None = None,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> dict[str, str]:
        """Issue a token, and return the request headers that carry it (RFC 6750 §2.1).

        ::

            client.get("/reports", headers=issuer.auth(sub="ada", scope="read write"))

        Args:
            sub: Its ``sub``.
            scope: Its scopes. Several in a list are joined by spaces (RFC 8693 §4.2).
            header: As of ``token``.
            **claims: As of ``token``.
        """
        if scope is not None:
            claims["scope"] = scope if isinstance(scope, str) else " ".join(scope)
        return bearer(self.token(sub, header=header, **claims))

    def token(
        self, sub: Any = "alice", *, header: Mapping[str, Any] | None = None, **claims: Any
    ) -> str:
        """Issue a token.

        Args:
            sub: Its ``sub``.
            header: Header parameters to add or replace. None as a value removes one.
            **claims: Claims to add or replace. None as a value removes one. By default a token has ``iss``,
                ``sub``, ``iat`` and ``exp``, and the issuer's ``claims``.
        """
        now = int(self.clock())
        payload = {
            "iss": self.issuer,
            "sub": sub,
            "iat": now,
            "exp": now + self.lifetime,
            **self.claims,
            **claims,
        }
        parameters = {"alg": self.algorithm, "typ": self.typ, "kid": self.kid, **(header or {})}
        return self.compact(_json(parameters), _json(payload))

    def compact(self, header: bytes, payload: bytes) -> str:
        """Sign any header and payload, valid or not, and return a compact JWS (RFC 7515 §7.1)."""
        signing_input = f"{base64url(header)}.{base64url(payload)}"
        return f"{signing_input}.{base64url(self.sign(signing_input.encode()))}"

    def sign(self, signing_input: bytes) -> bytes:
        """Sign bytes with the issuer's algorithm (RFC 7518 §3, RFC 8037 §3.1, RFC 8812 §3.2)."""
        key = self.private_key
        if isinstance(key, _EdwardsKey):
            return key.sign(signing_input)
        digest = _HASHES[self.algorithm[2:5]]
        if isinstance(key, bytes):
            mac = hmac.HMAC(key, digest)
            mac.update(signing_input)
            return mac.finalize()
        if isinstance(key, ec.EllipticCurvePrivateKey):
            r, s = utils.decode_dss_signature(key.sign(signing_input, ec.ECDSA(digest)))
            size = (key.key_size + 7) // 8
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if self.algorithm[:2] == "PS":
            return key.sign(
                signing_input, padding.PSS(padding.MGF1(digest), digest.digest_size), digest
            )
        return key.sign(signing_input, padding.PKCS1v15(), digest)

    @property
    def verification_key(self) -> VerificationKey:
        """The key that verifies its tokens, for its algorithm only."""
        key = self.private_key
        material = key if isinstance(key, bytes) else key.public_key()
        return VerificationKey(material, algorithms=self.algorithm, kid=self.kid)

    @property
    def public_pem(self) -> str:
        """Its public key as PEM."""
        return (
            self._public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    @property
    def jwk(self) -> dict[str, str]:
        """Its public key as a JWK (RFC 7517 §4)."""
        key = self._public_key()
        if isinstance(key, rsa.RSAPublicKey):
            numbers = key.public_numbers()
            members = {"kty": "RSA", "n": _integer(numbers.n), "e": _integer(numbers.e)}
        elif isinstance(key, ec.EllipticCurvePublicKey):
            point = key.public_numbers()
            size = (key.key_size + 7) // 8
            members = {
                "kty": "EC",
                "crv": _CURVES[self.algorithm][0],
                "x": base64url(point.x.to_bytes(size, "big")),
                "y": base64url(point.y.to_bytes(size, "big")),
            }
        else:
            crv = "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "Ed448"
            members = {"kty": "OKP", "crv": crv, "x": base64url(key.public_bytes_raw())}
        members |= {"use": "sig", "alg": self.algorithm}
        return members if self.kid is None else {**members, "kid": self.kid}

    @property
    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Its public key as a JWK set (RFC 7517 §5)."""
        return {"keys": [self.jwk]}

    def _public_key(self) -> _PublicKey:
        if isinstance(self.private_key, bytes):
            raise ConfigurationError(
                f"an issuer that signs with {self.algorithm} has a secret, not a public key"
            )
        return self.private_key.public_key()


def _json(members: Mapping[str, Any]) -> bytes:
    present = {name: value for name, value in members.items() if value is not None}
    return json.dumps(present, separators=(",", ":")).encode()


def _integer(number: int) -> str:
    return base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))
