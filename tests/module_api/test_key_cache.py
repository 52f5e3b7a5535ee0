"""The key that ``retrieve_verification_key`` fetches: how long it is cached, and what a failure does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask, current_app
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer


class KeyServerDown(Exception):
    """Raised by a callback whose key server is unreachable."""


@pytest.fixture
def down() -> Callable[[], Any]:
    """A new callback whose key server is unreachable."""

    def fetch() -> Any:
        raise KeyServerDown("connect to keys.internal: timed out")

    return fetch


def test_nothing_is_fetched_before_a_token_needs_it(
    client: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """Requests without a token, or with a malformed or unsupported one, fetch no key."""
    flask_jwtlib.retrieve_verification_key = fetch = recorded(lambda: issuer.public_pem)
    rs512 = TokenIssuer(algorithm="RS512", private_key=issuer.private_key)
    for route in ("/required", "/optional", "/open"):
        client.get(route)
        client.get(route, headers=bearer("a.b.c"))
        client.get(route, headers=bearer(rs512.token()))
    assert fetch.calls == []
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert fetch.calls == [()]


def test_a_changed_timeout_applies_at_once(
    client: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """A key that was fresh under one timeout is too old under another, from the next request on."""
    flask_jwtlib.retrieve_verification_key = fetch = recorded(lambda: issuer.public_pem)
    counts = []
    for timeout in (300, 300, 0, 0, 3600, 300):
        flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = timeout
        assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
        counts.append(len(fetch.calls))
    assert counts == [1, 1, 2, 3, 3, 3]


def test_all_functions_share_one_fetched_key(
    app: Flask, client: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """``verification_key``, the decorators and ``get_json_token`` fetch once in total."""
    flask_jwtlib.retrieve_verification_key = fetch = recorded(lambda: issuer.public_pem)
    for _ in range(3):
        assert flask_jwtlib.verification_key() == issuer.public_pem
        assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
        with app.test_request_context(headers=bearer(issuer.token())):
            assert flask_jwtlib.get_json_token()["sub"] == "alice"
    assert len(fetch.calls) == 1


def test_one_request_fetches_at_most_once(app: Flask, issuer: TokenIssuer, recorded: Any) -> None:
    """Even with a timeout of 0, checking and ``get_json_token`` use one fetched key."""
    flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = 0
    flask_jwtlib.retrieve_verification_key = fetch = recorded(lambda: issuer.public_pem)

    @app.get("/")
    @flask_jwtlib.requires_authentication
    def view() -> str:
        return str(flask_jwtlib.get_json_token()["sub"])

    assert app.test_client().get("/", headers=bearer(issuer.token())).text == "alice"
    assert len(fetch.calls) == 1


def test_a_failed_refresh_keeps_the_old_key(
    client: FlaskClient,
    issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    down: Callable[[], Any],
    calls_made: Callable[[], None],
) -> None:
    """While the key server is down, the old key verifies tokens; the log names the cause."""
    results: list[Any] = [issuer.public_pem]

    def fetch() -> Any:
        return results.pop() if results else down()

    flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = 0
    flask_jwtlib.retrieve_verification_key = fetch
    for _ in range(4):
        assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
        assert flask_jwtlib.verification_key() == issuer.public_pem
    calls_made()
    assert "KeyServerDown: connect to keys.internal: timed out" in caplog.text


@pytest.mark.parametrize("garbage", [None, "", "null", '{"error": "down"}', "no key", 7], ids=repr)
def test_an_invalid_key_does_not_replace_the_old_key(
    client: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer, garbage: Any
) -> None:
    """A return value that isn't a key is a failed refresh, as an exception is."""
    results: list[Any] = [issuer.public_pem]
    flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = 0
    flask_jwtlib.retrieve_verification_key = lambda: results.pop() if results else garbage
    for _ in range(3):
        assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
        assert client.get("/required", headers=bearer(other_issuer.token())).status_code == 401
    assert flask_jwtlib.verification_key() == issuer.public_pem


@pytest.mark.parametrize("route", ["/required", "/optional"])
def test_without_a_key_a_failing_callback_is_a_503(
    client: FlaskClient,
    issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    route: str,
    down: Callable[[], Any],
    calls_made: Callable[[], None],
) -> None:
    """Every token gets a 503 with ``Retry-After``; the cause is in the log and not in the response."""
    flask_jwtlib.retrieve_verification_key = down
    for _ in range(3):
        response = client.get(route, headers=bearer(issuer.token()))
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1
        assert "WWW-Authenticate" not in response.headers
        assert "keys.internal" not in response.text + str(response.headers)
    calls_made()
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors
    assert "KeyServerDown: connect to keys.internal: timed out" in caplog.text


def test_an_outage_does_not_call_the_failure_callbacks(
    client: FlaskClient, issuer: TokenIssuer, recorded: Any, down: Callable[[], Any]
) -> None:
    """The two failure callbacks are not called."""
    refuse: Any = recorded(lambda: ("come in", 200))
    note: Any = recorded(lambda: None)
    flask_jwtlib.requires_authentication_failure_callback = refuse
    flask_jwtlib.optional_authentication_failure_callback = note
    flask_jwtlib.retrieve_verification_key = down
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 503
    assert client.get("/optional", headers=bearer(issuer.token())).status_code == 503
    assert refuse.calls == note.calls == []


