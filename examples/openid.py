"""Accept the tokens of an OpenID provider: one call with the issuer's URL and this API's audience.

This needs the ``requests`` package, which the ``http`` extra installs. Run a provider in one
terminal, and this app in another::

    flask --app examples.issuer run --port 5001
    flask --app examples.openid run

In a third::

    curl -i http://127.0.0.1:5000/readyz
    curl -i http://127.0.0.1:5000/reports
    TOKEN=$(curl -s -X POST http://127.0.0.1:5001/token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
    flask --app examples.openid jwtlib keys
    flask --app examples.openid jwtlib doctor

Then stop the provider: the API still accepts its tokens, because it uses fetched keys for up to four
hours.

To use another provider, set the ``ISSUER`` environment variable to its URL. Plain HTTP is allowed
only to this machine.
"""

from __future__ import annotations

import os

from flask import Flask

from flask_jwtlib import current_principal, public
from flask_jwtlib.key_health import keys_ready
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:5001")

auth = oidc_authenticator(ISSUER, "https://reports.example", allow_http_on_loopback=True)

app = Flask(__name__)
auth.protect(app)


@app.get("/readyz")
@public
def readyz() -> tuple[dict[str, bool], int]:
    """Tell a load balancer whether tokens can be verified here."""
    ready = keys_ready()
    return {"ready": ready}, 200 if ready else 503


@app.get("/reports")
def reports() -> dict[str, str | None]:
    """Show the caller: ``protect`` requires a token for every view that is not public."""
    return {"reader": current_principal.subject}
