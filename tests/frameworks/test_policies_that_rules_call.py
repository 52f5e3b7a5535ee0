"""Policies that are called during a decision, and on claims that aren't the caller's."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from flask_jwtlib import Authenticator, Claims, Role, Scope, policy
from flask_jwtlib.errors import InsufficientScopeError
from flask_jwtlib.testing import TokenIssuer, bearer

Headers = dict[str, str]


def needing_admin(claims: Claims) -> None:
    """Require the scope ``admin``, by a policy."""
    Scope("admin")(claims)


def needing_admin_or_editor(claims: Claims) -> None:
    """Require the scope ``admin`` or the role ``editor``, without ``|``."""
    try:
        Scope("admin")(claims)
    except InsufficientScopeError:
        Role("editor", at="roles")(claims)


@policy
def by_another_policy(claims: Any, call: Any) -> bool:
    """Require the scope ``admin``, by another policy."""
    Scope("admin")(claims)
    return True


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what this package logged."""
    return [record for record in caplog.records if record.name == "flask_jwtlib"]


@pytest.mark.parametrize("rule", [needing_admin, by_another_policy], ids=["rule", "policy"])
@pytest.mark.parametrize("guarded", [False, True], ids=["no guard", "behind a guard"])
def test_the_decision_reports_the_refusal_once(
    app: Flask,
    auth: Authenticator,
    good: Headers,
    signals: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    rule: Any,
    guarded: bool,
) -> None:
    """A rule that calls a policy refuses once, also if a guard has published the caller already."""
    app.add_url_rule("/", "view", auth.requires_authentication(rules=[rule])(lambda: "in"))
    if guarded:
        auth.protect(app)
    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        response = app.test_client().get("/", headers=good)

    assert response.status_code == 403
    assert 'scope="admin"' in response.headers["WWW-Authenticate"]
    assert len(response.headers.getlist("WWW-Authenticate")) == 1
    assert len(lines(caplog)) == 1
    assert len(signals) == 1


def test_a_rule_that_accepts_after_all_reports_nothing(
    app: Flask,
    auth: Authenticator,
    issuer: TokenIssuer,
    signals: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A rule may catch what a policy raises, and accept: then nobody was refused."""
    app.add_url_rule(
        "/", "view", auth.requires_authentication(rules=[needing_admin_or_editor])(lambda: "in")
    )
    auth.protect(app)
    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        response = app.test_client().get("/", headers=bearer(issuer.token(roles=["editor"])))

    assert (response.status_code, response.text) == (200, "in")
    assert "WWW-Authenticate" not in response.headers
    assert not lines(caplog)
    assert not signals


def test_after_a_decision_policies_report_again(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, signals: list[dict[str, Any]]
) -> None:
    """A view's policy is reported, although a rule called the same one before."""

    @app.get("/")
    @auth.requires_authentication(rules=[needing_admin_or_editor])
    def view() -> str:
        needing_admin(auth.authenticate().claims)
        return "in"

    response = app.test_client().get("/", headers=bearer(issuer.token(roles=["editor"])))

    assert response.status_code == 403
    assert len(signals) == 1


def test_a_nested_decision_keeps_the_outer_one(
    app: Flask, auth: Authenticator, good: Headers, signals: list[dict[str, Any]]
) -> None:
    """A rule may authenticate by another Authenticator: its own decision goes on afterwards."""
    other = auth.evolve(policies=[policy(lambda claims, call: True)])

    def rule(claims: Claims) -> None:
        other.authenticate()
        Scope("admin")(claims)

    app.add_url_rule("/", "view", auth.requires_authentication(rules=[rule])(lambda: "in"))
    auth.protect(app)

    response = app.test_client().get("/", headers=good)

    assert response.status_code == 403
    assert len(signals) == 1


@pytest.mark.parametrize("place", ["view", "decorated view"])
def test_claims_of_somebody_else_refuse_with_a_challenge(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, good: Headers, place: str
) -> None:
    """A policy on other claims than the caller's is a 403 with a challenge, in a framework's format, too."""
    other = auth.verify(issuer.token("bob")).claims

    def view() -> str:
        Scope("admin")(other)
        return "in"

    app.add_url_rule(
        "/", "view", auth.requires_authentication(view) if place == "decorated view" else view
    )
    app.register_error_handler(HTTPException, lambda error: ({"code": error.code}, error.code))

    response = app.test_client().get("/", headers=good)

    assert response.json == {"code": 403}
    (challenge,) = response.headers.getlist("WWW-Authenticate")
    assert challenge.startswith('Bearer error="insufficient_scope"')


def test_outside_of_a_request_a_policy_just_raises(
    auth: Authenticator, issuer: TokenIssuer, signals: list[dict[str, Any]]
) -> None:
    """In a worker, a policy raises the error and reports nothing."""
    claims = auth.verify(issuer.token()).claims

    with pytest.raises(InsufficientScopeError) as refused:
        Scope("admin")(claims)

    assert refused.value.scope == "admin"
    assert not signals
