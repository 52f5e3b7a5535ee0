"""What answers cost that are meant to: one that never comes to its end, and one that is huge."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from .clients import Contender
from .figures import Reading
from .staging import KNOWN, Size, issuer

__all__ = ["end_of_a_drip", "memory_of_a_large_answer"]

_RATE = 20
# Seconds after which a process that reads a large answer is ended.
_LONGEST = 60


def end_of_a_drip(contender: Contender, size: Size) -> tuple[Reading]:
    """Find when nobody waits any more for an answer that drips: no caller, no thread, no connection."""
    with issuer() as idp:
        before = set(threading.enumerate())
        idp.behave(drip=_RATE)
        client = contender.client(idp.jwks_url, timeout=size.timeout)
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


def memory_of_a_large_answer(contender: Contender, size: Size) -> tuple[Reading]:
    """Find how much memory a process takes to refresh its keys from an answer that is huge."""
    with issuer() as idp:
        idp.behave(grow=size.mebibytes)
        idp.behave(times=1)
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.keys.memory", contender.name, idp.jwks_url],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=True,
        )
    return (Reading(float(answer.stdout)),)
