"""Logs and signals the decision about a request."""

from __future__ import annotations

from typing import Any

from blinker import NamedSignal

from ..errors import Refusal
from ..log_text import library_logger, one_line, quoted
from ..signals import request_accepted, request_refused
from ..values import Principal
from .proxies import current_flask_app, current_request

__all__ = ["report_accepted", "report_refused"]

_logger = library_logger("flask_jwtlib")
_LONGEST_METHOD = 40


def report_accepted(authenticator: object, principal: Principal) -> None:
    """Signal that a caller was accepted."""
    _send(request_accepted, authenticator=authenticator, principal=principal)


def report_refused(authenticator: object, error: Refusal, *, optional: bool) -> None:
    """Log and signal that a request was refused, or had no valid token.

    The log record has the attributes ``endpoint`` and ``method``. For a caller who lacks a permission, the
    line says who was refused, who acts for this caller, and which scopes the token has.

    Args:
        authenticator: The ``Authenticator`` that decided.
        error: The reason. The traceback of its cause is deleted.
        optional: Whether the route accepts the request anyway.
    """
    if _logger.isEnabledFor(error.log_level):
        request = current_request()
        place = {"endpoint": request.endpoint, "method": one_line(request.method, _LONGEST_METHOD)}
        _logger.log(
            error.log_level,
            "%s: %s%s [%s %s]",
            type(error).__name__,
            error.log_message,
            _caller(error.context.principal),
            request.method,
            request.endpoint or "an unknown path",
            exc_info=error if error.__cause__ else None,
            extra=place,
        )
    if request_refused.receivers:
        principal = error.context.principal
        _send(
            request_refused,
            authenticator=authenticator,
            error=error,
            optional=optional,
            principal=principal,
        )
    if error.__cause__ is not None:
        # The traceback refers to the request, which keeps the error.
        error.__cause__.__traceback__ = None


def _caller(principal: Principal | None) -> str:
    """Describe a caller who lacks a permission."""
    if principal is None:
        return ""
    claims = principal.claims
    scopes = " ".join(sorted(claims.scopes))
    granted = f"with the scopes {quoted(scopes, 300)}" if scopes else "without scopes"
    actor = principal.actor
    through = "" if actor is None else f", for whom {_identity(actor.subject, actor.issuer)} acts"
    return f"; the caller is {_identity(claims.get('sub'), claims.get('iss'))}{through}, {granted}"


def _identity(subject: object, issuer: object) -> str:
    return f"{quoted(subject)} of {quoted(issuer)}"


def _send(signal: NamedSignal, **details: Any) -> None:
    """Send a signal as Flask does: receivers may be async."""
    app = current_flask_app()
    signal.send(app, _async_wrapper=app.ensure_sync, **details)
