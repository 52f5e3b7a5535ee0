"""The application context in which a fetch runs."""

from __future__ import annotations

from threading import Event, current_thread, main_thread
from typing import Any

import pytest
from flask import Flask, appcontext_popped, appcontext_pushed, current_app, g, has_app_context

from flask_jwtlib import TTLKeyProvider
from flask_jwtlib.testing import TokenIssuer
from tests.kit import DOWN, PATIENCE

from .kit import kids, refused


def test_a_fetch_can_use_current_app(app: Flask, issuer: TokenIssuer, clock: Any) -> None:
    """A fetch reads the settings of the app whose request caused it, in an application context of its own."""
    app.config["KEYS"] = issuer.jwks
    seen: list[Any] = []

    def fetch() -> Any:
        seen.append(("caller" in g, current_app.name))
        return current_app.config["KEYS"]

    provider = TTLKeyProvider(fetch, clock=clock)
    with app.test_request_context():
        g.caller = "alice"
        assert kids(provider) == ["key-1"]
    assert seen == [(False, "resource_server")]


def test_a_fetch_outside_an_app_has_no_current_app(clock: Any) -> None:
    """A fetch that uses ``current_app`` outside an app fails like any other."""
    provider = TTLKeyProvider(lambda: current_app.config["KEYS"], clock=clock)

    assert type(refused(provider).__cause__) is RuntimeError


def test_a_background_fetch_can_use_current_app(
    app: Flask, issuer: TokenIssuer, clock: Any, settled: Any
) -> None:
    """A refresh ahead has the app's context, though the request that caused it may have ended."""
    app.config["KEYS"] = issuer.jwks
    provider = TTLKeyProvider(lambda: current_app.config["KEYS"], clock=clock)
    with app.app_context():
        provider.warm_up()
    clock.move(250)
    with app.app_context():
        provider.key_set()
    settled(provider)

    assert provider.status()["fetches"]["ahead"] == {"succeeded": 1, "failed": 0}


@pytest.mark.parametrize("error", [DOWN, SystemExit(3), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("function", ["teardown", "pushed", "popped"])
def test_errors_of_teardown_functions_do_not_fail_the_fetch(
    app: Flask,
    issuer: TokenIssuer,
    clock: Any,
    error: BaseException,
    function: str,
    settled: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What teardown functions and context signals' receivers raise is logged, and the keys are used."""
    raised: list[BaseException] = []

    def fail(*_: object, **__: object) -> None:
        if current_thread() is not main_thread():
            raised.append(error)
            raise error

    if function == "teardown":
        app.teardown_appcontext(fail)
    else:
        signal = appcontext_pushed if function == "pushed" else appcontext_popped
        signal.connect(fail, app)
    app.config["KEYS"] = issuer.jwks
    provider = TTLKeyProvider(lambda: current_app.config["KEYS"], clock=clock)
    with app.app_context():
        assert kids(provider) == ["key-1"]
    settled(provider)

    assert raised == [error]
    assert provider.status()["failures"] == 0
    assert f"application context of a fetch raised {type(error).__name__}" in caplog.text


def test_an_exit_in_a_fetch_is_logged_once(
    app: Flask, source: Any, provider: TTLKeyProvider, settled: Any, caplog: Any
) -> None:
    """An exit passes through the application context on its way out; the log doesn't blame the context."""
    source.result = SystemExit(3)
    with app.app_context():
        refused(provider)
    source.join(1)
    settled(provider)

    assert caplog.text.count("fetching the keys failed") == 1
    assert "application context" not in caplog.text


def test_a_hanging_teardown_function_blocks_no_caller(
    app: Flask, issuer: TokenIssuer, clock: Any
) -> None:
    """The keys are available before an app's teardown functions run."""
    hang = Event()

    def wait(_: BaseException | None) -> None:
        if current_thread() is not main_thread():
            assert hang.wait(PATIENCE)

    app.teardown_appcontext(wait)
    provider = TTLKeyProvider(lambda: issuer.jwk, clock=clock, fetch_timeout=PATIENCE / 3)
    try:
        with app.app_context():
            assert kids(provider) == ["key-1"]
            assert provider.status()["fetching"] is False
    finally:
        hang.set()


def test_app_context_false_runs_the_fetch_without_a_context(
    app: Flask, issuer: TokenIssuer, clock: Any
) -> None:
    """With ``app_context=False``, as the catalogue's providers have it, a fetch runs outside the app."""
    seen: list[bool] = []

    def fetch() -> Any:
        seen.append(has_app_context())
        return issuer.jwk

    provider = TTLKeyProvider(fetch, clock=clock, app_context=False)
    with app.app_context():
        assert kids(provider) == ["key-1"]
    assert seen == [False]
