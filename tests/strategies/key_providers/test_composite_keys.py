"""One issuer's keys in several places: which provider is used first, and when a caller waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from types import SimpleNamespace
from typing import Any

import pytest

from flask_jwtlib import (
    Authenticator,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    KeySet,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.testing import bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from tests.kit import DOWN, PATIENCE, raises

from .composite_kit import (
    B_ANEW,
    BARE,
    EC,
    A,
    B,
    C,
    D,
    FixedResults,
    MinimalProvider,
    Source,
    accepts,
    by,
    in_either_order,
    kids,
    static,
    warm,
)


class TestCompositeOfFetchedAndFixedKeys(KeyProviderContract):
    def make_provider(self) -> KeyProvider:
        return CompositeKeyProvider(
            TTLKeyProvider(lambda: A.jwks), MinimalProvider(C), static(B, B_ANEW)
        )

    def known_header(self) -> UnverifiedHeader:
        return by("b")

    def make_unavailable_provider(self) -> KeyProvider | None:
        return CompositeKeyProvider(warm(Source(A)), TTLKeyProvider(Source()))


class TestCompositeInAComposite(KeyProviderContract):
    def make_provider(self) -> KeyProvider:
        inner = CompositeKeyProvider(MinimalProvider(A), TTLKeyProvider(lambda: EC.jwks))
        return CompositeKeyProvider(static(B), inner)

    def known_header(self) -> UnverifiedHeader:
        return by("ec", "ES256")


def test_a_key_at_hand_is_returned_without_a_request(idp: IdentityProvider) -> None:
    """If one member has the key at hand, no other member fetches, in any order."""
    issuer = idp.add_key(kid="a")
    remote = JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True, fetch_timeout=PATIENCE)

    for composite in in_either_order(remote, static(B)):
        assert kids(composite.keys_for(by("b"))) == ["b"]
        assert accepts(composite, B)
    assert idp.count() == 0

    assert all(accepts(composite, issuer) for composite in in_either_order(remote, static(B)))
    assert idp.count() == 1


@pytest.mark.parametrize("at_expiry", [False, True], ids=["cold", "expired"])
def test_a_hanging_member_does_not_delay_the_others(
    idp: IdentityProvider, clock: Any, at_expiry: bool
) -> None:
    """While one member waits for a hanging server, keys of the others are returned at once."""
    idp.add_key(kid="a")
    remote = JWKSKeyProvider(
        idp.jwks_url,
        allow_http_on_loopback=True,
        fetch_timeout=PATIENCE,
        max_wait=PATIENCE,
        clock=clock,
    )
    if at_expiry:
        remote.warm_up()
        clock.move(3600)
        idp.forget()
    idp.behave(hang=True)
    composite = CompositeKeyProvider(remote, warm(Source(B)))
    waiting = Thread(target=composite.keys_for, args=(by("a"),))
    waiting.start()
    idp.wait_for(1)

    for _ in range(100):
        assert kids(composite.keys_for(by("b"))) == ["b"]

    assert waiting.is_alive()
    assert idp.count() == 1
    idp.release()
    waiting.join(PATIENCE)
    assert kids(composite.keys_for(by("a"))) == ["a"]


def test_members_are_searched_in_three_stages() -> None:
    """Keys at hand come first, then members without such a method, then fetches, until the key is found."""
    own, source = MinimalProvider(B, C), Source(A)
    fetched, cold_source = warm(source), Source(C, D)
    cold = TTLKeyProvider(cold_source)

    for composite in in_either_order(own, fetched, cold):
        assert kids(composite.keys_for(by("a"))) == ["a"]
        assert own.lookups == 0
    for composite in in_either_order(own, fetched, cold):
        assert kids(composite.keys_for(by("c"))) == ["c"]
    assert own.lookups == 2
    assert source.fetches == cold_source.fetches == 0

    composite = CompositeKeyProvider(own, cold, fetched)
    assert kids(composite.keys_for(by("d"))) == ["d"]
    assert own.lookups == 3
    assert (cold_source.fetches, source.fetches) == (1, 0)


def test_a_new_key_is_fetched_from_one_member_after_the_other() -> None:
    """Members fetch in turn for a new key ID, until it is found."""
    first, second = Source(A), Source(B)
    composite = CompositeKeyProvider(warm(first), warm(second))

    first.result = C.jwks
    assert accepts(composite, C)
    assert (first.fetches, second.fetches) == (1, 0)

    second.result = D.jwks
    assert accepts(composite, D)
    assert (first.fetches, second.fetches) == (2, 1)


def test_each_member_limits_fetches_for_unknown_kids() -> None:
    """10,000 unknown key IDs cause at most two fetches per member, and known keys are returned."""
    first, second = Source(A), Source(B)
    composite = CompositeKeyProvider(warm(first), warm(second))

    def attack(attacker: int) -> None:
        for number in range(500):
            assert not composite.keys_for(by(f"{attacker}-{number}"))
            assert kids(composite.keys_for(by("b"))) == ["b"]

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(attack, range(20)))

    assert first.fetches <= 2
    assert second.fetches <= 2


def test_stale_keys_of_a_member_are_returned_while_its_source_is_down(clock: Any) -> None:
    """Stale keys are used without fetching from the other members."""
    source, other = Source(A), Source(B)
    provider = warm(source, clock=clock)
    composite = CompositeKeyProvider(TTLKeyProvider(other, clock=clock), provider)
    source.result = DOWN
    clock.move(301)
    with pytest.raises(VerificationUnavailable):
        composite.keys_for(by("no such key"))
    assert provider.status()["state"] == "stale"
    other.fetches = 0

    assert kids(composite.keys_for(by("a"))) == ["a"]

    assert other.fetches == 0
    clock.move(14400)
    with pytest.raises(VerificationUnavailable):
        composite.keys_for(by("a"))


def test_a_failed_member_is_an_outage_unless_the_kid_is_found(
    caplog: pytest.LogCaptureFixture, calls_made: Callable[[], None]
) -> None:
    """A key of the token's kid is used; any other token might need the missing keys, so it gets 503."""
    down, up = Source(), Source(A)
    down.result = DOWN
    composite = CompositeKeyProvider(TTLKeyProvider(down), TTLKeyProvider(up))

    assert accepts(composite, A)
    calls_made()
    assert "using those of the others" in caplog.text
    caplog.clear()
    assert accepts(composite, A)
    calls_made()
    assert not caplog.records, "the second time it is at hand"
    for kid in ("b", None):
        with pytest.raises(VerificationUnavailable):
            composite.keys_for(by(kid))
    calls_made()
    assert "using those of the others" not in caplog.text


