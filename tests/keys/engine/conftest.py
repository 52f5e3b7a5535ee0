"""What the tests of the refreshing engine share: a source of keys that obeys, and an ear for events."""

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

# Far more than anything here takes, so that a slow machine fails no test.
PATIENCE = 30


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


class Source:
    """A source of keys that answers, or raises, what it is set to when a fetch begins, and counts them.

    Attributes:
        answer: What fetches answer; an exception is raised.
        kids: The key IDs that fetches were asked for.
        threads: The threads that ran the fetches.
    """

    def __init__(self, answer: Any) -> None:
        self.answer = answer
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
            answer, gate = self.answer, self._gate
        if gate is not None:
            assert gate.wait(PATIENCE)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def fetches(self) -> int:
        """How many fetches began."""
        return len(self.kids)

    def hold(self) -> Event:
        """Let the fetches that begin from now on wait for this event."""
        self._gate = Event()
        self._gates.append(self._gate)
        return self._gate

    def go_on(self) -> None:
        """Hold the fetches that begin from now on no longer."""
        self._gate = None

    def release(self) -> None:
        """Hold no fetch any longer."""
        self.go_on()
        for gate in self._gates:
            gate.set()

    def wait_for(self, fetches: int) -> None:
        """Wait until so many fetches have begun."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.fetches >= fetches, PATIENCE)

    def start_anew(self) -> None:
        """In a process that was forked: be free of what other threads held."""
        self._changed = Condition()
        self.go_on()

    def join(self, number: int) -> None:
        """Wait until a fetch has ended, the first being 1. One that this thread itself ran has ended."""
        self.wait_for(number)
        thread = self.threads[number - 1]
        if thread is not current_thread():
            thread.join(PATIENCE)
            assert not thread.is_alive()


def until_told(provider: Any) -> None:
    """Wait until everything was logged and sent that has happened to a provider's keys."""
    calls = provider._cache.calls
    until(lambda: not calls._waiting and calls._worker is None)


class Events:
    """The events that a provider sent, in order: all that have happened when they are asked for."""

    def __init__(self, provider: TTLKeyProvider) -> None:
        self._provider = provider
        self._told: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, sender: object, *, event: str, **details: Any) -> None:
        self._told.append((event, details))

    @property
    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Their names and details."""
        until_told(self._provider)
        return self._told

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [name for name, _ in self.told]

    def of(self, name: str) -> list[dict[str, Any]]:
        """The details of those of one name."""
        return [details for event, details in self.told if event == name]

    def wait_for(self, name: str, times: int = 1) -> None:
        """Wait until an event was sent so often."""
        until(lambda: self.names.count(name) >= times)


@pytest.fixture
def make_source() -> Iterator[Callable[[Any], Source]]:
    """Make sources; none of them holds a fetch beyond the test."""
    sources: list[Source] = []

    def make(answer: Any) -> Source:
        sources.append(Source(answer))
        return sources[-1]

    yield make
    for source in sources:
        source.release()


@pytest.fixture
def key(issuer: TokenIssuer) -> Callable[[str], VerificationKey]:
    """The issuer's key under any ID."""
    return lambda kid: VerificationKey.from_jwk({**issuer.jwk, "kid": kid})


@pytest.fixture
def source(make_source: Callable[[Any], Source], key: Callable[[str], VerificationKey]) -> Source:
    """A source of one key, ``a``."""
    return make_source([key("a")])


@pytest.fixture
def provider(source: Source, clock: Any) -> TTLKeyProvider:
    """A provider that has fetched nothing yet, whose callers wait as long as a slow machine needs."""
    return TTLKeyProvider(source, clock=clock, max_wait=PATIENCE, fetch_timeout=PATIENCE)


@pytest.fixture
def listen() -> Iterator[Callable[[TTLKeyProvider], Events]]:
    """Listen to a provider's events."""
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
    """Wait until a provider's fetch has come to its end, and all was told that happened."""

    def settle(provider: TTLKeyProvider) -> None:
        until(lambda: not provider.status()["fetching"])
        until_told(provider)

    return settle


@pytest.fixture
def at_once() -> Callable[[int, Callable[[int], Any]], list[Any]]:
    """Call a function in so many threads at the same moment, with their numbers; answer what it answers."""

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
    """The header of a token that names a key."""

    def header(kid: str | None, alg: str = "RS256") -> UnverifiedHeader:
        return UnverifiedHeader(alg, kid)

    return header
