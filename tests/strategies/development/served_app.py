"""The app that servers serve in these tests. It accepts development tokens, and is in debug mode."""

from __future__ import annotations

from flask import Flask

from flask_jwtlib import Audience, Authenticator, JWTValidator, current_principal
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens

auth = DevelopmentTokens().added_to(
    Authenticator(
        keys=TokenIssuer().verification_key, validator=JWTValidator(rules=[Audience("api")])
    )
)
app = Flask("served_app", root_path="/")
app.debug = True


@app.get("/")
@auth.requires_authentication
def caller() -> str:
    """Return the caller."""
    return str(current_principal.subject)
