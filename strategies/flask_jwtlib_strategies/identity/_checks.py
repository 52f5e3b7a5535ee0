"""Checks of the functions that an application passes to an identity."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from attrs import Attribute

from flask_jwtlib import AuthenticationError, ConfigurationError

__all__ = ["check_callable", "check_refusal", "is_async", "name_of"]

_PROBE = "a text for the log"


def check_refusal(
    _: object, __: Attribute[Any], refusal: Callable[[str], AuthenticationError]
) -> None:
    """Check what makes the refusal of a caller whom the application doesn't know.

    Raises:
        ConfigurationError: It doesn't make a 401 or 403 whose text for the log is the text that it gets.
    """
    try:
        made: object = refusal(_PROBE)
    except TypeError:
        made = None
    if (
        not isinstance(made, AuthenticationError)
        or made.status not in (401, 403)
        or made.log_message != _PROBE
    ):
        raise ConfigurationError(
            f"refusal is {refusal!r}, expected a class of refusals that takes a text for the log, such as "
            "ForbiddenError (403) or InvalidTokenError (401)"
        )


def check_callable(function: object, arguments: tuple[str, ...], wanted: str) -> None:
    """Check a function that takes these arguments.

    Args:
        function: What the application passed.
        arguments: The names of the arguments, for the error.
        wanted: What was expected.

    Raises:
        ConfigurationError: It isn't one.
    """
    if callable(function):
        try:
            inspect.signature(function).bind(*arguments)
        except TypeError:
            pass
        except ValueError:
            # Functions written in C needn't have a signature.
            return
        else:
            return
    raise ConfigurationError(f"expected {wanted} of ({', '.join(arguments)}), not {function!r}")


def is_async(function: object) -> bool:
    """Whether a function, or an object's call, is ``async``."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - the method itself is looked at
    )


def name_of(function: object) -> str:
    """Return a function's name, or the class's name of another object."""
    return str(getattr(function, "__name__", type(function).__name__))
