"""What a lookup does while keys are fresh, and which keys it selects."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from flask_jwtlib import (
    ConfigurationError,
    KeyProvider,
    KeySet,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer
from tests.kit import DOWN

from .kit import kids


def test_making_a_provider_fetches_nothing_and_starts_no_thread(source: Any) -> None:
    """The constructor, ``status`` and ``keys_at_hand`` don't call the fetch function."""
    threads = threading.enumerate()
    provider = TTLKeyProvider(source)

    assert provider.generation == 0
    assert provider.status()["state"] == "cold"
    assert provider.keys_at_hand(UnverifiedHeader("RS256", "a")) == ()
    assert source.fetches == 0
    assert set(threading.enumerate()) <= set(threads)


def test_importing_starts_no_thread() -> None:
    """A process that has only imported the package has one thread."""
    program = (
        "import threading, flask_jwtlib\n"
        "flask_jwtlib.TTLKeyProvider(lambda: 1 / 0)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_warm_up_fetches_unless_the_keys_are_fresh(
    source: Any, provider: TTLKeyProvider, by: Any
) -> None:
    """``warm_up`` fetches before the first request; while the keys are fresh it does nothing."""
    provider.warm_up()
    assert source.fetches == 1

    provider.warm_up()
    provider.keys_for(by("a"))
    assert source.fetches == 1


def test_warm_up_raises_the_outage_and_its_cause(make_source: Any, clock: Any) -> None:
    """A start-up script learns that the keys can't be fetched, and why."""
    with pytest.raises(VerificationUnavailable) as outage:
        TTLKeyProvider(make_source(DOWN), clock=clock).warm_up()
    assert outage.value.__cause__ is DOWN


class Forbidden:
    """A lock that must not be acquired."""

    def __enter__(self) -> None:
        raise AssertionError("a lock was taken")

    def __exit__(self, *_: object) -> None:
        """Never get here."""


