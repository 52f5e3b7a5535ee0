"""Outages without keys, and the pauses between attempts."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, TTLKeyProvider, VerificationUnavailable
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import DOWN, PATIENCE

from .kit import kids, refused


def test_a_failed_first_fetch_raises_in_every_waiting_thread(
    source: Any, provider: TTLKeyProvider, at_once: Any
) -> None:
    """All threads that wait for the first keys get a 503 when that one fetch fails."""
    source.result = DOWN
    gate = source.hold()

    def look_up(number: int) -> bool:
        if number == 0:
            # Some threads wait by now, and others have yet to call.
            source.wait_for(1)
            gate.set()
            return True
        outage = refused(provider)
        return outage.status == 503 and outage.retry_after >= 1

    assert at_once(50, look_up) == [True] * 50
    assert source.fetches == 1


def test_a_lookup_after_the_backoff_fetches_again(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """Once the source is back and the pause is over, a lookup returns keys."""
    source.result = DOWN
    refused(provider)
    source.result = [key("a")]
    refused(provider)
    assert source.fetches == 1

    clock.move(1.3)
    assert kids(provider) == ["a"]
    assert source.fetches == 2
    assert provider.status()["failures"] == 0


def test_an_app_that_starts_during_an_outage_recovers(
    app: Flask, issuer: TokenIssuer, make_source: Any, clock: Any
) -> None:
    """Requests get 503 with Retry-After while there are no keys, then 200, without a restart."""
    source = make_source(ConnectionError("https://idp.example/keys?secret=hunter2"))
    auth = Authenticator(keys=TTLKeyProvider(source, clock=clock))

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        return "in"

    client = app.test_client()
    response = client.get("/", headers=bearer(issuer.token()))
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert "hunter2" not in response.text + str(response.headers)
    assert "ConnectionError" not in response.text + str(response.headers)

    source.result = issuer.jwks
    clock.move(1.3)
    assert client.get("/", headers=bearer(issuer.token())).status_code == 200


@pytest.mark.usefixtures("fixed_jitter")
def test_the_backoff_doubles_up_to_30_seconds(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """After consecutive failures the next fetch comes after 1, 2, 4, 8, 16, 30, 30 … seconds."""
    source.result = DOWN
    for fetches, pause in enumerate([1, 2, 4, 8, 16, 30, 30, 30], start=1):
        assert refused(provider).retry_after == pause
        assert source.fetches == fetches
        clock.move(pause - 0.5)
        assert refused(provider).retry_after == 1
        assert source.fetches == fetches
        clock.move(0.5)


def test_backoff_has_20_percent_jitter(source: Any, clock: Any) -> None:
    """Processes that failed at the same moment retry at different moments."""
    source.result = DOWN
    pauses: set[float] = set()
    for _ in range(40):
        provider = TTLKeyProvider(source, clock=clock)
        refused(provider)
        pauses.add(provider.status()["next_retry"])

    assert all(0.8 <= pause <= 1.2 for pause in pauses)
    assert min(pauses) < 0.95
    assert max(pauses) > 1.05


@pytest.mark.usefixtures("fixed_jitter")
def test_a_success_resets_the_backoff(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """The first failure after a success is followed by the shortest pause."""
    source.result = DOWN
    for pause in (1, 2, 4):
        refused(provider)
        clock.move(pause)
    source.result = [key("a")]
    provider.key_set()

    source.result = DOWN
    clock.move(15_000)
    assert refused(provider).retry_after == 1


@pytest.mark.usefixtures("fixed_jitter")
@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        pytest.param(60, 60, id="longer"),
        pytest.param(1, 1, id="equal"),
        pytest.param(0, 1, id="shorter"),
        pytest.param(1.5, 1.5, id="fraction"),
        pytest.param(300, 300, id="five minutes"),
        pytest.param(86_400, 300, id="capped at five minutes"),
        pytest.param(math.inf, 300, id="infinite"),
        pytest.param(-5, 1, id="negative"),
        pytest.param(math.nan, 1, id="NaN"),
        pytest.param("120", 1, id="text"),
        pytest.param(None, 1, id="None"),
    ],
)
def test_retry_after_of_the_source_is_honoured(
    source: Any, provider: TTLKeyProvider, clock: Any, retry_after: Any, pause: float
) -> None:
    """A source's ``retry_after`` lengthens the pause, up to five minutes; invalid values are ignored."""
    source.result = VerificationUnavailable("busy", retry_after=retry_after)

    assert refused(provider).retry_after == math.ceil(pause)
    source.join(1)
    assert provider.status()["failures"] == 1
    assert provider.status()["next_retry"] == pause
    clock.move(pause - 0.1)
    refused(provider)
    assert source.fetches == 1
    clock.move(0.2)
    refused(provider)
    assert source.fetches == 2


def test_the_caller_that_started_the_fetch_gets_its_cause(
    source: Any, provider: TTLKeyProvider
) -> None:
    """The outage of the caller that started the fetch is chained to its error; later outages aren't."""
    source.result = DOWN

    assert refused(provider).__cause__ is DOWN
    again = refused(provider)
    assert (again.__cause__, again.__suppress_context__) == (None, True)
    assert "ConnectionError" in error_text(again)
    assert "is down" not in error_text(again)


def test_callers_that_joined_the_fetch_get_separate_exceptions(
    source: Any, provider: TTLKeyProvider
) -> None:
    """The error is chained to one outage only: Python alters exceptions as it raises them."""
    source.result = DOWN
    gate = source.hold()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(refused, provider)
        source.wait_for(1)
        others = [pool.submit(refused, provider) for _ in range(3)]
        wait(others, timeout=0.2)
        gate.set()
        assert first.result(PATIENCE).__cause__ is DOWN
        assert [other.result(PATIENCE).__cause__ for other in others] == [None] * 3


def test_callers_without_keys_wait_up_to_fetch_timeout(source: Any, clock: Any) -> None:
    """``max_wait`` applies when old keys can be used; the first fetch may take ``fetch_timeout``."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    gate = source.hold()
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(kids, provider)
        source.wait_for(1)
        wait([pending], timeout=0.2)
        assert not pending.done()
        gate.set()
        assert pending.result(PATIENCE) == ["a"]


def test_concurrent_callers_share_the_first_fetch(source: Any, provider: TTLKeyProvider) -> None:
    """A caller that comes while the first fetch is under way waits for it."""
    gate = source.hold()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kids, provider)
        source.wait_for(1)
        second = pool.submit(kids, provider)
        gate.set()
        assert first.result(PATIENCE) == second.result(PATIENCE) == ["a"]

    assert source.fetches == 1
