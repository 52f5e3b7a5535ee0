"""Log handlers, signal receivers and missing threads don't affect keys."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, TTLKeyProvider, VerificationUnavailable
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import DOWN, PATIENCE

ERRORS = [
    RuntimeError("broken"),
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    MemoryError(),
]

Function = Callable[[], object]


@contextmanager
def _handler(function: Function, provider: object) -> Iterator[None]:
    class Handler(logging.Handler):
        """Has no lock of its own, so that only this package's code can block other threads."""

        def handle(self, record: logging.LogRecord) -> bool:
            self.emit(record)
            return True

        def emit(self, record: logging.LogRecord) -> None:
            function()

    handler, logger = Handler(), logging.getLogger("flask_jwtlib")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def _filter(function: Function, provider: object) -> Iterator[None]:
    logger = logging.getLogger("flask_jwtlib")
    level = logger.level
    logger.setLevel(logging.INFO)

    def accept_all(record: logging.LogRecord) -> bool:
        function()
        return True

    logger.addFilter(accept_all)
    try:
        yield
    finally:
        logger.removeFilter(accept_all)
        logger.setLevel(level)


@contextmanager
def _receiver(function: Function, provider: object) -> Iterator[None]:
    def receive(_: object, **__: object) -> None:
        function()

    with key_event.connected_to(receive, provider):
        yield


@contextmanager
def _receiver_of_all(function: Function, provider: object) -> Iterator[None]:
    def receive(_: object, **__: object) -> None:
        function()

    key_event.connect(receive)
    try:
        yield
    finally:
        key_event.disconnect(receive)


PLACES = [
    pytest.param(_handler, id="log handler"),
    pytest.param(_filter, id="log filter"),
    pytest.param(_receiver, id="receiver"),
    pytest.param(_receiver_of_all, id="receiver of all"),
]


def life(provider: TTLKeyProvider, source: Any, clock: Any, key: Any, by: Any) -> list[Any]:
    """Return what callers get in all states of a provider's life, and the counters at its end."""
    results: list[Any] = []

    def look_up(kid: str) -> None:
        fetches = source.fetches
        for keys in (provider.keys_for, provider.keys_at_hand):
            try:
                results.append([each.kid for each in keys(by(kid))])
            except VerificationUnavailable as error:
                results.append((type(error.__cause__), error.status))
        # A fetch that this thread ran has ended.
        if source.fetches > fetches and source.threads[-1] is not threading.current_thread():
            source.threads[-1].join(0.01)

    def settle() -> None:
        while provider.status()["fetching"]:
            pass

    good, source.result = source.result, DOWN
    look_up("a")
    clock.move(40)
    source.result = good
    look_up("a")
    look_up("made-up")
    source.result = [key("a"), key("b")]
    look_up("b")
    clock.move(250)
    look_up("a")
    settle()
    source.result = DOWN
    clock.move(400)
    look_up("a")
    clock.move(1)
    look_up("a")
    clock.move(20_000)
    look_up("a")
    source.result = [{"kty": "odd"}, key("c")]
    clock.move(60)
    look_up("c")
    source.result = [key("c")]
    clock.move(60)
    look_up("c")
    look_up("a")
    return [*results, provider.generation, provider.status()["failures"]]


def provider_of(make_source: Any, clock: Any, key: Any) -> tuple[TTLKeyProvider, Any]:
    """Return a provider and its source."""
    source = make_source([key("a")])
    provider = TTLKeyProvider(source, clock=clock, max_wait=PATIENCE, fetch_timeout=PATIENCE)
    return provider, source


@pytest.fixture
def undisturbed(make_source: Any, clock: Any, key: Any, by: Any) -> list[Any]:
    """What callers get without handlers and receivers."""
    provider, source = provider_of(make_source, clock, key)
    return life(provider, source, clock, key, by)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_errors_of_handlers_and_receivers_affect_no_lookup(
    make_source: Any,
    clock: Any,
    key: Any,
    by: Any,
    undisturbed: list[Any],
    place: Any,
    error: BaseException,
    calls_made: Callable[[], None],
) -> None:
    """In every state of a provider's life, callers get what they get without the handler or receiver."""
    provider, source = provider_of(make_source, clock, key)
    raised: list[None] = []

    def fail() -> None:
        raised.append(None)
        raise error

    with place(fail, provider):
        assert life(provider, source, clock, key, by) == undisturbed
        calls_made()
    assert len(raised) > 3


@pytest.mark.parametrize("place", PLACES)
def test_hanging_handlers_and_receivers_delay_no_lookup(
    make_source: Any, clock: Any, key: Any, by: Any, undisturbed: list[Any], place: Any
) -> None:
    """A handler or receiver that takes minutes delays neither its own provider's keys nor another's."""
    provider, source = provider_of(make_source, clock, key)
    other, other_source = provider_of(make_source, clock, key)
    began, hang = threading.Event(), threading.Event()

    def wait() -> None:
        began.set()
        assert hang.wait(PATIENCE)

    with place(wait, provider):
        try:
            # A lookup that waited for the handler would return only after the test has failed.
            assert life(provider, source, clock, key, by) == undisturbed
            assert began.wait(PATIENCE)
            assert life(other, other_source, clock, key, by) == undisturbed
        finally:
            hang.set()


