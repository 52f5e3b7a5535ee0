"""What a forked process keeps of its parent's keys, and what it doesn't."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from flask_jwtlib import TTLKeyProvider, VerificationUnavailable
from flask_jwtlib.key_providers import _deferred_calls as deferred_calls
from flask_jwtlib.key_providers import _key_cache
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing.identity_provider import IdentityProvider
from tests.kit import DOWN, PATIENCE

from .kit import ENGINE, kids

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def in_child(function: Callable[[], Any]) -> Any:
    """Return the JSON result of a function that runs in a forked process, which exits without cleanup."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python warns of forks in multithreaded processes, which these tests are about.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        # A child inherits the locked lock of a file that another thread was writing to, such as a log.
        logging.disable(logging.CRITICAL)
        try:
            result = json.dumps(function())
        except BaseException:  # noqa: BLE001 - a child must not return into pytest
            result = json.dumps(f"failed: {traceback.format_exc()}")
        finally:
            os.write(writing, result.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], PATIENCE)
        if not ready:
            os.kill(pid, signal.SIGKILL)
        result = pipe.read().decode()
    os.waitpid(pid, 0)
    assert ready, "the child hangs"
    return json.loads(result)


class HTTPFetch:
    """Fetches a JWK set on a new connection."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    def __call__(self) -> bytes:
        connection = HTTPConnection(str(self._url.hostname), self._url.port, timeout=PATIENCE)
        try:
            connection.request("GET", self._url.path)
            response = connection.getresponse()
            if response.status != 200:
                raise ConnectionError(f"status {response.status}")
            return response.read()
        finally:
            connection.close()


@pytest.fixture
def served(idp: IdentityProvider, clock: Any) -> Iterator[TTLKeyProvider]:
    """A provider of an identity provider's one key, ``a``."""
    idp.add_key(kid="a", algorithm="ES256")
    yield TTLKeyProvider(
        HTTPFetch(idp.jwks_url), clock=clock, max_wait=PATIENCE, fetch_timeout=PATIENCE
    )
    idp.release()


def test_a_child_uses_the_parents_keys(
    idp: IdentityProvider, served: TTLKeyProvider, by: Any
) -> None:
    """Keys that were fetched before a fork are used in the child without a fetch."""
    served.warm_up()

    def look() -> Any:
        return [
            kids(served),
            [key.kid for key in served.keys_for(by("a", "ES256"))],
            [key.kid for key in served.keys_at_hand(by("a", "ES256"))],
            served.generation,
            served.status(),
        ]

    assert in_child(look) == look()
    assert idp.count() == 1


def test_a_child_fetches_independently(
    idp: IdentityProvider, served: TTLKeyProvider, clock: Any, by: Any
) -> None:
    """A child fetches when cold, at expiry and for an unknown kid; the parent's state doesn't change."""
    assert in_child(lambda: kids(served)) == ["a"]
    assert served.status()["state"] == "cold"
    served.warm_up()
    idp.add_key(kid="b", algorithm="ES256")

    def expire() -> Any:
        clock.move(300)
        return kids(served), served.generation

    assert in_child(expire) == [["a", "b"], 2]
    assert in_child(lambda: [key.kid for key in served.keys_for(by("b", "ES256"))]) == ["b"]
    assert served.generation == 1
    assert idp.count() == 4
    assert len({request.client_port for request in idp.requests}) == 4


def test_a_fork_during_the_first_fetch_does_not_block_the_child(
    idp: IdentityProvider, served: TTLKeyProvider
) -> None:
    """While the parent's first fetch hangs, the child makes its own; later the parent's succeeds."""
    idp.behave(hang=True, times=1)
    waiting = threading.Thread(target=served.warm_up)
    waiting.start()
    idp.wait_for(1)

    assert in_child(lambda: (served.status()["fetching"], kids(served))) == [False, ["a"]]
    assert served.status()["fetching"] is True
    idp.release()
    waiting.join(PATIENCE)
    assert served.status()["state"] == "fresh"
    assert idp.count() == 2


