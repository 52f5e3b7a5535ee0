"""``get_json_token``, ``check_token`` and ``is_authenticated``, called by the app."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, base64url, bearer


def _bad_tokens(issuer: TokenIssuer, other: TokenIssuer) -> dict[str, str]:
    header, payload, signature = issuer.token().split(".")
    return {
        "forged": other.token(),
        "expired": issuer.token(exp=1),
        "for another audience": issuer.token(aud="another"),
        "of another algorithm": TokenIssuer(
            algorithm="RS384", private_key=issuer.private_key
        ).token(),
        "with another payload": f"{header}.{base64url(b'{}')}.{signature}",
        "two parts": f"{header}.{payload}",
        "no JSON": issuer.compact(b'{"alg":"RS256"}', b"no JSON"),
        "a JSON array": issuer.compact(b'{"alg":"RS256"}', b"[]"),
        "a word": "word",
    }


BAD_TOKENS = [
    "forged",
    "expired",
    "for another audience",
    "of another algorithm",
    "with another payload",
    "two parts",
    "no JSON",
    "a JSON array",
    "a word",
]


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_get_json_token_raises_on_a_bad_token(
    app: Flask, issuer: TokenIssuer, other_issuer: TokenIssuer, kind: str
) -> None:
    """It raises an ``AuthenticationError``, and never returns unverified claims."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    with app.test_request_context(headers=bearer(_bad_tokens(issuer, other_issuer)[kind])):
        with pytest.raises(flask_jwtlib.InvalidTokenError):
            flask_jwtlib.get_json_token()
        with pytest.raises(flask_jwtlib.InvalidTokenError):
            flask_jwtlib.get_json_token()


def test_get_json_token_raises_without_a_token(app: Flask) -> None:
    """A missing token is an ``AuthenticationError``, with ``verify=False`` as well."""
    with app.test_request_context():
        with pytest.raises(flask_jwtlib.errors.MissingTokenError):
            flask_jwtlib.get_json_token()
        with pytest.raises(flask_jwtlib.errors.MissingTokenError):
            flask_jwtlib.get_json_token(verify=False)


@pytest.mark.parametrize(
    "kind", ["forged", "expired", "for another audience", "of another algorithm"]
)
def test_get_json_token_without_verifying_needs_no_key(
    app: Flask, issuer: TokenIssuer, other_issuer: TokenIssuer, kind: str
) -> None:
    """A well-formed token, forged or expired, is decoded without a key, and none is fetched."""
    with app.test_request_context(headers=bearer(_bad_tokens(issuer, other_issuer)[kind])):
        assert flask_jwtlib.get_json_token(verify=False)["sub"] == "alice"
        assert not flask_jwtlib.is_authenticated()


@pytest.mark.parametrize("kind", ["two parts", "no JSON", "a JSON array", "a word"])
def test_get_json_token_without_verifying_raises_on_malformed_tokens(
    app: Flask, issuer: TokenIssuer, other_issuer: TokenIssuer, kind: str
) -> None:
    """Anything but a well-formed signed token raises ``MalformedTokenError``."""
    with (
        app.test_request_context(headers=bearer(_bad_tokens(issuer, other_issuer)[kind])),
        pytest.raises(flask_jwtlib.errors.MalformedTokenError),
    ):
        flask_jwtlib.get_json_token(verify=False)


def test_the_docstring_warns_of_decoding_without_verifying() -> None:
    """The docstring says what unverified claims must not be used for."""
    text = " ".join((flask_jwtlib.get_json_token.__doc__ or "").split())
    assert "**Then the client can write anything into the claims.**" in text
    assert "never to decide who the caller is" in text


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_check_token_is_false_for_a_bad_token(
    issuer: TokenIssuer, other_issuer: TokenIssuer, kind: str
) -> None:
    """Called directly, even outside a request, it returns False and raises nothing."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    assert flask_jwtlib.check_token(issuer.token()) is True
    assert flask_jwtlib.check_token(_bad_tokens(issuer, other_issuer)[kind]) is False


def test_check_token_is_false_for_no_token(app: Flask, issuer: TokenIssuer) -> None:
    """``check_token(get_token())`` in a view is False without a token."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    with app.test_request_context():
        token: Any = flask_jwtlib.get_token()
        assert flask_jwtlib.check_token(token) is False


def test_is_authenticated_is_false_without_a_decision(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """It is False outside of any context, in an app context, in a bare request and in an undecorated view."""
    assert flask_jwtlib.is_authenticated() is False
    with app.app_context():
        assert flask_jwtlib.is_authenticated() is False
    with app.test_request_context(headers=bearer(issuer.token())):
        assert flask_jwtlib.is_authenticated() is False
    response = trusting.get("/open", headers=bearer(issuer.token()))
    assert response.json == {"is_authenticated": False, "g": []}


def test_get_json_token_works_before_any_decorator(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """``before_request`` may read the claims, which authenticates no caller."""
    seen: list[tuple[str, bool]] = []

    @app.before_request
    def look() -> None:
        seen.append((flask_jwtlib.get_json_token()["sub"], flask_jwtlib.is_authenticated()))

    response = trusting.get("/required", headers=bearer(issuer.token("alice")))
    assert response.json is not None
    assert response.json["authenticated"] is True
    assert seen == [("alice", False)]
