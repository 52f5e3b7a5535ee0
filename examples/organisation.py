"""An organisation's own rules: a claim rule, a validator's subclass, a failure handler's subclass.

In one terminal::

    flask --app examples.organisation run

In another::

    TOKEN=$(flask --app examples.organisation token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/desk
    TOKEN=$(flask --app examples.organisation token tenant=rivals)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/desk
    TOKEN=$(flask --app examples.organisation token jti=stolen-laptop)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/desk
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
    RequiredClaims,
    UnauthorizedHandler,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import ClaimError

REVOKED = {"stolen-laptop"}


def of_our_tenant(claims: Claims) -> None:
    """Refuse the tokens of other tenants, and those that name none: a claim rule."""
    if claims["tenant"] != "acme":
        raise ClaimError("tenant", description="The access token is from another tenant")


class RevocationValidator(JWTValidator):
    """Refuses tokens that were revoked, after everything that ``JWTValidator`` checks."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Verify the token, then look it up."""
        claims = super().validate(token, keys)
        if claims["jti"] in REVOKED:
            # The first text is for the log, the second one for the caller.
            raise InvalidTokenError(
                f"{claims['jti']} was revoked", description="The access token was revoked"
            )
        return claims


class HelpfulHandler(UnauthorizedHandler):
    """Refuses as usual, and says where to find help."""

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> Response:
        """Make the refusal's response."""
        response = super().deny(error)
        response.headers["Link"] = '<https://intranet.example/sign-in>; rel="help"'
        return response


auth = Authenticator(
    keys=ISSUER.public_pem,
    validator=RevocationValidator(
        rules=[
            Issuer(ISSUER.issuer),
            Audience("https://desk.example"),
            RequiredClaims("jti"),
            of_our_tenant,
        ]
    ),
    failure_handler=HelpfulHandler(realm="acme"),
)

app = Flask(__name__)


@app.get("/desk")
@auth.requires_authentication
def desk() -> dict[str, str | None]:
    """Answer our people."""
    return {"subject": current_principal.subject}


add_token_command(app, aud="https://desk.example", tenant="acme", jti="1")
