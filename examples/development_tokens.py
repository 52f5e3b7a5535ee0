"""Call a protected route on your own machine, without logging in at the issuer.

Run the app in debug mode in one terminal::

    flask --app examples.development_tokens --debug run

In another::

    TOKEN=$(flask --app examples.development_tokens --debug jwtlib token --sub ada --scope reports:read)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
    curl -i -H "Authorization: Bearer $TOKEN" -H "X-Forwarded-For: 127.0.0.1" http://127.0.0.1:5000/reports
    curl -i -H "Authorization: Bearer $TOKEN" -H "Host: evil.example" http://127.0.0.1:5000/reports

The first request is accepted. The others are refused, since they may come from elsewhere, and so is every
request if you start the app without ``--debug``. The log says why.

The key that signs these tokens is in ``~/.local/state/flask-jwtlib``. To withdraw them, delete it.
"""

from __future__ import annotations

import os

from flask import Flask

from flask_jwtlib import Scope, current_principal
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens

ISSUER = os.environ.get("ISSUER", "https://login.example")

auth = oidc_authenticator(ISSUER, "https://reports.example")
auth = DevelopmentTokens().added_to(auth)

app = Flask(__name__)
auth.protect(app)


@app.get("/reports")
@auth.requires_authentication(rules=[Scope("reports:read")])
def reports() -> dict[str, object]:
    """Return a report, and who reads it."""
    claims = current_principal.claims
    return {"reader": claims["sub"], "issuer": claims["iss"]}
