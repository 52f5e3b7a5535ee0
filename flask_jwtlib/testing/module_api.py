"""Keeps what one test does to the documented module API from reaching the next one."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import flask_jwtlib

__all__ = ["module_api_restored"]

# What an application assigns to.
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
    """Put the module API back as it was, whatever happens inside.

    That is its settings, its callbacks and its permanent key. Keys that were fetched are forgotten
    when it begins and when it ends.
    """
    before = {name: getattr(flask_jwtlib, name) for name in _ASSIGNABLE}
    with flask_jwtlib._api.keys.restored():  # noqa: SLF001 - an application has no business there
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(flask_jwtlib, name, value)
