"""Measures the table in several processes, one after another, and puts their rounds together.

How strings are hashed and where things lie in memory is luck, which each process draws anew; it is worth a
hundredth of a request. ``python -m benchmarks.pooling SECONDS`` is what each of them runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from .contenders import REGULARS, Contender
from .entries import make_entries
from .measuring import Measurements, measure
from .peers import installed
from .scenarios import Scenario, make_scenarios, make_services

__all__ = ["BASIC", "Times", "guests_of", "measure_in_processes", "pooled"]

BASIC = "RS256"
"""The scenario in which each round has all contenders."""

_ROOT = Path(__file__).parent.parent
_PATIENCE = 120

Times = Sequence[tuple[str, str, Sequence[tuple[int, float]]]]
"""What one process measured: contender, scenario, and the seconds per request of each round."""


def guests_of(contenders: Iterable[Contender]) -> list[Contender]:
    """Those of them that take turns."""
    return [contender for contender in contenders if contender not in REGULARS]


def measure_in_processes(
    contenders: Sequence[Contender], scenarios: Sequence[Scenario], seconds: float, processes: int
) -> Measurements:
    """Let so many processes measure what is installed, for so many seconds in all."""
    parts = [_measured(seconds / processes) for _ in range(processes)]
    return pooled(parts, contenders, scenarios)


def pooled(
    parts: Iterable[Times], contenders: Sequence[Contender], scenarios: Sequence[Scenario]
) -> Measurements:
    """Put together what several processes measured, as if all rounds had been one's."""
    contender_of = {contender.name: contender for contender in contenders}
    scenario_of = {scenario.name: scenario for scenario in scenarios}
    times: defaultdict[tuple[Contender, Scenario], dict[int, float]] = defaultdict(dict)
    before = 0
    for part in parts:
        for contender, scenario, rounds in part:
            times[contender_of[contender], scenario_of[scenario]].update(
                (before + number, each) for number, each in rounds
            )
        before += 1 + max(number for *_, rounds in part for number, _ in rounds)
    return Measurements(times)


def _measured(seconds: float) -> Times:
    done = subprocess.run(
        [
            # joserfc says at each request that the algorithm has a new name.
            *(sys.executable, "-W", "ignore:EdDSA is deprecated"),
            *("-m", "benchmarks.pooling", str(seconds)),
        ],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=_PATIENCE + seconds,
    )
    times: Times = json.loads(done.stdout)
    return times


def _main(seconds: float) -> None:
    contenders = installed()
    services = make_services()
    entries = make_entries(contenders, make_scenarios(services), services)
    measured = measure(
        [entry for entry in entries if entry.is_measured],
        seconds,
        guests_of(contenders),
        crowded=(BASIC,),
    )
    print(
        json.dumps(
            [
                (contender.name, scenario.name, [*rounds.items()])
                for (contender, scenario), rounds in measured.times.items()
            ]
        )
    )


if __name__ == "__main__":
    _main(float(sys.argv[1]))
