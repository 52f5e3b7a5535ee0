"""What importing the package costs above importing Flask, in fresh processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from attrs import astuple, frozen

__all__ = ["ImportCost", "is_possible", "measure_import"]

_STATM = Path("/proc/self/statm")
_TIMEOUT = 60
_PROGRAM = f"""
import json, resource, time

def resident():
    with open({str(_STATM)!r}) as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()

times = [time.perf_counter()]
import flask
before = resident()
times.append(time.perf_counter())
import attrs, jose.backends
times.append(time.perf_counter())
import flask_jwtlib
times.append(time.perf_counter())
print(json.dumps([times[3] - times[1], resident() - before, times[2] - times[1], times[1] - times[0]]))
"""


@frozen
class ImportCost:
    """What an import costs once Flask is there.

    Args:
        seconds: How long it takes.
        size: Bytes of memory by which the process grows.
        of_packages: Of the seconds, those of ``attrs`` and of python-jose with ``cryptography``.
        of_flask: Seconds that Flask's own import took before.
    """

    seconds: float
    size: float
    of_packages: float
    of_flask: float


def is_possible() -> bool:
    """Whether a process can look up its size here, as on Linux."""
    return _STATM.exists()


def measure_import(processes: int) -> ImportCost:
    """Import it in so many processes, one after another, and take the medians."""
    with TemporaryDirectory() as bytecode:
        # The first one compiles everything, which is done once for an installed package.
        _, *costs = [_import(bytecode) for _ in range(processes + 1)]
    return ImportCost(*map(median, zip(*map(astuple, costs), strict=True)))


def _import(bytecode: str) -> ImportCost:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env=environment,
        capture_output=True,
        check=True,
        text=True,
        timeout=_TIMEOUT,
    )
    return ImportCost(*json.loads(done.stdout))
