"""Writes figures, tables and the verdicts on bounds as text."""

from __future__ import annotations

from collections.abc import Sequence

from .measuring import Spread


def check(
    what: str, figure: float, kind: str, limit: float, digits: int = 3, unit: str = ""
) -> str:
    """Compare a figure with a bound that is ``at most``, ``at least`` or ``exactly`` a limit."""
    held = {"at most": figure <= limit, "at least": figure >= limit, "exactly": figure == limit}
    # Limits have a digit less than figures.
    bound = f"{kind} {limit:.{max(0, digits - 1)}f}{unit}"
    return f"{what}: {figure:.{digits}f}{unit}, {bound}: {'held' if held[kind] else 'MISSED'}"


def written(spread: Spread | None, digits: int, unit: float = 1, *, exact: bool = False) -> str:
    """Write a median in a unit, with half the distance of its quartiles where it isn't exact."""
    if spread is None:
        return "-"
    median = f"{spread.median / unit:.{digits}f}"
    half_width = f"{spread.half_width / unit:.{digits}f}"
    return median if exact else f"{median}±{half_width.removeprefix('0') if digits else half_width}"


def aligned(rows: Sequence[list[str] | str]) -> str:
    """Lay cells out in columns; a string is a line of its own."""
    widths = [
        max(map(len, each)) for each in zip(*(r for r in rows if isinstance(r, list)), strict=True)
    ]
    lines: list[str] = []
    for row in rows:
        if isinstance(row, str):
            lines += ["", row]
        else:
            others = map(str.rjust, row[1:], widths[1:])
            lines.append("  ".join([row[0].ljust(widths[0]), *others]).rstrip())
    return "\n".join(lines)
