"""Each check of ``KeyProviderContract`` fails for a key provider that breaks it."""

# ruff: noqa: D103 - each function is named after what it breaks

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import requests

from flask_jwtlib import InvalidTokenError, StaticKeyProvider, UnverifiedHeader, VerificationKey
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.contracts import KeyProviderContract

Failures = Callable[[object], dict[str, Exception]]

ISSUER = TokenIssuer()
KEYS = StaticKeyProvider(ISSUER.verification_key)


class Provision:
    """A key provider made of a function."""

    def __init__(self, keys_for: Callable[..., Any]) -> None:
        self.keys_for = keys_for


class ProviderContract(KeyProviderContract):
    """The contract on a provider of the issuer's key."""

    def __init__(self, provider: Any, unavailable: Any = None) -> None:
        self.provider = provider
        self.unavailable = unavailable

    def make_provider(self) -> Any:
        return self.provider

    def known_header(self) -> UnverifiedHeader:
        return UnverifiedHeader("RS256", "key-1", "JWT")

    def make_unavailable_provider(self) -> Any:
        return self.unavailable


def whatever_the_kid(header: UnverifiedHeader) -> Sequence[VerificationKey]:
    return (ISSUER.verification_key,) if header.alg == "RS256" else ()


def stripped_kid(header: UnverifiedHeader) -> Sequence[VerificationKey]:
    kid = None if header.kid is None else header.kid.strip()
    return KEYS.keys_for(UnverifiedHeader(header.alg, kid))


def indexed(header: UnverifiedHeader) -> Sequence[VerificationKey]:
    return () if header.alg != "RS256" else {"key-1": KEYS.keys_for(header)}[header.kid or "key-1"]


def folded(header: UnverifiedHeader) -> Sequence[VerificationKey]:
    return KEYS.keys_for(header) if header.kid.casefold() else ()  # type: ignore[union-attr]


def whatever_the_algorithm(header: UnverifiedHeader) -> Sequence[VerificationKey]:
    return (ISSUER.verification_key,) if header.kid == "key-1" else ()


def brought_along(header: UnverifiedHeader) -> Sequence[VerificationKey]:
    jwk = header.parameters.get("jwk")
    return (VerificationKey.from_jwk(jwk),) if jwk else KEYS.keys_for(header)


class Generous:
    """Returns its own internal list."""

    def __init__(self) -> None:
        self.keys = [ISSUER.verification_key]

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return self.keys if KEYS.keys_for(header) else ()


class ForgetfulProvider:
    """Keeps the current header where other threads overwrite it."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        self.header = header
        time.sleep(0.0001)
        return KEYS.keys_for(self.header)


class Counting:
    """Counts how often it fetches keys: for each token, or once."""

    def __init__(self, *, once: bool) -> None:
        self.once = once
        self.fetches = 0

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        if not (self.once and self.fetches):
            self.fetches += 1
        return KEYS.keys_for(header)


class CountingContract(ProviderContract):
    """The contract on a provider whose fetches are counted."""

    def fetches(self) -> int:
        return self.provider.fetches  # type: ignore[no-any-return]


def failing_for_unknown(header: UnverifiedHeader) -> Sequence[VerificationKey]:
    if header.kid not in {"key-1", None}:
        raise requests.ConnectionError("the server of the keys responded with 404")
    return KEYS.keys_for(header)


def blame(header: UnverifiedHeader) -> Sequence[VerificationKey]:
    raise InvalidTokenError("no key to be had")


def broken_providers() -> Iterator[tuple[str, tuple[object, str]]]:
    def broken(
        name: str, keys_for: Callable[..., Any], test: str
    ) -> tuple[str, tuple[object, str]]:
        return name, (ProviderContract(Provision(keys_for)), test)

    few = "test_it_returns_few_keys_for_a_known_token"
    yield broken("takes no header", lambda: (), "test_it_composes")
    yield broken("has no key", lambda header: (), few)
    yield broken("has many keys", lambda header: (ISSUER.verification_key,) * 5, few)
    yield broken("returns a generator", lambda header: iter(KEYS.keys_for(header)), few)
    yield broken("returns None", lambda header: None, few)
    yield broken("returns PEM", lambda header: ISSUER.public_pem, few)
    yield broken("returns PEMs", lambda header: [ISSUER.public_pem], few)
    yield broken("ignores kid", whatever_the_kid, "test_it_returns_no_key_for_an_unknown_key_id")
    yield broken(
        "raises what requests raises",
        failing_for_unknown,
        "test_it_returns_no_key_for_an_unknown_key_id",
    )
    counting = CountingContract(Counting(once=False))
    yield "fetches for each token", (counting, "test_it_does_not_fetch_for_each_token")
    hostile = "test_it_handles_hostile_key_ids"
    yield broken("strips kid", stripped_kid, hostile)
    yield broken("raises KeyError", indexed, hostile)
    yield broken("needs kid", folded, "test_it_handles_a_token_without_a_key_id")
    yield broken(
        "ignores alg",
        whatever_the_algorithm,
        "test_it_returns_only_keys_for_the_algorithm",
    )
    bait = "test_it_ignores_keys_in_the_token"
    yield broken("takes jwk", brought_along, bait)
    generous = ProviderContract(Generous())
    yield "gives its list away", (generous, "test_its_keys_cannot_be_changed_from_outside")
    unavailable = "test_it_raises_if_keys_are_unavailable"
    for name, keys_for in {
        "hides an outage": lambda header: (),
        "blames the caller": blame,
    }.items():
        yield name, (ProviderContract(KEYS, Provision(keys_for)), unavailable)
    forgetful = ProviderContract(ForgetfulProvider())
    yield "mixes threads' headers", (forgetful, "test_it_keeps_requests_apart")


BROKEN = dict(broken_providers())


@pytest.mark.parametrize(("contract", "check"), BROKEN.values(), ids=BROKEN)
def test_a_broken_key_provider_fails(contract: object, check: str) -> None:
    """A key provider that breaks the contract fails the matching check, whose message says so."""
    with pytest.raises(Exception) as error:
        getattr(contract, check)()
    assert str(error.value)


@pytest.mark.parametrize(("contract", "check"), BROKEN.values(), ids=BROKEN)
def test_check_finds_it(contract: object, check: str, found_by_check: Failures) -> None:
    """``check`` finds the broken key provider, too, and names the promise."""
    assert check in found_by_check(contract)


def test_every_check_can_fail() -> None:
    """For each check of the contract, some broken key provider fails it."""
    checks = {name for name in dir(KeyProviderContract) if name.startswith("test_")}

    assert checks == {check for _, check in BROKEN.values()}


def test_the_base_of_the_broken_providers_passes(failures: Failures) -> None:
    """A correct key provider passes, so the broken ones fail only by what they break."""
    assert failures(ProviderContract(KEYS)) == {}
    assert failures(CountingContract(Counting(once=True))) == {}


def test_an_incomplete_contract_is_an_error() -> None:
    """A subclass without a key provider can't be instantiated, so it can't pass by checking nothing."""
    contract: Any = KeyProviderContract

    with pytest.raises(TypeError, match="abstract"):
        contract()
