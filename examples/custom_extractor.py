"""Read the token from another header, with a ``TokenExtractor`` of your own.

Some sign-in proxies forward the user's access token in ``X-Forwarded-Access-Token``. This app reads
that header and ignores ``Authorization``.

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
    """Reads the token from ``X-Forwarded-Access-Token``. It is verified like any other token."""

    vary = ("X-Forwarded-Access-Token",)
    """The request header that it reads. Caches keep responses apart by it."""

    def extract(self, request: Request) -> BearerToken | None:
        """Return the token, or None if the header is absent or empty."""
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
    """Show the caller that the proxy signed in."""
    return {"subject": current_principal.subject}


add_token_command(app, aud="https://api.example")
