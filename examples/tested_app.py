"""Test an app: with keys that are lent to it, and with every way in which a token can be wrong.

The tests are in this file, too, so that the example is complete. Run them::

    python -m pytest examples/tested_app.py

In one terminal::

    flask --app examples.tested_app run

In another::

    TOKEN=$(flask --app examples.tested_app token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import (
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    Claims,
    InvalidTokenError,
    KeyProvider,
    Scope,
    TokenValidator,
)
from flask_jwtlib.testing import (
    BAD_CREDENTIALS,
    GOOD_TOKENS,
    BadCredentials,
    BadToken,
    GoodToken,
    TokenIssuer,
)
from flask_jwtlib.testing.contracts import check
from flask_jwtlib_strategies.validators.access_tokens import access_token_validator


class RevocationValidator(TokenValidator):
    """Refuses tokens that were revoked, by their ``jti``."""

    def __init__(self, validator: TokenValidator, revoked: set[str]) -> None:
        self.validator = validator
        self.revoked = revoked

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Return the claims of a token that isn't revoked."""
        claims = self.validator.validate(token, keys)
        if claims.get("jti") in self.revoked:
            raise InvalidTokenError("the token is revoked")
        return claims


auth = Authenticator(
    keys=ISSUER.public_pem,
    validator=RevocationValidator(
        access_token_validator(ISSUER.issuer, "https://api.example"), revoked={"lost"}
    ),
    extractor=BearerTokenExtractor(query=False),
)
app = Flask(__name__)


@app.get("/reports")
@auth.requires_authentication(rules=[Scope("reports:read")])
def reports() -> list[str]:
    """List the reports."""
    return ["sales"]


@pytest.fixture
def issuer(lend: Callable[..., TokenIssuer]) -> TokenIssuer:
    """A test issuer whose tokens the app accepts for one test."""
    return lend(auth)


def status_of(headers: dict[str, str]) -> int:
    """Return the status of a request."""
    return app.test_client().get("/reports", headers=headers).status_code


def test_readers_are_accepted(issuer: TokenIssuer) -> None:
    """The scope opens the route, for tokens of the test's issuer only."""
    assert status_of(issuer.auth(sub="ada", scope="reports:read")) == 200
    assert status_of(issuer.auth(sub="ada")) == 403
    assert status_of(ISSUER.auth(scope="reports:read", aud="https://api.example")) == 401


def test_revoked_tokens_are_refused(issuer: TokenIssuer) -> None:
    """A token that was revoked doesn't open the route."""
    assert status_of(issuer.auth(scope="reports:read", jti="lost")) == 401


@pytest.mark.parametrize("bad", BAD_CREDENTIALS, ids=str)
def test_bad_credentials_are_refused(issuer: TokenIssuer, bad: BadToken | BadCredentials) -> None:
    """The route refuses every token and request that is wrong."""
    response = app.test_client().get("/reports", **bad.request(issuer, scope="reports:read"))
    assert response.status_code in (400, 401), bad.why


@pytest.mark.parametrize("good", GOOD_TOKENS, ids=str)
def test_good_tokens_are_accepted(issuer: TokenIssuer, good: GoodToken) -> None:
    """The same requests with valid tokens are accepted."""
    response = app.test_client().get("/reports", **good.request(issuer, scope="reports:read"))
    assert response.json == ["sales"]


def test_the_validator_keeps_its_contract() -> None:
    """The app's own validator does all that a validator must."""
    check(auth.validator, rules=["Issuer", "Audience", "Expiry", "AccessToken", "ClaimTypes"])


add_token_command(app, aud="https://api.example", scope="reports:read")
