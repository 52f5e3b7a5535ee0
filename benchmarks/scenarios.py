"""The requests that are measured, and what the servers that get them know."""

from __future__ import annotations

import secrets
import time
from typing import Any

from attrs import field, frozen
from werkzeug.test import EnvironBuilder

from flask_jwtlib.testing import TokenIssuer, base64url

__all__ = ["AUDIENCE", "ISSUER", "Scenario", "Service", "make_scenarios", "make_services"]

ISSUER = "https://issuer.example"
AUDIENCE = "https://api.example"
KID = "key-1"
# Longer than any run, so that no token expires in the middle of one.
LIFETIME = 3600


@frozen
class Service:
    """What a resource server is configured with: an issuer, an audience, an algorithm, a key.

    Args:
        signer: Who issues the tokens. A server uses its public half alone.
    """

    signer: TokenIssuer = field(repr=False)
    issuer: str = ISSUER
    audience: str = AUDIENCE
    kid: str = KID

    @property
    def algorithm(self) -> str:
        """The one algorithm that is accepted."""
        return self.signer.algorithm

    @property
    def key(self) -> Any:
        """The key, parsed: a public key of ``cryptography``, or the bytes of an HMAC secret."""
        return self.signer.verification_key.material

    @property
    def key_text(self) -> str:
        """The key as a settings file has it: PEM, or an HMAC secret."""
        return self.key.decode() if isinstance(self.key, bytes) else self.signer.public_pem

    @property
    def jwk(self) -> dict[str, Any]:
        """The key as a JWK (RFC 7517)."""
        if isinstance(self.key, bytes):
            return {"kty": "oct", "k": base64url(self.key), "alg": self.algorithm, "kid": self.kid}
        return {**self.signer.jwk}


@frozen
class Scenario:
    """One kind of request.

    Args:
        name: What is special about it.
        authorization: The header's value, None for none.
        algorithm: The algorithm of the server that it is sent to.
        accepted: Whether the caller is to be let in.
        timed: Whether it is measured, or only sent once to see whether this is checked at all.
    """

    name: str
    authorization: str | None = field(repr=False)
    algorithm: str = field(default="RS256", kw_only=True)
    accepted: bool = field(default=False, kw_only=True)
    timed: bool = field(default=True, kw_only=True)

    def environ(self) -> dict[str, Any]:
        """The WSGI environ of the request."""
        headers = [] if self.authorization is None else [("Authorization", self.authorization)]
        return EnvironBuilder(path="/resource", headers=headers).get_environ()


def make_services() -> dict[str, Service]:
    """Make one server's configuration for each algorithm, with new keys."""
    signers = (
        TokenIssuer(ISSUER, kid=KID),
        TokenIssuer(ISSUER, kid=KID, algorithm="HS256", private_key=secrets.token_hex(32).encode()),
        TokenIssuer(ISSUER, kid=KID, algorithm="ES256"),
        TokenIssuer(ISSUER, kid=KID, algorithm="EdDSA"),
    )
    return {signer.algorithm: Service(signer) for signer in signers}


def make_scenarios(services: dict[str, Service]) -> list[Scenario]:
    """Make the requests to these servers."""
    now = int(time.time())
    rsa = services["RS256"]
    confused = TokenIssuer(ISSUER, algorithm="HS256", kid=KID, private_key=rsa.key_text.encode())
    good = _token(rsa.signer, now)
    other = _token(rsa.signer, now, tenant="other")
    accepted = [
        Scenario(name, f"Bearer {_token(service.signer, now)}", algorithm=name, accepted=True)
        for name, service in services.items()
    ]
    refused = {
        "malformed": good[: len(good) // 2],
        # The classic confusion: the public key's text as an HMAC secret (RFC 8725 §2.1).
        "wrong alg": _token(confused, now),
        "unknown kid": _token(rsa.signer, now, header={"kid": "key-2"}),
        # Another token's. A number above the key's modulus would be refused without any arithmetic.
        "bad signature": f"{other.rpartition('.')[0]}.{good.rpartition('.')[2]}",
        "expired": _token(rsa.signer, now, exp=now - 60),
        "wrong audience": _token(rsa.signer, now, aud="https://other.example"),
    }
    refused_untimed = {
        "not yet valid": _token(rsa.signer, now, nbf=now + LIFETIME),
        "wrong issuer": _token(rsa.signer, now, iss="https://other.example"),
        "no audience": _token(rsa.signer, now, aud=None),
    }
    return [
        *accepted,
        Scenario("no token", None),
        *(Scenario(name, f"Bearer {token}") for name, token in refused.items()),
        *(
            Scenario(name, f"Bearer {token}", timed=False)
            for name, token in refused_untimed.items()
        ),
    ]


def _token(
    signer: TokenIssuer, now: int, header: dict[str, Any] | None = None, **changes: Any
) -> str:
    """Issue a token of ten claims, of the type that RFC 9068 gives to access tokens."""
    claims = {
        "aud": AUDIENCE,
        "exp": now + LIFETIME,
        "nbf": now - 60,
        "jti": "5f2b6a52-6f53-4bd8-9f0f-3a3e1f6cbb0e",
        "client_id": "mobile-app",
        "scope": "profile reports:read reports:write",
        "tenant": "example",
        "email": "alice@example.com",
    }
    return signer.token(
        "alice", header={"typ": "at+jwt", **(header or {})}, **{**claims, **changes}
    )
