"""A composed ``Authenticator``: whose tokens, made for whom, and what each route needs.

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
    Expiry,
    Issuer,
    JWTValidator,
    Scope,
    UnauthorizedHandler,
    current_principal,
)

auth = Authenticator(
    # A PEM, JWK, JWK set or VerificationKey; or a function that fetches one; or any KeyProvider.
    keys=ISSUER.public_pem,
    # URLs end up in logs: a token in one is not for us.
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
    """Answer those whose token grants reading."""
    return {"reader": current_principal.subject, "reports": ["2024", "2025"]}


@app.post("/reports")
@auth.requires_authentication(rules=[Scope("reports:write")])
def add_report() -> tuple[dict[str, object], int]:
    """Answer those whose token grants writing; others get 403 and the scope's name."""
    return {"writer": current_principal.subject}, 201


@app.get("/")
@auth.optional_authentication
def index() -> dict[str, object]:
    """Answer everybody."""
    return {"caller": current_principal.subject if current_principal else None}


add_token_command(app, aud="https://reports.example", scope="reports:read")
