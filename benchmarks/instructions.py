"""Counts the processor's instructions of a request with callgrind, where valgrind is installed.

Unlike times, they are nearly the same in each run. ``python -m benchmarks.instructions REQUESTS`` is what
runs under callgrind: each entry serves in a thread of its own, because callgrind counts by thread.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from .contenders import BARE, COMPOSED, FLOOR, Entry, make_entries
from .measuring import Measurements
from .report import check
from .scenarios import BASIC, TIMED, make_scenarios, make_services
from .table import ratio_table

_MEASURED = (BARE, FLOOR, COMPOSED)
_WARM_UP = 10
_TIMEOUT = 240
# Valgrind's first thread is the program's own, and the second one serves nothing.
_IDLE_THREAD = 2


def instructions_section() -> tuple[str, list[str]]:
    """Count the instructions of each reference and of the framework, and write them."""
    if not shutil.which("valgrind"):
        return "left out: valgrind is not installed", []
    counted = count_instructions(30)
    unit = "thousands of instructions per request"
    ratio = counted.ratio(COMPOSED, FLOOR, BASIC)
    return ratio_table(counted, _MEASURED, unit, 1e3, 3, exact=True), [
        check(f"{BASIC}, {COMPOSED.name} / {FLOOR.name}", ratio.median, "at most", 1.05)
        for ratio in [ratio]
        if ratio is not None
    ]


def count_instructions(requests: int, module: str = __spec__.name) -> Measurements:
    """Let each entry serve this many requests under callgrind, and return the instructions per request.

    Args:
        requests: How many requests.
        module: What runs under callgrind: it calls ``serve_and_name``.
    """
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", "--separate-threads=yes"),
                f"--callgrind-out-file={folder}/out.%p",
                *(sys.executable, "-m", module, str(requests)),
            ],
            env={**os.environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            check=True,
            text=True,
            timeout=_TIMEOUT,
        )
        totals = _read_totals(Path(folder))
    idle = totals[_IDLE_THREAD]
    return Measurements(
        {
            (contender, scenario): {0: (totals[thread] - idle) / requests}
            for thread, (contender, scenario) in enumerate(
                json.loads(done.stdout), _IDLE_THREAD + 1
            )
        }
    )


def _read_totals(folder: Path) -> dict[int, int]:
    """Read the instructions of each thread, by its number, from callgrind's files ``out.PID-NN``."""
    totals: dict[int, int] = {}
    for path in folder.glob("out.*-*"):
        found = re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE)
        if found:
            totals[int(path.name.rpartition("-")[2])] = int(found[1])
    return totals


def serve_and_name(entries: Sequence[Entry]) -> None:
    """Let each entry serve as many requests as the command line says, and print the names of the entries."""
    serve_all(entries, int(sys.argv[1]))
    print(json.dumps([(each.contender.name, each.scenario.name) for each in entries]))


def serve_all(entries: Sequence[Entry], requests: int) -> None:
    """Let each entry serve in a thread of its own, one after another, after a thread that serves nothing.

    The threads stay until all are done, because valgrind reuses the number of a thread that has ended.
    """
    for entry in entries:
        entry.serve(_WARM_UP)
    gc.collect()
    gc.freeze()
    end = Event()
    threads: list[Thread] = []
    for server in (None, *entries):
        done = Event()
        threads.append(Thread(target=_serve, args=(server, requests, done, end)))
        # So that each begins at the same distance from the next collection.
        gc.collect()
        threads[-1].start()
        done.wait()
    end.set()
    for thread in threads:
        thread.join()
    gc.unfreeze()


def _serve(entry: Entry | None, requests: int, done: Event, end: Event) -> None:
    if entry is not None:
        entry.serve(requests)
    done.set()
    end.wait()


if __name__ == "__main__":
    _services = make_services()
    _entries = make_entries(
        _MEASURED, [each for each in make_scenarios(_services) if each.name in TIMED], _services
    )
    serve_and_name(_entries)
