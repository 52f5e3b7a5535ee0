"""The requests that are measured, and the servers that they are sent to."""

from __future__ import annotations

import secrets
import time
from typing import Any

from attrs import field, frozen
from werkzeug.test import EnvironBuilder

from flask_jwtlib.testing import TokenIssuer, base64url

BASIC = "RS256"
"""The scenario that most bounds are about."""

ACCEPTED = (BASIC, "HS256", "ES256", "EdDSA")
"""The scenarios with a good token, by its algorithm."""

TIMED = (
    *ACCEPTED,
    *("no token", "malformed", "wrong alg", "unknown kid"),
    *("bad signature", "expired", "wrong audience"),
)
"""The columns of the table. The other scenarios only show whether a contender checks something at all."""

ISSUER = "https://issuer.example"
AUDIENCE = "https://api.example"
_KID = "key-1"
# Longer than any run, so that no token expires during one.
_LIFETIME = 3600


@frozen
class Service:
    """The configuration of a resource server, which accepts the tokens of one signer.

    Args:
        signer: The issuer of the tokens. The server uses only its public key, or its HMAC secret.
    """

    signer: TokenIssuer = field(repr=False)
    issuer: str = ISSUER
    audience: str = AUDIENCE
    kid: str = _KID

    @property
    def algorithm(self) -> str:
        """The only algorithm that the server accepts."""
        return self.signer.algorithm

    @property
    def key(self) -> Any:
        """The parsed key: a public key of ``cryptography``, or the bytes of an HMAC secret."""
        return self.signer.verification_key.material

    @property
    def key_text(self) -> str:
        """The key as in a settings file: PEM, or an HMAC secret."""
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
        name: What the table calls it.
        authorization: The header's value, None for none.
        algorithm: The algorithm of the server that gets the request.
        accepted: Whether the server should accept it.
    """

    name: str
    authorization: str | None = field(repr=False)
    algorithm: str = field(default=BASIC, kw_only=True)
    accepted: bool = field(default=False, kw_only=True)

    def environ(self) -> dict[str, Any]:
        """The WSGI environ of the request."""
        headers = [] if self.authorization is None else [("Authorization", self.authorization)]
        return EnvironBuilder(path="/resource", headers=headers).get_environ()


def make_services(*algorithms: str) -> dict[str, Service]:
    """Configure one server for each algorithm (by default for all four), with new keys."""
    secret = secrets.token_hex(32).encode()
    return {
        algorithm: Service(
            TokenIssuer(ISSUER, kid=_KID, algorithm=algorithm)
            if algorithm != "HS256"
            else TokenIssuer(ISSUER, kid=_KID, algorithm=algorithm, private_key=secret)
        )
        for algorithm in algorithms or ACCEPTED
    }


def make_scenarios(services: dict[str, Service]) -> list[Scenario]:
    """Make the requests to these servers."""
    now = int(time.time())
    rsa = services[BASIC]
    confused = TokenIssuer(ISSUER, algorithm="HS256", kid=_KID, private_key=rsa.key_text.encode())
    good = issue_token(rsa.signer, now)
    other = issue_token(rsa.signer, now, tenant="other")
    tokens = {
        "malformed": good[: len(good) // 2],
        # Algorithm confusion: the public key's text as an HMAC secret (RFC 8725 §2.1).
        "wrong alg": issue_token(confused, now),
        "unknown kid": issue_token(rsa.signer, now, header={"kid": "key-2"}),
        # Another token's: a random number may exceed the modulus, which is refused at once.
        "bad signature": f"{other.rpartition('.')[0]}.{good.rpartition('.')[2]}",
        "expired": issue_token(rsa.signer, now, exp=now - 60),
        "wrong audience": issue_token(rsa.signer, now, aud="https://other.example"),
        "not yet valid": issue_token(rsa.signer, now, nbf=now + _LIFETIME),
        "wrong issuer": issue_token(rsa.signer, now, iss="https://other.example"),
        "no audience": issue_token(rsa.signer, now, aud=None),
    }
    return [
        *(
            Scenario(name, f"Bearer {issue_token(each.signer, now)}", algorithm=name, accepted=True)
            for name, each in services.items()
        ),
        Scenario("no token", None),
        *(Scenario(name, f"Bearer {token}") for name, token in tokens.items()),
    ]


def issue_token(
    signer: TokenIssuer, now: int, header: dict[str, Any] | None = None, **changes: Any
) -> str:
    """Issue a token of ten claims, with the type of an access token (RFC 9068)."""
    claims = {
        "aud": AUDIENCE,
        "exp": now + _LIFETIME,
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
