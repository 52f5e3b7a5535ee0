"""What the trials share: their size, their readings, an issuer with known keys, and a crowd of threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from attrs import frozen

from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.identity_provider import IdentityProvider

# The key IDs that every issuer publishes at first, and that requests name.
KNOWN = ("key-1", "key-2")


@frozen
class Reading:
    """The value of a figure: seconds, bytes or a number.

    Args:
        value: The value.
        fault: What else went wrong. With a fault, the bound is missed whatever the value.
        is_more: The true value is larger: the trial didn't wait for its end.
    """

    value: float
    fault: str = ""
    is_more: bool = False


@frozen(kw_only=True)
class Size:
    """How large the trials are. Times are in seconds."""

    # A crowd, and a flood of unknown key IDs.
    threads: int = 200
    unknown_kids: int = 10_000
    flood: float = 10
    # How often delays are measured, and how long before and after the keys expire.
    rounds: int = 5
    phase: float = 0.5
    # Simulated time between two lookups during an outage, and the time of a slow response.
    step: float = 1
    slow: float = 4.5
    # The timeout of a fetch, and how long a drip is watched.
    timeout: float = 5
    patience: float = 10
    # A large response, and lookups that are timed together.
    mebibytes: int = 200
    lookups: int = 20_000


QUICK = Size(
    threads=20,
    unknown_kids=40,
    flood=0.1,
    rounds=1,
    phase=0.05,
    step=600,
    slow=0.05,
    timeout=0.2,
    patience=0.4,
    mebibytes=2,
    lookups=10,
)
"""Small enough for a test: it shows that everything runs, and no figure means anything."""


@lru_cache
def _jwk(kid: str) -> dict[str, Any]:
    return TokenIssuer(kid=kid).jwk


def publish(idp: IdentityProvider, *kids: str) -> None:
    """Let an issuer publish the keys of these IDs and no others."""
    idp.jwks = {"keys": [_jwk(kid) for kid in kids]}


@contextmanager
def issuer() -> Generator[IdentityProvider, None, None]:
    """Start an issuer that publishes the known keys, and stop it at the end."""
    with IdentityProvider() as idp:
        publish(idp, *KNOWN)
        yield idp


def all_at_once(threads: int, act: Callable[[int], int]) -> int:
    """Let this many threads act at the same moment, each with its number, and add up the results."""
    start = threading.Barrier(threads)

    def wait_and_act(number: int) -> int:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(wait_and_act, range(threads)))
