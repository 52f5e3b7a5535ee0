"""Runs the benchmark: ``python -m benchmarks.keys``."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from .clients import CONTENDERS
from .report import missed, remarks, rst_table, text_table
from .staging import FULL, QUICK
from .trials import run

__all__ = ["main"]

# Seconds after which a run that does not end is ended.
_LONGEST = 180


def main(arguments: Sequence[str] | None = None) -> int:
    """Put every contender through every trial, and print what was found.

    Returns:
        1 if a figure of ours does not keep to its bound.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.keys", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="run everything in small, which proves no figure"
    )
    parser.add_argument("--rst", action="store_true", help="print the table for a document")
    options = parser.parse_args(arguments)
    contenders = [contender for contender in CONTENDERS if not contender.is_missing]
    for contender in CONTENDERS:
        if contender.is_missing:
            print(f"left out: {contender.name}, for want of {contender.needs}", file=sys.stderr)
    print("measuring, which takes about two minutes …", file=sys.stderr)
    with _bounded(), _silent():
        results = list(run(contenders, QUICK if options.quick else FULL))
    print((rst_table if options.rst else text_table)(results))
    print(f"\n{remarks(results)}")
    return 1 if missed(results) else 0


@contextmanager
def _bounded() -> Generator[None, None, None]:
    """End the process if it takes too long, and show where it stood."""
    faulthandler.dump_traceback_later(_LONGEST, exit=True, file=sys.__stderr__ or 2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@contextmanager
def _silent() -> Generator[None, None, None]:
    """Let nobody log, since most of what fails is meant to."""
    disabled = logging.root.manager.disable
    logging.disable()
    try:
        yield
    finally:
        logging.disable(disabled)


if __name__ == "__main__":
    sys.exit(main())
