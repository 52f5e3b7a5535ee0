"""Send refusals as JSON, and log anonymous requests, with a ``FailureHandler`` of your own.

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
from flask_jwtlib.challenges import bearer_challenge

logger = logging.getLogger(__name__)


class JSONHandler(FailureHandler):
    """Sends refusals as JSON, with the status and the header that RFC 6750 §3 requires."""

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> Response:
        """Return the response. ``description`` is safe to send; ``str(error)`` is for the log."""
        if isinstance(error, VerificationUnavailable):
            code = "unavailable"
            name, value = "Retry-After", str(error.retry_after)
        else:
            code = error.code or "unauthenticated"
            name, value = "WWW-Authenticate", bearer_challenge(error)
        response = jsonify(error=code, detail=error.description)
        response.status_code = error.status
        response.headers[name] = value
        return response

    def anonymous(self, error: AuthenticationError) -> None:
        """Log a request that continues without a caller."""
        logger.warning("anonymous request: %s", error)


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
