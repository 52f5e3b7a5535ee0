"""Compose an ``Authenticator``: accept one issuer's tokens for one API, and require a scope per route.

In one terminal::

    flask --app examples.composed run

In another::

    TOKEN=$(flask --app examples.composed token scope="reports:read")
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
    curl -i -H "Authorization: Bearer $TOKEN" -X POST http://127.0.0.1:5000/reports
"""

from __future__ import annotations

from flask import Flask

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerTokenExtractor,
    Issuer,
    JWTValidator,
    Scope,
    UnauthorizedHandler,
    current_principal,
)
from flask_jwtlib.claim_rules import Expiry

auth = Authenticator(
    # A PEM, JWK, JWK set or VerificationKey; or a function that fetches one; or any KeyProvider.
    keys=ISSUER.public_pem,
    # Servers log URLs, so tokens in the query are not accepted.
    extractor=BearerTokenExtractor(query=False),
    validator=JWTValidator(
        algorithms="RS256",
        rules=[Issuer(ISSUER.issuer), Audience("https://reports.example"), Expiry(required=True)],
    ),
    failure_handler=UnauthorizedHandler(realm="reports"),
)

app = Flask(__name__)


@app.get("/reports")
@auth.requires_authentication(rules=[Scope("reports:read")])
def list_reports() -> dict[str, object]:
    """List the reports: requires the ``reports:read`` scope."""
    return {"reader": current_principal.subject, "reports": ["2024", "2025"]}


@app.post("/reports")
@auth.requires_authentication(rules=[Scope("reports:write")])
def add_report() -> tuple[dict[str, object], int]:
    """Add a report: without the ``reports:write`` scope the response is 403 and names it."""
    return {"writer": current_principal.subject}, 201


@app.get("/")
@auth.optional_authentication
def index() -> dict[str, object]:
    """Show the caller, if there is one."""
    return {"caller": current_principal.subject if current_principal else None}


add_token_command(app, aud="https://reports.example", scope="reports:read")
