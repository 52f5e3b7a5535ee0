"""``ProblemDetailsHandler``: each reason has a type of its own, which clients can rely on."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_jwtlib import (
    Audience,
    Authenticator,
    Issuer,
    JWTValidator,
    Role,
    Scope,
    VerificationUnavailable,
)
from flask_jwtlib.claim_rules import AccessToken, IssuedAt, RequiredClaims
from flask_jwtlib.errors import ClaimError, CrossSiteError, ForbiddenError
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler

BASE = "https://api.example/problems/"
DAY = 86400
ISSUER = TokenIssuer(algorithm="ES256", kid="key-1", lifetime=DAY)
FORGER = TokenIssuer(algorithm="ES256", kid="key-1", lifetime=DAY)
STRANGER = TokenIssuer(algorithm="ES256", kid="key-2", lifetime=DAY)
OTHER_ALGORITHM = TokenIssuer(algorithm="ES384", kid="key-1", lifetime=DAY)


class Suspended(ForbiddenError):
    """A refusal of the application, with a type of its own."""

    reason = "account-suspended"


class Elsewhere(ForbiddenError):
    """A refusal of the application, with the type of its base."""


def own_rule(claims: dict[str, Any]) -> None:
    """Refuse by what the claim says, in the application's own words."""
    refusals: dict[str, Exception] = {
        "suspended": Suspended(),
        "elsewhere": Elsewhere(),
        "tenant": ClaimError("tenant"),
        "cross-site": CrossSiteError(),
        "outage": VerificationUnavailable(),
    }
    if claims.get("refuse") in refusals:
        raise refusals[claims["refuse"]]


def serve(**options: Any) -> Any:
    """Return a client of an app whose routes need nothing more, a scope, and a role."""
    auth = Authenticator(
        keys={ISSUER.kid: ISSUER.public_pem},
        validator=JWTValidator(
            algorithms="ES256",
            rules=[
                Issuer(ISSUER.issuer),
                Audience("api"),
                RequiredClaims("tenant"),
                AccessToken(),
                IssuedAt(DAY),
                own_rule,
            ],
        ),
        failure_handler=ProblemDetailsHandler(**options),
    )
    app = Flask("problems")
    app.add_url_rule("/", "any", auth.requires_authentication(lambda: "in"))
    app.add_url_rule(
        "/scope", "scope", auth.requires_authentication(rules=[Scope("w")])(lambda: "in")
    )
    app.add_url_rule(
        "/role",
        "role",
        auth.requires_authentication(rules=[Role("boss", at="roles")])(lambda: "in"),
    )
    return app.test_client()


@pytest.fixture(scope="module")
def client() -> Any:
    """A client of an API with the default types."""
    return serve()


@pytest.fixture(scope="module")
def own_client() -> Any:
    """A client of an API with types of its own."""
    return serve(type_base=BASE)


def token(by: TokenIssuer = ISSUER, **claims: Any) -> dict[str, str]:
    """Return the header for a token that is valid but for these claims."""
    given = {"aud": "api", "sub": "alice", "tenant": "acme", "iat": int(time.time()), **claims}
    return bearer(by.token(**{name: value for name, value in given.items() if value is not None}))


def from_now(seconds: int) -> int:
    """Return a NumericDate."""
    return int(time.time()) + seconds


CASES: dict[str, tuple[str, Any, int, str]] = {
    "no token": ("/", {}, 401, "missing-token"),
    "another scheme": ("/", {"Authorization": "Basic YTpi"}, 401, "missing-token"),
    "malformed header": ("/", {"Authorization": "Bearer a b"}, 400, "malformed-credentials"),
    "malformed token": ("/", bearer("a.b.c"), 401, "malformed-token"),
    "another algorithm": ("/", token(OTHER_ALGORITHM), 401, "unaccepted-algorithm"),
    "unknown key": ("/", token(STRANGER), 401, "unknown-key"),
    "forged": ("/", token(FORGER), 401, "bad-signature"),
    "expired": ("/", token(exp=1), 401, "expired-token"),
    "too old": ("/", token(iat=from_now(-2 * DAY)), 401, "expired-token"),
    "nbf in the future": ("/", token(nbf=from_now(DAY)), 401, "token-not-yet-valid"),
    "iat in the future": ("/", token(iat=from_now(DAY)), 401, "token-not-yet-valid"),
    "another issuer": ("/", token(iss="https://other.example"), 401, "wrong-issuer"),
    "another audience": ("/", token(aud="another"), 401, "wrong-audience"),
    "no audience": ("/", token(aud=None), 401, "missing-claim"),
    "no tenant": ("/", token(tenant=None), 401, "missing-claim"),
    "ID token": ("/", token(at_hash="x"), 401, "wrong-token-kind"),
    "a claim of another type": ("/", token(nbf="soon"), 401, "unaccepted-claim"),
    "a rule of the application": ("/", token(refuse="tenant"), 401, "unaccepted-claim"),
    "no scope": ("/scope", token(), 403, "insufficient-scope"),
    "no role": ("/role", token(roles=["clerk"]), 403, "forbidden"),
    "cross-site": ("/", token(refuse="cross-site"), 403, "cross-site-request"),
    "outage": ("/", token(refuse="outage"), 503, "verification-unavailable"),
    "an own type": ("/", token(refuse="suspended"), 403, "account-suspended"),
    "the base's type": ("/", token(refuse="elsewhere"), 403, "forbidden"),
}
each_case = pytest.mark.parametrize(
    ("path", "headers", "status", "reason"), CASES.values(), ids=CASES
)


@each_case
def test_the_type_says_the_reason(
    client: Any, own_client: Any, path: str, headers: Any, status: int, reason: str
) -> None:
    """The type ends with the reason, with any base; so does the member ``reason``."""
    ours: TestResponse = client.get(path, headers=headers)
    own: TestResponse = own_client.get(path, headers=headers)

    for response, base in (ours, "urn:flask-jwtlib:problem:"), (own, BASE):
        assert response.status_code == status
        assert response.content_type == "application/problem+json"
        problem: Any = response.json
        assert problem["type"] == base + reason
        assert problem["reason"] == reason
        assert problem["status"] == status
        assert problem["title"] == reason.replace("-", " ").capitalize()


@each_case
def test_nothing_of_the_token_is_quoted(
    client: Any, path: str, headers: Any, status: int, reason: str
) -> None:
    """Neither a part of the token nor a claim's value is in the body."""
    body = client.get(path, headers=headers).text
    sent = headers.get("Authorization", "").partition(" ")[2]

    assert not any(len(part) > 3 and part in body for part in sent.split("."))
    for value in ("alice", "acme", "clerk", "another.example", "key-1", "key-2", "soon"):
        assert value not in body


def test_a_client_refreshes_an_expired_token_and_no_other(client: Any) -> None:
    """Of all refusals, only those of a token whose time is over have the type for that."""
    expired = {
        name
        for name, (path, headers, _, _) in CASES.items()
        if client.get(path, headers=headers).json["reason"] == "expired-token"
    }

    assert expired == {"expired", "too old"}


def test_a_titles_text_is_that_of_its_type(client: Any) -> None:
    """Two problems of one type have the same title (RFC 9457 §3.1.3)."""
    titles: dict[str, set[str]] = {}
    for path, headers, _, _ in CASES.values():
        problem = client.get(path, headers=headers).json
        titles.setdefault(problem["type"], set()).add(problem["title"])

    assert all(len(found) == 1 for found in titles.values())
