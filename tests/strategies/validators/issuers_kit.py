"""What the tests of several issuers share: issuers, tokens and fakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_jwtlib import (
    BearerToken,
    Claims,
    KeyProvider,
    StaticKeyProvider,
    TokenValidator,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

A_URL, B_URL, C_URL = "https://a.example", "https://b.example", "https://c.example"
A = TokenIssuer(A_URL, kid="a")
B = TokenIssuer(B_URL, kid="b", algorithm="ES256")
B_RSA = TokenIssuer(B_URL, kid="a")
C = TokenIssuer(C_URL, kid="c", algorithm="HS256")
STRANGER = TokenIssuer("https://stranger.example", kid="a")


class NoKeys(KeyProvider):
    """The key provider that an ``Authenticator`` passes to a validator with its own keys."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        raise AssertionError("the router's issuers have keys of their own")


def trusted(issuer: TokenIssuer, **options: Any) -> TrustedIssuer:
    """Return a trusted issuer with the audience ``api``, its own key and its algorithm."""
    how = {"keys": issuer.verification_key, "audience": "api", "algorithms": issuer.algorithm}
    return TrustedIssuer(issuer.issuer, **{**how, **options})


def router_of(*issuers: TokenIssuer) -> IssuerRouter:
    """Return a router of issuers with the audience ``api``."""
    return IssuerRouter(*map(trusted, issuers))


def token_of(issuer: TokenIssuer, **claims: Any) -> str:
    """Return a valid token, with the given claims."""
    return issuer.token(**{"aud": "api", **claims})


def verify(router: IssuerRouter, token: str) -> Claims:
    """Return the claims of a token that a router verifies."""
    return router.validate(BearerToken(token), NoKeys())


class RecordingKeyProvider(KeyProvider):
    """Records the headers that an issuer's keys are looked up for."""

    def __init__(self, *issuers: TokenIssuer) -> None:
        self.provider = StaticKeyProvider(*(issuer.verification_key for issuer in issuers))
        self.lookups: list[UnverifiedHeader] = []

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        self.lookups.append(header)
        return self.provider.keys_for(header)


class FixedResult(KeyProvider):
    """A provider that returns or raises its ``result``."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def keys_for(self, header: UnverifiedHeader) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


class FixedClaims(TokenValidator):
    """A validator that accepts every token and returns fixed claims."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def validate(self, token: BearerToken, keys: KeyProvider) -> Any:
        return self.result
