"""Strategies for tokens that are bound to a certificate or to a key. They use public modules only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import field, frozen
from flask import Request

from flask_jwtlib import (
    BearerToken,
    BearerTokenExtractor,
    Claims,
    InvalidTokenError,
    KeyProvider,
    TokenExtractor,
    TokenValidator,
)
from flask_jwtlib.challenges import Challenge

CERTIFICATE = "cert-1"
KEY = "key-1"
BINDINGS = {
    "unbound": {},
    "to a certificate": {"x5t#S256": CERTIFICATE},
    "to a key": {"jkt": KEY},
    "to both": {"jkt": KEY, "x5t#S256": CERTIFICATE},
}


@frozen
class Certificate:
    """The thumbprint of the certificate that the client showed to the TLS layer."""

    thumbprint: str


@frozen
class CertificateExtractor(TokenExtractor):
    """Attaches the client's certificate to the token that another extractor finds."""

    inner: TokenExtractor = field(factory=BearerTokenExtractor)

    def extract(self, request: Request) -> BearerToken | None:
        token = self.inner.extract(request)
        seen = request.environ.get("SSL_CLIENT_THUMBPRINT")
        return token.with_evidence(Certificate(seen)) if token and seen else token


@frozen
class CertificateValidator(TokenValidator):
    """Confirms ``x5t#S256`` (RFC 8705 §3.1) of a token that another validator accepts."""

    inner: TokenValidator

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        claims = self.inner.validate(token, keys)
        cnf, shown = claims.get("cnf"), token.evidence.get(Certificate)
        if shown is None or not isinstance(cnf, dict) or "x5t#S256" not in cnf:
            return claims
        if cnf["x5t#S256"] != shown.thumbprint:
            raise InvalidTokenError("the token is bound to another certificate")
        return claims.confirming("x5t#S256")


@frozen
class Proof:
    """A proof of possession: the key's thumbprint, what it was made for, and what it was sent with."""

    jkt: str
    made_for: tuple[str, str]
    sent_with: tuple[str, str]


@frozen
class ProofExtractor(TokenExtractor):
    """Attaches the proof in the header ``DPoP`` to the token that another extractor finds."""

    inner: TokenExtractor = field(factory=BearerTokenExtractor)
    challenges = (Challenge("Bearer"), Challenge("DPoP", algs="ES256"))
    vary = ("Authorization", "DPoP")

    def extract(self, request: Request) -> BearerToken | None:
        token, sent = self.inner.extract(request), request.headers.get("DPoP")
        if token is None or sent is None:
            return token
        jkt, method, url = sent.split(" ")
        return token.with_evidence(Proof(jkt, (method, url), (request.method, request.base_url)))


@frozen
class ProofValidator(TokenValidator):
    """Confirms ``jkt`` (RFC 9449 §6.1) of a token that another validator accepts."""

    inner: TokenValidator

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        claims = self.inner.validate(token, keys)
        cnf, proof = claims.get("cnf"), token.evidence.get(Proof)
        if proof is None or not isinstance(cnf, dict) or "jkt" not in cnf:
            return claims
        if (proof.jkt, proof.made_for) != (cnf["jkt"], proof.sent_with):
            raise InvalidTokenError("the proof is for another key or request")
        return claims.confirming("jkt").with_response_header("DPoP-Nonce", f"after-{proof.jkt}")


class ClaimsByText(TokenValidator):
    """Remembers the very objects that another validator returns, by the token's text alone."""

    def __init__(self, inner: TokenValidator) -> None:
        self.inner = inner
        self.known: dict[Any, Claims] = {}

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        key = self.key_of(token)
        if key not in self.known:
            self.known[key] = self.inner.validate(token, keys)
        return self.known[key]

    def key_of(self, token: BearerToken) -> Any:
        return token.value


class ClaimsByToken(ClaimsByText):
    """Remembers them by the token with its evidence."""

    def key_of(self, token: BearerToken) -> Any:
        return token


def around(inner: Any, wrappers: Sequence[Any]) -> Any:
    """Return a strategy inside of several wrappers, the last one outermost."""
    for wrapper in wrappers:
        inner = wrapper(inner)
    return inner


def offering(
    *, certificate: str | None = None, key: str | None = None, proof: str = "GET http://localhost/"
) -> dict[str, Any]:
    """Return the arguments of a request that shows a certificate, or proves possession of a key."""
    return {
        "headers": {} if key is None else {"DPoP": f"{key} {proof}"},
        "environ_overrides": {} if certificate is None else {"SSL_CLIENT_THUMBPRINT": certificate},
    }
