"""``CompositeKeyProvider``: several key providers as one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Authenticator,
    ConfigurationError,
    InvalidTokenError,
    KeyProvider,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from tests.kit import raises

KEY_1 = TokenIssuer(kid="key-1")
KEY_2 = TokenIssuer(kid="key-2")
KEY_2_ANEW = TokenIssuer(kid="key-2")
NAMELESS = TokenIssuer(kid=None)


def static(*issuers: TokenIssuer) -> KeyProvider:
    """A static provider of the issuers' keys."""
    return StaticKeyProvider(*(issuer.verification_key for issuer in issuers))


class Own:
    """A custom provider with only the required method."""

    def __init__(self, *issuers: TokenIssuer) -> None:
        self.provider = static(*issuers)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return self.provider.keys_for(header)


class Down:
    """A provider whose keys are unavailable."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error or VerificationUnavailable("the key server is down", retry_after=17)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        raise self.error


class TestCompositeKeyProvider(KeyProviderContract):
    def make_provider(self) -> KeyProvider:
        return CompositeKeyProvider(static(KEY_1), TTLKeyProvider(lambda: KEY_2.jwks))

    def known_header(self) -> UnverifiedHeader:
        return UnverifiedHeader("RS256", "key-2")

    def make_unavailable_provider(self) -> KeyProvider | None:
        return CompositeKeyProvider(static(KEY_1), Down())


def by(kid: str | None, alg: str = "RS256") -> UnverifiedHeader:
    """Make the header of a token that names a key."""
    return UnverifiedHeader(alg, kid)


def kids(keys: Sequence[VerificationKey]) -> list[str | None]:
    """Return the IDs of some keys."""
    return [key.kid for key in keys]


def test_keys_of_every_provider_are_used(app: Flask) -> None:
    """Both providers' tokens are accepted; a forger's with a known key ID is refused."""
    auth = Authenticator(keys=CompositeKeyProvider(static(KEY_1), static(KEY_2)))

    def subject(issuer: TokenIssuer) -> str | None:
        return auth.authenticate(make_request(headers=bearer(issuer.token()))).subject

    assert subject(KEY_1) == subject(KEY_2) == "alice"
    with pytest.raises(InvalidTokenError):
        subject(KEY_2_ANEW)


def test_keys_of_one_id_are_in_order() -> None:
    """If two providers have a key of one ID, both are returned, the first provider's first."""
    old, new = static(KEY_2), static(KEY_2_ANEW)

    keys = CompositeKeyProvider(old, new).keys_for(by("key-2"))

    assert list(keys) == [*old.keys_for(by("key-2")), *new.keys_for(by("key-2"))]
    auth = Authenticator(keys=CompositeKeyProvider(old, new))
    assert auth.authenticate(make_request(headers=bearer(KEY_2_ANEW.token())))


def test_the_number_of_keys_is_limited() -> None:
    """At most the first keys up to the limit are returned."""
    providers = [static(TokenIssuer(kid="k")) for _ in range(3)]

    assert len(CompositeKeyProvider(*providers, limit=2).keys_for(by("k"))) == 2
    assert list(CompositeKeyProvider(*providers, limit=1).keys_for(by("k"))) == list(
        providers[0].keys_for(by("k"))
    )


@pytest.mark.parametrize("position", [0, 1], ids=["first", "last"])
def test_an_outage_of_one_provider_does_not_affect_the_others(
    position: int, caplog: pytest.LogCaptureFixture, calls_made: Callable[[], None]
) -> None:
    """During an outage, another provider's key verifies its token, with a warning."""
    providers: list[Any] = [Own(KEY_1)]
    providers.insert(position, Down())

    assert kids(CompositeKeyProvider(*providers).keys_for(by("key-1"))) == ["key-1"]

    calls_made()
    (record,) = caplog.records
    assert record.name == "flask_jwtlib_strategies"
    assert record.levelno == logging.WARNING
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], VerificationUnavailable)


@pytest.mark.parametrize(
    ("provider", "header"),
    [
        (lambda: static(KEY_1), by("key-9")),
        (lambda: static(NAMELESS), by("key-1")),
        (lambda: static(NAMELESS), by(None)),
        (lambda: static(KEY_1), by(None)),
        (lambda: static(KEY_1), by("key-1", "ES256")),
    ],
    ids=["unknown kid", "key without kid", "neither has a kid", "token without kid", "other alg"],
)
def test_a_key_that_may_be_missing_causes_503(
    provider: Callable[[], KeyProvider], header: UnverifiedHeader
) -> None:
    """A token that the missing keys may verify gets a 503 with a Retry-After."""
    for chain in (
        CompositeKeyProvider(provider(), Down()),
        CompositeKeyProvider(Down(), provider()),
    ):
        with pytest.raises(VerificationUnavailable) as caught:
            chain.keys_for(header)
        assert caught.value.retry_after == 17


def test_any_exception_counts_as_an_outage() -> None:
    """A provider's unexpected exception counts as an outage, and is the error's cause."""
    fault = ConnectionError("refused")

    with raises(VerificationUnavailable, match="ConnectionError") as caught:
        CompositeKeyProvider(Down(fault)).keys_for(by("key-1"))

    assert caught.value.__cause__ is fault
    assert kids(CompositeKeyProvider(Down(fault), static(KEY_1)).keys_for(by("key-1"))) == ["key-1"]


@pytest.mark.parametrize("kid", ["key-1", None], ids=["kid", "no kid"])
def test_a_providers_refusal_propagates(kid: str | None) -> None:
    """A provider that refuses the token is not skipped: that isn't an outage."""
    chain = CompositeKeyProvider(Down(InvalidTokenError("blocked")), Own(KEY_1))

    with raises(InvalidTokenError, match="blocked"):
        chain.keys_for(by(kid))


def test_the_first_outage_is_raised() -> None:
    """If several providers are down, the first one's error is raised."""
    first, second = VerificationUnavailable("one"), VerificationUnavailable("two")

    with pytest.raises(VerificationUnavailable) as caught:
        CompositeKeyProvider(Down(first), Down(second)).keys_for(by("key-1"))

    assert caught.value is first


@pytest.mark.parametrize("garbage", [None, 5, [object()]], ids=["None", "int", "no key"])
def test_an_invalid_return_value_causes_503(garbage: Any) -> None:
    """A provider that returns something other than keys makes the request a 503."""

    class Garbage:
        def keys_for(self, header: UnverifiedHeader) -> Any:
            return garbage

    auth = Authenticator(keys=CompositeKeyProvider(Garbage(), Down()))

    with pytest.raises(VerificationUnavailable):
        auth.authenticate(make_request(headers=bearer(KEY_1.token())))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (CompositeKeyProvider, "needs at least one KeyProvider"),
        (lambda: CompositeKeyProvider(StaticKeyProvider), "not the class StaticKeyProvider"),
        (lambda: CompositeKeyProvider(KEY_1.public_pem), "not an object of type str: pass keys as"),
        (lambda: CompositeKeyProvider(static(KEY_1), limit=0), "1 or more, not 0"),
        (lambda: CompositeKeyProvider(static(KEY_1), limit="4"), "1 or more, not '4'"),
        (lambda: CompositeKeyProvider(static(KEY_1), limit=True), "1 or more, not True"),
    ],
    ids=[
        "no provider",
        "provider class",
        "bare key",
        "no keys allowed",
        "limit as text",
        "limit as bool",
    ],
)
def test_an_invalid_composition_is_refused(make: Callable[[], object], said: str) -> None:
    """An object that isn't a strategy, or no provider at all, is refused when composing."""
    with pytest.raises(ConfigurationError, match=said):
        make()
