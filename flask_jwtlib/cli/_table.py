"""Tables in a terminal."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["table"]


def table(*head: str, rows: Iterable[Iterable[str]]) -> str:
    """Lay out rows below their headings, each column as wide as its widest cell."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in lines)
