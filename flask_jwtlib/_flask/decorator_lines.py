"""Finds in the source where a view's authentication decorator is above ``@app.route``."""

from __future__ import annotations

import ast
from contextlib import suppress
from pathlib import Path
from types import FunctionType
from typing import Any

from ..log_text import one_line
from .introspection import layers

__all__ = ["how_to_reorder"]

_OURS = frozenset({"requires_authentication", "optional_authentication"})
_REGISTERING = frozenset({"route", "get", "post", "put", "patch", "delete", "endpoint"})


def how_to_reorder(view: Any) -> str | None:
    """Return which lines of the source to move, as a sentence.

    Args:
        view: The registered function.

    Returns:
        None if the source isn't available, or has no authentication decorator above one that registers the
        view.
    """
    *_, function = layers(view)
    if not isinstance(function, FunctionType):
        return None
    path = Path(function.__code__.co_filename)
    decorators = _decorators(path, function.__code__.co_firstlineno)
    ours = next((each for each in decorators if _last_name(each) in _OURS), None)
    routes = [each for each in decorators if _last_name(each) in _REGISTERING]
    if ours is None or not routes or routes[-1].lineno < ours.lineno:
        return None
    upper, lower = _lines(ours), _lines(routes[-1])
    names = f"@{_name(routes[-1])} must be above @{_name(ours)}"
    if (len(upper), len(lower)) == (1, 1) and lower[0] == upper[0] + 1:
        return f"In {_shown(path)}, swap lines {upper[0]} and {lower[0]}: {names}."
    moved = f"line {upper[0]}" if len(upper) == 1 else f"lines {upper[0]} to {upper[-1]}"
    return f"In {_shown(path)}, move {moved} below line {lower[-1]}: {names}."


def _decorators(path: Path, first_line: int) -> list[ast.expr]:
    """Return the decorators of the function that begins at a line."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        # It isn't the source of the code that runs. The last two are about deeply nested expressions.
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found = node.decorator_list
            if found and found[0].lineno == first_line:
                return found
    return []


def _lines(decorator: ast.expr) -> range:
    return range(decorator.lineno, (decorator.end_lineno or decorator.lineno) + 1)


def _name(decorator: ast.expr) -> str:
    """Return a decorator's dotted name, without its arguments."""
    if isinstance(decorator, ast.Call):
        return _name(decorator.func)
    if isinstance(decorator, ast.Attribute):
        return f"{_name(decorator.value)}.{decorator.attr}"
    return decorator.id if isinstance(decorator, ast.Name) else "…"


def _last_name(decorator: ast.expr) -> str:
    return _name(decorator).rpartition(".")[2]


def _shown(path: Path) -> str:
    # The file is elsewhere, or the current directory was removed.
    with suppress(ValueError, OSError):
        path = path.resolve().relative_to(Path.cwd())
    return one_line(str(path))
