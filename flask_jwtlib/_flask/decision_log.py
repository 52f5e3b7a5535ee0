"""Logs and signals the decision about a request."""

from __future__ import annotations

from typing import Any

from blinker import NamedSignal

from .._dry_run import current_dry_run
from ..errors import Refusal
from ..log_text import library_logger, one_line, quoted
from ..signals import request_accepted, request_refused
from ..values import BearerToken, Principal
from .proxies import current_flask_app, current_request

__all__ = ["report_accepted", "report_refused"]

_logger = library_logger("flask_jwtlib")
_LONGEST_METHOD = 40
_EXPLAIN = "JWTLIB_EXPLAIN"


def report_accepted(authenticator: object, principal: Principal) -> None:
    """Signal that a caller was accepted."""
    if current_dry_run() is not None:
        return
    _send(request_accepted, authenticator=authenticator, principal=principal)


def report_refused(
    authenticator: Any, error: Refusal, *, optional: bool, token: BearerToken | None = None
) -> None:
    """Log and signal that a request was refused, or had no valid token.

    The log record has the attributes ``endpoint`` and ``method``. For a caller who lacks a permission, the
    line says who was refused, who acts for this caller, and which scopes the token has. If the app is in
    debug mode and sets ``JWTLIB_EXPLAIN``, the line ends with the cause and its cure.

    Args:
        authenticator: The ``Authenticator`` that decided; None for a refusal of the application's own.
        error: The reason. The traceback of its cause is deleted.
        optional: Whether the route accepts the request anyway.
        token: The refused token, if one was found.
    """
    explained = current_dry_run()
    if explained is not None:
        explained.refusals.append(error)
        return
    if _logger.isEnabledFor(error.log_level):
        request = current_request()
        place = {"endpoint": request.endpoint, "method": one_line(request.method, _LONGEST_METHOD)}
        _logger.log(
            error.log_level,
            "%s: %s%s [%s %s]%s",
            type(error).__name__,
            error.log_message,
            _caller(error.context.principal),
            request.method,
            request.endpoint or "an unknown path",
            _cause_and_cure(authenticator, error, token),
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


def _cause_and_cure(authenticator: Any, error: Refusal, token: BearerToken | None) -> str:
    """Return the cause of a refusal and its cure, if the app wants them in its log."""
    app: Any = current_flask_app()
    # The value may be text, as from an environment variable.
    if authenticator is None or not app.debug or str(app.config.get(_EXPLAIN)).lower() != "true":
        return ""
    # Only an app that is being developed needs it.
    from ..explain._refusals import cause_in_request  # noqa: PLC0415

    try:
        cause = cause_in_request(authenticator.authenticator_in(app), error, token)
    except Exception:  # noqa: BLE001 - strategies and policies of the app may raise anything, and the request is refused
        return ""
    return f" Cause: {cause.text} Cure: {cause.cure}"


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
