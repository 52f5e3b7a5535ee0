"""The events that a provider sends, and what it logs."""

from __future__ import annotations

import logging
from threading import Event
from typing import Any

import pytest

from flask_jwtlib import KeySet, TTLKeyProvider, VerificationUnavailable
from flask_jwtlib.key_providers import FetchedKeys
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing import TokenIssuer
from tests.kit import DOWN, PATIENCE

URL = "https://user:hunter2@idp.example/keys?secret=hunter3"


@pytest.mark.usefixtures("fixed_jitter")
def test_the_events_of_a_providers_life(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, by: Any, listen: Any
) -> None:
    """Every event is sent when it is due, with its documented details."""
    events = listen(provider)
    provider.warm_up()
    source.join(1)
    source.result = KeySet([key("b"), key("c")], skipped=("a reason",))
    clock.move(250)
    provider.key_set()
    source.join(2)
    assert provider.keys_for(by("made-up")) == ()
    source.join(3)
    source.result = VerificationUnavailable(URL, retry_after=60)
    clock.move(250)
    provider.key_set()
    source.join(4)
    clock.move(50)
    provider.key_set()
    clock.move(14_400)
    for number in (5, 6):
        with pytest.raises(VerificationUnavailable):
            provider.key_set()
        source.join(number)
        clock.move(60)
    source.result = [key("c")]
    provider.key_set()
    source.join(7)

    failure = {"reason": "ahead", "error": "VerificationUnavailable", "next_attempt": 60}
    expired = {**failure, "reason": "expired"}
    assert events.sent == [
        ("refreshed", {"generation": 1, "added": ["a"], "removed": []}),
        ("refreshed", {"generation": 2, "added": ["b", "c"], "removed": ["a"]}),
        ("key_skipped", {"reasons": ["a reason"]}),
        ("refreshed", {"generation": 2, "added": [], "removed": []}),
        ("unknown_kid", {"kid": "made-up"}),
        ("refresh_failed", {**failure, "failures": 1}),
        ("serving_stale", {}),
        ("refresh_failed", {**expired, "failures": 2}),
        ("dead", {}),
        ("refresh_failed", {**expired, "failures": 3}),
        ("refreshed", {"generation": 3, "added": [], "removed": ["b"]}),
        ("recovered", {"failures": 3}),
    ]


def test_key_skipped_is_sent_when_the_skipped_keys_change(
    source: Any,
    provider: TTLKeyProvider,
    clock: Any,
    issuer: TokenIssuer,
    listen: Any,
    settled: Any,
) -> None:
    """A set with the same unusable keys as before sends no key_skipped event."""
    events = listen(provider)
    for members in ([{"kty": "odd"}], [{"kty": "odd"}], [], [{"kty": "odd"}]):
        source.result = {"keys": [*members, issuer.jwk]}
        provider.key_set()
        settled(provider)
        clock.move(300)

    assert events.names == [
        "refreshed",
        "key_skipped",
        "refreshed",
        "refreshed",
        "refreshed",
        "key_skipped",
    ]


def test_unknown_kid_is_sent_for_each_refusal(
    provider: TTLKeyProvider, by: Any, listen: Any
) -> None:
    """A monitor can count unknown kids; tokens without a kid are not among them."""
    provider.warm_up()
    events = listen(provider)
    for kid in ("x", "y", "z", "x", "a", None):
        provider.keys_for(by(kid))

    assert [details["kid"] for details in events.of("unknown_kid")] == ["x", "y", "z", "x"]


def test_recovered_follows_serving_stale(source: Any, clock: Any, listen: Any) -> None:
    """After a serving_stale event the next success sends recovered, even if no fetch failed."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.join(1)
    events = listen(provider)
    gate = source.hold()
    clock.move(300)
    provider.key_set()
    assert events.names == ["serving_stale"]
    gate.set()
    source.join(2)

    assert events.names == ["serving_stale", "refreshed", "recovered"]
    assert events.of("recovered") == [{"failures": 0}]


def _raise_in_receiver(_: object, **__: object) -> None:
    raise RuntimeError("the receiver is broken")


def test_an_error_of_a_receiver_is_logged(
    source: Any,
    provider: TTLKeyProvider,
    clock: Any,
    by: Any,
    listen: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A receiver's error is logged, changes no result, and other receivers still get the event."""
    with key_event.connected_to(_raise_in_receiver, provider):
        events = listen(provider)
        provider.warm_up()
        assert [key.kid for key in provider.keys_for(by("a"))] == ["a"]
        assert provider.keys_for(by("made-up")) == ()
        source.result = DOWN
        clock.move(300)
        provider.key_set()
        source.join(3)

    assert {"refreshed", "unknown_kid", "refresh_failed", "serving_stale"} <= set(events.names)
    assert "a receiver of key_event raised on refreshed" in caplog.text
    assert "the receiver is broken" in caplog.text
    assert provider.status()["fetching"] is False


