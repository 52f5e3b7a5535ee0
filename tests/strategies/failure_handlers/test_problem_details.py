"""``ProblemDetailsHandler``: refusals as RFC 9457 problem details."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    ConfigurationError,
    InvalidTokenError,
    Scope,
)
from flask_jwtlib.errors import ClaimError, InsufficientScopeError
from flask_jwtlib.interfaces import FailureHandler
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib.testing.contracts import FailureHandlerContract
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler

BASE = "https://api.example/problems/"


class TestProblemDetailsHandler(FailureHandlerContract):
    def make_handler(self) -> FailureHandler:
        return ProblemDetailsHandler()


class TestProblemDetailsHandlerWithEverything(FailureHandlerContract):
    def make_handler(self) -> FailureHandler:
        return ProblemDetailsHandler(realm="reports", type_base=BASE)


def refused(
    app: Flask, issuer: TokenIssuer, token: str | None, *, keys: Any = None, **how: Any
) -> tuple[int, Any, dict[str, str | None]]:
    """Call a route that requires a scope, and return status, problem and the relevant headers."""
    auth = Authenticator(
        keys=keys or issuer.verification_key, failure_handler=ProblemDetailsHandler(**how)
    )

    @app.route("/")
    @auth.requires_authentication(rules=[Scope("reports:read reports:write")])
    def view() -> str:
        return ""

    response = app.test_client().get("/", headers=None if token is None else bearer(token))
    assert response.content_type == "application/problem+json"
    return (
        response.status_code,
        response.get_json(force=True),
        {name: response.headers.get(name) for name in ("WWW-Authenticate", "Retry-After")},
    )


def test_a_missing_token(app: Flask, issuer: TokenIssuer) -> None:
    """Without a token: a problem without an error code, and a challenge with the scopes (RFC 6750 §3.1)."""
    assert refused(app, issuer, None) == (
        401,
        {
            "type": "urn:flask-jwtlib:problem:missing-token",
            "title": "Missing token",
            "status": 401,
            "detail": "Authentication is required",
            "reason": "missing-token",
        },
        {"WWW-Authenticate": 'Bearer scope="reports:read reports:write"', "Retry-After": None},
    )


def test_an_invalid_token(app: Flask, issuer: TokenIssuer) -> None:
    """The error code and description are in both body and challenge."""
    assert refused(app, issuer, issuer.token(exp=1), realm="reports") == (
        401,
        {
            "type": "urn:flask-jwtlib:problem:expired-token",
            "title": "Expired token",
            "status": 401,
            "detail": "The access token expired",
            "reason": "expired-token",
            "error": "invalid_token",
        },
        {
            "WWW-Authenticate": 'Bearer realm="reports", error="invalid_token", '
            'error_description="The access token expired", scope="reports:read reports:write"',
            "Retry-After": None,
        },
    )


def test_a_missing_scope(app: Flask, issuer: TokenIssuer) -> None:
    """A missing permission is a 403 with the required scopes."""
    status, problem, headers = refused(app, issuer, issuer.token(), type_base=BASE)

    assert status == 403
    assert problem == {
        "type": "https://api.example/problems/insufficient-scope",
        "title": "Insufficient scope",
        "status": 403,
        "detail": "The access token lacks a required scope",
        "reason": "insufficient-scope",
        "error": "insufficient_scope",
        "scope": "reports:read reports:write",
    }
    assert 'scope="reports:read reports:write"' in str(headers["WWW-Authenticate"])


def test_an_outage(app: Flask, issuer: TokenIssuer) -> None:
    """Unavailable keys are a 503 with Retry-After, and without the cause."""

    def fetch() -> object:
        raise ConnectionError("10.1.2.3 refused")

    status, problem, headers = refused(app, issuer, issuer.token(), keys=fetch)

    assert status == 503
    assert problem == {
        "type": "urn:flask-jwtlib:problem:verification-unavailable",
        "title": "Verification unavailable",
        "status": 503,
        "detail": "The token can't be verified at the moment",
        "reason": "verification-unavailable",
    }
    assert headers["WWW-Authenticate"] is None
    assert str(headers["Retry-After"]).isdigit()


def test_a_claims_name_is_not_sent() -> None:
    """The response doesn't say which claim or rule refused the token."""
    error = ClaimError("internal_rule_name")

    assert "internal_rule_name" not in ProblemDetailsHandler().deny(error).get_data(as_text=True)


def test_an_attribute_of_an_error_is_no_reason() -> None:
    """Only the class has a reason. An attribute of this name may be a text about the client."""
    error = InvalidTokenError()
    error.reason = "alice was here"  # type: ignore[misc]
    problem: Any = ProblemDetailsHandler().deny(error).get_json(force=True)

    assert problem["type"] == "urn:flask-jwtlib:problem:invalid-token"
    assert "alice" not in str(problem)


def test_a_custom_error_with_an_unregistered_status_has_a_title() -> None:
    """An application's error may have a status without a standard phrase."""

    class ClientClosedRequest(HTTPException):
        code = 499

    class Odd(AuthenticationError, ClientClosedRequest):
        error_code = "odd"

    response = ProblemDetailsHandler().deny(Odd())

    problem: Any = response.get_json(force=True)
    assert (response.status_code, problem["title"], problem["error"]) == (499, "Refused", "odd")
    assert problem["type"] == "urn:flask-jwtlib:problem:refused"
    assert problem["detail"] == "Authentication is required"


@pytest.mark.parametrize(
    "type_base", ["", "https://api example/", 'a"', "a\r\nb", "é", 5, b"a", None]
)
def test_an_invalid_type_base_is_refused(type_base: Any) -> None:
    """A base that can't begin a URI raises when the handler is made."""
    with pytest.raises(ConfigurationError, match="type_base"):
        ProblemDetailsHandler(type_base=type_base)


def test_an_invalid_realm_is_refused() -> None:
    """A realm that a challenge can't hold raises when the handler is made."""
    with pytest.raises(ConfigurationError, match="realm"):
        ProblemDetailsHandler(realm='"')


class Lazy:
    """A lazy string, as Flask-Babel's."""

    def __str__(self) -> str:
        return "not you"


@pytest.mark.parametrize(
    ("description", "detail"),
    [
        pytest.param(Lazy(), "not you", id="lazy"),
        pytest.param(b"not you", "not you", id="bytes"),
        pytest.param(5, "5", id="number"),
        pytest.param({"a"}, "{'a'}", id="set"),
        pytest.param("half \ud800 pair", "half ? pair", id="surrogate"),
        pytest.param("", "Authentication is required", id="empty"),
    ],
)
def test_any_description_can_be_sent(
    app: Flask, issuer: TokenIssuer, description: Any, detail: str
) -> None:
    """A description or scope that isn't a plain string is sent as text."""

    def rule(_: object) -> None:
        error = InsufficientScopeError("m", description=description)
        error.scope = Lazy()  # type: ignore[assignment]
        raise error

    auth = Authenticator(
        keys=issuer.verification_key, failure_handler=ProblemDetailsHandler(type_base=BASE)
    )
    app.add_url_rule("/", view_func=auth.requires_authentication(rules=[rule])(lambda: "in"))
    response = app.test_client().get("/", headers=bearer(issuer.token()))

    assert (response.status_code, response.json["detail"]) == (403, detail)
    assert response.json["scope"] == "not you"
