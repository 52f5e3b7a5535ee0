"""Fixtures that all tests share."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from typing import Any
from weakref import WeakSet

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask
from hypothesis import settings

from flask_jwtlib.key_providers import _deferred_calls as deferred_calls
from flask_jwtlib.testing import IdentityProvider, TokenIssuer, module_api_restored

# `make test` sets this to measure the test processes themselves, not the processes that tests start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_START", None)
# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_UNSTABLE = (" at 0x", "-----BEGIN ")


class Clock:
    """A clock that stands still until it is moved.

    Attributes:
        step: Seconds that it advances at each reading, so that waits end after a few readings,
            even if no other thread has run.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save the coverage data: a pytest-xdist worker ends without running Python's exit handlers."""
    coverage = sys.modules.get("coverage")
    measured = None if coverage is None else coverage.Coverage.current()
    if measured is not None and hasattr(session.config, "workerinput"):
        measured.stop()
        measured.save()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse test IDs that hold a memory address or a new key: they differ in each process and each run."""
    if unstable := [item.nodeid for item in items if any(map(item.nodeid.count, _UNSTABLE))]:
        raise pytest.UsageError(f"give these parameters an id of their own: {unstable}")


def pytest_collection_finish() -> None:
    """Hide the collected tests from the garbage collector, which some tests run often."""
    gc.collect()
    gc.freeze()


class _RSAKeys:
    """Reuses RSA keys from test to test, since generating one takes a tenth of a second.

    Within a test, each call returns another key. A fixture that outlives the test gets new keys.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generate = rsa.generate_private_key
        self._generated: defaultdict[object, list[rsa.RSAPrivateKey]] = defaultdict(list)
        self._handed_out: defaultdict[object, int] = defaultdict(int)
        self._reusing = False

    def __call__(self, public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
        if not self._reusing:
            return self._generate(public_exponent, key_size)
        kind = public_exponent, key_size
        with self._lock:
            keys, number = self._generated[kind], self._handed_out[kind]
            self._handed_out[kind] += 1
            if number == len(keys):
                keys.append(self._generate(public_exponent, key_size))
            return keys[number]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, Any, Any]:
        """Start each test with the first key."""
        self._handed_out.clear()
        self._reusing = True
        try:
            return (yield)
        finally:
            self._reusing = False

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Generate the keys of a fixture of several tests for it alone."""
        before, self._reusing = self._reusing, self._reusing and fixturedef.scope == "function"
        try:
            return (yield)
        finally:
            self._reusing = before


def pytest_configure(config: pytest.Config) -> None:
    """Register the RSA keys as a plugin: pytest calls no hook of this file for a fixture of the session."""
    rsa.generate_private_key = keys = _RSAKeys()
    config.pluginmanager.register(keys)


@pytest.fixture(autouse=True)
def _module_api_as_documented() -> Iterator[None]:
    """Undo a test's changes to the module API."""
    with module_api_restored():
        yield


@pytest.fixture(autouse=True)
def _no_log_calls_reach_the_next_test() -> Iterator[None]:
    """Wait for background log calls, so that the next test doesn't see them."""
    yield
    end = time.monotonic() + 30
    while any(
        calls._worker is not None and calls._worker.busy for calls in list(deferred_calls._all)
    ):
        assert time.monotonic() < end, "a log handler or a receiver hangs"
        time.sleep(0.001)


@pytest.fixture
def calls_made() -> Callable[[], None]:
    """Return a function that waits until this test's key events are logged and sent to ``key_event``."""
    of_others = WeakSet(deferred_calls._all)

    def wait() -> None:
        end = time.monotonic() + 30
        while any(
            calls._waiting or calls._worker
            for calls in list(deferred_calls._all)
            if calls not in of_others
        ):
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.001)

    return wait


@pytest.fixture(scope="session")
def issuer() -> TokenIssuer:
    """An issuer that signs with RS256."""
    return TokenIssuer()


@pytest.fixture(scope="session")
def other_issuer() -> TokenIssuer:
    """A forger: an issuer with the same name and key ID, but another key."""
    return TokenIssuer()


@pytest.fixture
def app() -> Flask:
    """An app without routes, whose exceptions propagate to the test."""
    app = Flask("resource_server")
    app.testing = True
    return app


@pytest.fixture
def clock() -> Clock:
    """A clock at second 1000."""
    return Clock()


@pytest.fixture
def idp() -> Iterator[IdentityProvider]:
    """An identity provider without keys, that responds correctly until a test changes its behaviour."""
    with IdentityProvider() as idp:
        yield idp
