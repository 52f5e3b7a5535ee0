"""What the tests of CompositeKeyProvider share: issuers, sources and fakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_jwtlib import (
    Authenticator,
    InvalidTokenError,
    KeyProvider,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider

A, B, C, D, E = (TokenIssuer(kid=kid) for kid in "abcde")
B_ANEW = TokenIssuer(kid="b")
EC = TokenIssuer(algorithm="ES256", kid="ec")
BARE, BARE_2, BARE_3 = (TokenIssuer(kid=None) for _ in range(3))


class Source:
    """A source of keys that returns or raises its ``result``, and counts fetches."""

    def __init__(self, *issuers: TokenIssuer) -> None:
        self.result: Any = {"keys": [issuer.jwk for issuer in issuers]}
        self.fetches = 0

    def __call__(self) -> Any:
        self.fetches += 1
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


class MinimalProvider:
    """An application's provider, without ``keys_at_hand``, that counts lookups."""

    def __init__(self, *issuers: TokenIssuer) -> None:
        self.provider = static(*issuers)
        self.lookups = 0

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        self.lookups += 1
        return self.provider.keys_for(header)


class FixedResults:
    """A provider whose two methods return or raise fixed results."""

    def __init__(self, at_hand: Any, keys: Any) -> None:
        self.at_hand, self.keys = at_hand, keys

    def keys_at_hand(self, header: UnverifiedHeader) -> Any:
        return self._result(self.at_hand, header)

    def keys_for(self, header: UnverifiedHeader) -> Any:
        return self._result(self.keys, header)

    @staticmethod
    def _result(result: Any, header: UnverifiedHeader) -> Any:
        if isinstance(result, Exception):
            raise result
        return result.keys_for(header) if isinstance(result, KeyProvider) else result


def static(*issuers: TokenIssuer) -> StaticKeyProvider:
    """Return a static provider of the issuers' keys."""
    return StaticKeyProvider(*(issuer.verification_key for issuer in issuers))


def jwks(*issuers: TokenIssuer) -> StaticKeyProvider:
    """Return a static provider of the issuers' keys as a JWK set."""
    return StaticKeyProvider({"keys": [issuer.jwk for issuer in issuers]})


def warm(source: Source, **options: Any) -> TTLKeyProvider:
    """Return a provider that has fetched its keys."""
    provider = TTLKeyProvider(source, **options)
    provider.warm_up()
    source.fetches = 0
    return provider


def by(kid: str | None, alg: str = "RS256") -> UnverifiedHeader:
    """Return the header of a token, with or without a kid."""
    return UnverifiedHeader(alg, kid)


def kids(keys: Sequence[VerificationKey]) -> list[str | None]:
    """Return the key IDs of some keys."""
    return [key.kid for key in keys]


def in_either_order(*providers: KeyProvider) -> list[CompositeKeyProvider]:
    """Return composites of the providers in this order and in reverse."""
    return [CompositeKeyProvider(*providers), CompositeKeyProvider(*reversed(providers))]


def accepts(keys: KeyProvider, issuer: TokenIssuer) -> bool:
    """Return whether the keys verify an issuer's token."""
    request = make_request(headers=bearer(issuer.token()))
    try:
        Authenticator(keys=keys).authenticate(request)
    except InvalidTokenError:
        return False
    return True
