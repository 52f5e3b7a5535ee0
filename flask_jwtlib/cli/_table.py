"""Tables in a terminal."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["table"]


def table(*head: str, rows: Iterable[Iterable[str]]) -> str:
    """Return a table as text, with columns as wide as their widest cells."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in lines)
