"""Refusals as problem details (RFC 9457), for APIs whose errors are JSON."""

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
            f"type_base is the start of a URI, such as 'https://api.example/', not {type_base!r}"
        )
    return type_base


@frozen
class ProblemDetailsHandler(UnauthorizedHandler):
    """Answers with ``application/problem+json``, and with the status and headers of RFC 6750 as ever.

    The body has ``type``, ``title``, ``status`` and ``detail`` (RFC 9457 §3.1), and beside them
    ``error``, the code of the challenge (RFC 6750 §3.1), and for a missing scope ``scope``. All of
    it is text that is fixed by us or by the application.

    Args:
        realm: The protected space's name, shown in the challenge (RFC 9110 §11.5).
        type_base: The URI that a problem's type begins with: ``https://api.example/problems/`` makes
            ``https://api.example/problems/invalid-token``. By default the type is ``about:blank``,
            which says no more than the status does (RFC 9457 §4.2.1).

    Raises:
        ConfigurationError: The realm or the URI holds characters that it may not.
    """

    type_base: str | None = field(default=None, converter=_check_type_base, kw_only=True)

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> Response:
        """Make the refusal's response."""
        return Response(
            json.dumps(self._problem(error)),
            error.status,
            refusal_headers(error, realm=self.realm),
            content_type="application/problem+json",
        )

    def _problem(self, error: AuthenticationError | VerificationUnavailable) -> dict[str, Any]:
        code = error.code if isinstance(error, AuthenticationError) else None
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
    """Name a problem that RFC 6750 has no code for."""
    if isinstance(error, VerificationUnavailable):
        return "verification_unavailable"
    return "authentication_required"
