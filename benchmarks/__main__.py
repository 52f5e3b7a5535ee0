"""Measures what a request costs: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .counting import counts_section
from .credentials.section import credentials_section
from .growth import forms_section, growth_section
from .importing import import_section
from .instructions import instructions_section
from .serving import serving_section
from .table import table_section

SECTIONS: dict[str, Callable[[argparse.Namespace], tuple[str, list[str]]]] = {
    "table": lambda options: table_section(options.scale, options.svg),
    "credentials": lambda options: credentials_section(options.scale),
    "counts": lambda _: counts_section(),
    "instructions": lambda _: instructions_section(),
    "growth": lambda options: growth_section(options.scale),
    "forms": lambda options: forms_section(options.scale),
    "import": lambda options: import_section(options.scale),
    "gunicorn": lambda options: serving_section(options.scale),
}
"""The parts of the report. Each returns its text and the verdicts on its bounds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run sections, and print their figures and verdicts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="run this section; repeatable"
    )
    parser.add_argument(
        "--scale", type=float, default=1, help="multiply the time to measure (default: 1)"
    )
    parser.add_argument("--svg", type=Path, help="draw the table into this file")
    options = parser.parse_args(arguments)
    verdicts: list[str] = []
    for name in options.only or SECTIONS:
        print(f"{name} …", file=sys.stderr)
        text, lines = SECTIONS[name](options)
        print("\n".join(["", name, "=" * len(name), "", text, "", *lines]), flush=True)
        verdicts += lines
    held = sum(line.endswith(": held") for line in verdicts)
    print(f"\n{held} of {len(verdicts)} bounds held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