def test_a_lookup_of_a_fresh_key_acquires_no_lock(
    source: Any, clock: Any, by: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While keys are fresh, a lookup reads the clock once, acquires no lock, and makes no system call."""
    reads: list[float] = []

    def counting() -> float:
        reads.append(clock())
        return reads[-1]

    provider: Any = TTLKeyProvider(source, clock=counting)
    provider.warm_up()
    monkeypatch.setattr(provider._cache, "_lock", Forbidden())
    monkeypatch.setattr(provider._cache.unknown_kids, "_lock", Forbidden())
    monkeypatch.setattr(threading, "Thread", Forbidden)
    header = by("a")
    called: set[str | None] = set()

    def watch(frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call":
            called.add(getattr(function, "__module__", None))

    reads.clear()
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        keys = provider.keys_for(header)
    finally:
        sys.setprofile(before)

    assert [key.kid for key in keys] == ["a"]
    assert len(reads) == 1
    # `None` is a method of a builtin type; "sys" is `setprofile`, which ends the watch.
    assert called <= {None, "builtins", "sys"}


def test_keys_are_parsed_once_per_fetch(
    issuer: TokenIssuer,
    make_source: Any,
    clock: Any,
    by: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fetched keys are parsed once, not at each lookup."""
    made: list[object] = []
    make = KeySet.of
    monkeypatch.setattr(KeySet, "of", lambda *args, **kwargs: (made.append(1), make(*args))[1])
    provider = TTLKeyProvider(make_source(issuer.public_pem), clock=clock)
    for _ in range(5):
        provider.keys_for(by("anything"))

    assert len(made) == 1


def test_lookups_before_70_percent_of_the_ttl_fetch_nothing(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """Keys are fresh until at least 70 % of the ttl."""
    provider.warm_up()
    for _ in range(20):
        clock.move(10.49)
        provider.key_set()

    assert source.fetches == 1


@pytest.mark.parametrize("form", ["public_pem", "verification_key", "jwk"])
def test_a_single_key_without_a_kid_is_returned_for_any_kid(
    make_source: Any, clock: Any, by: Any, form: str
) -> None:
    """One key without a kid, as the documented callback returns it, is used whatever kid a token names."""
    nameless = TokenIssuer(algorithm="ES256", kid=None)
    source = make_source(getattr(nameless, form))
    provider = TTLKeyProvider(source, clock=clock)

    for kid in (None, "", "anything", "2024-01"):
        (only,) = provider.keys_for(by(kid, "ES256"))
        assert only.verify("ES256", b"x", nameless.sign(b"x"))
    assert source.fetches == 1


def test_a_token_without_a_kid_uses_the_one_key_that_fits(
    make_source: Any, clock: Any, key: Any, by: Any
) -> None:
    """A token without a kid is verified if exactly one key fits its algorithm."""
    ec = TokenIssuer(algorithm="ES256", kid="ec").verification_key
    source = make_source([key("a"), key("b"), ec])
    provider = TTLKeyProvider(source, clock=clock)

    assert list(provider.keys_for(by(None, "ES256"))) == [ec]
    assert list(provider.keys_for(by(None))) == []
    assert list(provider.keys_for(by(None, "HS256"))) == []
    assert list(provider.keys_at_hand(by(None, "ES256"))) == [ec]


def test_a_token_with_a_kid_uses_no_other_key(
    make_source: Any, clock: Any, key: Any, by: Any
) -> None:
    """A token that names a kid is verified only by keys of that kid, though another one would fit."""
    provider = TTLKeyProvider(make_source([key("a")]), clock=clock)

    assert [each.kid for each in provider.keys_for(by("a"))] == ["a"]
    for kid in ("b", "A", "", "a "):
        assert list(provider.keys_for(by(kid))) == []
        assert list(provider.keys_at_hand(by(kid))) == []


def test_providers_are_key_providers(issuer: TokenIssuer, source: Any) -> None:
    """Both providers satisfy the interface, and show no key in their representation."""
    for provider in (StaticKeyProvider(issuer.public_pem), TTLKeyProvider(source)):
        assert isinstance(provider, KeyProvider)
        assert "BEGIN" not in repr(provider)
    warm = TTLKeyProvider(source)
    warm.warm_up()
    assert "VerificationKey" not in repr(warm)


def test_providers_share_nothing(source: Any, clock: Any) -> None:
    """Two providers with the same fetch function each cache their own keys."""
    one, other = TTLKeyProvider(source, clock=clock), TTLKeyProvider(source, clock=clock)
    one.key_set()
    other.key_set()

    assert source.fetches == 2
    assert one != other


def test_a_provider_can_be_subclassed(issuer: TokenIssuer, clock: Any, by: Any) -> None:
    """A subclass can pass a method of its own as the fetch function."""

    class Configured(TTLKeyProvider):
        def __init__(self, pem: str) -> None:
            super().__init__(self._load, ttl=60, clock=clock)
            object.__setattr__(self, "pem", pem)

        def _load(self) -> object:
            return self.pem

    provider = Configured(issuer.public_pem)

    assert len(provider.keys_for(by("x"))) == 1
    assert provider.ttl == 60


def test_ages_are_measured_by_a_monotonic_clock(
    source: Any, by: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changing the machine's date neither ends nor prolongs the life of keys."""
    provider = TTLKeyProvider(source, ttl=3600)
    provider.warm_up()
    wall = time.time()
    for jump in (-1e9, 1e9, 3600, -3600):
        monkeypatch.setattr(time, "time", lambda jump=jump: wall + jump)
        monkeypatch.setattr(time, "time_ns", lambda jump=jump: int((wall + jump) * 1e9))
        assert [key.kid for key in provider.keys_for(by("a"))] == ["a"]
        assert provider.status()["state"] == "fresh"
        assert 0 <= provider.status()["age"] < 600

    assert source.fetches == 1
    assert provider.refresh.clock is time.monotonic


def test_backoff_and_max_stale_do_not_depend_on_the_date(
    source: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pauses after failures and the stale window use the provider's clock."""
    provider = TTLKeyProvider(source, clock=clock)
    provider.warm_up()
    source.result = DOWN
    monkeypatch.setattr(time, "time", lambda: 4e9)
    clock.move(14_699)
    assert kids(provider) == ["a"]
    assert source.fetches == 2

    assert kids(provider) == ["a"]
    assert source.fetches == 2
    monkeypatch.setattr(time, "time", lambda: 0.0)
    clock.move(1)
    with pytest.raises(VerificationUnavailable):
        provider.key_set()


@pytest.mark.parametrize(
    "material",
    [
        pytest.param(lambda issuer: [issuer.public_pem], id="PEM"),
        pytest.param(lambda issuer: [issuer.jwk], id="JWK"),
        pytest.param(lambda issuer: [issuer.jwks], id="JWK set"),
        pytest.param(lambda issuer: [issuer.public_pem, issuer.jwk], id="PEM and JWK"),
        pytest.param(lambda issuer: [[issuer.jwk], [issuer.public_pem]], id="lists"),
        pytest.param(lambda issuer: [StaticKeyProvider(issuer.jwk).key_set], id="KeySet"),
    ],
)
def test_static_keys_may_have_any_form(
    issuer: TokenIssuer, material: Callable[[TokenIssuer], list[object]]
) -> None:
    """A static provider accepts one or several keys in every form that ``KeySet.of`` accepts."""
    assert StaticKeyProvider(*material(issuer)).key_set.keys


@pytest.mark.parametrize(
    ("material", "message"),
    [
        pytest.param([], "there are none", id="none"),
        pytest.param([[]], "there are none", id="empty list"),
        pytest.param([{"keys": []}], "there are none", id="empty JWK set"),
        pytest.param([KeySet(())], "there are none", id="empty set"),
        pytest.param([{"keys": [{"kty": "RSA", "use": "enc"}, {}]}], "; ", id="unusable JWK set"),
        pytest.param(["secret"], "from_secret", id="bare secret"),
        pytest.param([None], "NoneType", id="None"),
        pytest.param(["-----BEGIN PUBLIC KEY-----"], "cut off", id="damaged PEM"),
    ],
)
def test_a_static_provider_without_a_valid_key_is_refused(
    material: list[object], message: str
) -> None:
    """Without a key, or with something that isn't one, the constructor raises and says why."""
    with pytest.raises(ConfigurationError, match=message):
        StaticKeyProvider(*material)


def test_static_keys_are_selected_by_the_header(key: Any, by: Any) -> None:
    """The keys that fit the token's kid and alg are returned, and all of them are at hand."""
    one, two = key("one"), key("two")
    provider = StaticKeyProvider(one, two)

    for lookup in (provider.keys_for, provider.keys_at_hand):
        assert list(lookup(by("one"))) == [one]
        assert list(lookup(by("two"))) == [two]
        assert not lookup(by("three"))
        assert not lookup(by("one", "ES256"))
