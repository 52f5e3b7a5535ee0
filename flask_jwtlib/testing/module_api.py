"""Restores the documented module API after a test."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import flask_jwtlib

__all__ = ["module_api_restored"]

# The names that an application may assign to.
_ASSIGNABLE = (
    "JWT_ALGO",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "JWT_LEEWAY",
    "JWT_MAX_SIZE",
    "JWT_NUMERIC_SUBJECT",
    "VERIFICATION_KEY_CACHE_TIMEOUT",
    "check_token",
    "get_token",
    "optional_authentication_failure_callback",
    "requires_authentication_failure_callback",
    "retrieve_verification_key",
    "verification_key",
)


@contextmanager
def module_api_restored() -> Generator[None, None, None]:
    """Restore the module API's settings, callbacks and permanent key at the end of a ``with`` block.

    Fetched keys are forgotten at its start and at its end.
    """
    before = {name: getattr(flask_jwtlib, name) for name in _ASSIGNABLE}
    with flask_jwtlib._api.keys.restored():  # noqa: SLF001 - applications don't use it
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(flask_jwtlib, name, value)
