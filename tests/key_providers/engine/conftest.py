"""What the tests of the refreshing engine share: a controllable source of keys, and a recorder of events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Condition, Event, Thread, current_thread
from typing import Any

import pytest

from flask_jwtlib import TTLKeyProvider, UnverifiedHeader, VerificationKey
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing import TokenIssuer
from tests.kit import PATIENCE


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


class Source:
    """A source of keys that returns or raises its ``result`` as of the fetch's beginning, and counts fetches.

    Attributes:
        result: What fetches return; an exception is raised.
        kids: The key IDs that fetches were called with.
        threads: The threads that ran the fetches.
    """

    def __init__(self, result: Any) -> None:
        self.result = result
        self.kids: list[str | None] = []
        self.threads: list[Thread] = []
        self._changed = Condition()
        self._gates: list[Event] = []
        self._gate: Event | None = None

    def __call__(self, kid: str | None = None) -> Any:
        with self._changed:
            self.kids.append(kid)
            self.threads.append(current_thread())
            self._changed.notify_all()
            result, gate = self.result, self._gate
        if gate is not None:
            assert gate.wait(PATIENCE)
        if isinstance(result, BaseException):
            raise result
        return result

    @property
    def fetches(self) -> int:
        """How many fetches have begun."""
        return len(self.kids)

    def hold(self) -> Event:
        """Make fetches that begin from now on wait for the returned event."""
        self._gate = Event()
        self._gates.append(self._gate)
        return self._gate

    def go_on(self) -> None:
        """Let fetches that begin from now on run at once."""
        self._gate = None

    def release(self) -> None:
        """Release all held fetches."""
        self.go_on()
        for gate in self._gates:
            gate.set()

    def wait_for(self, fetches: int) -> None:
        """Wait until this many fetches have begun."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.fetches >= fetches, PATIENCE)

    def reset_after_fork(self) -> None:
        """Reset, in a forked process, what other threads of the parent held."""
        self._changed = Condition()
        self.go_on()

    def join(self, number: int) -> None:
        """Wait until a fetch has ended, counted from 1. A fetch that this thread ran has ended."""
        self.wait_for(number)
        thread = self.threads[number - 1]
        if thread is not current_thread():
            thread.join(PATIENCE)
            assert not thread.is_alive()


def until_delivered(provider: Any) -> None:
    """Wait until a provider has logged and sent all its events."""
    calls = provider._cache.calls
    until(lambda: not calls._waiting and calls._worker is None)


class Events:
    """Records the events that a provider sends, in order."""

    def __init__(self, provider: TTLKeyProvider) -> None:
        self._provider = provider
        self._sent: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, sender: object, *, event: str, **details: Any) -> None:
        self._sent.append((event, details))

    @property
    def sent(self) -> list[tuple[str, dict[str, Any]]]:
        """The events' names and details, after waiting for pending ones."""
        until_delivered(self._provider)
        return self._sent

    @property
    def names(self) -> list[str]:
        """The events' names."""
        return [name for name, _ in self.sent]

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the details of the events of one name."""
        return [details for event, details in self.sent if event == name]

    def wait_for(self, name: str, times: int = 1) -> None:
        """Wait until an event was sent this many times."""
        until(lambda: self.names.count(name) >= times)


@pytest.fixture
def make_source() -> Iterator[Callable[[Any], Source]]:
    """Make sources; none of them holds a fetch after the test."""
    sources: list[Source] = []

    def make(result: Any) -> Source:
        sources.append(Source(result))
        return sources[-1]

    yield make
    for source in sources:
        source.release()


@pytest.fixture
def key(issuer: TokenIssuer) -> Callable[[str], VerificationKey]:
    """Return the issuer's key under any ID."""
    return lambda kid: VerificationKey.from_jwk({**issuer.jwk, "kid": kid})


@pytest.fixture
def source(make_source: Callable[[Any], Source], key: Callable[[str], VerificationKey]) -> Source:
    """A source of one key, ``a``."""
    return make_source([key("a")])


@pytest.fixture
def provider(source: Source, clock: Any) -> TTLKeyProvider:
    """A provider that has fetched nothing yet, with timeouts for a slow machine."""
    return TTLKeyProvider(source, clock=clock, max_wait=PATIENCE, fetch_timeout=PATIENCE)


@pytest.fixture
def warm(provider: TTLKeyProvider) -> TTLKeyProvider:
    """A provider that has fetched its one key, ``a``."""
    provider.warm_up()
    return provider


@pytest.fixture
def listen() -> Iterator[Callable[[TTLKeyProvider], Events]]:
    """Record a provider's events."""
    listeners: list[tuple[Events, TTLKeyProvider]] = []

    def listen_to(provider: TTLKeyProvider) -> Events:
        events = Events(provider)
        key_event.connect(events, provider)
        listeners.append((events, provider))
        return events

    yield listen_to
    for events, provider in listeners:
        key_event.disconnect(events, provider)


@pytest.fixture
def settled() -> Callable[[TTLKeyProvider], None]:
    """Wait until a provider has no fetch under way and has logged and sent all its events."""

    def settle(provider: TTLKeyProvider) -> None:
        until(lambda: not provider.status()["fetching"])
        until_delivered(provider)

    return settle


@pytest.fixture
def fixed_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace random values by the middle of their range."""
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2)


@pytest.fixture
def timed_out(source: Source, clock: Any) -> TTLKeyProvider:
    """A provider whose refresh timed out after 5 seconds, and still hangs."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=5, max_wait=PATIENCE)
    provider.warm_up()
    source.hold()
    clock.move(250)
    provider.key_set()
    source.wait_for(2)
    source.go_on()
    clock.move(5)
    provider.key_set()
    return provider


@pytest.fixture
def at_once() -> Callable[[int, Callable[[int], Any]], list[Any]]:
    """Call a function in several threads at the same moment, with their numbers, and return the results."""

    def call(threads: int, function: Callable[[int], Any]) -> list[Any]:
        barrier = Barrier(threads)

        def one(number: int) -> Any:
            barrier.wait(PATIENCE)
            return function(number)

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, range(threads)))

    return call


@pytest.fixture
def by() -> Callable[..., UnverifiedHeader]:
    """Return the header of a token that names a key."""

    def header(kid: str | None, alg: str = "RS256") -> UnverifiedHeader:
        return UnverifiedHeader(alg, kid)

    return header
