"""The rules of ``protect`` and the callers of views that it leaves to their own decorator."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Audience, Authenticator, JWTValidator, Scope, current_principal, public
from flask_jwtlib.claim_rules import Subject
from flask_jwtlib.errors import VerificationUnavailable
from flask_jwtlib.testing import TokenIssuer, bearer


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """Make an Authenticator for one API."""
    return Authenticator(keys=issuer.public_pem, validator=JWTValidator(rules=[Audience("api")]))


def who() -> str:
    """Return the caller's name."""
    return str(current_principal.subject) if current_principal else "guest"


def unavailable(claims: Any) -> bool:
    """Fail as a rule does whose service is down."""
    raise VerificationUnavailable("the permission service is down")


def served(auth: Authenticator, *rules: Any) -> Any:
    """Return a client of an app with an optional view and public ones, protected with rules."""
    app = Flask(__name__)

    @app.get("/marked")
    @public
    def marked() -> str:
        return who()

    app.get("/optional", endpoint="optional")(auth.optional_authentication(who))
    app.get("/named", endpoint="named")(who)
    auth.protect(app, public=["named"], rules=rules)
    return app.test_client()


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        pytest.param(Scope("a"), 403, id="policy"),
        pytest.param(Subject("root"), 401, id="claim rule"),
        pytest.param(unavailable, 503, id="unavailable"),
    ],
)
def test_a_caller_of_an_optional_view_must_satisfy_the_rules(
    auth: Authenticator, issuer: TokenIssuer, rule: Any, status: int
) -> None:
    """A caller whom the app's rules refuse doesn't reach an optional view; a guest does."""
    client = served(auth, rule)
    response = client.get("/optional", headers=bearer(issuer.token(aud="api")))
    assert response.status_code == status
    assert client.get("/optional").text == "guest"
    assert client.get("/optional", headers=bearer(issuer.token(aud="api", exp=1))).text == "guest"


def test_the_refusal_names_the_scopes_of_the_app(auth: Authenticator, issuer: TokenIssuer) -> None:
    """The challenge for a caller of an optional view names the scopes of the app's rules."""
    response = served(auth, Scope("a")).get("/optional", headers=bearer(issuer.token(aud="api")))
    assert 'scope="a"' in response.headers["WWW-Authenticate"]


def test_a_caller_who_satisfies_the_rules_reaches_the_view(
    auth: Authenticator, issuer: TokenIssuer
) -> None:
    """The optional view shows the caller whom the app's rules accept."""
    token = issuer.token(aud="api", scope="a")
    assert served(auth, Scope("a")).get("/optional", headers=bearer(token)).text == "alice"


@pytest.mark.parametrize("path", ["/marked", "/named"])
def test_public_views_have_no_rules(auth: Authenticator, issuer: TokenIssuer, path: str) -> None:
    """The app's rules don't apply to a public view, whoever calls it."""
    headers = bearer(issuer.token(aud="api"))
    assert served(auth, Scope("a")).get(path, headers=headers).text == "guest"
