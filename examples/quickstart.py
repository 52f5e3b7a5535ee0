"""Use the module API: settings, two decorators, and ``flask.g``.

In one terminal::

    flask --app examples.quickstart run

In another::

    TOKEN=$(flask --app examples.quickstart token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/me
    curl -i http://127.0.0.1:5000/me
    curl -i http://127.0.0.1:5000/greeting
"""

from __future__ import annotations

from flask import Flask, g

import flask_jwtlib
from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import optional_authentication, requires_authentication

flask_jwtlib.JWT_ISSUER = ISSUER.issuer
flask_jwtlib.JWT_AUDIENCE = "https://api.example"
flask_jwtlib.set_permanent_verification_key(ISSUER.public_pem)

app = Flask(__name__)


@app.get("/me")
@requires_authentication
def me() -> dict[str, str]:
    """Show the caller: requires a valid token."""
    return {"subject": g.json_token["sub"]}


@app.get("/greeting")
@optional_authentication
def greeting() -> str:
    """Greet the caller: by name if the request has a valid token."""
    return f"Hello {g.json_token['sub'] if g.authenticated else 'stranger'}\n"


add_token_command(app, aud="https://api.example")
