"""Read the token from a password, with a ``TokenExtractor`` of your own.

Package managers and git can only send a user name and a password. This app accepts a token as the password,
whatever the user name is, and tokens in ``Authorization: Bearer``.

In one terminal::

    flask --app examples.custom_extractor run

In another::

    TOKEN=$(flask --app examples.custom_extractor token)
    curl -i -u "git:$TOKEN" http://127.0.0.1:5000/me
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/me
    curl -i -u "git:wrong" http://127.0.0.1:5000/me
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
from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor


class PasswordTokenExtractor(TokenExtractor):
    """Reads the token from the password of ``Authorization: Basic``. It is verified like any other token."""

    challenges = (Challenge("Basic", realm="example"),)
    """What a refusal asks for."""
    vary = ("Authorization",)
    """The request header that it reads. Caches keep responses apart by it."""

    def extract(self, request: Request) -> BearerToken | None:
        """Return the token, or None if there is no user name with a password."""
        try:
            sent = request.authorization
        except ValueError:
            # Werkzeug can't read characters outside of ASCII.
            raise InvalidRequestError("the Authorization header is malformed") from None
        if sent is None or sent.type != "basic":
            return None
        if not sent.password:
            raise InvalidRequestError("the password is empty, expected a token")
        # Browsers keep a password and send it by themselves.
        return BearerToken(sent.password, source="password", scheme="Basic", ambient=True)


auth = Authenticator(
    keys=ISSUER.public_pem,
    # Pages of other sites can't use the password that a browser has kept.
    extractor=CrossSiteCheckedTokenExtractor(
        CompositeTokenExtractor(HeaderTokenExtractor(), PasswordTokenExtractor()),
        allow_non_browsers=True,
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
