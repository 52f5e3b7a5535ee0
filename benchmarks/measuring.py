"""Times entries in one interleaved run.

A round visits the scenarios in random order, and in each of them the contenders in random order, with a small
batch of requests each. Ratios are formed within a round, between batches that ran milliseconds apart, so that
a machine that gets slower or busier hardly changes them. The reported figure is the median of all rounds.

A figure that is exact to a hundredth needs many rounds, and slow peers would take most of the time. So only
the regulars take part in every round. The peers take turns, except in the scenario of their bounds.
"""

from __future__ import annotations

import gc
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from statistics import quantiles

from attrs import frozen

from .contenders import REGULARS, Contender, Entry, make_entries
from .peers import installed
from .scenarios import BASIC, TIMED, make_scenarios, make_services

# Small, so that most batches run without interruption and the median is one of those.
_BATCH = 10
# Fills the processor's caches with what the contender needs, instead of what the previous one left there.
_WARM_UP = 5

Times = dict[tuple[str, str], dict[int, float]]
"""By the names of contender and scenario: the seconds per request of each round, by its number."""


@frozen
class Spread:
    """The median of some values and their quartiles."""

    lower: float
    median: float
    upper: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Summarise values, of which there must be at least one."""
        values = [*values]
        return cls(*quantiles(values * 2 if len(values) == 1 else values, n=4, method="inclusive"))

    @property
    def half_width(self) -> float:
        """Half the distance of the quartiles."""
        return (self.upper - self.lower) / 2


@frozen
class Measurements:
    """What was measured of each contender in each scenario, such as seconds per request.

    Args:
        times: The values of each round, by the names of contender and scenario.
    """

    times: Mapping[tuple[str, str], Mapping[int, float]]

    @property
    def rounds(self) -> int:
        """How many rounds there were."""
        return max(map(len, self.times.values()))

    def value(self, contender: Contender, scenario: str) -> Spread | None:
        """The value itself, None where it was not measured."""
        times = self.times.get((contender.name, scenario))
        return None if times is None else Spread.of(times.values())

    def ratio(self, contender: Contender, reference: Contender, scenario: str) -> Spread | None:
        """The ratio to a reference's value, None where one was not measured."""
        times = self.times.get((contender.name, scenario), {})
        references = self.times.get((reference.name, scenario), {})
        ratios = [times[number] / references[number] for number in times.keys() & references.keys()]
        return Spread.of(ratios) if ratios else None


def take_turns(contenders: Iterable[Contender]) -> list[Contender]:
    """Select the contenders that don't take part in every round."""
    return [contender for contender in contenders if contender not in REGULARS]


def measure(entries: Sequence[Entry], seconds: float, turns: Sequence[Contender] = ()) -> Times:
    """Run rounds for this many seconds, and at least one for each contender.

    Args:
        entries: What to time.
        seconds: How long.
        turns: The contenders that take turns, except in the basic scenario.
    """
    by_scenario: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_scenario[entry.scenario.name].append(entry)
    scenarios = [*by_scenario]
    times: defaultdict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    shuffle = random.Random(1).shuffle
    for entry in entries:
        entry.prepare()
        entry.serve(_WARM_UP)
    # What lives for the whole run is no batch's garbage.
    gc.collect()
    gc.freeze()
    deadline = time.perf_counter() + seconds
    for number in count():
        if number >= max(1, len(turns)) and time.perf_counter() >= deadline:
            break
        waiting = [each for place, each in enumerate(turns) if place != number % len(turns)]
        shuffle(scenarios)
        for scenario in scenarios:
            shuffle(by_scenario[scenario])
            for entry in by_scenario[scenario]:
                if scenario == BASIC or entry.contender not in waiting:
                    times[entry.contender.name, scenario][number] = _time_batch(entry)
    gc.unfreeze()
    return dict(times)


def _time_batch(entry: Entry) -> float:
    """Return the seconds per request of one batch, which pays only for its own garbage."""
    entry.prepare()
    gc.collect()
    entry.serve(_WARM_UP)
    # The processor's time of this thread, which doesn't count while another process has its turn.
    started = time.thread_time()
    entry.serve(_BATCH)
    return (time.thread_time() - started) / _BATCH


def measure_in_processes(
    seconds: float, processes: int, measure_part: Callable[[float], Times] | None = None
) -> Measurements:
    """Time entries in new processes, one after another, and pool their rounds.

    Args:
        seconds: How long, in all.
        processes: How many.
        measure_part: Times entries in a process, given the seconds. By default those of the table.

    Each process hashes strings and lays out its memory anew, which changes a request's time by a hundredth.
    """
    parts: list[Times] = []
    for _ in range(processes):
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            parts.append(
                process.submit(measure_part or _measure_installed, seconds / processes).result()
            )
    return pooled(parts)


def pooled(parts: Iterable[Times]) -> Measurements:
    """Put the rounds of several processes together, as if one had run them all."""
    times: defaultdict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    before = 0
    for part in parts:
        for key, rounds in part.items():
            times[key].update((before + number, each) for number, each in rounds.items())
        before += max(map(len, part.values()))
    return Measurements(times)


def _measure_installed(seconds: float) -> Times:
    contenders = installed()
    services = make_services()
    entries = [
        entry
        for entry in make_entries(contenders, make_scenarios(services), services)
        # A check that is not made takes no time that could be compared.
        if entry.scenario.name in TIMED and entry.is_right()
    ]
    return measure(entries, seconds, take_turns(contenders))
