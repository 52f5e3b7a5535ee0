"""What the trials share: the issuer's keys, threads that act together, and how large everything is."""

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

from .clients import ALGORITHM

__all__ = ["FULL", "KNOWN", "QUICK", "Size", "all_at_once", "issuer", "publish"]

# The key IDs that every issuer publishes at first, and that requests name.
KNOWN = ("key-1", "key-2")


@frozen(kw_only=True)
class Size:
    """How large the trials are. Times are in seconds.

    Args:
        threads: Threads of a crowd.
        unknown_kids: Key IDs of a flood.
        flood: How long it lasts.
        rounds: How often the delays are measured.
        phase: How long lookups are timed before, and again after, the end of the keys' time.
        step: How much simulated time lies between two lookups during an outage.
        slow: How long the slow issuer takes that removes a key.
        timeout: How long a fetch may take.
        patience: How long a dripping answer is watched.
        mebibytes: The size of a large answer.
        lookups: How many lookups are timed together.
    """

    threads: int = 200
    unknown_kids: int = 10_000
    flood: float = 10
    rounds: int = 5
    phase: float = 0.5
    step: float = 1
    slow: float = 4.5
    timeout: float = 5
    patience: float = 10
    mebibytes: int = 200
    lookups: int = 20_000


FULL = Size()
# Shows that everything runs, not what it comes to.
QUICK = Size(
    threads=20,
    unknown_kids=200,
    flood=0.2,
    rounds=1,
    phase=0.05,
    step=60,
    slow=0.1,
    timeout=0.5,
    patience=1,
    mebibytes=8,
    lookups=100,
)


@lru_cache
def _jwk(kid: str) -> dict[str, Any]:
    return TokenIssuer("https://issuer.example", kid=kid, algorithm=ALGORITHM).jwk


def publish(idp: IdentityProvider, *kids: str) -> None:
    """Let an issuer publish the keys of these IDs and no others."""
    idp.jwks = {"keys": [_jwk(kid) for kid in kids]}


@contextmanager
def issuer() -> Generator[IdentityProvider, None, None]:
    """Start an issuer that publishes the known keys. It is stopped at the end."""
    with IdentityProvider() as idp:
        publish(idp, *KNOWN)
        yield idp


def all_at_once(threads: int, act: Callable[[int], int]) -> int:
    """Let so many threads do the same at the same moment, each with its number, and add up the answers."""
    start = threading.Barrier(threads)

    def wait_and_act(number: int) -> int:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(wait_and_act, range(threads)))
