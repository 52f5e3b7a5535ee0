"""Accept the token in a cookie or a header, and refuse requests that another site may have caused.

In one terminal::

    flask --app examples.cookies run

In another::

    TOKEN=$(flask --app examples.cookies token)
    curl -i -b "access_token=$TOKEN" http://127.0.0.1:5000/me
    curl -i -b "access_token=$TOKEN" -X POST http://127.0.0.1:5000/me
    curl -i -b "access_token=$TOKEN" -X POST -H "Sec-Fetch-Site: cross-site" http://127.0.0.1:5000/me
    curl -i -b "access_token=$TOKEN" -X POST -H "Sec-Fetch-Site: same-origin" http://127.0.0.1:5000/me
    curl -i -H "Authorization: Bearer $TOKEN" -X POST http://127.0.0.1:5000/me
    curl -i http://127.0.0.1:5000/me

Browsers set ``Sec-Fetch-Site``, and no page can change it.
"""

from __future__ import annotations

from flask import Flask, Request

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerToken,
    HeaderTokenExtractor,
    JWTValidator,
    TokenExtractor,
    current_principal,
)
from flask_jwtlib.challenges import Challenge
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor


class CookieTokenExtractor(TokenExtractor):
    """Reads the token from a cookie. ``ambient`` says that a browser sends it by itself."""

    challenges = (Challenge("Cookie", realm="example"),)
    vary = ("Cookie",)

    def extract(self, request: Request) -> BearerToken | None:
        """Return the token, or None if there is no such cookie."""
        value = request.cookies.get("access_token")
        return BearerToken(value, source="cookie", scheme="Cookie", ambient=True) if value else None


auth = Authenticator(
    keys=ISSUER.public_pem,
    # Only the token from the cookie is checked: no other site can make a browser send the header.
    extractor=CrossSiteCheckedTokenExtractor(
        CompositeTokenExtractor(HeaderTokenExtractor(), CookieTokenExtractor())
    ),
    validator=JWTValidator(rules=[Audience("https://api.example")]),
)

app = Flask(__name__)


@app.get("/me")
@auth.requires_authentication
def me() -> dict[str, str | None]:
    """Show the caller."""
    return {"subject": current_principal.subject}


@app.post("/me")
@auth.requires_authentication
def change() -> dict[str, str | None]:
    """Stand for a view that changes something."""
    return {"changed": current_principal.subject}


add_token_command(app, aud="https://api.example")
