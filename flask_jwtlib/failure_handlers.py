"""How a refused request is answered: by status, challenge and a line of text."""

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
    """What Werkzeug makes of a status, which takes it as long as the rest of a response."""
    return Response(status=status).status


@frozen
class UnauthorizedHandler(FailureHandler):
    """Answers with the error's status, 401, 400, 403 or 503, and RFC 6750's challenge.

    The response is returned, not raised: Flask's error handling would cost more than twice the
    whole request.

    Args:
        realm: The protected space's name, shown in the challenge (RFC 9110 §11.5).
    """

    realm: str | None = field(default=None, converter=check_realm, kw_only=True)

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> Response:
        """Make the refusal's response."""
        description = error.description
        if type(description) is not str or not description.isascii():
            description = refusal_text(error)
        response = Response(
            f"{description}\n",
            _status_line(error.status),
            content_type="text/plain; charset=utf-8",
        )
        # One by one is twice as fast as a list given to the constructor.
        for name, value in refusal_headers(error, realm=self.realm):
            response.headers.add(name, value)
        return response

    def anonymous(self, error: AuthenticationError) -> None:
        """Nothing is to be done."""
