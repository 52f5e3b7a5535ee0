"""Explaining a token fetches no keys, unless that is allowed, and no cache remembers anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from flask_jwtlib import (
    Authenticator,
    JWTValidator,
    KeyProvider,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib._dry_run import dry_run
from flask_jwtlib.explain import explain
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from flask_jwtlib_strategies.key_providers.files import FileKeyProvider
from flask_jwtlib_strategies.key_providers.per_kid import PerKidKeyProvider
from flask_jwtlib_strategies.validators.caching import CachingValidator


@define
class Fetching:
    """A function that fetches keys, and counts how often."""

    issuer: TokenIssuer
    calls: int = field(default=0, init=False)

    def __call__(self) -> VerificationKey:
        self.calls += 1
        return self.issuer.verification_key


class Remote(KeyProvider):
    """A provider of an application, which doesn't say which keys it has."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self.issuer = issuer
        self.calls = 0

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        self.calls += 1
        return (self.issuer.verification_key,)


class RemoteByInheritance(StaticKeyProvider):
    """A provider whose base lists its keys, but which asks somewhere else."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        raise AssertionError("it was asked")


@pytest.mark.parametrize("fetch", [False, True], ids=["without fetching", "fetching"])
def test_keys_are_fetched_only_if_that_is_allowed(
    issuer: TokenIssuer, signalled: list[Any], *, fetch: bool
) -> None:
    """Without keys, the token can't be verified; the provider's state stays as it is."""
    fetching = Fetching(issuer)
    provider = TTLKeyProvider(fetching)
    auth = Authenticator(keys=provider)

    explanation = explain(auth, issuer.token(), fetch_keys=fetch)

    assert fetching.calls == int(fetch)
    assert bool(explanation) is fetch
    assert explanation.error is None or explanation.error.status == 503
    if not fetch:
        assert provider.status()["state"] == "empty" or provider.status()["keys"] == 0
        assert not signalled


def test_an_unknown_kid_causes_no_fetch(issuer: TokenIssuer) -> None:
    """The budget of fetches for unknown keys isn't spent."""
    fetching = Fetching(issuer)
    auth = Authenticator(keys=TTLKeyProvider(fetching))
    auth.verify(issuer.token())

    explanation = explain(auth, issuer.token(header={"kid": "rotated"}))

    assert fetching.calls == 1
    assert explanation.error is not None
    assert explanation.error.reason == "unknown-key"


@pytest.mark.parametrize("age", [100, 500, 10_000_000], ids=["fresh", "stale", "dead"])
def test_old_keys_are_used_as_long_as_a_request_could(
    issuer: TokenIssuer, clock: Any, age: float
) -> None:
    """Expired keys that a request may use are used, and others aren't."""
    fetching = Fetching(issuer)
    provider = TTLKeyProvider(fetching, clock=clock)
    auth = Authenticator(keys=provider)
    composite = Authenticator(keys=CompositeKeyProvider(provider))
    auth.verify(issuer.token())
    clock.move(age)

    explanations = [explain(each, issuer.token()) for each in (auth, composite)]

    assert [bool(each) for each in explanations] == [age < 10_000_000] * 2
    with dry_run(fetch_keys=False):
        assert bool(provider.keys_at_hand(UnverifiedHeader("RS256", "key-1"))) is (age < 10_000_000)
    assert fetching.calls == 1


@pytest.mark.parametrize(
    "make",
    [Remote, lambda issuer: RemoteByInheritance(issuer.verification_key)],
    ids=["without current_keys", "with another class's current_keys"],
)
def test_a_provider_that_may_fetch_isnt_asked(issuer: TokenIssuer, make: Any) -> None:
    """A provider of the application that doesn't list its keys is asked only if it may fetch."""
    provider = make(issuer)
    for keys in (provider, CompositeKeyProvider(provider)):
        explanation = explain(Authenticator(keys=keys), issuer.token())
        assert explanation.error is not None
        assert explanation.error.status == 503
        assert "explaining a token doesn't" in explanation.error.log_message
    assert getattr(provider, "calls", 0) == 0


def test_a_provider_may_be_allowed_to_fetch(issuer: TokenIssuer) -> None:
    """With ``fetch_keys``, a provider of the application is asked as in a request."""
    provider = Remote(issuer)
    assert explain(Authenticator(keys=provider), issuer.token(), fetch_keys=True)
    assert provider.calls > 0


def test_files_arent_read(issuer: TokenIssuer, tmp_path: Path) -> None:
    """A provider of files lists only the keys that it has read."""
    path = tmp_path / "key.pem"
    path.write_text(issuer.public_pem)
    provider = FileKeyProvider(path, kid_from_name=True)
    auth = Authenticator(keys=provider)
    token = issuer.token(header={"kid": "key"})

    before = explain(auth, token)
    auth.verify(token)
    after = explain(auth, token)

    assert before.error is not None
    assert before.error.status == 503
    assert after
    assert [key.kid for key in provider.current_keys()] == ["key"]


@pytest.mark.parametrize(
    ("kid", "reason"),
    [("abc", "verification-unavailable"), ("../x", "unknown-key"), (None, "unknown-key")],
    ids=["a kid that a request would look up", "a kid that no request looks up", "no kid"],
)
def test_no_key_is_looked_up_by_its_kid(issuer: TokenIssuer, kid: str | None, reason: str) -> None:
    """A provider with a URL for each kid doesn't ask for one."""
    provider = PerKidKeyProvider("https://keys.invalid/{kid}", kid_pattern="[a-z]+")

    explanation = explain(Authenticator(keys=provider), issuer.token(header={"kid": kid}))

    assert explanation.error is not None
    assert explanation.error.reason == reason
    assert provider.current_keys() == ()


def test_a_cache_of_tokens_remembers_nothing(issuer: TokenIssuer) -> None:
    """Neither an accepted token nor a new generation of keys."""
    cached = CachingValidator(JWTValidator())
    auth = Authenticator(keys=TTLKeyProvider(lambda: issuer.verification_key), validator=cached)
    memory = cached._memory
    before = memory.tokens

    assert explain(auth, issuer.token(), fetch_keys=True)

    assert memory.tokens is before
    assert not before.known
    auth.verify(issuer.token())
    assert len(memory.tokens.known) == 1


def test_an_unreadable_generation_isnt_noted(issuer: TokenIssuer) -> None:
    """The line in the log is written for the first request."""

    class Unreadable(StaticKeyProvider):
        @property
        def generation(self) -> int:
            raise RuntimeError

    cached = CachingValidator(JWTValidator())

    assert explain(
        Authenticator(keys=Unreadable(issuer.verification_key), validator=cached), issuer.token()
    )
    assert not cached._memory.is_unreadable
