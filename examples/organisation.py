"""Add an organisation's checks: two claim rules, and subclasses of the validator and the failure handler.

In one terminal::

    flask --app examples.organisation run

In another::

    TOKEN=$(flask --app examples.organisation token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/desk
    TOKEN=$(flask --app examples.organisation token tenant=rivals)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/desk
    TOKEN=$(flask --app examples.organisation token jti=stolen-laptop)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/desk
    TOKEN=$(flask --app examples.organisation token)
    curl -i "http://127.0.0.1:5000/desk?access_token=$TOKEN"
"""

from __future__ import annotations

from flask import Flask, Response

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import (
    Audience,
    AuthenticationError,
    Authenticator,
    BearerToken,
    Claims,
    InvalidTokenError,
    Issuer,
    JWTValidator,
    KeyProvider,
    UnauthorizedHandler,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.claim_rules import MaxLifetime
from flask_jwtlib.errors import ClaimError

REVOKED = {"stolen-laptop"}


def tenant_is_acme(claims: Claims) -> None:
    """Refuse tokens of other tenants. A token without a tenant is refused as well."""
    if claims["tenant"] != "acme":
        raise ClaimError("tenant", description="The access token is from another tenant")


def is_not_revoked(claims: Claims) -> None:
    """Refuse revoked tokens. The first text of the error is for the log, the second for the caller."""
    if claims["jti"] in REVOKED:
        raise InvalidTokenError(
            f"{claims['jti']} was revoked", description="The access token was revoked"
        )


class URLTokenValidator(JWTValidator):
    """Accepts a token in a URL only if it is valid for at most a minute, because servers log URLs."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Verify the token, then check its lifetime if it was in the URL."""
        claims = super().validate(token, keys)
        if token.source == "query":
            MaxLifetime(60)(claims)
        return claims


class HelpfulHandler(UnauthorizedHandler):
    """Refuses as usual, and links to help."""

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> Response:
        """Return the response, with one more header."""
        response = super().deny(error)
        response.headers["Link"] = '<https://intranet.example/sign-in>; rel="help"'
        return response


auth = Authenticator(
    keys=ISSUER.public_pem,
    validator=URLTokenValidator(
        rules=[
            Issuer(ISSUER.issuer),
            Audience("https://desk.example"),
            tenant_is_acme,
            is_not_revoked,
        ]
    ),
    failure_handler=HelpfulHandler(realm="acme"),
)

app = Flask(__name__)


@app.get("/desk")
@auth.requires_authentication
def desk() -> dict[str, str | None]:
    """Show the caller."""
    return {"subject": current_principal.subject}


add_token_command(app, aud="https://desk.example", tenant="acme", jti="1")
