"""Refusals as JSON in the application's own format."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

from attrs import field, frozen
from flask import Response, current_app, has_app_context

from flask_jwtlib import (
    AuthenticationError,
    ConfigurationError,
    UnauthorizedHandler,
    VerificationUnavailable,
)
from flask_jwtlib.challenges import refusal_headers, refusal_text
from flask_jwtlib.errors import Refusal
from flask_jwtlib.log_text import library_logger

__all__ = ["JSONHandler"]

_logger = library_logger("flask_jwtlib")


_Template = Callable[[AuthenticationError | VerificationUnavailable], object]


def _check_template(template: _Template) -> _Template:
    given: object = template
    if not callable(given) or inspect.iscoroutinefunction(given):
        raise ConfigurationError(
            f"template is {template!r}, expected a plain function of the error, such as "
            "lambda error: {'code': error.reason, 'message': str(error)}"
        )
    try:
        inspect.signature(template).bind(None)
    except TypeError:
        raise ConfigurationError(
            f"template is {template!r}, expected a function with one argument, the error"
        ) from None
    except ValueError:
        # Some builtins have no signature. A wrong number of arguments shows at the first refusal.
        pass
    return template


@frozen
class JSONHandler(UnauthorizedHandler):
    """Responds to refused requests with JSON that a function of yours makes from the error.

    ::

        JSONHandler(lambda error: {"code": error.reason, "message": str(error)})

    Status and headers are those of ``UnauthorizedHandler`` (RFC 6750). If the function raises an error, or
    returns anything but a ``dict`` or ``list`` that JSON can represent, that is logged, and the body has
    ``code`` and ``message`` as above: the request stays refused with the same status.

    Args:
        template: Takes the error and returns the body. ``error.reason`` is its name for programs,
            ``str(error)`` the text for the client, and ``error.status`` the status. ``error.log_message``
            must not be sent. What ``app.json`` can represent, such as a ``datetime``, is converted in its
            way, and lazy strings become text.
        realm: The name of the protected space, shown in the challenge (RFC 9110 §11.5).

    Raises:
        ConfigurationError: ``template`` isn't a plain function of one argument, or ``realm`` contains a
            character that isn't allowed there.
    """

    template: _Template = field(converter=_check_template)

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> Response:
        """Return the response to a refused request."""
        return Response(
            self._body(error),
            error.status,
            refusal_headers(error, realm=self.realm),
            content_type="application/json",
        )

    def _body(self, error: AuthenticationError | VerificationUnavailable) -> str:
        try:
            made = self.template(error)
            if isinstance(made, dict | list):
                return json.dumps(made, default=_converted, allow_nan=False)
            _logger.error(
                "the template of JSONHandler returned %s, expected a dict or list; the default body is sent",
                type(made).__name__,
            )
        except Exception:
            # The request stays refused, whatever the application's function does.
            _logger.exception("the template of JSONHandler failed; the default body is sent")
        return json.dumps({"code": type(error).reason, "message": refusal_text(error)})


def _converted(value: object) -> object:
    """Return what stands for a value in JSON.

    Raises:
        TypeError: Nothing does.
    """
    default: Any = getattr(current_app.json, "default", None) if has_app_context() else None
    try:
        if default is not None:
            return default(value)
    except TypeError:
        pass
    # The text of another error is not for clients.
    is_shown = isinstance(value, Refusal) or not isinstance(
        value, bytes | bytearray | BaseException
    )
    if not is_shown or type(value).__str__ is object.__str__:
        raise TypeError(f"JSON can't represent an object of type {type(value).__name__}")
    # A lazy string, such as Flask-Babel's, isn't a str, but str() returns its text.
    return str(value)