def test_a_fork_during_a_refresh_does_not_block_the_child(
    idp: IdentityProvider, served: TTLKeyProvider, clock: Any, by: Any
) -> None:
    """While the parent's refresh hangs, the child uses the current keys, and fetches others."""
    served.warm_up()
    idp.behave(hang=True, times=1)
    clock.move(250)
    served.key_set()
    idp.wait_for(2)
    idp.add_key(kid="b", algorithm="ES256")

    def look() -> Any:
        first = kids(served)
        found = [key.kid for key in served.keys_for(by("b", "ES256"))]
        return first[:1], found, served.status()["fetching"]

    assert in_child(look) == [["a"], ["b"], False]
    idp.release()


def test_a_child_does_not_count_the_parents_hanging_fetches(
    timed_out: TTLKeyProvider,
) -> None:
    """A fetch that was given up and still hangs is not a thread of the child."""
    cache: Any = timed_out._cache

    assert cache._hanging == 1
    assert in_child(lambda: cache._hanging) == 0


def test_pending_events_are_sent_only_by_the_parent(
    source: Any, provider: TTLKeyProvider, clock: Any, listen: Any
) -> None:
    """Events that were not delivered before the fork are delivered once."""
    events = listen(provider)
    provider.warm_up()
    source.join(1)
    cache: Any = provider._cache
    cache._send("dead")
    clock.move(250)

    def look() -> Any:
        provider.key_set()
        source.join(2)
        return events.names

    assert in_child(look) == ["refreshed", "refreshed"]
    provider.key_set()
    source.join(2)
    assert sorted(events.names) == ["dead", "refreshed", "refreshed"]


def test_children_of_one_parent_refresh_at_different_times(provider: TTLKeyProvider) -> None:
    """Each child draws its own moment for the refresh ahead, so that workers don't all fetch at once."""
    provider.warm_up()
    cache: Any = provider._cache
    points = {in_child(lambda: cache.snapshot.ahead) for _ in range(8)}

    assert len(points) == 8
    assert all(0.7 <= point <= 0.8 for point in points)


def test_a_child_inherits_the_backoff(source: Any, provider: TTLKeyProvider) -> None:
    """A child doesn't fetch during the pause after its parent's failure."""
    source.result = DOWN
    with pytest.raises(VerificationUnavailable):
        provider.warm_up()

    def look() -> Any:
        try:
            provider.warm_up()
        except VerificationUnavailable as error:
            return provider.status()["failures"], str(error.__cause__), source.fetches
        return None

    assert in_child(look) == [1, "None", 1]


