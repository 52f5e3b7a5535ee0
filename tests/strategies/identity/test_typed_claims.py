"""Claims as an object of the application's own class."""

from __future__ import annotations

import logging
from copy import copy
from typing import Any

import pytest
from attrs import field, frozen, validators
from flask import Flask, abort

from flask_jwtlib import (
    Authenticator,
    Claims,
    ConfigurationError,
    InvalidTokenError,
    Role,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib_strategies.identity.typed_claims import TypedClaims

from .kit import BELIEVING, ISSUER, claiming, refusals_of, route


@frozen
class Caller:
    """An application's class."""

    subject: str = field(validator=validators.instance_of(str))
    tenant: str = field(validator=validators.max_len(10))
    groups: frozenset[str]

    @classmethod
    def of(cls, claims: Claims) -> Caller:
        """Make one. It alters its argument, which is a copy."""
        return cls(claims.pop("sub"), claims["tenant"].lower(), frozenset(claims.pop("groups", ())))


def served(app: Flask, callers: TypedClaims[Any]) -> None:
    """Add a view that shows the caller, one that requires one, and an optional one."""

    def view() -> str:
        before = copy(current_principal.claims)
        caller = callers.current()
        assert caller is callers.current()
        assert current_principal.claims == before
        return f"{caller}"

    route(app, "/view", BELIEVING.requires_authentication(view))
    required = BELIEVING.requires_authentication(rules=[callers.required])
    route(app, "/required", required(lambda: "in"))
    optional = BELIEVING.optional_authentication(lambda: f"{callers.current_or_none()}")
    route(app, "/optional", optional)


def test_a_view_gets_the_object(app: Flask) -> None:
    """It is made of the claims once, and the claims stay as they are."""
    served(app, TypedClaims(Caller.of))
    client = app.test_client()
    headers = claiming(sub="alice", tenant="ACME", groups=["a"])

    assert client.get("/view", headers=headers).text == str(
        Caller("alice", "acme", frozenset(["a"]))
    )
    assert client.get("/required", headers=headers).text == "in"
    assert client.get("/optional").text == "None"


def test_lists_in_the_claims_stay_as_they_are(app: Flask) -> None:
    """What the function does to a nested claim changes nothing for policies and views."""

    def promoted(claims: Claims) -> object:
        claims["realm"]["roles"].append("admin")
        return claims

    callers: TypedClaims[object] = TypedClaims(promoted)
    rules = [callers.required, Role("admin", at=("realm", "roles"))]
    route(app, "/admin", BELIEVING.requires_authentication(rules=rules)(lambda: "in"))

    headers = claiming(sub="alice", realm={"roles": ["clerk"]})
    assert app.test_client().get("/admin", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": "alice"},
        {"sub": "alice", "tenant": None},
        {"sub": "alice", "tenant": 7},
        {"sub": "alice", "tenant": ["acme"]},
        {"sub": 7, "tenant": "acme"},
        {"sub": "alice", "tenant": "a" * 11},
        {"sub": "alice", "tenant": "acme", "groups": 7},
        {"sub": "alice", "tenant": "acme", "groups": [[]]},
    ],
    ids=[
        "nothing",
        "absent",
        "null",
        "number",
        "list",
        "numeric subject",
        "too long",
        "groups are a number",
        "group is a list",
    ],
)
@pytest.mark.parametrize(
    ("refusal", "status"), [(ForbiddenError, 403), (InvalidTokenError, 401)], ids=["403", "401"]
)
def test_claims_that_do_not_fit_are_refused(
    app: Flask,
    caplog: pytest.LogCaptureFixture,
    claims: dict[str, Any],
    refusal: Any,
    status: int,
) -> None:
    """Whatever the class raises refuses the caller; the log has its text, and the client doesn't."""
    served(app, TypedClaims(Caller.of, refusal=refusal))
    client = app.test_client()
    for path in ("/view", "/required", "/optional"):
        caplog.clear()
        with refusals_of(app) as sent, caplog.at_level(logging.INFO, "flask_jwtlib"):
            response = client.get(path, headers=claiming(**claims))
        assert response.status_code == status, path
        assert response.text == f"{refusal.description}\n"
        assert [type(each["error"]) for each in sent] == [refusal]
        (record,) = caplog.records
        assert (
            f"'of' can't be made of the claims of {claims.get('sub')!r} of None" in record.message
        )
        assert record.exc_info or record.exc_text


def test_none_refuses_too(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """A function that returns None refuses the caller."""

    def make(claims: Claims) -> Caller | None:
        return None

    served(app, TypedClaims(make))
    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        response = app.test_client().get("/view", headers=claiming(iss=ISSUER, sub="alice"))

    assert response.status_code == 403
    assert f"'make' returned None for 'alice' of '{ISSUER}'" in caplog.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ForbiddenError("on holiday"), 403),
        (VerificationUnavailable("the directory is down"), 503),
    ],
    ids=["refusal", "outage"],
)
def test_its_own_errors_are_kept(app: Flask, error: Exception, status: int) -> None:
    """The function may raise a refusal, or say that it can't tell."""

    def make(claims: Claims) -> Caller:
        raise error

    served(app, TypedClaims(make))
    client = app.test_client()

    assert client.get("/view", headers=claiming(sub="alice")).status_code == status
    assert client.get("/required", headers=claiming(sub="alice")).status_code == status
    assert error.__traceback__ is None


def test_it_may_abort(app: Flask) -> None:
    """What ``abort`` raises stays the response."""
    served(app, TypedClaims(lambda claims: abort(410)))

    assert app.test_client().get("/view", headers=claiming(sub="alice")).status_code == 410


async def make_async(claims: Claims) -> Caller:
    """Is async."""
    return Caller.of(claims)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (make_async, "make_async is async"),
        (lambda: None, r"expected a function of \(claims\)"),
        (Caller, r"expected a function of \(claims\)"),
        ("tenant", "not 'tenant'"),
    ],
    ids=["async", "no argument", "class", "no function"],
)
def test_wrong_arguments_are_reported_at_once(make: Any, text: str) -> None:
    """The error says what was given and what is expected."""
    with pytest.raises(ConfigurationError, match=text):
        TypedClaims(make)


def test_outside_of_flask(auth: Authenticator, issuer: Any) -> None:
    """``of`` takes the principal of ``verify``."""
    principal = auth.verify(issuer.token("alice", tenant="acme"))

    assert TypedClaims(Caller.of).of(principal).tenant == "acme"
