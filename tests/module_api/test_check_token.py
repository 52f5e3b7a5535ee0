"""A replaced ``check_token`` or ``get_token``: what it can decide, and what it can't."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, base64url, bearer


@pytest.mark.parametrize(
    "claims",
    [{"exp": 1}, {"nbf": 2**40}, {"aud": "somebody else"}, {"exp": "soon"}, {"iss": 7}],
    ids=["expired", "not yet valid", "audience", "type of exp", "type of iss"],
)
def test_claims_accepted_by_check_token_are_not_checked_again(
    trusting: FlaskClient, issuer: TokenIssuer, claims: dict[str, Any]
) -> None:
    """Validly signed claims are passed on to ``g`` and ``get_json_token`` unchanged."""
    flask_jwtlib.check_token = lambda token: True
    returned = trusting.get("/required", headers=bearer(issuer.token("alice", **claims)))
    assert returned.json is not None
    assert returned.json["json_token"]["sub"] == "alice"
    assert returned.json["json_token"].items() >= claims.items()


def test_get_json_token_agrees_with_check_token(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """If check_token accepted an expired token, ``get_json_token`` returns its claims in the view."""
    flask_jwtlib.check_token = lambda token: True

    @app.get("/claims")
    @flask_jwtlib.requires_authentication
    def claims() -> dict[str, Any]:
        assert flask_jwtlib.get_json_token() == g.json_token
        return flask_jwtlib.get_json_token()

    returned = trusting.get("/claims", headers=bearer(issuer.token("alice", exp=1)))
    assert returned.json is not None
    assert returned.json["exp"] == 1


_ROOT = b'{"sub":"root"}'


_NONE = b'{"alg":"none"}'


def _tampered(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{base64url(_ROOT)}.{signature}"


def _hmac_by_public_key(issuer: TokenIssuer) -> str:
    return TokenIssuer(algorithm="HS256", private_key=issuer.public_pem.encode()).token("root")


_FORGERIES: dict[str, Callable[[TokenIssuer, TokenIssuer], str]] = {
    "another key": lambda issuer, other: other.token("root"),
    "changed payload": lambda issuer, other: _tampered(issuer.token()),
    "alg none, no signature": lambda issuer, other: f"{base64url(_NONE)}.{base64url(_ROOT)}.",
    "alg none, a signature": lambda issuer, other: issuer.compact(_NONE, _ROOT),
    "HMAC by the public key": lambda issuer, other: _hmac_by_public_key(issuer),
    "another algorithm": lambda issuer, other: TokenIssuer(
        algorithm="RS512", private_key=issuer.private_key
    ).token("root"),
    "claims that are no object": lambda issuer, other: issuer.compact(b'{"alg":"RS256"}', b"[1]"),
    "no token at all": lambda issuer, other: "root",
}


@pytest.mark.parametrize("kind", _FORGERIES)
def test_check_token_cannot_accept_a_forgery(
    trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer, kind: str
) -> None:
    """A token without a valid signature is refused, or anonymous on the optional route."""
    token = _FORGERIES[kind](issuer, other_issuer)
    flask_jwtlib.check_token = lambda token: True
    flask_jwtlib.get_token = lambda: token
    refused = trusting.get("/required")
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    anonymous = trusting.get("/optional")
    assert anonymous.json is not None
    assert not any(anonymous.json.values())


@pytest.mark.parametrize("returned", [False, None, 0, "", {}], ids=repr)
def test_any_falsy_value_from_check_token_refuses(
    trusting: FlaskClient, issuer: TokenIssuer, returned: Any
) -> None:
    """A replacement without a ``return`` refuses every token."""
    flask_jwtlib.check_token = lambda token: returned
    refused = trusting.get("/required", headers=bearer(issuer.token()))
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize("route", ["/required", "/optional"])
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_an_async_check_token_is_refused(
    app: Flask,
    trusting: FlaskClient,
    issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    route: str,
) -> None:
    """A coroutine is truthy, but not a decision: 503, and the log names the callback."""

    async def check(token: str) -> bool:
        return True

    callback: Any = check
    flask_jwtlib.check_token = callback
    returned = trusting.get(route, headers=bearer(issuer.token()))
    assert returned.status_code == 503
    assert "check_token is async" in caplog.text


@pytest.mark.parametrize("route", ["/required", "/optional"])
@pytest.mark.parametrize("returned", [b"bytes", 7, ["list"], {"a": "dict"}], ids=repr)
def test_a_get_token_that_returns_no_text_is_a_503(
    trusting: FlaskClient, route: str, returned: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A value that is neither ``str`` nor None is a server fault, and the log names the type."""
    flask_jwtlib.get_token = lambda: returned
    assert trusting.get(route).status_code == 503
    assert type(returned).__name__ in caplog.text


