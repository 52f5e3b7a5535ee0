"""Errors that views raise, in each framework, with each way to handle errors: a generated table."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

import flask_jwtlib
from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    RaisingHandler,
    Scope,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import InsufficientScopeError, JWTLibError
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.frameworks.kit import FRAMEWORKS, Views
from tests.kit import DOWN

EXPIRED = 'Bearer error="invalid_token", error_description="The access token expired"'
MALFORMED = (
    'Bearer error="invalid_request", error_description="The Authorization header is malformed"'
)
WEAK = (
    'Bearer error="insufficient_scope", error_description="The access token lacks a required scope", '
    'scope="admin"'
)

# The view, what the client sends, and the status and challenge of the response.
REFUSALS = {
    "authenticate without a token": ("authenticate", "nothing", 401, "Bearer"),
    "authenticate with an expired token": ("authenticate", "expired", 401, EXPIRED),
    "authenticate with malformed credentials": ("authenticate", "malformed", 400, MALFORMED),
    "authenticate in an outage": ("authenticate-in-outage", "good", 503, None),
    "get_json_token without a token": ("get_json_token", "nothing", 401, "Bearer"),
    "get_json_token with an expired token": ("get_json_token", "expired", 401, EXPIRED),
    "get_json_token with malformed credentials": ("get_json_token", "malformed", 401, MALFORMED),
    "a policy": ("policy", "good", 403, WEAK),
    "a policy after authenticate": ("policy-after-authenticate", "good", 403, WEAK),
    "a policy on the claims of get_json_token": ("policy-on-json-token", "good", 403, WEAK),
    "a refusal of the view": ("own-refusal", "good", 403, WEAK),
    "a failure handler that raises": ("raising-handler", "expired", 401, EXPIRED),
    "an optional view": ("policy-in-optional-view", "good", 403, WEAK),
}
each_refusal = pytest.mark.parametrize(
    ("view", "sent", "status", "challenge"), REFUSALS.values(), ids=REFUSALS
)

HANDLED: dict[str, tuple[Any, ...]] = {
    "no handler": (),
    "status": (400, 401, 403, 503),
    "HTTPException": (HTTPException,),
    "AuthenticationError": (AuthenticationError, VerificationUnavailable),
    "JWTLibError": (JWTLibError,),
}
each_handler = pytest.mark.parametrize("handled", HANDLED.values(), ids=HANDLED)
each_framework = pytest.mark.parametrize("make", FRAMEWORKS.values(), ids=FRAMEWORKS)


class Down:
    """A key provider that fails."""

    def keys_for(self, header: Any) -> Any:
        raise DOWN


@pytest.fixture(autouse=True)
def _module_api_configured(issuer: TokenIssuer) -> None:
    """Configure the module API, which some views use."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)


@pytest.fixture(scope="module")
def views(issuer: TokenIssuer) -> Views:
    """Views that raise refusals."""
    auth = Authenticator(keys=issuer.verification_key)
    unavailable = Authenticator(keys=Down())

    def authenticate() -> Any:
        return {"subject": auth.authenticate().subject}

    def authenticate_in_outage() -> Any:
        return {"subject": unavailable.authenticate().subject}

    def get_json_token() -> Any:
        return {"subject": flask_jwtlib.get_json_token()["sub"]}

    def policy() -> Any:
        Scope("admin")(current_principal.claims)
        return {"done": True}

    def policy_after_authenticate() -> Any:
        Scope("admin")(auth.authenticate().claims)
        return {"done": True}

    def policy_on_json_token() -> Any:
        claims: Any = flask_jwtlib.get_json_token()
        Scope("admin")(claims)
        return {"done": True}

    def own_refusal() -> Any:
        raise InsufficientScopeError("admin", "alice is on holiday")

    return {
        "authenticate": authenticate,
        "authenticate-in-outage": authenticate_in_outage,
        "get_json_token": get_json_token,
        "policy": auth.requires_authentication(policy),
        "policy-after-authenticate": policy_after_authenticate,
        "policy-on-json-token": policy_on_json_token,
        "own-refusal": auth.requires_authentication(own_refusal),
        "raising-handler": auth.evolve(failure_handler=RaisingHandler()).requires_authentication(
            policy
        ),
        "policy-in-optional-view": auth.optional_authentication(policy),
    }


@pytest.fixture
def sent_headers(issuer: TokenIssuer, sent: str) -> dict[str, str]:
    """What the client sends."""
    return {
        "nothing": {},
        "expired": bearer(issuer.token(exp=1)),
        "malformed": {"Authorization": "Bearer"},
        "good": bearer(issuer.token()),
    }[sent]


@pytest.fixture(scope="module")
def app_of(views: Views) -> Callable[..., Flask]:
    """Return a function that returns the app of a framework with error handlers, the same one each time.

    The app's handlers make a response without challenge.
    """

    @cache
    def app_of(make: Callable[[Views], Flask], *handled: Any) -> Flask:
        app = make(views)
        for kind in handled:
            app.register_error_handler(kind, lambda error: ({"handled": error.code}, error.code))
        return app

    return app_of


@each_framework
@each_handler
@each_refusal
def test_status_challenge_and_body(
    app_of: Callable[..., Flask],
    sent_headers: dict[str, str],
    make: Callable[[Views], Flask],
    handled: tuple[Any, ...],
    view: str,
    status: int,
    challenge: str | None,
) -> None:
    """A raised refusal has its status and challenge, and the body of the framework or the app's handler."""
    app = app_of(make, *handled)

    response = app.test_client().get(f"/{view}", headers=sent_headers)

    assert response.status_code == status
    assert response.headers.getlist("WWW-Authenticate") == ([challenge] if challenge else [])
    assert response.headers.getlist("Retry-After") == (["5"] if status == 503 else [])
    assert len(response.headers.getlist("Content-Type")) == 1
    assert "Authorization" in response.headers.getlist("Vary")
    if app.name in ("restful", "restx"):
        # It handles the errors of its resources before the app does.
        assert response.is_json
        assert response.json["message"]
    elif handled:
        assert response.json == {"handled": status}
    elif app.name == "flask":
        assert response.mimetype == "text/plain"
        assert response.text.endswith("\n")
    else:
        assert response.is_json
        assert "handled" not in response.json