class Halting:
    """Runs a function in a thread that stops before the engine's line of this number."""

    def __init__(self, number: int, function: Callable[[], object]) -> None:
        self._left = number
        self._go = threading.Event()
        self._function = function
        self.halted = threading.Event()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def go(self) -> None:
        """Let the thread continue, and wait until it has ended."""
        self._go.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()

    def _run(self) -> None:
        sys.settrace(self._trace)
        try:
            self._function()
        except VerificationUnavailable:
            pass
        finally:
            sys.settrace(None)
            self.ended.set()
            self.halted.set()

    def _trace(self, frame: Any, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.endswith(ENGINE):
            return None
        if event == "line":
            self._left -= 1
            if self._left == -1:
                self.halted.set()
                assert self._go.wait(PATIENCE)
        return self._trace


@pytest.mark.parametrize("what", ["cold", "expired", "unknown", "outage"])
def test_a_fork_between_any_two_lines_of_another_thread(
    make_source: Any, clock: Any, key: Any, by: Any, what: str
) -> None:
    """Wherever another thread was, with a lock acquired or not, the child finds its keys."""
    for number in range(1000):
        source = make_source([key("a")])
        provider = TTLKeyProvider(
            source, clock=clock, max_wait=PATIENCE, fetch_timeout=PATIENCE, ttl=100
        )
        if what != "cold":
            provider.warm_up()
        if what in {"expired", "outage"}:
            clock.move(100)
        if what == "outage":
            source.result = DOWN
        kid = "b" if what == "unknown" else "a"

        def look_up(provider: TTLKeyProvider = provider, kid: str = kid) -> object:
            return provider.keys_for(by(kid))

        def look(source: Any = source, provider: TTLKeyProvider = provider) -> Any:
            source.reset_after_fork()
            source.result = [key("a"), key("b")]
            end = time.monotonic() + PATIENCE / 2
            while time.monotonic() < end:
                try:
                    return [each.kid for each in provider.keys_for(by("b"))] or "refused"
                except VerificationUnavailable:
                    clock.move(2)
            return "unavailable"

        halting = Halting(number, look_up)
        halting.thread.start()
        assert halting.halted.wait(PATIENCE)
        try:
            # A search may already have proved that the key is absent.
            assert in_child(look) in (["b"], "refused" if what == "unknown" else ["b"])
        finally:
            halting.go()
        if halting._left >= 0:
            break
    assert number > 10


def test_the_fork_hook_resets_locks_and_fetches(source: Any, provider: TTLKeyProvider) -> None:
    """The hook that Python calls in a forked process gives every provider fresh locks and no fetch."""
    provider.warm_up()
    cache: Any = provider._cache
    before = cache.snapshot
    cache._lock.acquire()
    cache.unknown_kids._lock.acquire()
    cache.calls._lock.acquire()
    cache.calls._worker = object()
    cache.calls.add(print)
    cache.attempt = object()
    cache._hanging = 7
    cold: Any = TTLKeyProvider(source)

    _key_cache._start_anew_in_child()
    deferred_calls._start_anew_in_child()

    assert not cache._lock.locked()
    assert not cache.unknown_kids._lock.locked()
    assert not cache.calls._lock.locked()
    assert (cache.calls._worker, len(cache.calls._waiting)) == (None, 0)
    assert (cache.attempt, cache._hanging) == (None, 0)
    assert cache.snapshot.key_set is before.key_set
    assert (cache.snapshot.taken_at, cache.snapshot.generation) == (before.taken_at, 1)
    assert cold._cache.snapshot is None
    assert kids(provider) == ["a"]


class SlowHandler(logging.Handler):
    """Takes long to write a line, as a file on a slow disk does. It has no lock of its own."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()
        super().__init__()

    def handle(self, record: logging.LogRecord) -> bool:
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        self.began.set()
        assert self.go_on.wait(PATIENCE)


def test_a_fork_during_a_log_call_does_not_block_the_child(
    make_source: Any, clock: Any, key: Any
) -> None:
    """While a handler of the parent writes a line, a child fetches and logs independently."""
    handler = SlowHandler()
    logger = logging.getLogger("flask_jwtlib")
    logger.addHandler(handler)
    source = make_source(DOWN)
    provider = TTLKeyProvider(source, clock=clock)
    try:
        with pytest.raises(VerificationUnavailable):
            provider.warm_up()
        assert handler.began.wait(PATIENCE)

        def look() -> Any:
            source.reset_after_fork()
            source.result = [key("a")]
            clock.move(2)
            cache: Any = provider._cache
            found = kids(provider)
            end = time.monotonic() + PATIENCE / 2
            while cache.calls._waiting or cache.calls._worker is not None:
                assert time.monotonic() < end
                time.sleep(0.001)
            return found

        assert in_child(look) == ["a"]
    finally:
        handler.go_on.set()
        logger.removeHandler(handler)


def test_a_receiver_may_fork(make_source: Any, clock: Any, key: Any) -> None:
    """The child keeps the keys, and neither process sends the other's events."""
    source = make_source([key("a")])
    provider = TTLKeyProvider(source, clock=clock)
    results: list[Any] = []

    def fork(_: object, *, event: str, **__: object) -> None:
        if not results:
            results.append(None)
            results[0] = in_child(lambda: (kids(provider), provider.status()["fetching"]))

    with key_event.connected_to(fork, provider):
        provider.warm_up()
        source.join(1)
    assert results == [[["a"], False]]
