"""Searches for unknown keys while the issuer fails or hangs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, TTLKeyProvider, VerificationUnavailable
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import DOWN, PATIENCE

from .kit import BUCKET, found


def test_failed_searches_are_taken_from_the_bucket(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any, at_once: Any
) -> None:
    """200 unknown kids cause at most two attempts while the issuer is down, and each gets 503."""
    source.result = DOWN
    lock = threading.Lock()

    def look_up(number: int) -> Any:
        with lock:
            clock.move(0.05)
        return found(warm, by(f"made-up-{number}"))

    assert at_once(200, look_up) == ["unavailable"] * 200
    assert clock.now == pytest.approx(1010)
    assert source.fetches <= 1 + BUCKET


def test_a_failed_search_does_not_prove_absence(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """A kid whose search failed is not remembered as absent: it is found once the issuer is up."""
    source.result = DOWN
    assert found(warm, by("b")) == "unavailable"
    source.result = [key("a"), key("b")]
    assert found(warm, by("b")) == "unavailable"

    clock.move(1.3)
    assert found(warm, by("b")) == ["b"]


def test_known_kids_verify_while_searches_fail(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """Failed searches don't affect fresh keys."""
    source.result = DOWN
    for number in range(20):
        assert found(warm, by(f"made-up-{number}")) == "unavailable"
        assert found(warm, by("a")) == ["a"]
        clock.move(5)
    assert warm.status()["state"] == "fresh"


def test_an_empty_bucket_after_a_failure_does_not_prove_absence(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """When the pause is over and the bucket is empty, an unknown kid still gets 503."""
    source.result = DOWN
    for _ in range(BUCKET):
        assert found(warm, by("b")) == "unavailable"
        clock.move(2.5)
    assert warm.status()["next_retry"] == 0

    assert found(warm, by("b")) == "unavailable"
    assert source.fetches == 1 + BUCKET


def test_one_caller_waits_for_a_failing_issuer(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """While attempts fail, callers that would join a hanging search get 503 at once."""
    source.result = DOWN
    assert found(warm, by("b")) == "unavailable"
    clock.move(1.3)
    gate = source.hold()

    with ThreadPoolExecutor(2) as pool:
        searching = pool.submit(found, warm, by("b"))
        source.wait_for(3)
        other = pool.submit(found, warm, by("c"))
        wait([other], timeout=PATIENCE / 3)
        assert other.done()
        assert not searching.done()
        gate.set()
        assert searching.result(PATIENCE) == other.result(PATIENCE) == "unavailable"


def test_a_hanging_search_times_out(source: Any, clock: Any, by: Any) -> None:
    """A search is an outage after ``fetch_timeout``; the caller doesn't wait for the fetch's end."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=0.05)
    for _ in range(100):
        # On a slow machine the first fetch may be given up as well.
        if found(provider, by("a")) == ["a"]:
            break
        clock.move(40)
    source.hold()

    assert found(provider, by("b")) == "unavailable"
    clock.move(0.05)
    assert found(provider, by("a")) == ["a"]
    assert found(provider, by("c")) == "unavailable"
    assert provider.status()["last_error"] == "TimeoutError"
    assert provider.status()["fetching"] is False


def test_the_caller_that_started_the_search_gets_its_cause(
    source: Any, warm: TTLKeyProvider, by: Any
) -> None:
    """The fetch's error is the cause of that caller's outage only."""
    source.result = DOWN
    with pytest.raises(VerificationUnavailable) as outage:
        warm.keys_for(by("b"))
    assert outage.value.__cause__ is DOWN
    assert outage.value.retry_after >= 1

    with pytest.raises(VerificationUnavailable) as outage:
        warm.keys_for(by("b"))
    assert outage.value.__cause__ is None


def test_callers_that_joined_the_search_get_separate_exceptions(
    source: Any, warm: TTLKeyProvider, by: Any
) -> None:
    """The search's error is chained to one outage, though all waiting callers get one."""
    source.result = DOWN
    gate = source.hold()

    def outage() -> BaseException | None:
        with pytest.raises(VerificationUnavailable) as raised:
            warm.keys_for(by("b"))
        return raised.value.__cause__

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(outage)
        source.wait_for(2)
        others = [pool.submit(outage) for _ in range(3)]
        wait(others, timeout=0.2)
        gate.set()
        assert first.result(PATIENCE) is DOWN
        assert [other.result(PATIENCE) for other in others] == [None] * 3


def test_an_absent_kid_gets_401_and_a_failed_search_503(
    app: Flask,
    source: Any,
    warm: TTLKeyProvider,
    issuer: TokenIssuer,
    clock: Any,
) -> None:
    """The status tells the client whether its key is unknown or the server can't say."""
    auth = Authenticator(keys=warm)

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        return "in"

    client = app.test_client()
    unknown = bearer(issuer.token(header={"kid": "unheard-of"}))
    source.result, good = DOWN, source.result
    response = client.get("/", headers=unknown)
    assert (response.status_code, "WWW-Authenticate" in response.headers) == (503, False)

    source.result = good
    clock.move(1.3)
    response = client.get("/", headers=unknown)
    assert (response.status_code, "Retry-After" in response.headers) == (401, False)
    assert client.get("/", headers=bearer(issuer.token(header={"kid": "a"}))).status_code == 200
