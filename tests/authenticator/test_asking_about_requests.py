"""``authenticate(request)`` with the current request, and with another one."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Request, g
from flask import request as current
from werkzeug.test import EnvironBuilder

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Scope,
    UnauthorizedHandler,
    current_principal,
)
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import InsufficientScopeError, InvalidTokenError, MissingTokenError
from flask_jwtlib.signals import request_accepted, request_refused
from flask_jwtlib.testing import TokenIssuer, bearer

COMPARED = ("WWW-Authenticate", "Vary", "Cache-Control", "Content-Type")
METADATA = "https://api.example/.well-known/oauth-protected-resource"


class TwoSchemes:
    """Accepts a token of two schemes."""

    challenges = (Challenge("Bearer"), Challenge("DPoP", algs="ES256"))
    vary = ("X-Tenant",)

    def extract(self, request: Any) -> BearerToken | None:
        """Return the token in the header."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        return BearerToken(value, scheme=scheme) if value else None


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An ``Authenticator`` with a realm, metadata, two schemes and a policy."""
    return Authenticator(
        keys=issuer.verification_key,
        extractor=TwoSchemes(),
        failure_handler=UnauthorizedHandler(realm="api"),
        policies=[Scope("read")],
        resource_metadata=METADATA,
    )


def headers_of(issuer: TokenIssuer, name: str) -> dict[str, str]:
    """Return the header of a caller."""
    tokens: dict[str, dict[str, Any]] = {
        "accepted": {"scope": "read"},
        "expired": {"scope": "read", "exp": 1},
        "without the scope": {},
    }
    return bearer(issuer.token(**tokens[name])) if name in tokens else {}


def responding(auth: Authenticator, given: bool) -> Any:
    """Return a client of an app whose view asks about the current request."""
    app = Flask("resource_server")
    app.add_url_rule(
        "/", "view", lambda: str(auth.authenticate(current) if given else auth.authenticate())
    )
    return app.test_client()


@pytest.mark.parametrize("name", ["accepted", "expired", "without the scope", "anonymous"])
def test_the_response_is_the_same_as_without_the_argument(
    auth: Authenticator, issuer: TokenIssuer, name: str
) -> None:
    """The response to the current request has the same status, body and headers if it is given."""
    headers = headers_of(issuer, name)

    without = responding(auth, given=False).get("/", headers=headers)
    given = responding(auth, given=True).get("/", headers=headers)

    assert (given.status_code, given.text) == (without.status_code, without.text)
    assert [given.headers.get(name) for name in COMPARED] == [
        without.headers.get(name) for name in COMPARED
    ]
    assert "X-Tenant" in given.headers["Vary"]
    assert ("realm" in given.headers.get("WWW-Authenticate", "")) is (name != "accepted")


@pytest.mark.parametrize("name", ["accepted", "expired"])
def test_it_is_neither_published_nor_signalled_nor_logged(
    auth: Authenticator, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """The decision about the current request, if it is given, leaves no trace."""
    caplog.set_level("DEBUG", logger="flask_jwtlib")
    heard: list[Any] = []
    app = Flask("resource_server")

    def hear(sender: Any, **details: Any) -> None:
        heard.append(details)

    @app.get("/")
    def view() -> str:
        try:
            return auth.authenticate(current).subject or ""
        finally:
            heard.extend(each for each in [current_principal, g.get("raw_token")] if each)

    with request_accepted.connected_to(hear), request_refused.connected_to(hear):
        response = app.test_client().get("/", headers=headers_of(issuer, name))

    assert response.status_code == (200 if name == "accepted" else 401)
    assert heard == []
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "kind", "detail"),
    [
        ("expired", InvalidTokenError, 'error="invalid_token"'),
        ("without the scope", InsufficientScopeError, 'scope="read"'),
        ("anonymous", MissingTokenError, "DPoP"),
    ],
)
def test_the_refusal_of_another_request_has_the_authenticators_challenges(
    auth: Authenticator, issuer: TokenIssuer, name: str, kind: type[Exception], detail: str
) -> None:
    """Outside of any request, the error knows the schemes, the realm and the metadata."""
    other: Any = Request(EnvironBuilder(headers=headers_of(issuer, name)).get_environ())

    with pytest.raises(kind) as refused:
        auth.authenticate(other)

    error: Any = refused.value
    challenge = error.get_response().headers["WWW-Authenticate"]
    assert detail in challenge
    assert 'realm="api"' in challenge
    assert f'resource_metadata="{METADATA}"' in challenge
    assert (error.context.scheme is None) is (name == "anonymous")


def test_another_request_leaves_the_current_response_alone(
    auth: Authenticator, issuer: TokenIssuer
) -> None:
    """The response doesn't depend on the caller of another request."""
    app = Flask("resource_server")
    other: Any = Request(EnvironBuilder(headers=bearer(issuer.token(scope="read"))).get_environ())
    app.add_url_rule("/", "view", lambda: str(auth.authenticate(other)))

    response = app.test_client().get("/")

    assert response.text == "alice"
    assert "Vary" not in response.headers
    assert "Cache-Control" not in response.headers
