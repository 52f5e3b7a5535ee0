"""Optional authentication that refuses bad tokens: ``strict=True``."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_jwtlib import AppAuthenticator, Authenticator, JWTValidator, Scope, current_principal
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import DOWN


def down() -> object:
    """Fail to fetch keys."""
    raise DOWN


@pytest.fixture
def client(app: Flask, auth: Authenticator) -> FlaskClient:
    """A client of an app with an ordinary optional view and a strict one, by two kinds of authenticators."""
    late = AppAuthenticator(lambda _: auth)
    late.init_app(app)
    broken = Authenticator(keys=down)
    views: dict[str, Any] = {
        "default": auth.optional_authentication,
        "strict": auth.optional_authentication(strict=True),
        "late": late.optional_authentication(strict=True),
        "scoped": auth.optional_authentication(strict=True, rules=[Scope("read")]),
        "unstrict": auth.optional_authentication(strict=False),
        "broken": broken.optional_authentication(strict=True),
        "rule": auth.evolve(
            validator=JWTValidator(rules=[lambda claims: False])
        ).optional_authentication(strict=True),
    }
    for name, decorate in views.items():
        view = decorate(lambda: str(current_principal.subject) if current_principal else "guest")
        app.add_url_rule(f"/{name}", name, view)
    return app.test_client()


def seen(client: FlaskClient, path: str, headers: dict[str, str]) -> str | int:
    """Return the caller's name, or the status of a refusal."""
    response = client.get(path, headers=headers)
    return response.text if response.status_code == 200 else response.status_code


def test_no_token_is_a_guest(client: FlaskClient) -> None:
    """A request without any token is accepted, also one with credentials of another scheme."""
    for path in "/default", "/strict", "/late", "/scoped", "/unstrict", "/broken", "/rule":
        assert seen(client, path, {}) == "guest"
        assert seen(client, path, {"Authorization": "Basic dTpw"}) == "guest"


def test_a_good_token_is_a_caller(client: FlaskClient, issuer: TokenIssuer) -> None:
    """A valid token names the caller; a caller without the needed scope is refused in any case."""
    for path in "/default", "/strict", "/late", "/unstrict":
        assert seen(client, path, bearer(issuer.token("alice"))) == "alice"
    assert seen(client, "/scoped", bearer(issuer.token("alice"))) == 403
    assert seen(client, "/scoped", bearer(issuer.token("alice", scope="read"))) == "alice"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("expired", 401),
        ("forged", 401),
        ("garbage", 401),
        ("two words", 400),
        ("empty", 400),
        ("bound", 401),
    ],
)
def test_a_bad_token_is_refused(
    client: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer, kind: str, status: int
) -> None:
    """What would make a guest by default is refused by a strict view, with its own challenge."""
    headers = {
        "expired": bearer(issuer.token(exp=1)),
        "forged": bearer(other_issuer.token()),
        "garbage": bearer("garbage"),
        "two words": bearer("two words"),
        "empty": {"Authorization": "Bearer "},
        "bound": bearer(issuer.token(cnf={"jkt": "x"})),
    }[kind]

    assert seen(client, "/default", headers) == seen(client, "/unstrict", headers) == "guest"
    for path in "/strict", "/late", "/scoped":
        response = client.get(path, headers=headers)
        assert response.status_code == status
        error = "invalid_token" if status == 401 else "invalid_request"
        assert f'error="{error}"' in response.headers["WWW-Authenticate"]


def test_a_rules_refusal_is_one_of_the_token(client: FlaskClient, token: str) -> None:
    """A token that one of the validator's rules refuses isn't valid either."""
    assert seen(client, "/rule", bearer(token)) == 401


def test_an_outage_is_never_a_guest(client: FlaskClient, token: str) -> None:
    """While the keys are unavailable, a request with a token gets 503."""
    assert seen(client, "/broken", bearer(token)) == 503


def test_refusals_are_reported_as_such(client: FlaskClient, app: Flask, expired: str) -> None:
    """The signal says whether the request was accepted without a caller."""
    heard: list[bool] = []

    def hear(sender: Flask, **details: Any) -> None:
        heard.append(details["optional"])

    with request_refused.connected_to(hear, app):
        seen(client, "/default", bearer(expired))
        seen(client, "/strict", bearer(expired))
        seen(client, "/strict", {})
    assert heard == [True, False, True]
