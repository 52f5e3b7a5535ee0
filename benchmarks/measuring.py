"""Measures entries in one interleaved run.

A round visits the scenarios in a random order, and in each of them the contenders in a random order
with a small batch of requests each. Ratios are formed within a round, between batches that ran some
milliseconds apart, so that a machine that grows slower or busier bends them little. What is told is
the median of all rounds.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from statistics import quantiles
from typing import Any

from attrs import define, frozen

from .contenders import Contender
from .entries import Entry
from .scenarios import Scenario

__all__ = ["Measurements", "Spread", "count_calls", "measure"]

_BATCH = 20
_WARM_UP = 2
# Quartiles need two values.
_LEAST_ROUNDS = 2


@frozen
class Spread:
    """The median of some values and their quartiles."""

    lower: float
    median: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Sum values up."""
        return cls(*quantiles(values, n=4, method="inclusive"))


@define
class Measurements:
    """Seconds per request: for each contender in each scenario one value a round."""

    times: dict[tuple[Contender, Scenario], list[float]]

    @property
    def rounds(self) -> int:
        """How many rounds there were."""
        return max(map(len, self.times.values()))

    def time(self, contender: Contender, scenario: Scenario) -> Spread | None:
        """Seconds per request, None where it was not measured."""
        times = self.times.get((contender, scenario))
        return None if times is None else Spread.of(times)

    def ratio(
        self, contender: Contender, reference: Contender, scenario: Scenario
    ) -> Spread | None:
        """How many times as long as a reference it takes, None where one was not measured."""
        times = self.times.get((contender, scenario))
        references = self.times.get((reference, scenario))
        if times is None or references is None:
            return None
        return Spread.of([mine / its for mine, its in zip(times, references, strict=True)])


def measure(entries: Sequence[Entry], seconds: float) -> Measurements:
    """Run rounds until so many seconds are over, and at least two."""
    by_scenario: defaultdict[Scenario, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_scenario[entry.scenario].append(entry)
    scenarios = list(by_scenario)
    times: defaultdict[tuple[Contender, Scenario], list[float]] = defaultdict(list)
    shuffle = random.Random(1).shuffle
    for entry in entries:
        _run_batch(entry)
    # What lives for the whole run is no batch's garbage.
    gc.collect()
    gc.freeze()
    try:
        deadline = time.perf_counter() + seconds
        rounds = 0
        while rounds < _LEAST_ROUNDS or time.perf_counter() < deadline:
            rounds += 1
            shuffle(scenarios)
            for scenario in scenarios:
                rivals = by_scenario[scenario]
                shuffle(rivals)
                for entry in rivals:
                    times[entry.contender, scenario].append(_run_batch(entry))
    finally:
        gc.unfreeze()
    return Measurements(dict(times))


def _run_batch(entry: Entry) -> float:
    """Seconds per request of one batch, which pays for its own garbage and nobody else's."""
    entry.prepare()
    entry.serve(_WARM_UP)
    gc.collect()
    started = time.perf_counter()
    entry.serve(_BATCH)
    return (time.perf_counter() - started) / _BATCH


def count_calls(entry: Entry) -> int:
    """Count the Python functions that one request runs."""
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    entry.prepare()
    entry.serve(_WARM_UP)
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        entry.serve(1)
    finally:
        sys.setprofile(before)
    return calls
