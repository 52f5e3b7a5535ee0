"""The tokens of an OpenID provider, in one line: its issuer URL, and what it calls this API.

It needs the package ``requests``: ``python -m pip install requests``, if ``make test`` has not been
run yet. In one terminal a provider to try it with, in another this app::

    flask --app examples.issuer run --port 5001
    flask --app examples.openid run

In a third::

    curl -i http://127.0.0.1:5000/readyz
    curl -i http://127.0.0.1:5000/reports
    TOKEN=$(curl -s -X POST http://127.0.0.1:5001/token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
    flask --app examples.openid jwtlib keys

Stop the provider then: its token is accepted as before, since the keys serve on for four hours.

The environment variable ``ISSUER`` names another provider. Plain HTTP is accepted of this machine
alone.
"""

from __future__ import annotations

import os

from flask import Flask

from flask_jwtlib import current_principal, public
from flask_jwtlib.key_health import keys_ready
from flask_jwtlib_strategies.oidc import oidc_authenticator

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:5001")

auth = oidc_authenticator(ISSUER, "https://reports.example", allow_http_on_loopback=True)

app = Flask(__name__)
auth.init_app(app)


@app.get("/readyz")
@public
def readyz() -> tuple[dict[str, bool], int]:
    """Tell a load balancer whether tokens can be verified here."""
    ready = keys_ready()
    return {"ready": ready}, 200 if ready else 503


@app.get("/reports")
def reports() -> dict[str, str | None]:
    """Answer those who show a token of the provider's for this API."""
    return {"reader": current_principal.subject}
