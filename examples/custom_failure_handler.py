"""Send refusals as JSON, and log anonymous requests, with a ``FailureHandler`` of your own.

The handler chooses only the body. ``log_message`` of an error is for the log, and never sent.

In one terminal::

    flask --app examples.custom_failure_handler run

In another::

    curl -i http://127.0.0.1:5000/me
    TOKEN=$(flask --app examples.custom_failure_handler token exp=1)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/me
    curl -i http://127.0.0.1:5000/news
"""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import (
    Audience,
    AuthenticationError,
    Authenticator,
    FailureHandler,
    JWTValidator,
    VerificationUnavailable,
    current_principal,
)

logger = logging.getLogger(__name__)


def _code(error: AuthenticationError | VerificationUnavailable) -> str:
    """Return a code for programs. RFC 6750 has none for some refusals."""
    if error.error_code is not None:
        return error.error_code
    return {401: "unauthenticated", 403: "forbidden"}.get(error.status, "unavailable")


class JSONHandler(FailureHandler):
    """Sends refusals as JSON. The ``Authenticator`` adds the challenge and the other headers."""

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> tuple[Response, int]:
        """Return the response. ``str(error)`` is the text for the client, which is safe to send."""
        return jsonify(error=_code(error), detail=str(error)), error.status

    def anonymous(self, error: AuthenticationError) -> None:
        """Log a request that continues without a caller."""
        logger.warning("anonymous request: %s", error.log_message)


auth = Authenticator(
    keys=ISSUER.public_pem,
    validator=JWTValidator(rules=[Audience("https://api.example")]),
    failure_handler=JSONHandler(),
)

app = Flask(__name__)


@app.get("/me")
@auth.requires_authentication
def me() -> dict[str, str | None]:
    """Show the caller."""
    return {"subject": current_principal.subject}


@app.get("/news")
@auth.optional_authentication
def news() -> dict[str, bool]:
    """Show whether the request is anonymous."""
    return {"guest": not current_principal}


add_token_command(app, aud="https://api.example")