def test_keys_of_other_kids_are_used_last() -> None:
    """Keys that a member returns for any kid are tried only if no member has the token's kid."""
    everything = FixedResults((), (A.verification_key, B.verification_key))
    composite = CompositeKeyProvider(everything, TTLKeyProvider(Source(C)))

    assert kids(composite.keys_for(by("c"))) == ["c"]
    assert kids(composite.keys_for(by("b"))) == ["b"]
    assert kids(composite.keys_for(by("d"))) == ["a", "b"]


def test_concurrent_lookups_get_their_own_keys() -> None:
    """While a member's keys rotate, each thread gets only the keys for its own token."""
    source = Source(A, B)
    composite = CompositeKeyProvider(static(C), warm(source, ttl=0), MinimalProvider(D))
    barrier = Barrier(8)

    def look_up(number: int) -> None:
        barrier.wait(PATIENCE)
        for round_ in range(50):
            kid = "abcd"[(number + round_) % 4]
            source.result = {"keys": [B.jwk, A.jwk] if round_ % 2 else [A.jwk, B.jwk]}
            assert kids(composite.keys_for(by(kid))) == [kid]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look_up, range(8)))


class Blocking(StaticKeyProvider):
    """Withholds a stolen key in ``keys_for``."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return () if header.kid == "a" else super().keys_for(header)


class BlockingFetched(TTLKeyProvider):
    """Withholds a stolen key in ``key_set``."""

    def key_set(self, header: UnverifiedHeader | None = None) -> KeySet:
        kept = [key for key in super().key_set(header).keys if key.kid != "a"]
        return KeySet(tuple(kept))


class BlockingBoth(Blocking):
    """Withholds a stolen key in ``keys_for`` and ``keys_at_hand``."""

    def keys_at_hand(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return self.keys_for(header)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Blocking(A.jwk, B.jwk),
        lambda: BlockingFetched(Source(A, B)),
        lambda: BlockingBoth(A.jwk, B.jwk),
        lambda: SimpleNamespace(keys_for=Blocking(A.jwk, B.jwk).keys_for),
    ],
    ids=["keys_for", "key_set", "both", "an object's own attribute"],
)
def test_a_key_that_a_subclass_withholds_is_not_used(make: Callable[[], Any]) -> None:
    """A key that a subclass removes from ``keys_for`` isn't found by ``keys_at_hand`` instead."""
    provider = make()
    provider.keys_for(by("b"))

    for composite in in_either_order(provider, warm(Source(C))):
        assert not accepts(composite, A)
        assert accepts(composite, B)


