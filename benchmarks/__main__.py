"""Runs the benchmark: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence

from .contenders import OWN
from .entries import make_entries
from .measuring import count_calls, measure
from .peers import PEERS
from .report import bounds_table, deviations, ratio_table
from .scenarios import make_scenarios, make_services

_LEGEND = """
Medians of {} rounds, ± half the distance of their quartiles; calls: Python functions that an
accepted RS256 request runs beyond the reference's. A dash stands where a contender does not do
what is asked, and is not measured. The status that it answers there:"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check every contender, measure them all, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=120, help="how long to measure (default: %(default)s)"
    )
    parser.add_argument(
        "--quick", dest="seconds", action="store_const", const=20, help="the same as --seconds 20"
    )
    options = parser.parse_args(arguments)
    with warnings.catch_warnings():
        # joserfc says at each request that the algorithm has a new name.
        warnings.filterwarnings("ignore", "EdDSA is deprecated")
        _run(options.seconds)
    return 0


def _run(seconds: float) -> None:
    present = [contender for contender in (*OWN, *PEERS) if not contender.missing]
    for contender in PEERS:
        if contender.missing:
            print(f"left out: {contender.name}, for want of {' and '.join(contender.missing)}")
    services = make_services()
    scenarios = make_scenarios(services)
    entries = make_entries(present, scenarios, services)
    print(f"measuring for {seconds:.0f} s …", file=sys.stderr)
    measured = measure([entry for entry in entries if entry.is_measured], seconds)
    calls = {
        entry.contender: count_calls(entry) for entry in entries if entry.scenario.name == "RS256"
    }

    timed = [scenario for scenario in scenarios if scenario.timed]
    print(ratio_table(measured, present, timed, calls))
    print(_LEGEND.format(measured.rounds))
    print(deviations(entries))
    print(f"\nbounds\n{bounds_table(measured, timed)}")


if __name__ == "__main__":
    sys.exit(main())
