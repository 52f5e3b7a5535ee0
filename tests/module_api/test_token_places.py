"""Where the documented API reads the token, and where it doesn't."""

from __future__ import annotations

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.errors import MalformedCredentialsError
from flask_jwtlib.testing import TokenIssuer, bearer

ANONYMOUS = {
    "is_authenticated": False,
    "authenticated": False,
    "raw_token": None,
    "json_token": None,
}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_form_token_is_read_on_methods_whose_body_has_a_meaning(
    trusting: FlaskClient, issuer: TokenIssuer, method: str
) -> None:
    """A form's ``access_token`` authenticates these requests."""
    form = {"access_token": issuer.token(), "note": "hello"}
    assert trusting.open("/required", method=method, data=form).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_form_token_is_not_read_with_get_and_head(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, method: str
) -> None:
    """RFC 6750 §2.2 excludes these methods: the request has no token."""
    form = {"access_token": issuer.token()}
    refused = trusting.open("/required", method=method, data=form)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    with app.test_request_context(method=method, data=form):
        assert flask_jwtlib.get_token() is None


def test_the_form_token_with_get_can_be_read_by_one_assignment(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """One assignment reads forms with GET for an app whose old clients send them."""
    flask_jwtlib.get_token = lambda: (
        flask_jwtlib._DEFAULT_GET_TOKEN() or request.form.get("access_token")
    )
    assert trusting.get("/required", data={"access_token": issuer.token()}).status_code == 200
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert trusting.get("/required", data={"access_token": "a.b.c"}).status_code == 401
    assert trusting.get("/required").status_code == 401


def test_a_composed_extractor_can_be_the_callback(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """``FormTokenExtractor(methods=…)`` does the same in one assignment."""
    form = flask_jwtlib.extractors.FormTokenExtractor(methods=["GET"])

    def token() -> str | None:
        found = form.extract(request)
        return found.value if found else flask_jwtlib._DEFAULT_GET_TOKEN()

    flask_jwtlib.get_token = token
    assert trusting.get("/required", data={"access_token": issuer.token()}).status_code == 200
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200


@pytest.mark.parametrize(
    "credentials",
    [
        "Basic {}",
        "Digest {}",
        "DPoP {}",
        "Token {}",
        "JWT {}",
        "Bearerish {}",
        "Bearer-Token {}",
        "{}",
        "",
    ],
)
def test_another_scheme_is_not_a_bearer_token(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, credentials: str
) -> None:
    """``get_token()`` is None, so the challenge has no error code and an optional route is anonymous."""
    headers = {"Authorization": credentials.format(issuer.token())}
    with app.test_request_context(headers=headers):
        assert flask_jwtlib.get_token() is None
    assert trusting.get("/required", headers=headers).headers["WWW-Authenticate"] == "Bearer"
    assert trusting.get("/optional", headers=headers).json == ANONYMOUS


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_case_insensitive(
    trusting: FlaskClient, issuer: TokenIssuer, scheme: str
) -> None:
    """RFC 9110 §11.1: schemes are case-insensitive."""
    headers = {"Authorization": f"{scheme} {issuer.token()}"}
    assert trusting.get("/required", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "credentials", ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer =", "bearer ü"]
)
def test_get_token_raises_on_a_malformed_header(app: Flask, credentials: str) -> None:
    """Malformed Bearer credentials raise an error with the documented 401."""
    with app.test_request_context(environ_overrides={"HTTP_AUTHORIZATION": credentials}):
        with pytest.raises(MalformedCredentialsError) as refusal:
            flask_jwtlib.get_token()
        assert (refusal.value.status, refusal.value.error_code) == (401, "invalid_request")