def test_an_outage_does_not_affect_anonymous_callers(
    client: FlaskClient, down: Callable[[], Any]
) -> None:
    """Without a token there is nothing to verify: 401 or anonymous, as always."""
    flask_jwtlib.retrieve_verification_key = down
    assert client.get("/required").status_code == 401
    assert client.get("/optional").status_code == 200


def test_an_outage_with_a_check_token_that_accepts_is_a_503(
    client: FlaskClient, issuer: TokenIssuer, down: Callable[[], Any]
) -> None:
    """The signature can't be verified, so the replaced callback's True doesn't count."""
    flask_jwtlib.check_token = lambda token: True
    flask_jwtlib.retrieve_verification_key = down
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 503
    assert client.get("/optional", headers=bearer(issuer.token())).status_code == 503


def test_the_503_is_seen_by_the_apps_error_handler(
    app: Flask, client: FlaskClient, issuer: TokenIssuer, down: Callable[[], Any]
) -> None:
    """``@app.errorhandler(503)`` may replace the text; ``Retry-After`` is kept on its response."""
    seen: list[HTTPException] = []

    @app.errorhandler(503)
    def unavailable(error: HTTPException) -> tuple[dict[str, str], int]:
        seen.append(error)
        return {"error": "try later"}, 503

    flask_jwtlib.retrieve_verification_key = down
    response = client.get("/required", headers=bearer(issuer.token()))
    assert response.status_code == 503
    assert response.json == {"error": "try later"}
    assert int(response.headers["Retry-After"]) >= 1
    assert [error.code for error in seen] == [503]


def test_a_failing_key_server_is_not_called_by_every_request(
    client: FlaskClient, issuer: TokenIssuer, recorded: Any, down: Callable[[], Any]
) -> None:
    """After a failure the callback isn't called for a while, however many tokens come."""
    flask_jwtlib.retrieve_verification_key = fetch = recorded(down)
    for _ in range(20):
        assert client.get("/required", headers=bearer(issuer.token())).status_code == 503
    # One attempt, and a second one if these requests took more than a second.
    assert 1 <= len(fetch.calls) <= 2


def test_the_functions_raise_verification_unavailable(
    app: Flask, issuer: TokenIssuer, down: Callable[[], Any]
) -> None:
    """If the key is unavailable, every function that needs it raises, with the cause chained."""
    flask_jwtlib.retrieve_verification_key = down
    with pytest.raises(flask_jwtlib.VerificationUnavailable) as first:
        flask_jwtlib.verification_key()
    assert isinstance(first.value.__cause__, KeyServerDown)
    with app.test_request_context(headers=bearer(issuer.token())):
        with pytest.raises(flask_jwtlib.VerificationUnavailable):
            flask_jwtlib.get_json_token()
        with pytest.raises(flask_jwtlib.VerificationUnavailable):
            flask_jwtlib.check_token(issuer.token())
        assert flask_jwtlib.get_json_token(verify=False)["sub"] == "alice"


def test_another_callback_discards_the_previous_key(
    client: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer, down: Callable[[], Any]
) -> None:
    """Assigning it takes effect at once: the old key verifies nothing, even if it was fresh."""
    flask_jwtlib.retrieve_verification_key = lambda: issuer.public_pem
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    flask_jwtlib.retrieve_verification_key = lambda: other_issuer.public_pem
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 401
    assert client.get("/required", headers=bearer(other_issuer.token())).status_code == 200
    flask_jwtlib.retrieve_verification_key = down
    assert client.get("/required", headers=bearer(other_issuer.token())).status_code == 503


def test_a_working_callback_ends_an_outage_at_once(
    client: FlaskClient, issuer: TokenIssuer, down: Callable[[], Any]
) -> None:
    """Another callback is called without the pause after a failure."""
    flask_jwtlib.retrieve_verification_key = down
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 503
    flask_jwtlib.retrieve_verification_key = lambda: issuer.public_pem
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200


def test_the_callback_may_use_the_current_app(
    app: Flask, client: FlaskClient, issuer: TokenIssuer
) -> None:
    """It runs within the request, so ``current_app.config`` is available."""
    app.config["PUBLIC_KEY"] = issuer.public_pem
    flask_jwtlib.retrieve_verification_key = lambda: current_app.config["PUBLIC_KEY"]
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200


def test_many_threads_cause_one_fetch(
    app: Flask, client: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """Eight concurrent first requests are served by one call."""
    threads = 8
    ready = Barrier(threads)
    flask_jwtlib.retrieve_verification_key = fetch = recorded(lambda: issuer.public_pem)
    statuses: list[int] = []

    def ask() -> None:
        mine = app.test_client()
        headers = bearer(issuer.token())
        ready.wait(timeout=10)
        statuses.append(mine.get("/required", headers=headers).status_code)

    workers = [Thread(target=ask) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert statuses == [200] * threads
    assert len(fetch.calls) == 1


def test_a_failing_callback_ends_in_503(
    client: FlaskClient, issuer: TokenIssuer, down: Callable[[], Any]
) -> None:
    """The last key is used for four hours beyond its timeout, and no longer."""
    results: list[Any] = [issuer.public_pem]
    flask_jwtlib.retrieve_verification_key = lambda: results.pop() if results else down()
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    now = [time.monotonic()]
    provider: Any = flask_jwtlib._api.keys._source.provider  # type: ignore[attr-defined,union-attr]
    object.__setattr__(provider.refresh, "clock", lambda: now[0])

    now[0] += 300 + 14400 - 60
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    now[0] += 120
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 503
