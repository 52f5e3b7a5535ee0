"""What a failure handler needs that passes refusals on to other handlers."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from flask import Request, has_request_context, request

from flask_jwtlib import ConfigurationError, FailureHandler
from flask_jwtlib.errors import Refusal

__all__ = ["check_handler", "current_request", "realm_of", "set_realm"]


def check_handler(owner: str, handler: object) -> None:
    """Check that an object is a failure handler.

    Raises:
        ConfigurationError: It isn't one.
    """
    if isinstance(handler, type) or not isinstance(handler, FailureHandler):
        raise ConfigurationError(
            f"{owner} takes a FailureHandler object, such as UnauthorizedHandler(), not {handler!r}"
        )


def current_request() -> Request | None:
    """Return the current request, since ``deny`` isn't given one; None outside of a request."""
    proxy: Any = request
    return proxy._get_current_object() if has_request_context() else None


def realm_of(handler: FailureHandler) -> str | None:
    """Return the realm of a handler, if it has one."""
    realm: object = getattr(handler, "realm", None)
    return realm if isinstance(realm, str) else None


def set_realm(error: Refusal, handler: FailureHandler) -> None:
    """Give a refusal the realm of the handler that it is passed on to.

    The refusal is this request's own copy, and the ``Authenticator`` adds the headers that the handler leaves
    out, also after the handler has raised it.
    """
    error.context = evolve(error.context, realm=realm_of(handler))
