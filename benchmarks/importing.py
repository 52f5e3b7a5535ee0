"""What importing the package costs above importing Flask, in fresh processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from attrs import frozen

__all__ = ["ImportCost", "is_possible", "measure_import"]

_STATM = Path("/proc/self/statm")
_TIMEOUT = 60
_PROGRAM = f"""
import json, resource, time
import flask

def resident():
    with open({str(_STATM)!r}) as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()

before, started = resident(), time.perf_counter()
import flask_jwtlib
print(json.dumps([time.perf_counter() - started, resident() - before]))
"""


@frozen
class ImportCost:
    """Seconds that the import takes, and bytes of memory by which the process grows."""

    seconds: float
    size: float


def is_possible() -> bool:
    """Whether a process can look up its size here, as on Linux."""
    return _STATM.exists()


def measure_import(processes: int) -> ImportCost:
    """Import it in so many processes, one after another, and take the medians."""
    with TemporaryDirectory() as bytecode:
        # The first one compiles everything, which is done once for an installed package.
        _, *costs = [_import(bytecode) for _ in range(processes + 1)]
    return ImportCost(median(each.seconds for each in costs), median(each.size for each in costs))


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
