"""What happens in hours, simulated: an issuer that is down, and a key that it takes back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from .clients import LIFESPAN, Contender, KeyClient
from .figures import Reading
from .staging import KNOWN, Size, issuer, publish

__all__ = ["outage", "removal_of_a_key"]

_HOUR = 3600
# Seconds after which nobody goes on to watch who still survives an outage.
_LONGEST = 5 * _HOUR
_MOMENT = 0.1


class _Simulation:
    """The time of a client, from now on."""

    def __init__(self, client: KeyClient) -> None:
        self._client = client
        self._began = time.monotonic()
        self._ahead = 0.0

    @property
    def now(self) -> float:
        """Seconds that have passed for the client."""
        return time.monotonic() - self._began + self._ahead

    def pass_until(self, seconds: float) -> None:
        """Let time pass until so many seconds are over."""
        left = seconds - self.now
        self._ahead += left
        self._client.advance(left)


def outage(contender: Contender, size: Size) -> tuple[Reading, Reading]:
    """Count the attempts in an hour after the issuer died, and find how long known keys still serve.

    Each second, or whatever the step is, somebody comes with a known key ID and somebody with an
    unknown one.
    """
    attempts = 0
    survived = 0.0
    serves = True
    with issuer() as idp:
        client = contender.client(idp.jwks_url)
        simulation = _Simulation(client)
        client.finds(KNOWN[0])
        idp.behave(reset=True)
        idp.forget()
        now = 0.0
        while now <= _HOUR or (serves and now <= _LONGEST):
            simulation.pass_until(now)
            if now <= _HOUR:
                client.finds(f"unknown-{now}")
                client.settle()
            found = client.finds(KNOWN[0])
            client.settle()
            serves = serves and found
            if serves:
                survived = now
            if now <= _HOUR:
                attempts = idp.count()
            now += size.step
    return Reading(attempts), Reading(survived, is_more=serves)


def removal_of_a_key(contender: Contender, size: Size) -> tuple[Reading]:
    """Find for how long a key is accepted at most after a slow issuer took it back.

    It does so right after it has read its keys for an answer. Then nobody comes until just before
    the time of these keys is over, be it counted from the request or from the answer, or for an hour.
    """
    quiet = (LIFESPAN - _MOMENT, LIFESPAN + size.slow - _MOMENT, _HOUR)
    with ThreadPoolExecutor(len(quiet)) as pool:
        return (max(pool.map(partial(_accepted, contender, size), quiet), key=_worst),)


def _accepted(contender: Contender, size: Size, quiet: float) -> Reading:
    """Find for how long a key is accepted after its removal, if nobody comes for so many seconds."""
    removed, kept = KNOWN
    with issuer() as idp, ThreadPoolExecutor(1) as pool:
        idp.behave(delay=size.slow, times=2)
        client = contender.client(idp.jwks_url)
        fetched = pool.submit(client.finds, removed)
        idp.wait_for(1)
        simulation = _Simulation(client)
        publish(idp, kept)
        if not fetched.result():
            return Reading(0, faults=("no key was fetched",))
        simulation.pass_until(quiet)
        accepted = 0.0
        give_up = quiet + size.slow * 2 + size.timeout
        while client.finds(removed):
            accepted = simulation.now
            if accepted > give_up:
                return Reading(accepted, is_more=True)
            time.sleep(_MOMENT / 10)
    return Reading(accepted)


def _worst(reading: Reading) -> tuple[bool, float]:
    return bool(reading.faults), reading.value