@pytest.mark.parametrize("returned", [None, ""], ids=repr)
def test_an_empty_text_from_get_token_is_no_token(
    trusting: FlaskClient, returned: str | None
) -> None:
    """None and the empty text both mean that there is no token."""
    flask_jwtlib.get_token = lambda: returned
    refused = trusting.get("/required")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert trusting.get("/optional").status_code == 200


def test_check_token_can_read_the_claims(trusting: FlaskClient, issuer: TokenIssuer) -> None:
    """``get_json_token()`` within it returns the claims of the token that is being checked."""
    seen: list[dict[str, Any]] = []

    def check(token: str) -> bool:
        seen.append(flask_jwtlib.get_json_token())
        return True

    flask_jwtlib.check_token = check
    returned = trusting.get("/required", headers=bearer(issuer.token("alice")))
    assert returned.json is not None
    assert seen == [returned.json["json_token"]]


@pytest.mark.parametrize(
    ("claims", "description"),
    [({"exp": 1}, "expired"), ({"aud": "another"}, "audience"), ({}, "lacks a required claim")],
    ids=["expired", "another audience", "no role"],
)
def test_a_bad_token_read_within_check_token_is_refused(
    trusting: FlaskClient, issuer: TokenIssuer, claims: dict[str, Any], description: str
) -> None:
    """Errors of ``get_json_token()`` and missing claims in it are a 401 that says why."""
    flask_jwtlib.check_token = lambda token: flask_jwtlib.get_json_token()["role"] == "admin"
    assert trusting.get("/required", headers=bearer(issuer.token(role="admin"))).status_code == 200
    refused = trusting.get("/required", headers=bearer(issuer.token(**claims)))
    assert refused.status_code == 401
    assert description in refused.headers["WWW-Authenticate"]
    assert trusting.get("/optional", headers=bearer(issuer.token(**claims))).status_code == 200


def test_a_check_token_that_reads_unverified_claims_is_safe(
    trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A careless check of unverified claims doesn't accept a forged token."""
    flask_jwtlib.check_token = lambda token: (
        flask_jwtlib.get_json_token(verify=False)["role"] == "admin"
    )
    assert trusting.get("/required", headers=bearer(issuer.token(role="admin"))).status_code == 200
    assert (
        trusting.get("/required", headers=bearer(other_issuer.token(role="admin"))).status_code
        == 401
    )


def test_is_authenticated_is_false_during_the_decision(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """A callback sees False: nothing is published before the decision."""
    seen: list[object] = []

    def check(token: str) -> bool:
        seen.extend([flask_jwtlib.is_authenticated(), g.authenticated, g.raw_token, g.json_token])
        return True

    flask_jwtlib.check_token = check
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert seen == [False, False, None, None]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (
            flask_jwtlib.InvalidTokenError("revoked", description="The token was revoked"),
            401,
            "invalid_token",
        ),
        (flask_jwtlib.errors.InsufficientScopeError("admin"), 403, "insufficient_scope"),
    ],
    ids=["invalid", "scope"],
)
def test_check_token_may_refuse_by_raising(
    trusting: FlaskClient, issuer: TokenIssuer, error: Exception, status: int, code: str
) -> None:
    """A refusal that it raises is the response, with its own status and challenge."""

    def refuse(token: str) -> bool:
        raise error

    flask_jwtlib.check_token = refuse
    refused = trusting.get("/required", headers=bearer(issuer.token()))
    assert refused.status_code == status
    assert f'error="{code}"' in refused.headers["WWW-Authenticate"]


class Promise:
    """An awaitable that isn't a coroutine."""

    def __await__(self) -> Any:
        yield True


def test_an_awaitable_from_check_token_is_a_503(
    trusting: FlaskClient, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """An awaitable is truthy, but not a decision: 503."""
    flask_jwtlib.check_token = lambda token: Promise()  # type: ignore[assignment, return-value]
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 503
    assert "check_token is async" in caplog.text
