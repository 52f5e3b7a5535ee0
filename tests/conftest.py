"""Fixtures that all tests share."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from math import lcm
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask
from hypothesis import settings

from flask_jwtlib.key_providers import _deferred_calls as deferred_calls
from flask_jwtlib.testing import IdentityProvider, TokenIssuer, module_api_restored
from flask_jwtlib.testing._matching_issuer import kept_issuer
from flask_jwtlib.testing.contracts import _checking
from flask_jwtlib.testing.credentials._making import attacker

# `make test` sets this to measure the test processes themselves, not the processes that tests start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_START", None)
# The commands' tables fit into it. Under pytest-xdist, it may be set by GNU Readline in the main process.
os.environ.pop("COLUMNS", None)
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


# Measuring coverage doubles the time of a test. These tests run code that others run, too: with more input,
# or in other processes.
_UNMEASURED = (
    *("benchmarks", "browser", "docs", "hostile", "interop", "server", "vectors"),
    "audit/test_generated_policies.py",
    "authenticator/test_whose_caller_generated.py",
    "frameworks/test_raised_in_views.py",
    "policies/test_removed_claims.py",
    "strategies/test_combinations.py",
)


class _Measurement:
    """Pauses the measurement of coverage for the tests that add nothing to it."""

    def __init__(self, measured: Any) -> None:
        self._measured = measured
        self._paused = False
        self._unmeasured = [Path(__file__).parent / name for name in _UNMEASURED]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        if self._paused is not any(map(item.path.is_relative_to, self._unmeasured)):
            self._paused = not self._paused
            (self._measured.stop if self._paused else self._measured.start)()
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Save the data: a pytest-xdist worker ends without running Python's exit handlers."""
        if hasattr(session.config, "workerinput"):
            self._measured.stop()
            self._measured.save()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a step of CI run a part of the large tables only."""
    parser.addoption(
        "--most-cases",
        type=int,
        help="run at most so many cases of each test, evenly chosen from its table; by default all",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse test IDs that hold a memory address or a new key: they differ in each process and each run."""
    if unstable := [item.nodeid for item in items if any(map(item.nodeid.count, _UNSTABLE))]:
        raise pytest.UsageError(f"give these parameters an id of their own: {unstable}")
    most: int | None = config.getoption("--most-cases")
    if most is not None:
        cases: defaultdict[str, list[pytest.Item]] = defaultdict(list)
        for item in items:
            cases[item.nodeid.partition("[")[0]].append(item)
        chosen = {
            id(item)
            for table in cases.values()
            for item in table[:: max(1, -(-len(table) // most))]
        }
        config.hook.pytest_deselected(items=[item for item in items if id(item) not in chosen])
        items[:] = [item for item in items if id(item) in chosen]


def pytest_collection_finish() -> None:
    """Hide the collected tests from the garbage collector, which some tests run often."""
    gc.collect()
    gc.freeze()


def _rsa_key(e: int, p: int, q: int) -> rsa.RSAPrivateKey:
    """Return the RSA key of a public exponent and two primes (RFC 8017 §3.2)."""
    d = pow(e, -1, lcm(p - 1, q - 1))
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(e, p * q),
    ).private_key(unsafe_skip_rsa_key_validation=True)  # the validation is as slow as a new key


class _RSAKeys:
    """Makes RSA keys from few primes, since finding the two primes of a key takes a tenth of a second.

    Each key is another pair of the primes. Two keys may share one of them, which would give both away, but no
    test depends on that.

    Tests reuse each other's keys. Within a test, each call returns another key. A fixture that outlives the
    test gets new keys.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generate = rsa.generate_private_key
        self._new: dict[tuple[int, int], Iterator[rsa.RSAPrivateKey]] = {}
        self._reused: defaultdict[tuple[int, int], list[rsa.RSAPrivateKey]] = defaultdict(list)
        self._handed_out: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._reusing = False

    def __call__(self, public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
        kind = public_exponent, key_size
        with self._lock:
            new = self._new.setdefault(kind, self._pairs(*kind))
            if not self._reusing:
                return next(new)
            keys, number = self._reused[kind], self._handed_out[kind]
            self._handed_out[kind] += 1
            if number == len(keys):
                keys.append(next(new))
            return keys[number]

    def _pairs(self, exponent: int, key_size: int) -> Iterator[rsa.RSAPrivateKey]:
        primes: list[int] = []
        while True:
            found = self._generate(exponent, key_size).private_numbers()
            for prime in (found.p, found.q):
                yield from (_rsa_key(exponent, prime, other) for other in primes)
                primes.append(prime)

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
    """Register the plugins. As one of them, the RSA keys also hear of the session's fixtures."""
    rsa.generate_private_key = keys = _RSAKeys()
    config.pluginmanager.register(keys)
    coverage = sys.modules.get("coverage")
    measured = None if coverage is None else coverage.Coverage.current()
    if measured is not None:
        config.pluginmanager.register(_Measurement(measured))


@pytest.fixture(autouse=True)
def _module_api_as_documented() -> Iterator[None]:
    """Undo a test's changes to the module API."""
    with module_api_restored():
        yield


@pytest.fixture(autouse=True)
def _new_key_to_lend() -> None:
    """Forget the keys that earlier tests lent and forged with: a reused key of this test may be the same."""
    kept_issuer.cache_clear()
    attacker.cache_clear()


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
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the contracts' tests of threads take little time. Other tests run them with all rounds."""
    monkeypatch.setattr(_checking, "_ROUNDS", 2)


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
