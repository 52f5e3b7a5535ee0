"""Counts the processor's instructions of a request, with callgrind where valgrind is installed.

Unlike time they are nearly the same in each run. ``python -m benchmarks.instructions REQUESTS`` is what
runs under callgrind: each entry serves its requests in a thread of its own, since callgrind tells
threads apart.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from attrs import frozen

from .contenders import BARE, COMPOSED, FLOOR, Contender
from .entries import Entry, make_entries
from .scenarios import Scenario, make_scenarios, make_services

__all__ = [
    "MEASURED",
    "Instructions",
    "count_instructions",
    "is_possible",
    "read_totals",
    "serve_all",
]

MEASURED = (BARE, FLOOR, COMPOSED)
_WARM_UP = 10
_TIMEOUT = 240
# Valgrind's first thread is the program's own, the second one serves nothing.
_IDLE_THREAD = 2
_FIRST_THREAD = 3


@frozen
class Instructions:
    """Instructions per request, by the names of contender and scenario."""

    counts: Mapping[tuple[str, str], float]

    def ratio(self, contender: Contender, reference: Contender, scenario: Scenario) -> float | None:
        """How many times as many as a reference's, None where one was not counted."""
        mine = self.counts.get((contender.name, scenario.name))
        its = self.counts.get((reference.name, scenario.name))
        return None if mine is None or its is None else mine / its


def is_possible() -> bool:
    """Whether valgrind is installed."""
    return shutil.which("valgrind") is not None


def count_instructions(requests: int) -> Instructions:
    """Let each entry serve so many requests under callgrind."""
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", "--separate-threads=yes"),
                f"--callgrind-out-file={folder}/out.%p",
                *(sys.executable, "-m", "benchmarks.instructions", str(requests)),
            ],
            env={**os.environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            check=True,
            text=True,
            timeout=_TIMEOUT,
        )
        totals = read_totals(Path(folder))
    idle = totals[_IDLE_THREAD]
    names = [(contender, scenario) for contender, scenario in json.loads(done.stdout)]
    return Instructions(
        {
            name: (totals[thread] - idle) / requests
            for thread, name in enumerate(names, _FIRST_THREAD)
        }
    )


def read_totals(folder: Path) -> dict[int, int]:
    """Read the instructions of each thread, by its number, from callgrind's ``out.PID-NN``."""
    totals: dict[int, int] = {}
    for path in folder.glob("out.*-*"):
        found = re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE)
        if found:
            totals[int(path.name.rpartition("-")[2])] = int(found[1])
    return totals


def serve_all(entries: Sequence[Entry], requests: int) -> None:
    """Let nobody, then each entry serve in a thread of its own, one after another.

    They stay until all are done: valgrind gives a thread's number to another once it has ended.
    """
    for entry in entries:
        entry.serve(_WARM_UP)
    gc.collect()
    gc.freeze()
    end = Event()
    threads: list[Thread] = []
    for server in (None, *entries):
        done = Event()
        thread = Thread(target=_serve, args=(server, requests, done, end))
        # So that each begins at the same distance from the next collection.
        gc.collect()
        threads.append(thread)
        thread.start()
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


def _main(requests: int) -> None:
    services = make_services()
    scenarios = [scenario for scenario in make_scenarios(services) if scenario.timed]
    entries = make_entries(MEASURED, scenarios, services)
    serve_all(entries, requests)
    print(json.dumps([(entry.contender.name, entry.scenario.name) for entry in entries]))


if __name__ == "__main__":
    _main(int(sys.argv[1]))
