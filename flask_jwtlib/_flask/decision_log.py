"""Logs and signals the decision about a request."""

from __future__ import annotations

from blinker import NamedSignal

from ..errors import AuthenticationError, VerificationUnavailable
from ..log_text import library_logger
from ..signals import request_accepted, request_refused
from ..values import Principal
from .state import current_flask_app

__all__ = ["report_accepted", "report_refused"]

_logger = library_logger("flask_jwtlib")


def report_accepted(authenticator: object, principal: Principal) -> None:
    """Signal that a caller was accepted."""
    _send(request_accepted, authenticator=authenticator, principal=principal)


def report_refused(
    authenticator: object, error: AuthenticationError | VerificationUnavailable, *, optional: bool
) -> None:
    """Log and signal that a request had no valid token.

    Args:
        authenticator: The ``Authenticator`` that decided.
        error: The reason. The traceback of its cause is deleted.
        optional: Whether the route accepts the request anyway.
    """
    if _logger.isEnabledFor(error.log_level):
        cause = error if error.__cause__ else None
        _logger.log(error.log_level, "%s: %s", type(error).__name__, error, exc_info=cause)
    if request_refused.receivers:
        _send(request_refused, authenticator=authenticator, error=error, optional=optional)
    if error.__cause__ is not None:
        # The traceback refers to the request, which keeps the error.
        error.__cause__.__traceback__ = None


def _send(signal: NamedSignal, **details: object) -> None:
    """Send a signal as Flask does: receivers may be async."""
    app = current_flask_app()
    signal.send(app, _async_wrapper=app.ensure_sync, **details)