@pytest.mark.parametrize("place", PLACES)
def test_handlers_and_receivers_run_without_the_providers_locks(
    make_source: Any, clock: Any, key: Any, place: Any, calls_made: Callable[[], None]
) -> None:
    """Handlers and receivers may look up keys, and find those that the event announces."""
    provider, source = provider_of(make_source, clock, key)
    seen: list[Any] = []

    def look() -> None:
        if not provider.generation and not source.fetches:
            # Another test's provider writes to the same log.
            return
        cache: Any = provider._cache
        locks = cache._lock, cache.unknown_kids._lock, cache.calls._lock
        seen.append((any(lock.locked() for lock in locks), provider.generation > 0))

    with place(look, provider):
        provider.warm_up()
        calls_made()
    assert seen
    assert set(seen) == {(False, True)}


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_an_error_of_a_receiver_does_not_stop_the_others(
    provider: TTLKeyProvider, error: BaseException, listen: Any
) -> None:
    """All receivers get an event, whether they are called before or after the one that raises."""

    def fail(_: object, **__: object) -> None:
        raise error

    before = listen(provider)
    with key_event.connected_to(fail, provider):
        after = listen(provider)
        provider.warm_up()
        assert before.names == after.names == ["refreshed"]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_errors_of_receivers_affect_no_request(
    app: Flask, source: Any, clock: Any, issuer: TokenIssuer, error: BaseException
) -> None:
    """Requests get the same statuses as without the receiver."""
    source.result = DOWN
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=PATIENCE)
    Authenticator(keys=provider).protect(app)
    app.add_url_rule("/", view_func=lambda: "in")
    client = app.test_client()

    def fail(_: object, **__: object) -> None:
        raise error

    def get(kid: str) -> int:
        return client.get("/", headers=bearer(issuer.token(header={"kid": kid}))).status_code

    with key_event.connected_to(fail, provider):
        codes = [get("a")]
        clock.move(40)
        source.result = {"keys": [{**issuer.jwk, "kid": "a"}]}
        codes += [get("a"), get("made-up"), get("a")]
        source.result = DOWN
        clock.move(300)
        codes.append(get("a"))
    assert codes == [503, 200, 401, 200, 200]


NO_THREADS = [RuntimeError("can't start new thread"), MemoryError(), OSError("no room")]


@pytest.mark.parametrize("error", NO_THREADS, ids=repr)
def test_callers_fetch_at_once_if_no_thread_can_start(
    source: Any,
    clock: Any,
    key: Any,
    by: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    """Whatever ``Thread.start`` raises, a caller runs the fetch itself, without waiting for a thread."""
    waits: list[float | None] = []

    class Watched(threading.Event().__class__):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return self.is_set()

    def refuse(_: threading.Thread) -> None:
        raise error

    monkeypatch.setattr(threading, "Event", Watched)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=PATIENCE)

    def found(kid: str) -> list[str | None]:
        return [each.kid for each in provider.keys_for(by(kid))]

    assert found("a") == ["a"]
    source.result = [key("b")]
    clock.move(250)
    assert (found("a"), found("a"), source.fetches) == (["a"], ["a"], 1)
    clock.move(50)
    assert found("b") == ["b"]
    source.result = [key("c")]
    assert found("c") == ["c"]
    clock.move(100_000)
    assert found("c") == ["c"]
    assert source.threads == [threading.current_thread()] * 4
    assert provider.status()["failures"] == 0
    # Each fetch ended before a caller would have waited for it.
    assert all(timeout is not None for timeout in waits)


def test_a_refresh_ahead_starts_once_a_thread_can_start(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, settled: Any, monkeypatch: Any
) -> None:
    """Meanwhile lookups return fresh keys, and try to start a thread at most once a second."""
    starts: list[None] = []

    def refuse(_: threading.Thread) -> None:
        starts.append(None)
        raise MemoryError

    provider.warm_up()
    settled(provider)
    source.result = [key("b")]
    clock.move(250)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(20):
            assert provider.key_set().kids == {"a"}
            clock.move(0.25)
    assert 4 <= len(starts) <= 6
    assert source.fetches == 1

    clock.move(1)
    assert provider.key_set().kids == {"a"}
    settled(provider)
    assert provider.key_set().kids == {"b"}
    assert source.fetches == 2


def test_the_timeout_of_a_fetch_counts_from_when_it_runs(
    source: Any, clock: Any, key: Any, monkeypatch: Any, settled: Any
) -> None:
    """A fetch that waited long for a thread is not given up by the next caller."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=PATIENCE, max_wait=PATIENCE)
    provider.warm_up()
    settled(provider)
    clock.move(210)
    start = threading.Thread.start

    def refuse(_: threading.Thread) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        while provider.status()["age"] < 250:
            provider.key_set()
            clock.move(1)
        assert provider.status()["fetching"]
        clock.move(50)
        source.result = [key("b")]
        gate = source.hold()
        found: list[Any] = []
        callers = [
            threading.Thread(target=lambda: found.append(provider.key_set().kids)) for _ in range(2)
        ]
        start(callers[0])
        source.wait_for(2)
        start(callers[1])
        callers[1].join(0.1)
        gate.set()
        for caller in callers:
            caller.join(PATIENCE)
    assert found == [{"b"}] * 2
    assert provider.status()["failures"] == 0


def test_warm_up_returns_after_its_log_messages_are_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A command that ends right after it fetched keys, as ``flask jwtlib keys`` does, loses no log line."""

    def fetch() -> object:
        raise OSError("the source is away")

    for _ in range(20):
        caplog.clear()
        with pytest.raises(VerificationUnavailable):
            TTLKeyProvider(fetch).warm_up()
        assert "fetching the keys failed" in caplog.text
