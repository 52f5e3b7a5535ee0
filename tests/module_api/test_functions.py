"""``get_json_token``, ``check_token`` and ``is_authenticated``, called by the app itself."""

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
    """It raises an ``AuthenticationError``, and never returns what it could not verify."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    with app.test_request_context(headers=bearer(_bad_tokens(issuer, other_issuer)[kind])):
        with pytest.raises(flask_jwtlib.InvalidTokenError):
            flask_jwtlib.get_json_token()
        with pytest.raises(flask_jwtlib.InvalidTokenError):
            flask_jwtlib.get_json_token()


def test_get_json_token_raises_without_a_token(app: Flask) -> None:
    """No token is an ``AuthenticationError`` too, with ``verify=False`` as well."""
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
    """What is well-formed is decoded, be it forged or expired, without a key and without asking for one."""
    with app.test_request_context(headers=bearer(_bad_tokens(issuer, other_issuer)[kind])):
        assert flask_jwtlib.get_json_token(verify=False)["sub"] == "alice"
        assert not flask_jwtlib.is_authenticated()


@pytest.mark.parametrize("kind", ["two parts", "no JSON", "a JSON array", "a word"])
def test_get_json_token_without_verifying_raises_on_what_is_malformed(
    app: Flask, issuer: TokenIssuer, other_issuer: TokenIssuer, kind: str
) -> None:
    """What is no well-formed signed token raises ``MalformedTokenError``."""
    with (
        app.test_request_context(headers=bearer(_bad_tokens(issuer, other_issuer)[kind])),
        pytest.raises(flask_jwtlib.errors.MalformedTokenError),
    ):
        flask_jwtlib.get_json_token(verify=False)


def test_decoding_without_verifying_is_warned_against() -> None:
    """The docstring says in plain words what it is not good for."""
    text = " ".join((flask_jwtlib.get_json_token.__doc__ or "").split())
    assert "**Whoever sent the request wrote what comes back" in text
    assert "lets everybody in" in text


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_check_token_is_false_for_a_bad_token(
    issuer: TokenIssuer, other_issuer: TokenIssuer, kind: str
) -> None:
    """Asked directly, even outside a request, it answers False and raises nothing."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    assert flask_jwtlib.check_token(issuer.token()) is True
    assert flask_jwtlib.check_token(_bad_tokens(issuer, other_issuer)[kind]) is False


def test_check_token_is_false_for_no_token(app: Flask, issuer: TokenIssuer) -> None:
    """``check_token(get_token())``, as a view may ask, is False where there is none."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    with app.test_request_context():
        token: Any = flask_jwtlib.get_token()
        assert flask_jwtlib.check_token(token) is False


def test_is_authenticated_is_false_where_nothing_was_decided(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """Outside of any context, in an app context, in a bare request and in an undecorated view it is False."""
    assert flask_jwtlib.is_authenticated() is False
    with app.app_context():
        assert flask_jwtlib.is_authenticated() is False
    with app.test_request_context(headers=bearer(issuer.token())):
        assert flask_jwtlib.is_authenticated() is False
    answer = trusting.get("/open", headers=bearer(issuer.token()))
    assert answer.json == {"is_authenticated": False, "g": []}


def test_get_json_token_works_before_any_decorator(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """``before_request`` may ask for the claims, and authenticates nobody by that."""
    seen: list[tuple[str, bool]] = []

    @app.before_request
    def look() -> None:
        seen.append((flask_jwtlib.get_json_token()["sub"], flask_jwtlib.is_authenticated()))

    answer = trusting.get("/required", headers=bearer(issuer.token("alice")))
    assert answer.json is not None
    assert answer.json["authenticated"] is True
    assert seen == [("alice", False)]
