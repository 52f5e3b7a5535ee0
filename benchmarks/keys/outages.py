"""What happens within hours of simulated time: an issuer is down, and a key is withdrawn."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from .clients import LIFESPAN, Contender
from .staging import KNOWN, Reading, Size, issuer, publish

_HOUR = 3600
# Longest outage that is simulated, in seconds.
_LONGEST = 5 * _HOUR
_MOMENT = 0.1


def outage(contender: Contender, size: Size) -> tuple[Reading, Reading]:
    """Count the fetches in an hour after the issuer went down, and measure how long known keys are found.

    In each step of the simulation, one lookup names a known key ID and one an unknown one.
    """
    attempts, survived, now = 0, 0.0, 0.0
    serves = True
    with issuer() as idp:
        client = contender.client(idp.jwks_url)
        began = client.clock()
        client.finds(KNOWN[0])
        idp.behave(reset=True)
        idp.forget()
        while now <= _HOUR or (serves and now <= _LONGEST):
            client.advance(began + now - client.clock())
            if now <= _HOUR:
                client.finds(f"unknown-{now}")
                client.settle()
            serves = client.finds(KNOWN[0]) and serves
            client.settle()
            if serves:
                survived = now
            if now <= _HOUR:
                attempts = idp.count()
            now += size.step
    return Reading(attempts), Reading(survived, is_more=serves)


def withdrawal_of_a_key(contender: Contender, size: Size) -> tuple[Reading]:
    """Measure how long a key is accepted after a slow issuer withdrew it.

    The issuer withdraws it right after it has read its keys for a response. The next lookup comes just before
    the keys expire, counted from the request or from the response, or after an hour. The worst case counts.
    """
    quiet = (LIFESPAN - _MOMENT, LIFESPAN + size.slow - _MOMENT, _HOUR)
    with ThreadPoolExecutor(len(quiet)) as pool:
        readings = pool.map(partial(_accepted, contender, size), quiet)
        return (max(readings, key=lambda each: (bool(each.fault), each.value)),)


def _accepted(contender: Contender, size: Size, quiet: float) -> Reading:
    """Measure how long a withdrawn key is accepted if no lookup comes for this many seconds."""
    withdrawn, kept = KNOWN
    with issuer() as idp, ThreadPoolExecutor(1) as pool:
        idp.behave(delay=size.slow, times=2)
        client = contender.client(idp.jwks_url)
        fetched = pool.submit(client.finds, withdrawn)
        idp.wait_for(1)
        began = client.clock()
        publish(idp, kept)
        if not fetched.result():
            return Reading(0, "no key was fetched")
        client.advance(began + quiet - client.clock())
        accepted = 0.0
        give_up = quiet + size.slow * 2 + size.timeout
        while client.finds(withdrawn):
            accepted = client.clock() - began
            if accepted > give_up:
                return Reading(accepted, is_more=True)
            time.sleep(_MOMENT / 10)
    return Reading(accepted)
