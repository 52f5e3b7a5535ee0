"""Failure handlers: a response with status, challenge and a line of text, or the app's own error handlers."""

from __future__ import annotations

from functools import lru_cache
from typing import NoReturn

from attrs import field, frozen
from flask import Response

from ._options import check_realm
from .challenges import refusal_headers, refusal_text
from .errors import AuthenticationError, VerificationUnavailable
from .interfaces import FailureHandler

__all__ = ["RaisingHandler", "UnauthorizedHandler"]


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    """Return Werkzeug's status line, cached: making it takes as long as the rest of the response."""
    return Response(status=status).status


@frozen
class UnauthorizedHandler(FailureHandler):
    """Responds with the error's status (401, 400, 403 or 503) and the challenge of RFC 6750 §3.

    The response is returned, not raised: Flask's error handling would more than double the cost of a
    request. So ``@app.errorhandler(401)`` doesn't see it. Use ``RaisingHandler`` if it should.

    Args:
        realm: The name of the protected space, shown in the challenge (RFC 9110 §11.5).
    """

    realm: str | None = field(default=None, converter=check_realm, kw_only=True)

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> Response:
        """Make the response to a refused request."""
        description = error.description
        if type(description) is not str or not description.isascii():
            description = refusal_text(error)
        response = Response(
            f"{description}\n",
            _status_line(error.status),
            content_type="text/plain; charset=utf-8",
        )
        # Adding them one by one is twice as fast as passing a list to the constructor.
        for name, value in refusal_headers(error, realm=self.realm):
            response.headers.add(name, value)
        return response

    def anonymous(self, error: AuthenticationError) -> None:
        """Do nothing."""


@frozen
class RaisingHandler(FailureHandler):
    """Raises each refusal, so that the app's own error handlers make the response.

    Use it for one error format in the whole app: ``errorhandler(401)``, ``errorhandler(HTTPException)`` and
    ``errorhandler(AuthenticationError)`` see the refusal. Their response gets the challenge and the other
    headers of the refusal, unless they change its status. Without such a handler, the response is a line of
    text.

    Args:
        realm: The name of the protected space, shown in the challenge (RFC 9110 §11.5).
    """

    realm: str | None = field(default=None, converter=check_realm, kw_only=True)

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> NoReturn:
        """Raise the refusal.

        Raises:
            AuthenticationError: The request is refused.
            VerificationUnavailable: The keys are unavailable.
        """
        raise error

    def anonymous(self, error: AuthenticationError) -> None:
        """Do nothing."""
