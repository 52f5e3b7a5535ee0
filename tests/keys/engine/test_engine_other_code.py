"""Whatever log handlers, receivers and the lack of threads do, keys are not affected."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, TTLKeyProvider, VerificationUnavailable, key_event
from flask_jwtlib.testing import TokenIssuer, bearer

PATIENCE = 30
DOWN = ConnectionError("the key server is down")
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
        """Has no lock of its own, so that nothing but our code can hold others up."""

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

    def let_all_pass(record: logging.LogRecord) -> bool:
        function()
        return True

    logger.addFilter(let_all_pass)
    try:
        yield
    finally:
        logger.removeFilter(let_all_pass)
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
    """What callers get in all states of a provider's life, and whether a fetch is under way after each."""
    answers: list[Any] = []

    def ask(kid: str) -> None:
        fetches = source.fetches
        for keys in (provider.keys_for, provider.keys_at_hand):
            try:
                answers.append([each.kid for each in keys(by(kid))])
            except VerificationUnavailable as error:
                answers.append((type(error.__cause__), error.status))
        if source.fetches > fetches:
            source.threads[-1].join(0.01)

    def settle() -> None:
        while provider.status()["fetching"]:
            pass

    good, source.answer = source.answer, DOWN
    ask("a")
    clock.move(40)
    source.answer = good
    ask("a")
    ask("made-up")
    source.answer = [key("a"), key("b")]
    ask("b")
    clock.move(250)
    ask("a")
    settle()
    source.answer = DOWN
    clock.move(400)
    ask("a")
    clock.move(1)
    ask("a")
    clock.move(20_000)
    ask("a")
    source.answer = [{"kty": "odd"}, key("c")]
    clock.move(60)
    ask("c")
    source.answer = [key("c")]
    clock.move(60)
    ask("c")
    ask("a")
    return [*answers, provider.generation, provider.status()["failures"]]


def provider_of(make_source: Any, clock: Any, key: Any) -> tuple[TTLKeyProvider, Any]:
    """A provider and its source."""
    source = make_source([key("a")])
    provider = TTLKeyProvider(source, clock=clock, max_wait=PATIENCE, fetch_timeout=PATIENCE)
    return provider, source


@pytest.fixture
def undisturbed(make_source: Any, clock: Any, key: Any, by: Any) -> list[Any]:
    """What callers get where nobody listens."""
    provider, source = provider_of(make_source, clock, key)
    return life(provider, source, clock, key, by)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_point_05_whatever_is_raised_keys_are_as_without(
    make_source: Any,
    clock: Any,
    key: Any,
    by: Any,
    undisturbed: list[Any],
    place: Any,
    error: BaseException,
    all_told: Callable[[], None],
) -> None:
    """In every state of a provider's life: no caller is refused or ended by it."""
    provider, source = provider_of(make_source, clock, key)
    raised: list[None] = []

    def fail() -> None:
        raised.append(None)
        raise error

    with place(fail, provider):
        assert life(provider, source, clock, key, by) == undisturbed
        all_told()
    assert len(raised) > 3


@pytest.mark.parametrize("place", PLACES)
def test_point_05_however_long_it_takes_keys_are_as_without(
    make_source: Any, clock: Any, key: Any, by: Any, undisturbed: list[Any], place: Any
) -> None:
    """A handler or receiver that takes minutes delays neither its own issuer's keys nor another's."""
    provider, source = provider_of(make_source, clock, key)
    other, other_source = provider_of(make_source, clock, key)
    began, hang = threading.Event(), threading.Event()

    def wait() -> None:
        began.set()
        assert hang.wait(PATIENCE)

    with place(wait, provider):
        try:
            # Whoever waited for the end of it would wait until the test has failed.
            assert life(provider, source, clock, key, by) == undisturbed
            assert began.wait(PATIENCE)
            assert life(other, other_source, clock, key, by) == undisturbed
        finally:
            hang.set()


