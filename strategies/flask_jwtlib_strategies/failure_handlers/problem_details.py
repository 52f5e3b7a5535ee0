"""Problem details (RFC 9457), for APIs whose errors are JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from attrs import field, frozen
from flask import Response

from flask_jwtlib import (
    AuthenticationError,
    ConfigurationError,
    UnauthorizedHandler,
    VerificationUnavailable,
)
from flask_jwtlib.challenges import refusal_headers, refusal_text
from flask_jwtlib.errors import InsufficientScopeError

__all__ = ["ProblemDetailsHandler"]

_TYPE_BASE = "urn:flask-jwtlib:problem:"
_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


def _check_type_base(type_base: Any) -> str:
    if not isinstance(type_base, str) or _URI_CHARACTERS.fullmatch(type_base) is None:
        raise ConfigurationError(
            "type_base must be the start of a URI, such as 'https://api.example/problems/', "
            f"not {type_base!r}"
        )
    return type_base


@frozen
class ProblemDetailsHandler(UnauthorizedHandler):
    """Responds to refused requests with ``application/problem+json``.

    The status and headers are those of ``UnauthorizedHandler`` (RFC 6750). The body has ``type``, ``title``,
    ``status`` and ``detail`` (RFC 9457 §3.1). The type names the reason, so that a client can tell an expired
    token, which it should refresh, from one that is refused for another reason. The body has three more
    members: ``reason``, the end of the type, which doesn't depend on ``type_base``; ``error``, the code of
    the challenge (RFC 6750 §3.1); and ``scope`` if a scope is missing. It quotes nothing of the token.

    A refusal of your own has the type of its base, unless its class sets ``reason``::

        class SuspendedError(ForbiddenError):
            reason = "account-suspended"

    ``docs/refusals.rst`` lists the reasons, with what a client should do.

    Args:
        realm: The name of the protected space, shown in the challenge (RFC 9110 §11.5).
        type_base: The start of the problem types' URIs: ``https://api.example/problems/`` makes
            ``https://api.example/problems/expired-token``. Documentation at that URL helps developers (RFC
            9457 §3.1.1), so a page of yours with an anchor for each reason is a good base:
            ``https://api.example/problems#``.

    Raises:
        ConfigurationError: ``realm`` or ``type_base`` contains a character that isn't allowed there.
    """

    type_base: str = field(default=_TYPE_BASE, converter=_check_type_base, kw_only=True)

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> Response:
        """Return the response to a refused request."""
        return Response(
            json.dumps(self._problem(error)),
            error.status,
            refusal_headers(error, realm=self.realm),
            content_type="application/problem+json",
        )

    def _problem(self, error: AuthenticationError | VerificationUnavailable) -> dict[str, Any]:
        # Of the class, whose reasons are checked. An object's attribute may be anything.
        reason = type(error).reason
        problem: dict[str, Any] = {
            "type": self.type_base + reason,
            "title": reason.replace("-", " ").capitalize(),
            "status": error.status,
            "detail": refusal_text(error) or "Authentication is required",
            "reason": reason,
        }
        if error.error_code is not None:
            problem["error"] = error.error_code
        if isinstance(error, InsufficientScopeError):
            problem["scope"] = str(error.scope)
        return problem
