"""Runs the benchmark: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from .sections import FULL, QUICK, SECTIONS

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sections that are asked for, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, help=f"how long to time the table (default: {FULL.seconds:.0f})"
    )
    parser.add_argument(
        "--quick", action="store_true", help="measure less of everything, which proves no bound"
    )
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="a section to run; can be repeated"
    )
    parser.add_argument("--svg", type=Path, help="the file to draw the table into")
    options = parser.parse_args(arguments)
    plan = (QUICK if options.quick else FULL).with_options(options.seconds, options.svg)
    if options.quick:
        print("a quick run: it shows that everything runs, and proves no bound")
    with warnings.catch_warnings():
        # joserfc says at each request that the algorithm has a new name.
        warnings.filterwarnings("ignore", "EdDSA is deprecated")
        for name in options.only or SECTIONS:
            print(f"{name} …", file=sys.stderr)
            section = SECTIONS[name](plan)
            print(f"\n{name}\n{'=' * len(name)}\n\n{section}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
