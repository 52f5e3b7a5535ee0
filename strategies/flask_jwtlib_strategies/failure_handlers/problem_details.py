"""Problem details (RFC 9457), for APIs whose errors are JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from attrs import field, frozen
from flask import Response
from werkzeug.http import HTTP_STATUS_CODES

from flask_jwtlib import (
    AuthenticationError,
    ConfigurationError,
    UnauthorizedHandler,
    VerificationUnavailable,
)
from flask_jwtlib.challenges import refusal_headers, refusal_text
from flask_jwtlib.errors import InsufficientScopeError

__all__ = ["ProblemDetailsHandler"]

_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


def _check_type_base(type_base: Any) -> str | None:
    if type_base is not None and (
        not isinstance(type_base, str) or _URI_CHARACTERS.fullmatch(type_base) is None
    ):
        raise ConfigurationError(
            "type_base must be the start of a URI, such as 'https://api.example/problems/', "
            f"not {type_base!r}"
        )
    return type_base


@frozen
class ProblemDetailsHandler(UnauthorizedHandler):
    """Responds to refused requests with ``application/problem+json``.

    The status and headers are those of ``UnauthorizedHandler`` (RFC 6750). The body has ``type``, ``title``,
    ``status`` and ``detail`` (RFC 9457 §3.1), and also ``error``, the code of the challenge (RFC 6750 §3.1),
    and ``scope`` if a scope is missing. It quotes nothing of the token.

    Args:
        realm: The name of the protected space, shown in the challenge (RFC 9110 §11.5).
        type_base: The start of the problem types' URIs: ``https://api.example/problems/`` makes
            ``https://api.example/problems/invalid-token``. By default the type is ``about:blank``, which
            means no more than the status (RFC 9457 §4.2.1).

    Raises:
        ConfigurationError: ``realm`` or ``type_base`` contains a character that isn't allowed there.
    """

    type_base: str | None = field(default=None, converter=_check_type_base, kw_only=True)

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> Response:
        """Return the response to a refused request."""
        return Response(
            json.dumps(self._problem(error)),
            error.status,
            refusal_headers(error, realm=self.realm),
            content_type="application/problem+json",
        )

    def _problem(self, error: AuthenticationError | VerificationUnavailable) -> dict[str, Any]:
        code = error.error_code
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTP_STATUS_CODES.get(error.status, "Refused"),
            "status": error.status,
            "detail": refusal_text(error) or "Authentication is required",
        }
        if self.type_base is not None:
            name = code or _name_without_code(error)
            problem["type"] = self.type_base + name.replace("_", "-")
            problem["title"] = name.replace("_", " ").capitalize()
        if code is not None:
            problem["error"] = code
        if isinstance(error, InsufficientScopeError):
            problem["scope"] = str(error.scope)
        return problem


def _name_without_code(error: AuthenticationError | VerificationUnavailable) -> str:
    """Return a name for a problem that has no code in RFC 6750."""
    if isinstance(error, VerificationUnavailable):
        return "verification_unavailable"
    return "authentication_required"
