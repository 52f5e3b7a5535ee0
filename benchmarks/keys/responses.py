"""What hostile responses cost: one that is sent very slowly, and one that is very large."""

from __future__ import annotations

import logging
import threading
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from .clients import CONTENDERS, LIFESPAN, Contender
from .staging import KNOWN, Reading, Size, issuer

_RATE = 20


def end_of_a_drip(contender: Contender, size: Size) -> tuple[Reading]:
    """Measure when a slow response occupies no caller, thread or connection any more."""
    with issuer() as idp:
        before = set(threading.enumerate())
        idp.behave(drip=_RATE)
        client = contender.client(idp.jwks_url, size.timeout)
        started = time.monotonic()
        threading.Thread(target=client.finds, args=KNOWN[:1], daemon=True).start()
        idp.wait_for(1)
        waiting = set(threading.enumerate()) - before
        for thread in waiting:
            thread.join(max(0, started + size.patience - time.monotonic()))
        is_more = any(thread.is_alive() for thread in waiting)
        reading = Reading(time.monotonic() - started, is_more=is_more)
    for thread in waiting:
        thread.join()
    return (reading,)


def memory_of_a_large_response(contender: Contender, size: Size) -> tuple[Reading]:
    """Measure the memory that a process needs to refresh its keys from a large response."""
    with issuer() as idp, ProcessPoolExecutor(1, get_context("spawn")) as process:
        idp.behave(grow=size.mebibytes)
        idp.behave(times=1)
        return (Reading(process.submit(_peak, contender.name, idp.jwks_url).result()),)


def _peak(name: str, url: str) -> float:
    """Fetch keys, let them expire, and return the peak of the memory while they are fetched again."""
    logging.disable()
    client = next(each for each in CONTENDERS if each.name == name).client(url)
    if not client.finds(KNOWN[0]):
        raise RuntimeError("no key was fetched")
    client.advance(LIFESPAN + 1)
    tracemalloc.start()
    client.finds(KNOWN[0])
    client.settle()
    return tracemalloc.get_traced_memory()[1]
