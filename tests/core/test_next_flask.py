"""The packages use nothing of Flask that its development branch deprecates or that isn't public."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import flask_jwtlib
import flask_jwtlib_strategies

# `RequestContext` is merged with `AppContext` in Flask 3.2, and its context variable with the app's.
DEPRECATED = {
    "RequestContext",
    "request_ctx",
    "_cv_request",
    "_cv_app",
    "_cv_tokens",
    "_cv_token",
    "_request_ctx_stack",
    "_app_ctx_stack",
    "should_ignore_error",
}


def sources(package: object) -> Iterator[Path]:
    """Yield the source files of a package."""
    (folder,) = package.__path__  # type: ignore[attr-defined]
    yield from sorted(Path(folder).rglob("*.py"))


def used_names(source: str) -> set[str]:
    """Return the names that a module imports, and those of all attributes that it reads."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom | ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # As in `getattr(context, "_cv_tokens")`.
            names.add(node.value)
    return names


@pytest.mark.parametrize(
    "package", [flask_jwtlib, flask_jwtlib_strategies], ids=["core", "strategies"]
)
def test_no_deprecated_name_of_flask_is_used(package: object) -> None:
    """No module imports, reads or looks up such a name."""
    found = {
        str(path): used & DEPRECATED
        for path in sources(package)
        if (used := used_names(path.read_text())) & DEPRECATED
    }
    assert found == {}


def test_the_search_finds_each_way_to_use_a_name() -> None:
    """An import, an attribute and a name in a string are found."""
    for source in (
        "from flask.ctx import RequestContext",
        "import flask; flask.globals.request_ctx",
        "getattr(context, '_cv_tokens')",
    ):
        assert used_names(source) & DEPRECATED
