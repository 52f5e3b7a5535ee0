"""Prints how many bytes a refresh of keys takes at most: ``python -m benchmarks.keys.memory NAME URL``."""

from __future__ import annotations

import logging
import sys
import tracemalloc

from .clients import CONTENDERS, LIFESPAN
from .staging import KNOWN

__all__ = ["main"]


def main(name: str, url: str) -> None:
    """Fetch the keys, let their time pass, and fetch them again."""
    logging.getLogger("flask_jwtlib").addHandler(logging.NullHandler())
    client = next(each for each in CONTENDERS if each.name == name).client(url)
    if not client.finds(KNOWN[0]):
        raise SystemExit("no key was fetched")
    client.advance(LIFESPAN + 1)
    tracemalloc.start()
    client.finds(KNOWN[0])
    client.settle()
    print(tracemalloc.get_traced_memory()[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
