"""Every trial, and the figures that it finds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from operator import eq, ge, lt

from attrs import field, frozen

from .answers import end_of_a_drip, memory_of_a_large_answer
from .clients import Contender
from .crowds import fetches_by_a_crowd, fetches_for_unknown_kids, refusals_during_a_rotation
from .delays import delays_by_the_issuer, lookup_time
from .figures import Figure, Reading, in_seconds, megabytes, microseconds, rise, span
from .outages import outage, removal_of_a_key
from .staging import Size

__all__ = ["TRIALS", "Result", "run"]


@frozen
class Trial:
    """Something that contenders are put through.

    Args:
        measure: Puts one through it, and answers a reading for each figure.
        figures: What it finds.
    """

    measure: Callable[[Contender, Size], Sequence[Reading]]
    figures: tuple[Figure, ...]


@frozen
class Result:
    """A figure, as it was found for each contender."""

    figure: Figure
    readings: dict[Contender, Reading] = field(factory=dict[Contender, Reading])


TRIALS = (
    Trial(
        fetches_by_a_crowd,
        (
            Figure("fetches by 200 threads, cold", "1", 1, within=eq),
            Figure("fetches by 200 threads, at expiry", "1", 1, within=eq),
        ),
    ),
    Trial(
        delays_by_the_issuer,
        (
            Figure("p99 of known kids, issuer slow", "< +1 ms", 1e-3, rise, lt),
            Figure("p99 of known kids, issuer hung", "< +1 ms", 1e-3, rise, lt),
        ),
    ),
    Trial(fetches_for_unknown_kids, (Figure("fetches for 10,000 unknown kids", "≤ 2", 2),)),
    Trial(refusals_during_a_rotation, (Figure("refusals during a rotation", "0", 0),)),
    Trial(
        outage,
        (
            Figure("attempts in an hour of outage", "≤ 160", 160),
            Figure("outage survived, warm", "≥ 4 h 5 m", 14_700, span, ge),
        ),
    ),
    Trial(removal_of_a_key, (Figure("removed key accepted for", "≤ 305 s", 305, in_seconds),)),
    Trial(end_of_a_drip, (Figure("drip of 20 B/s ends after", "5 s + 0.5", 5.5, in_seconds, lt),)),
    Trial(
        memory_of_a_large_answer,
        (Figure("memory of a 200 MB answer", "< 5 MB", 5e6, megabytes, lt),),
    ),
    Trial(lookup_time, (Figure("lookup of a known kid", "< 2 µs", 2e-6, microseconds, lt),)),
)


def run(contenders: Sequence[Contender], size: Size) -> Generator[Result, None, None]:
    """Put contenders through every trial, one after the other, and answer the figures as they come."""
    for trial in TRIALS:
        results = [Result(figure) for figure in trial.figures]
        for contender in contenders:
            for result, reading in zip(results, trial.measure(contender, size), strict=True):
                result.readings[contender] = reading
        yield from results
