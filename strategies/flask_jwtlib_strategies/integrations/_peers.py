"""Imports the library that a bridge is for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["peer"]


def peer(module: str, distribution: str) -> Any:
    """Return a module of another library.

    Args:
        module: The module's name.
        distribution: What to install if there is no such module.

    Raises:
        ModuleNotFoundError: The library isn't installed. The error's text says how to install it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"this bridge needs the package {error.name}, which isn't installed: "
            f"python -m pip install {distribution}",
            name=error.name,
            path=error.path,
        ) from error
