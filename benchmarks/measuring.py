"""Measures entries in one interleaved run.

A round visits the scenarios in a random order, and in each of them the contenders in a random order
with a small batch of requests each. Ratios are formed within a round, between batches that ran some
milliseconds apart, so that a machine that grows slower or busier bends them little. What is told is
the median of all rounds.

What is to be known to a hundredth needs many rounds, and slow peers would take most of the time. So
most contenders are guests: each round has one of them, in turn, beside those that take part in all. Only
in the scenarios that they are held against us in do all guests take part, too.
"""

from __future__ import annotations

import gc
import random
import time
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from statistics import quantiles

from attrs import frozen

from .contenders import Contender
from .entries import Entry
from .scenarios import Scenario

__all__ = ["Measurements", "Spread", "measure"]

# Small, so that most batches pass undisturbed and the median is one of those.
_BATCH = 10
# After these requests the processor's caches hold what the contender needs, and not what its rivals left.
_WARM_UP = 5
# Quartiles need two values.
_LEAST_VISITS = 2


@frozen
class Spread:
    """The median of some values and their quartiles."""

    lower: float
    median: float
    upper: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Sum values up."""
        return cls(*quantiles(values, n=4, method="inclusive"))

    @property
    def half_width(self) -> float:
        """Half the distance of the quartiles."""
        return (self.upper - self.lower) / 2


@frozen
class Measurements:
    """Seconds per request, by contender and scenario, of each round that the contender took part in.

    Args:
        times: Them, by the round's number.
    """

    times: Mapping[tuple[Contender, Scenario], Mapping[int, float]]

    @property
    def rounds(self) -> int:
        """How many rounds there were."""
        return max(map(len, self.times.values()))

    def time(self, contender: Contender, scenario: Scenario) -> Spread | None:
        """Seconds per request, None where it was not measured."""
        times = self.times.get((contender, scenario))
        return None if times is None else Spread.of(times.values())

    def ratio(
        self, contender: Contender, reference: Contender, scenario: Scenario
    ) -> Spread | None:
        """How many times as long as a reference it takes, None where one was not measured."""
        times = self.times.get((contender, scenario))
        references = self.times.get((reference, scenario))
        if times is None or references is None:
            return None
        common = times.keys() & references.keys()
        return Spread.of([times[each] / references[each] for each in common])


def measure(
    entries: Sequence[Entry],
    seconds: float,
    guests: Sequence[Contender] = (),
    crowded: Container[str] = (),
) -> Measurements:
    """Run rounds until so many seconds are over, and at least two for everyone.

    Args:
        entries: Who is measured, and by what.
        seconds: How long.
        guests: The contenders that take turns.
        crowded: The names of scenarios in which they don't.
    """
    by_scenario: defaultdict[Scenario, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_scenario[entry.scenario].append(entry)
    scenarios = list(by_scenario)
    times: defaultdict[tuple[Contender, Scenario], dict[int, float]] = defaultdict(dict)
    shuffle = random.Random(1).shuffle
    least = _LEAST_VISITS * max(1, len(guests))
    for entry in entries:
        entry.prepare()
        entry.serve(_WARM_UP)
    with _no_garbage_of_others():
        deadline = time.perf_counter() + seconds
        for number in count():
            if number >= least and time.perf_counter() >= deadline:
                break
            waiting = {guest for place, guest in enumerate(guests) if place != number % len(guests)}
            shuffle(scenarios)
            for scenario in scenarios:
                rivals = by_scenario[scenario]
                shuffle(rivals)
                for entry in rivals:
                    if entry.contender not in waiting or scenario.name in crowded:
                        times[entry.contender, scenario][number] = _run_batch(entry)
    return Measurements(times)


@contextmanager
def _no_garbage_of_others() -> Iterator[None]:
    """Let what lives for the whole run be no batch's garbage."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _run_batch(entry: Entry) -> float:
    """Seconds per request of one batch, which pays for its own garbage and nobody else's.

    What it costs to come in after another contender is no part of it.
    """
    entry.prepare()
    gc.collect()
    entry.serve(_WARM_UP)
    started = time.perf_counter()
    entry.serve(_BATCH)
    return (time.perf_counter() - started) / _BATCH
