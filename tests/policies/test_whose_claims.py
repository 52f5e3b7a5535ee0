"""Policies that look the caller up, and what they remember about the caller."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    Principal,
    VerificationUnavailable,
    current_principal,
    policy,
)
from flask_jwtlib.policies import principal_of
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from tests.policies.kit import claims

FOUND: list[Principal | None] = []


@policy
def looks_up(claims: Any, call: Any) -> bool:
    """Note whose claims these are."""
    FOUND.append(principal_of(claims))
    return True


@policy
def down(claims: Any, call: Any) -> bool:
    """Need a service that is down."""
    raise VerificationUnavailable("the directory is down")


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An Authenticator that looks each caller up."""
    FOUND.clear()
    return Authenticator(keys=issuer.verification_key, policies=[looks_up])


def test_a_policy_learns_whose_claims_it_judges(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """A guard, a decorator, the view and ``authenticate`` find the same object, the view's caller."""

    def view() -> str:
        looks_up(current_principal.claims)
        FOUND.append(auth.authenticate())
        FOUND.append(principal_of(current_principal.claims))
        return "in"

    app.add_url_rule("/", "it", auth.requires_authentication(rules=[looks_up])(view))
    auth.protect(app)

    assert app.test_client().get("/", headers=bearer(issuer.token())).text == "in"
    assert len(FOUND) == 7
    assert all(each is FOUND[0] and each is not None for each in FOUND)


def test_verify_has_a_caller_too(auth: Authenticator, issuer: TokenIssuer) -> None:
    """Outside of a request, a policy finds the caller that ``verify`` returns, and only meanwhile."""
    principal = auth.verify(issuer.token())

    assert len(FOUND) == 1
    assert FOUND[0] is principal
    assert principal_of(principal.claims) is None


def test_claims_of_nobody_have_no_caller(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """Equal claims that are another object belong to no caller, neither in a policy nor in a view."""
    found: list[Principal | None] = []

    @policy
    def of_copy(claims: Any, call: Any) -> bool:
        found.append(principal_of(copy.copy(claims)))
        return True

    def view() -> str:
        found.append(principal_of(copy.copy(current_principal.claims)))
        return "in"

    app.add_url_rule("/", "it", auth.requires_authentication(rules=[of_copy])(view))
    app.test_client().get("/", headers=bearer(issuer.token()))

    assert found == [None, None]
    assert principal_of(claims(sub="alice")) is None


def test_a_decision_within_a_decision_has_its_own_caller(
    auth: Authenticator, issuer: TokenIssuer
) -> None:
    """A policy may verify another token. Afterwards its own claims are the caller's again."""
    pairs: list[tuple[Principal | None, str]] = []

    @policy
    def nested(claims: Any, call: Any) -> bool:
        if claims["sub"] == "alice":
            both.verify(issuer.token("bob"))
        pairs.append((principal_of(claims), claims["sub"]))
        return True

    both = auth.evolve(policies=[nested])
    principal = both.verify(issuer.token("alice"))

    assert [name for _, name in pairs] == ["bob", "alice"]
    assert [found and found.subject for found, _ in pairs] == ["bob", "alice"]
    assert pairs[1][0] is principal


def test_what_is_remembered_belongs_to_one_object() -> None:
    """The memory is neither compared nor shown, and copies and pickles don't have it."""
    known, other = (Principal(BearerToken("eyJ"), claims(sub="alice")) for _ in range(2))
    known.memory["user"] = "a row"

    assert known == other
    assert other.memory == {}
    assert "row" not in repr(known)
    for copied in (copy.copy(known), copy.deepcopy(known), pickle.loads(pickle.dumps(known))):
        assert copied == known
        assert type(copied.claims) is Claims
        assert copied.memory == {}


@pytest.mark.parametrize("door", ["decorator", "guard"])
def test_an_outage_in_a_view_gets_the_handlers_response(
    app: Flask,
    issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    door: str,
) -> None:
    """A policy that a view calls, and that needs a service that is down, is a 503 by the failure handler."""
    auth = Authenticator(keys=issuer.verification_key, failure_handler=ProblemDetailsHandler())

    def view() -> str:
        down(current_principal.claims)
        return "in"

    decorate: dict[str, Callable[[Any], Any]] = {
        "decorator": auth.requires_authentication,
        "guard": lambda view: view,
    }
    app.add_url_rule("/", "it", decorate[door](view))
    if door == "guard":
        app.before_request(auth.guard())
    sent: list[Any] = []

    def receive(_: object, error: Any, **details: Any) -> None:
        sent.append(error)

    with request_refused.connected_to(receive), caplog.at_level(logging.ERROR, "flask_jwtlib"):
        response = app.test_client().get("/", headers=bearer(issuer.token()))

    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.content_type == "application/problem+json"
    assert [type(error) for error in sent] == [VerificationUnavailable]
    assert caplog.text.count("the directory is down") == 1


def test_an_outage_without_a_request_is_raised() -> None:
    """Where nothing is refused, a policy that can't tell raises the error as it is."""
    with pytest.raises(VerificationUnavailable):
        down(claims(sub="alice"))
