"""How long lookups of known keys take, in peace and when the issuer does not answer."""

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
from .figures import Reading, refusals
from .staging import KNOWN, Size, issuer

__all__ = ["delays_by_the_issuer", "lookup_time"]

# Few enough that they don't wait for each other on two cores.
_VISITORS = 4
# Seconds between a visitor's lookups.
_INTERVAL = 0.001
_REPEATS = 15


@define
class _Times:
    """Seconds that lookups took."""

    seconds: list[float] = field(factory=list[float])
    refused: int = 0

    def visit(self, lookup: Callable[[], object], end: threading.Event) -> None:
        """Look up again and again, as somebody whose visits don't depend on how long they take."""
        while not end.is_set():
            time.sleep(_INTERVAL)
            started = time.perf_counter()
            try:
                lookup()
            except Exception:  # noqa: BLE001 - whatever it raises, there is no key
                self.refused += 1
            taken = time.perf_counter() - started
            # While this one waited others came, who waited for what was left.
            while taken > 0:
                self.seconds.append(taken)
                taken -= _INTERVAL

    @property
    def p99(self) -> float:
        """What 99 of 100 lookups don't exceed."""
        return sorted(self.seconds)[len(self.seconds) * 99 // 100]


def delays_by_the_issuer(contender: Contender, size: Size) -> tuple[Reading, Reading]:
    """Find by how much the p99 of lookups rises when the issuer is slow, and when it hangs.

    Each time is compared with that of a healthy issuer, which was measured right before.
    """
    behaviours: tuple[dict[str, Any], ...] = ({"delay": size.phase * 0.8}, {"hang": True})
    rises: tuple[list[float], ...] = ([], [])
    refused = [0, 0]
    for _ in range(size.rounds):
        for place, behaviour in enumerate(behaviours):
            healthy = _phase(contender, size, {})
            impaired = _phase(contender, size, behaviour)
            rises[place].append(impaired.p99 - healthy.p99)
            refused[place] += healthy.refused + impaired.refused
    slow, hung = (
        Reading(median(differences), faults=refusals(count))
        for differences, count in zip(rises, refused, strict=True)
    )
    return slow, hung


def _phase(contender: Contender, size: Size, behaviour: dict[str, Any]) -> _Times:
    """Time lookups of an issuer that misbehaves while the keys are to be refreshed, and beyond their time."""
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
        # Past the end of any fetch, and then past the end of the keys' time.
        client.advance(size.timeout + 1)
        time.sleep(size.phase / 5)
        client.advance(LIFESPAN * 0.15)
        time.sleep(size.phase * (2 if "hang" in behaviour else 1))
        end.set()
        idp.behave()
        idp.release()
    return times


def lookup_time(contender: Contender, size: Size) -> tuple[Reading]:
    """Find how long a lookup takes while the keys are fresh."""
    with issuer() as idp:
        lookup = contender.client(idp.jwks_url).lookup(KNOWN[-1])
        lookup()
        times = timeit.repeat(lookup, number=size.lookups, repeat=_REPEATS)
    return (Reading(median(times) / size.lookups),)
