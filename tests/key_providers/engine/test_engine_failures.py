"""Fetches that raise or return something that isn't a key."""

from __future__ import annotations

import functools
import gc
import logging
import weakref
from typing import Any

import pytest

from flask_jwtlib import TTLKeyProvider, VerificationUnavailable
from tests.kit import DOWN

from .kit import kids, refused

GARBAGE = [
    pytest.param(None, "ConfigurationError", id="None"),
    pytest.param("", "ConfigurationError", id="empty"),
    pytest.param(b"", "ConfigurationError", id="no bytes"),
    pytest.param("<html>", "ConfigurationError", id="HTML"),
    pytest.param('{"error": "busy"}', "ConfigurationError", id="error JSON"),
    pytest.param({"keys": None}, "ConfigurationError", id="no array"),
    pytest.param(5, "ConfigurationError", id="number"),
    pytest.param([None], "ConfigurationError", id="list of None"),
    pytest.param(DOWN, "ConnectionError", id="raises"),
    pytest.param(RecursionError(), "RecursionError", id="raises deep"),
    pytest.param(KeyError("kid"), "KeyError", id="bug"),
]


@pytest.mark.parametrize(("result", "error"), GARBAGE)
def test_an_error_or_invalid_keys_are_a_failed_refresh(
    source: Any, provider: TTLKeyProvider, clock: Any, result: Any, error: str
) -> None:
    """When a fetch raises, or returns something that isn't a key, the old keys stay in use."""
    provider.warm_up()
    source.result = result
    clock.move(300)

    assert kids(provider) == ["a"]
    source.join(2)
    status = provider.status()
    assert (status["last_error"], status["failures"]) == (error, 1)
    assert status["fetches"]["expired"] == {"succeeded": 0, "failed": 1}


@pytest.mark.parametrize(("result", "error"), GARBAGE)
def test_an_error_or_invalid_keys_in_the_first_fetch_are_an_outage(
    source: Any, provider: TTLKeyProvider, result: Any, error: str
) -> None:
    """Without old keys the lookup raises an outage whose cause is the fetch's error."""
    source.result = result

    assert type(refused(provider).__cause__).__name__ == error


def test_the_log_shows_the_error_and_its_cause(
    source: Any, provider: TTLKeyProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the error, its cause and the traceback; the refusal names only the error's class."""
    inner = OSError("no route to host")
    source.result = ConnectionError("the key server is down")
    source.result.__cause__ = inner

    outage = refused(provider)
    source.join(1)
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert record.name == "flask_jwtlib"
    assert record.getMessage().startswith(
        "TTLKeyProvider: fetching the keys failed, next attempt in"
    )
    assert "no route to host" in caplog.text
    assert "the key server is down" in caplog.text
    assert "raise result" in caplog.text
    for text in (str(outage), outage.description):
        assert "down" not in text
        assert "route" not in text


def test_the_log_says_when_the_next_attempt_is(
    source: Any, provider: TTLKeyProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """The log message of a failed fetch has the length of the pause."""
    source.result = VerificationUnavailable(retry_after=60)
    refused(provider)
    source.join(1)

    assert "next attempt in 60.0 s" in caplog.text


@pytest.mark.parametrize(
    "chained", [pytest.param(False, id="plain"), pytest.param(True, id="chained")]
)
def test_a_failed_fetch_keeps_no_objects_alive(
    clock: Any, chained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects of a failed fetch are freed at once, without a garbage collection: its frames are not kept."""

    class Held:
        """Something expensive to hold, such as a connection."""

    held: list[weakref.ref[Held]] = []
    # pytest's log handler would keep the exception.
    monkeypatch.setattr(logging.getLogger("flask_jwtlib"), "disabled", True)

    def fetch() -> Any:
        resource = Held()
        held.append(weakref.ref(resource))
        if not chained:
            raise DOWN
        try:
            int("no number")
        except ValueError as inner:
            raise ConnectionError("outer") from inner

    provider = TTLKeyProvider(fetch, clock=clock)
    gc.collect()
    gc.disable()
    try:
        refused(provider)
        assert held[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("end", [SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_an_exit_in_a_fetch_is_a_failure(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, end: BaseException
) -> None:
    """A fetch that raises SystemExit or KeyboardInterrupt ends only its thread, and later fetches run."""
    source.result = end
    assert refused(provider).__cause__ is end
    source.join(1)
    assert provider.status()["fetching"] is False

    source.result = [key("a")]
    clock.move(1.3)
    assert kids(provider) == ["a"]


def _fetch_with(password: str) -> None:
    raise ConnectionError


def test_repr_hides_arguments_of_a_partial() -> None:
    """The representation of a provider gets into logs, so it shows only the function's name."""
    shown = repr(TTLKeyProvider(functools.partial(_fetch_with, password="hunter2")))

    assert "hunter2" not in shown
    assert "lambda" in repr(TTLKeyProvider(lambda: None))