@pytest.mark.parametrize("place", PLACES)
def test_point_05_no_lock_of_ours_is_held_meanwhile(
    make_source: Any, clock: Any, key: Any, by: Any, place: Any, all_told: Callable[[], None]
) -> None:
    """Foreign code may ask the provider itself, and finds the keys that it is told of."""
    provider, source = provider_of(make_source, clock, key)
    seen: list[Any] = []

    def look() -> None:
        if not provider.generation and not source.fetches:
            # Another test's provider writes to the same log.
            return
        cache: Any = provider._cache  # type: ignore[attr-defined]
        locks = cache._lock, cache.unknown_kids._lock, cache.calls._lock
        seen.append((any(lock.locked() for lock in locks), provider.generation > 0))

    with place(look, provider):
        provider.warm_up()
        all_told()
    assert seen
    assert set(seen) == {(False, True)}


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_point_05_the_next_receiver_is_called(
    provider: TTLKeyProvider, error: BaseException, listen: Any
) -> None:
    """A receiver that raises keeps no other one from an event, before or after it."""

    def fail(_: object, **__: object) -> None:
        raise error

    before = listen(provider)
    with key_event.connected_to(fail, provider):
        after = listen(provider)
        provider.warm_up()
        assert before.names == after.names == ["refreshed"]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_point_05_over_http_a_receiver_that_exits_ends_no_request(
    app: Flask, source: Any, clock: Any, issuer: TokenIssuer, error: BaseException
) -> None:
    """Requests get what they would without the receiver: 503, 200, 401 and 200."""
    source.answer = DOWN
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=PATIENCE)
    Authenticator(keys=provider).init_app(app)
    app.add_url_rule("/", view_func=lambda: "in")
    client = app.test_client()

    def fail(_: object, **__: object) -> None:
        raise error

    def get(kid: str) -> int:
        return client.get("/", headers=bearer(issuer.token(header={"kid": kid}))).status_code

    with key_event.connected_to(fail, provider):
        codes = [get("a")]
        clock.move(40)
        source.answer = {"keys": [{**issuer.jwk, "kid": "a"}]}
        codes += [get("a"), get("made-up"), get("a")]
        source.answer = DOWN
        clock.move(300)
        codes.append(get("a"))
    assert codes == [503, 200, 401, 200, 200]


NO_THREADS = [RuntimeError("can't start new thread"), MemoryError(), OSError("no room")]


@pytest.mark.parametrize("error", NO_THREADS, ids=repr)
def test_point_05_where_no_thread_can_be_started_callers_fetch_at_once(
    source: Any,
    clock: Any,
    key: Any,
    by: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    """Nobody waits for a thread that can't come, in real time either, whatever ``threading`` raises."""
    waits: list[float | None] = []

    class Watched(threading.Event().__class__):  # type: ignore[misc,name-defined]
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
    source.answer = [key("b")]
    clock.move(250)
    assert (found("a"), found("a"), source.fetches) == (["a"], ["a"], 1)
    clock.move(50)
    assert found("b") == ["b"]
    source.answer = [key("c")]
    assert found("c") == ["c"]
    clock.move(100_000)
    assert found("c") == ["c"]
    assert source.threads == [threading.current_thread()] * 4
    assert provider.status()["failures"] == 0
    # Each fetch had ended before it was waited for.
    assert all(timeout is not None for timeout in waits)


def test_point_05_a_refresh_ahead_gets_its_thread_as_soon_as_there_is_one(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, settled: Any, monkeypatch: Any
) -> None:
    """Fresh keys are used meanwhile, and a thread is asked for once a second at most."""
    asked: list[None] = []

    def refuse(_: threading.Thread) -> None:
        asked.append(None)
        raise MemoryError

    provider.warm_up()
    settled(provider)
    source.answer = [key("b")]
    clock.move(250)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(20):
            assert provider.key_set().kids == {"a"}
            clock.move(0.25)
    assert 4 <= len(asked) <= 6
    assert source.fetches == 1

    clock.move(1)
    assert provider.key_set().kids == {"a"}
    settled(provider)
    assert provider.key_set().kids == {"b"}
    assert source.fetches == 2


def test_point_05_a_fetch_that_waited_for_a_thread_has_its_time_from_then_on(
    source: Any, clock: Any, key: Any, monkeypatch: Any, settled: Any
) -> None:
    """What was asked for long ago and runs only now is not given up by whoever comes next."""
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
        source.answer = [key("b")]
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


def test_what_warming_up_has_to_log_is_logged_when_it_returns(
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
