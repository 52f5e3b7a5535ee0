"""How long lookups of known keys take, while the issuer responds and while it doesn't."""

from __future__ import annotations

import threading
import time
import timeit
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from attrs import define, field

from .clients import LIFESPAN, Contender
from .staging import KNOWN, Reading, Size, issuer

# Few enough not to wait for each other on two cores.
_VISITORS = 4
# Seconds between a visitor's lookups.
_INTERVAL = 0.001
_REPEATS = 15
# Seconds from the start of a phase until the keys have expired.
_REMAINING = int(LIFESPAN * 0.15) + 1


@define
class _Times:
    """Seconds that lookups took."""

    seconds: list[float] = field(factory=list[float])
    refused: int = 0

    def visit(self, lookup: Callable[[], object], end: threading.Event) -> None:
        """Look up at a rate that doesn't depend on how long a lookup takes."""
        while not end.is_set():
            time.sleep(_INTERVAL)
            started = time.perf_counter()
            try:
                lookup()
            except Exception:  # noqa: BLE001 - whatever it raises, there is no key
                self.refused += 1
            taken = time.perf_counter() - started
            # Lookups that would have started during this one wait for the rest of it.
            while taken > 0:
                self.seconds.append(taken)
                taken -= _INTERVAL

    @property
    def p99(self) -> float:
        """The time that 99 of 100 lookups don't exceed."""
        return sorted(self.seconds)[len(self.seconds) * 99 // 100]


def delays_by_the_issuer(contender: Contender, size: Size) -> tuple[Reading, Reading]:
    """Measure how much the p99 of lookups rises when the issuer is slow, and when it hangs.

    Each phase follows one with a healthy issuer, which it is compared with.
    """

    def rise(behaviour: dict[str, Any]) -> Reading:
        phases = [
            (_phase(contender, size, {}), _phase(contender, size, behaviour))
            for _ in range(size.rounds)
        ]
        refused = sum(healthy.refused + impaired.refused for healthy, impaired in phases)
        return Reading(
            median(impaired.p99 - healthy.p99 for healthy, impaired in phases),
            f"{refused:,} refused" if refused else "",
        )

    return rise({"delay": size.phase * 0.8}), rise({"hang": True})


def _phase(contender: Contender, size: Size, behaviour: dict[str, Any]) -> _Times:
    """Time lookups from the start of the refresh until after the keys expire."""
    times = _Times()
    end = threading.Event()
    with issuer() as idp, ThreadPoolExecutor(_VISITORS) as visitors:
        client = contender.client(idp.jwks_url)
        client.finds(KNOWN[0])
        idp.behave(**behaviour)
        client.advance(LIFESPAN * 0.85)
        for _ in range(_VISITORS):
            visitors.submit(times.visit, client.lookup(KNOWN[0]), end)
        time.sleep(size.phase)
        # Until the keys have expired, second by second, so that fetches time out and are tried again.
        for _ in range(_REMAINING):
            client.advance(1)
            time.sleep(size.phase / 100)
        time.sleep(size.phase * (2 if "hang" in behaviour else 1))
        end.set()
        idp.behave()
        idp.release()
    return times


def lookup_time(contender: Contender, size: Size) -> tuple[Reading]:
    """Measure how long a lookup takes while the keys are fresh."""
    with issuer() as idp:
        lookup = contender.client(idp.jwks_url).lookup(KNOWN[-1])
        lookup()
        times = timeit.repeat(lookup, number=size.lookups, repeat=_REPEATS)
    return (Reading(median(times) / size.lookups),)
