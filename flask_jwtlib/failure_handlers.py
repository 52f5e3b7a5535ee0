"""The response to a refused request: status, challenge and a line of text."""

from __future__ import annotations

from functools import lru_cache

from attrs import field, frozen
from flask import Response

from .challenges import check_realm, refusal_headers, refusal_text
from .errors import AuthenticationError, VerificationUnavailable
from .interfaces import FailureHandler

__all__ = ["UnauthorizedHandler"]


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    """Return Werkzeug's status line, cached: making it takes as long as the rest of the response."""
    return Response(status=status).status


@frozen
class UnauthorizedHandler(FailureHandler):
    """Responds with the error's status (401, 400, 403 or 503) and the challenge of RFC 6750 §3.

    The response is returned, not raised: Flask's error handling would more than double the cost of a
    request. So ``@app.errorhandler(401)`` doesn't see it.

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
