"""Scenarios of a provider under gevent: runs the one named on the command line, and fails if it goes wrong.

If the hub is blocked, the greenlet that releases the fetch never runs, and the program doesn't end.
"""

# ruff: noqa: E402 - monkey.patch_all() must run before other imports

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import logging
import os
import sys
import threading
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import gevent

from flask_jwtlib import TTLKeyProvider, UnverifiedHeader, VerificationKey, VerificationUnavailable
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.identity_provider import IdentityProvider

ISSUER = TokenIssuer(algorithm="ES256")
CALLERS = 200
TICKS = 20


def key(kid: str) -> VerificationKey:
    """Return the issuer's key under any ID."""
    return VerificationKey.from_jwk({**ISSUER.jwk, "kid": kid})


def by(kid: str) -> UnverifiedHeader:
    """Return the header of a token that names a key."""
    return UnverifiedHeader("ES256", kid)


class Source:
    """A source of keys that hangs until its gate opens."""

    def __init__(self, *kids: str) -> None:
        self.result: Any = [key(kid) for kid in kids]
        self.fetches = 0
        self.gate = threading.Event()

    def __call__(self) -> Any:
        self.fetches += 1
        result = self.result
        self.gate.wait()
        return result


class Clock:
    """A clock that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def release_later(source: Source, fetches: int) -> gevent.Greenlet:
    """Run beside a hanging fetch, and release it after some ticks."""

    def tick() -> None:
        while source.fetches < fetches:
            gevent.sleep(0.001)
        for _ in range(TICKS):
            gevent.sleep(0.001)
        source.gate.set()

    return gevent.spawn(tick)


def found(provider: TTLKeyProvider, kid: str) -> Any:
    """Return the IDs of the keys that a provider returns for a token, or "unavailable"."""
    try:
        return [each.kid for each in provider.keys_for(by(kid))]
    except VerificationUnavailable:
        return "unavailable"


def made(*kids: str, **options: Any) -> tuple[TTLKeyProvider, Source, Clock]:
    """Return a provider that has fetched these keys, whose next fetch hangs."""
    clock, source = Clock(), Source(*kids)
    provider = TTLKeyProvider(source, clock=clock, **options)
    if kids:
        source.gate.set()
        provider.warm_up()
        source.gate.clear()
    return provider, source, clock


def cold() -> None:
    """Callers without keys wait for one fetch, and don't block the hub."""
    provider, source, _ = made(fetch_timeout=60)
    source.result = [key("a")]
    ticking = release_later(source, 1)
    callers = [gevent.spawn(found, provider, "a") for _ in range(CALLERS)]
    gevent.joinall([*callers, ticking])
    assert [caller.value for caller in callers] == [["a"]] * CALLERS
    assert source.fetches == 1


def ahead() -> None:
    """During a refresh ahead no caller waits: while the fetch hangs, lookups of known kids return."""
    provider, source, clock = made("a", fetch_timeout=60)
    clock.now += 250
    for _ in range(CALLERS):
        assert found(provider, "a") == ["a"]
    release_later(source, 2).join()
    while provider.status()["fetching"]:
        gevent.sleep(0.001)
    assert source.fetches == 2
    assert provider.status()["state"] == "fresh"


def expired() -> None:
    """At expiry callers wait for one fetch, and don't block the hub."""
    provider, source, clock = made("a", max_wait=60, fetch_timeout=60)
    source.result = [key("a"), key("b")]
    clock.now += 300
    ticking = release_later(source, 2)
    callers = [gevent.spawn(found, provider, "b") for _ in range(CALLERS)]
    gevent.joinall([*callers, ticking])
    assert [caller.value for caller in callers] == [["b"]] * CALLERS
    assert source.fetches == 2


def search() -> None:
    """While one caller searches for an unknown kid, others with known kids get their keys."""
    provider, source, _ = made("a", fetch_timeout=60)
    source.result = [key("a"), key("b")]
    searching = gevent.spawn(found, provider, "b")
    while source.fetches < 2:
        gevent.sleep(0.001)
    assert found(provider, "a") == ["a"]
    assert not searching.dead
    release_later(source, 2)
    searching.join()
    assert searching.value == ["b"]


def timeout() -> None:
    """A caller's own timeout ends its waiting and nothing else."""
    provider, source, _ = made(fetch_timeout=60)
    source.result = [key("a")]
    other = gevent.spawn(found, provider, "a")
    result: Any = None
    with gevent.Timeout(0.05, False):
        result = found(provider, "a")
    assert result is None
    killed = gevent.spawn(found, provider, "a")
    gevent.sleep(0.01)
    killed.kill()
    source.gate.set()
    other.join()
    assert other.value == ["a"]
    assert source.fetches == 1


def hanging() -> None:
    """A fetch that never ends is given up, and the next one succeeds."""
    provider, source, clock = made("a", fetch_timeout=5)
    hung = source.gate
    clock.now += 250
    assert found(provider, "a") == ["a"]
    while source.fetches < 2:
        gevent.sleep(0.001)
    clock.now += 5
    assert found(provider, "a") == ["a"]
    assert provider.status()["last_error"] == "TimeoutError"
    source.gate = threading.Event()
    source.gate.set()
    source.result = [key("b")]
    clock.now += 2
    assert found(provider, "a") == ["a"]
    while provider.status()["fetching"]:
        gevent.sleep(0.001)
    assert found(provider, "b") == ["b"]
    assert not hung.is_set()


def served() -> None:
    """Callers wait for a hanging server on loopback without blocking the hub."""
    with IdentityProvider() as idp:
        idp.add_key(kid="a", algorithm="ES256")
        url = urlsplit(idp.jwks_url)

        def fetch() -> bytes:
            connection = HTTPConnection(str(url.hostname), url.port, timeout=60)
            try:
                connection.request("GET", url.path)
                return connection.getresponse().read()
            finally:
                connection.close()

        provider = TTLKeyProvider(fetch, fetch_timeout=60)
        idp.behave(hang=True)
        callers = [gevent.spawn(found, provider, "a") for _ in range(CALLERS)]
        idp.wait_for(1)
        for _ in range(TICKS):
            gevent.sleep(0.001)
        assert not any(caller.dead for caller in callers)
        idp.behave()
        idp.release()
        gevent.joinall(callers)
        assert [caller.value for caller in callers] == [["a"]] * CALLERS
        assert idp.count() == 1


def forked() -> None:
    """A child of a process whose fetch hangs uses the keys and fetches independently."""
    provider, source, clock = made("a", fetch_timeout=60)
    clock.now += 250
    assert found(provider, "a") == ["a"]
    while source.fetches < 2:
        gevent.sleep(0.001)
    pid = os.fork()
    if pid == 0:
        source.gate = threading.Event()
        source.gate.set()
        source.result = [key("a"), key("b")]
        os._exit(0 if found(provider, "a") == ["a"] and found(provider, "b") == ["b"] else 1)
    _, status = os.waitpid(pid, 0)
    assert status == 0
    source.gate.set()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    globals()[sys.argv[1]]()
