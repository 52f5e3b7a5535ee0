"""Checks of options that several strategies have."""

from __future__ import annotations

from typing import Any

from attrs import Attribute

from flask_jwtlib import ConfigurationError

__all__ = ["check_flag"]


def check_flag(_: object, attribute: Attribute[Any], value: object) -> None:
    """Check an attribute that must be True or False.

    Raises:
        ConfigurationError: It is anything else.
    """
    if not isinstance(value, bool):
        raise ConfigurationError(f"{attribute.name} is {value!r}, expected True or False")
