"""How often an issuer is asked, and who is refused, when many threads look keys up."""

from __future__ import annotations

import threading
import time

from .clients import LIFESPAN, Contender, KeyClient
from .figures import Reading, refusals
from .staging import KNOWN, Size, all_at_once, issuer, publish

__all__ = ["fetches_by_a_crowd", "fetches_for_unknown_kids", "refusals_during_a_rotation"]

# Seconds. Long enough that all threads are there before the answer is.
_DELAY = 0.3


def fetches_by_a_crowd(contender: Contender, size: Size) -> tuple[Reading, Reading]:
    """Count the fetches of threads that all want a key when there is none yet, and when they are old."""
    with issuer() as idp:
        idp.behave(delay=_DELAY)
        client = contender.client(idp.jwks_url)
        readings: list[Reading] = []
        for age in (0, LIFESPAN + 1):
            client.advance(age)
            idp.forget()
            found = all_at_once(size.threads, lambda _: client.finds(KNOWN[0]))
            readings.append(Reading(idp.count(), faults=refusals(size.threads - found)))
    cold, expired = readings
    return cold, expired


def fetches_for_unknown_kids(contender: Contender, size: Size) -> tuple[Reading]:
    """Count the fetches of threads that name key IDs which nobody has ever heard of."""
    each = size.unknown_kids // size.threads
    with issuer() as idp:
        client = contender.client(idp.jwks_url)
        client.finds(KNOWN[0])
        # So that no recent fetch stands for those that are to be counted.
        client.advance(60)
        idp.forget()

        def invent(number: int) -> int:
            started = time.monotonic()
            found = 0
            for turn in range(each):
                time.sleep(max(0, started + size.flood * turn / each - time.monotonic()))
                found += client.finds(f"unknown-{number}-{turn}")
            return found

        found = all_at_once(size.threads, invent)
        client.settle()
        return (Reading(idp.count(), faults=(f"{found} found",) if found else ()),)


def refusals_during_a_rotation(contender: Contender, size: Size) -> tuple[Reading]:
    """Count who is refused while the issuer begins to sign with a new key, and tokens of the old one live."""
    threads = size.threads // 10
    old, new = KNOWN[0], "key-3"
    turns = 50
    with issuer() as idp:
        client = contender.client(idp.jwks_url)
        client.finds(old)
        client.advance(10)
        idp.behave(delay=0.05)
        rotation = threading.Barrier(threads, lambda: publish(idp, *KNOWN, new), timeout=30)

        def present(_: int) -> int:
            refused = _misses(client, [old] * turns)
            rotation.wait()
            return refused + _misses(client, [new, old] * turns)

        refused = all_at_once(threads, present)
    return (Reading(refused, note=f"of {threads * turns * 3:,} lookups" if refused else ""),)


def _misses(client: KeyClient, kids: list[str]) -> int:
    return sum(not client.finds(kid) for kid in kids)
