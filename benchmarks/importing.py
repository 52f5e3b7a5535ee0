"""What ``import flask_jwtlib`` costs after ``import flask``, in new processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from .report import check

_TIMEOUT = 60
_PROGRAM = """
import json, resource, time

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()

times = [time.perf_counter()]
import flask
before = resident()
times.append(time.perf_counter())
import attrs, jose.backends
times.append(time.perf_counter())
import flask_jwtlib
times.append(time.perf_counter())
print(json.dumps([resident() - before, *times]))
"""


def import_section(scale: float) -> tuple[str, list[str]]:
    """Import the package in new processes, one after another, and write the medians."""
    if not Path("/proc/self/statm").exists():
        return "left out: there is no /proc/self/statm", []
    # The first process compiles what isn't compiled yet, which an installation does once.
    _, *costs = [_import() for _ in range(1 + max(1, round(15 * scale)))]
    size, flask, packages, total = map(median, zip(*costs, strict=True))
    text = (
        f"{total:.0f} ms after Flask's {flask:.0f} ms; attrs and python-jose take {packages:.0f} ms of them. "
        f"The process grows by {size:.1f} MB."
    )
    return text, [
        check("time", total, "at most", 45, 1, " ms"),
        check("memory", size, "at most", 12, 1, " MB"),
    ]


def _import() -> tuple[float, float, float, float]:
    """Return the megabytes, and the milliseconds of Flask, of the required packages, and of all but Flask."""
    environment = {**os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        timeout=_TIMEOUT,
    )
    size, start, flask, packages, end = json.loads(done.stdout)
    return size / 1e6, (flask - start) * 1e3, (packages - flask) * 1e3, (end - flask) * 1e3
