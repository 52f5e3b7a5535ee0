"""The catalogue as a whole."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import flask_jwtlib_strategies

MODULES = sorted(
    path.stem
    for path in Path(flask_jwtlib_strategies.__file__).parent.glob("*.py")
    if not path.stem.startswith("_")
)


def test_it_loads_nothing_by_itself() -> None:
    """Importing the package imports none of its strategies: an application loads what it uses."""
    program = (
        "import sys, flask_jwtlib_strategies;"
        "sys.exit(any(name.startswith('flask_jwtlib_strategies.') for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("module", MODULES)
def test_every_strategy_is_listed(module: str) -> None:
    """The package's docstring names each of its modules."""
    assert f"- ``{module}``: " in str(flask_jwtlib_strategies.__doc__)


@pytest.mark.parametrize("module", MODULES)
def test_every_strategy_stands_for_itself(module: str) -> None:
    """A module imports no private door of the core and no other module of the catalogue."""
    source = files(flask_jwtlib_strategies).joinpath(f"{module}.py").read_text("utf-8")
    imported = [
        str(node.module) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)
    ]

    assert imported
    assert not [name for name in imported if "._" in name or "flask_jwtlib_strategies" in name]


def test_its_types_are_for_everybody() -> None:
    """The package is marked as typed (PEP 561)."""
    assert files(flask_jwtlib_strategies).joinpath("py.typed").is_file()
