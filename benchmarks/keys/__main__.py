"""Measures key providers: ``python -m benchmarks.keys``. Exits with 1 if flask_jwtlib misses a bound."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import sys
from collections.abc import Sequence

from attrs import frozen

from .clients import CONTENDERS, OURS, Contender
from .staging import QUICK, Reading, Size
from .trials import TRIALS, Figure

# Seconds after which a run that doesn't end is stopped.
_LONGEST = 300


@frozen
class Result:
    """A figure with each contender's reading."""

    figure: Figure
    readings: dict[Contender, Reading]

    @property
    def is_missed(self) -> bool:
        """Whether our reading misses the bound."""
        return not self.figure.holds(self.readings[OURS])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every trial with every contender, and print the table and the verdict."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.keys", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="run small trials, which show only that everything runs",
    )
    size = QUICK if parser.parse_args(arguments).quick else Size()
    for contender in CONTENDERS:
        if contender.is_missing:
            print(f"left out: {contender.name}: {contender.needs} not installed", file=sys.stderr)
    print("measuring …", file=sys.stderr)
    faulthandler.dump_traceback_later(_LONGEST, exit=True, file=sys.__stderr__ or 2)
    # Most failures are intended.
    logging.disable()
    try:
        results = run([each for each in CONTENDERS if not each.is_missing], size)
    finally:
        logging.disable(logging.NOTSET)
        faulthandler.cancel_dump_traceback_later()
    print(f"{table(results)}\n\n{verdict(results)}")
    return 1 if any(result.is_missed for result in results) else 0


def run(contenders: Sequence[Contender], size: Size) -> list[Result]:
    """Run every trial with each contender."""
    results: list[Result] = []
    for trial, figures in TRIALS.items():
        readings = [trial(contender, size) for contender in contenders]
        results += [
            Result(figure, dict(zip(contenders, each, strict=True)))
            for figure, each in zip(figures, zip(*readings, strict=True), strict=True)
        ]
    return results


def table(results: Sequence[Result]) -> str:
    """Write a row for each figure, as a table of reStructuredText."""
    rows = [["figure", "bound", *(each.name for each in CONTENDERS)]]
    for result in results:
        readings = [result.readings.get(each) for each in CONTENDERS]
        texts = [result.figure.text(each) if each else "\N{EN DASH}" for each in readings]
        rows.append([result.figure.name, result.figure.bound, *texts])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    rule = "  ".join("=" * width for width in widths)
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def verdict(results: Sequence[Result]) -> str:
    """Write what else went wrong, and each missed bound."""
    faults = [
        f"{contender.name}, {result.figure.name}: {reading.fault}"
        for result in results
        for contender, reading in result.readings.items()
        if reading.fault
    ]
    missed = [f"MISSED: {result.figure.name}" for result in results if result.is_missed]
    return "\n".join([*faults, *(missed or ["every bound is kept"])])


if __name__ == "__main__":
    sys.exit(main())
