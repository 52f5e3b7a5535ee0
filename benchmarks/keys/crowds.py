"""How often many threads that look keys up cause a fetch, and how many of their lookups fail."""

from __future__ import annotations

import threading
import time

from .clients import LIFESPAN, Contender, KeyClient
from .staging import KNOWN, Reading, Size, all_at_once, issuer, publish

# Seconds. Long enough for all threads to come before the response does.
_DELAY = 0.3


def fetches_by_a_crowd(contender: Contender, size: Size) -> tuple[Reading, Reading]:
    """Count the fetches when all threads need a key: before the first fetch, and after the keys expired."""
    readings: list[Reading] = []
    with issuer() as idp:
        idp.behave(delay=_DELAY)
        client = contender.client(idp.jwks_url)
        for age in (0, LIFESPAN + 1):
            client.advance(age)
            idp.forget()
            found = all_at_once(size.threads, lambda _: client.finds(KNOWN[0]))
            fault = "" if found == size.threads else f"{size.threads - found:,} refused"
            readings.append(Reading(idp.count(), fault))
    cold, expired = readings
    return cold, expired


def fetches_for_unknown_kids(contender: Contender, size: Size) -> tuple[Reading]:
    """Count the fetches when threads name key IDs that don't exist."""
    each = size.unknown_kids // size.threads
    with issuer() as idp:
        client = contender.client(idp.jwks_url)
        client.finds(KNOWN[0])
        # So that no pause after the first fetch prevents others.
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
        return (Reading(idp.count(), f"{found} found" if found else ""),)


def refusals_during_a_rotation(contender: Contender, size: Size) -> tuple[Reading]:
    """Count the failed lookups when an issuer starts to sign with a new key, and the old one stays valid."""
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

        return (Reading(all_at_once(threads, present)),)


def _misses(client: KeyClient, kids: list[str]) -> int:
    return sum(not client.finds(kid) for kid in kids)
