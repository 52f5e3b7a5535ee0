"""Accept tokens from two issuers, each with its own keys, audience and rules.

Users have tokens from an OpenID provider, background jobs have tokens from a second issuer. This
needs the ``requests`` package, which the ``http`` extra installs.

Run the provider in one terminal, and this app in another::

    flask --app examples.issuer run --port 5001
    flask --app examples.several_issuers run

In a third::

    TOKEN=$(curl -s -X POST http://127.0.0.1:5001/token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
    curl -i -H "Authorization: Bearer $TOKEN" -X POST http://127.0.0.1:5000/reports
    TOKEN=$(flask --app examples.several_issuers token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
    curl -i -H "Authorization: Bearer $TOKEN" -X POST http://127.0.0.1:5000/reports
    TOKEN=$(flask --app examples.several_issuers token iss=https://unknown.example)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
    flask --app examples.several_issuers jwtlib keys
"""

from __future__ import annotations

import os

from flask import Flask

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import Authenticator, Issuer, current_principal
from flask_jwtlib.claim_rules import RequiredClaims
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

PROVIDER = os.environ.get("ISSUER", "http://127.0.0.1:5001")

auth = Authenticator(
    validator=IssuerRouter(
        TrustedIssuer(
            PROVIDER,
            keys=OIDCKeyProvider(PROVIDER, allow_http_on_loopback=True),
            audience="https://reports.example",
        ),
        TrustedIssuer(
            ISSUER.issuer, keys=ISSUER.public_pem, audience="jobs", rules=[RequiredClaims("jti")]
        ),
    )
)

app = Flask(__name__)


@app.get("/reports")
@auth.requires_authentication
def list_reports() -> dict[str, object]:
    """List the reports: accepts tokens from both issuers."""
    return {"reader": current_principal.subject, "issuer": current_principal.claims["iss"]}


@app.post("/reports")
@auth.requires_authentication(rules=[Issuer(ISSUER.issuer)])
def add_report() -> tuple[dict[str, object], int]:
    """Add a report: accepts only background jobs."""
    return {"writer": current_principal.subject}, 201


add_token_command(app, sub="nightly-build", aud="jobs", jti="1")
