"""A place of one's own for the token: one class.

Some sign-in proxies hand the user's access token on in a header of their own. Here it is
``X-Forwarded-Access-Token``, and ``Authorization`` is not looked at.

In one terminal::

    flask --app examples.custom_extractor run

In another::

    TOKEN=$(flask --app examples.custom_extractor token)
    curl -i -H "X-Forwarded-Access-Token: $TOKEN" http://127.0.0.1:5000/me
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/me
"""

from __future__ import annotations

from flask import Flask, Request

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerToken,
    JWTValidator,
    TokenExtractor,
    current_principal,
)


class ProxyTokenExtractor(TokenExtractor):
    """Takes the token from ``X-Forwarded-Access-Token``. It is verified like any other."""

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token."""
        value = request.headers.get("X-Forwarded-Access-Token")
        return BearerToken(value, source="proxy") if value else None


auth = Authenticator(
    keys=ISSUER.public_pem,
    extractor=ProxyTokenExtractor(),
    validator=JWTValidator(rules=[Audience("https://api.example")]),
)

app = Flask(__name__)


@app.get("/me")
@auth.requires_authentication
def me() -> dict[str, str | None]:
    """Answer those who came through the proxy."""
    return {"subject": current_principal.subject}


add_token_command(app, aud="https://api.example")