FAULTS = [DOWN, None, 5, "abc", [object()], [None], {}]
FAULT_NAMES = ["raises", "None", "int", "text", "no keys", "None in a list", "mapping"]


@pytest.mark.parametrize("fault", FAULTS, ids=FAULT_NAMES)
def test_a_member_whose_keys_at_hand_fails_is_searched_again(
    fault: Any, caplog: pytest.LogCaptureFixture, calls_made: Callable[[], None]
) -> None:
    """If a member's ``keys_at_hand`` fails, a warning is logged, and its ``keys_for`` is called last."""
    composite = CompositeKeyProvider(FixedResults(fault, static(A)), static(B))

    assert accepts(composite, B)
    calls_made()
    assert "the keys of a provider are missing" in caplog.text
    assert accepts(composite, A)
    assert not composite.keys_for(by("c"))


@pytest.mark.parametrize("fault", FAULTS, ids=FAULT_NAMES)
def test_a_member_with_an_invalid_result_is_an_outage(fault: Any) -> None:
    """An invalid result neither verifies a token nor counts as an unknown key."""
    for composite in in_either_order(FixedResults(fault, fault), static(B)):
        assert kids(composite.keys_for(by("b"))) == ["b"]
        for kid in ("a", None):
            with pytest.raises(VerificationUnavailable):
                composite.keys_for(by(kid))


def test_a_refusal_by_keys_at_hand_is_raised() -> None:
    """If a member's ``keys_at_hand`` refuses the token, so does the composite."""
    composite = CompositeKeyProvider(
        static(A), FixedResults(InvalidTokenError("blocked"), static(A))
    )

    with raises(InvalidTokenError, match="blocked"):
        composite.keys_for(by("a"))


def test_keys_at_hand_of_a_nested_composite() -> None:
    """Within another composite, its members' keys at hand are returned before any member fetches."""
    source, other = Source(A), Source(B)
    inner = CompositeKeyProvider(warm(source), TTLKeyProvider(other))
    outer = CompositeKeyProvider(TTLKeyProvider(other), inner)

    assert kids(inner.keys_at_hand(by("a"))) == ["a"]
    assert not inner.keys_at_hand(by("b"))
    assert not inner.keys_at_hand(by(None))
    assert not CompositeKeyProvider(static(BARE)).keys_at_hand(by(None))
    assert kids(outer.keys_for(by("a"))) == ["a"]
    assert other.fetches == 0


def test_an_authenticator_accepts_tokens_of_all_members(caplog: pytest.LogCaptureFixture) -> None:
    """Tokens of all members' algorithms are verified, and nothing is logged."""
    caplog.set_level(logging.WARNING)
    auth = Authenticator(
        keys=CompositeKeyProvider(TTLKeyProvider(Source(A)), static(EC)),
        validator=JWTValidator(algorithms=["RS256", "ES256"]),
    )

    for issuer in (A, EC):
        principal = auth.authenticate(make_request(headers=bearer(issuer.token())))
        assert principal.subject == "alice"
    with pytest.raises(InvalidTokenError):
        auth.authenticate(make_request(headers=bearer(B_ANEW.token())))
    assert not caplog.records


@pytest.mark.parametrize("error", [SystemExit(3), RuntimeError("broken")], ids=repr)
def test_errors_of_log_handlers_affect_no_lookup(
    error: BaseException, calls_made: Callable[[], None]
) -> None:
    """The warning about a failed member is written in the background."""
    hang, threads = threading.Event(), []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            threads.append(threading.current_thread())
            assert hang.wait(PATIENCE)
            raise error

    handler, logger = Handler(), logging.getLogger("flask_jwtlib_strategies")
    logger.addHandler(handler)
    try:
        composite = CompositeKeyProvider(FixedResults(DOWN, static(A)), static(B))
        assert accepts(composite, B)
        assert accepts(composite, B)
        hang.set()
        calls_made()
    finally:
        logger.removeHandler(handler)
    assert len(threads) == 2
    assert threading.current_thread() not in threads