def test_a_hanging_receiver_delays_no_caller(source: Any, clock: Any, key: Any, by: Any) -> None:
    """Callers that wait for a fetch continue before the receivers are called."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=10)
    provider.warm_up()
    source.join(1)
    source.result = [key("a"), key("b")]
    hang, called = Event(), Event()

    def listener(_: object, **__: object) -> None:
        called.set()
        assert hang.wait(PATIENCE)

    with key_event.connected_to(listener, provider):
        try:
            # A lookup that waited for the receiver would fail after fetch_timeout.
            assert [each.kid for each in provider.keys_for(by("b"))] == ["b"]
            assert called.wait(PATIENCE)
        finally:
            hang.set()
        source.join(2)


class RequestFilter(logging.Filter):
    """A log filter that fails outside a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        raise RuntimeError("Working outside of request context")


def test_a_log_filter_that_raises_affects_no_lookup(
    source: Any, clock: Any, by: Any, listen: Any
) -> None:
    """Known kids verify, and callers that wait for a fetch continue at once."""
    logger = logging.getLogger("flask_jwtlib")
    request_filter = RequestFilter()
    logger.addFilter(request_filter)
    try:
        provider = TTLKeyProvider(source, clock=clock, fetch_timeout=PATIENCE, max_wait=PATIENCE)
        events = listen(provider)
        source.result, good = DOWN, source.result
        with pytest.raises(VerificationUnavailable) as outage:
            provider.key_set()
        assert outage.value.__cause__ is DOWN
        source.result = good
        clock.move(1.3)
        provider.key_set()
        source.hold()
        clock.move(250)
        provider.key_set()
        source.wait_for(3)
        clock.move(31)
        assert [key.kid for key in provider.keys_for(by("a"))] == ["a"]
        with key_event.connected_to(_raise_in_receiver, provider):
            provider.key_set()
    finally:
        logger.removeFilter(request_filter)
    assert events.names.count("refresh_failed") == 2


def test_log_levels_of_events(
    calls_made: Any,
    source: Any,
    provider: TTLKeyProvider,
    clock: Any,
    key: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A refresh is logged as INFO, stale keys, skipped keys and a recovery as WARNING, an outage as ERROR."""
    source.result = KeySet([key("a")], skipped=("a reason",))
    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        provider.warm_up()
        source.join(1)
        source.result = DOWN
        clock.move(300)
        provider.key_set()
        source.join(2)
        clock.move(14_400)
        with pytest.raises(VerificationUnavailable):
            provider.key_set()
        source.join(3)
        source.result = [key("a")]
        clock.move(5)
        provider.key_set()
        source.join(4)
        calls_made()

    levels = {
        record.getMessage().split()[1]: record.levelname
        for record in caplog.records
        if record.name == "flask_jwtlib"
    }
    assert levels == {
        "refreshed": "INFO",
        "key_skipped": "WARNING",
        "fetching": "ERROR",
        "serving_stale": "WARNING",
        "dead": "ERROR",
        "recovered": "WARNING",
    }
    assert all("TTLKeyProvider: " in record.getMessage() for record in caplog.records)


def test_status_events_and_log_show_no_url_or_key_material(
    clock: Any, issuer: TokenIssuer, listen: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Secrets in a fetch's URL or keys appear in none of them."""
    secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
    weak = {"kty": "oct", "k": secret, "alg": "HS512"}
    results: list[Any] = [
        {"keys": [weak, {**issuer.jwk, "d": secret}, issuer.jwk]},
        secret,
        {"keys": [weak]},
        {"keys": [weak, issuer.jwk]},
    ]

    def fetch(url: str = URL) -> Any:
        result = results.pop(0)
        return FetchedKeys(result)

    provider = TTLKeyProvider(fetch, clock=clock, max_wait=PATIENCE, fetch_timeout=PATIENCE)
    events = listen(provider)
    shown = []
    with caplog.at_level(logging.DEBUG, "flask_jwtlib"):
        for _ in range(4):
            provider.key_set()
            shown.append(repr(provider.status()))
            clock.move(303)
    events.wait_for("recovered")
    shown += [repr(events.sent), caplog.text]

    assert not results
    for text in shown:
        for hidden in (secret, "hunter2", "hunter3", issuer.jwk["n"], issuer.jwk["n"][:40]):
            assert hidden not in text


def test_events_have_the_provider_as_sender(source: Any, clock: Any, listen: Any) -> None:
    """A receiver of one provider's events gets none of another's."""
    one, other = TTLKeyProvider(source, clock=clock), TTLKeyProvider(source, clock=clock)
    events = listen(one)
    other.warm_up()
    source.join(1)

    assert events.names == []
