"""A caller's user, in views and beside them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from flask import Flask, g

from flask_jwtlib import (
    Authenticator,
    InvalidTokenError,
    Principal,
    current_principal,
    policy,
)
from flask_jwtlib.audit import route_accesses
from flask_jwtlib.errors import (
    ForbiddenError,
)
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.identity.users import UnknownUserError, UserLoader

from .kit import ISSUER, Database, User, route

Headers = dict[str, str]


def test_a_view_gets_the_row(
    app: Flask, auth: Authenticator, users: UserLoader[User], alice: Headers
) -> None:
    """The row is the caller's, and the claims stay beside it as they were sent."""

    @auth.requires_authentication
    def view() -> dict[str, Any]:
        before = dict(current_principal.claims)
        user = users.current()
        assert dict(current_principal.claims) == before == dict(g.json_token)
        return {"row": user.id, "name": user.name, "subject": current_principal.subject}

    route(app, "/", view)

    response = app.test_client().get("/", headers=alice)
    assert response.json == {"row": 1, "name": "Alice", "subject": "alice"}


def test_it_is_lazy(
    app: Flask,
    auth: Authenticator,
    users: UserLoader[User],
    database: Database,
    alice: Headers,
    bob: Headers,
) -> None:
    """A view that doesn't ask for the user causes no query, and lets a disabled user in."""
    route(app, "/", auth.requires_authentication(lambda: "in"))
    client = app.test_client()

    assert client.get("/", headers=alice).text == "in"
    assert client.get("/", headers=bob).text == "in"
    assert database.queries == []


@pytest.mark.parametrize("door", ["decorator", "guard", "protect", "Authenticator", "authenticate"])
def test_a_user_can_be_required_everywhere(
    app: Flask,
    auth: Authenticator,
    users: UserLoader[User],
    alice: Headers,
    bob: Headers,
    door: str,
) -> None:
    """``required`` refuses disabled users in views that don't ask for the user."""
    view: Any = lambda: "in"  # noqa: E731 - a view
    if door == "decorator":
        view = auth.requires_authentication(rules=[users.required])(view)
    elif door == "Authenticator":
        view = auth.evolve(policies=[users.required]).requires_authentication(view)
    elif door == "authenticate":
        strict = auth.evolve(policies=[users.required])
        view = lambda: str(strict.authenticate()) and "in"  # noqa: E731 - a view
    route(app, "/", view)
    if door == "guard":
        app.before_request(auth.guard(rules=[users.required]))
    elif door == "protect":
        auth.protect(app, rules=[users.required])
    client = app.test_client()

    assert client.get("/", headers=alice).text == "in"
    assert client.get("/", headers=bob).status_code == 403
    assert client.get("/").status_code == 401


def test_optional_routes(
    app: Flask, auth: Authenticator, users: UserLoader[User], alice: Headers, bob: Headers
) -> None:
    """A guest is None. A caller who isn't a user is no guest, unless the view says so."""

    def lenient() -> str:
        try:
            user = users.current_or_none()
        except UnknownUserError:
            user = None
        return user.name if user else "guest"

    def strict() -> str:
        user = users.current_or_none()
        return user.name if user else "guest"

    route(app, "/lenient", auth.optional_authentication(lenient))
    route(app, "/strict", auth.optional_authentication(strict))
    required = auth.optional_authentication(rules=[users.required])
    route(app, "/required", required(lambda: "in"))
    client = app.test_client()
    found = {
        path: [
            (response.status_code, response.text.strip())
            for response in (client.get(path, headers=sent) for sent in ({}, alice, bob))
        ]
        for path in ("/lenient", "/strict", "/required")
    }

    refused = (403, "The caller is not an active user here")
    assert found == {
        "/lenient": [(200, "guest"), (200, "Alice"), (200, "guest")],
        "/strict": [(200, "guest"), (200, "Alice"), refused],
        "/required": [(200, "in"), (200, "in"), refused],
    }


def test_asking_for_a_guest_is_a_mistake(
    app: Flask, auth: Authenticator, users: UserLoader[User]
) -> None:
    """``current`` without a caller raises the error of ``current_principal``, which says what to do."""
    app.testing = True
    route(app, "/", auth.optional_authentication(lambda: users.current().name))

    with pytest.raises(RuntimeError, match="On an optional route"):
        app.test_client().get("/")


def test_the_user_of_a_verified_token(
    auth: Authenticator, users: UserLoader[User], database: Database, issuer: TokenIssuer
) -> None:
    """Outside of Flask, ``of`` takes the principal. Policies have loaded the user already."""
    strict = auth.evolve(policies=[users.required])
    principal = strict.verify(issuer.token("alice", iss=ISSUER))

    assert users.of(principal).name == "Alice"
    assert len(database.queries) == 1
    with pytest.raises(UnknownUserError) as unknown:
        users.of(auth.verify(issuer.token("bob", iss=ISSUER)))
    assert unknown.value.context.principal is None
    assert unknown.value.log_message == f"no active user is the subject 'bob' of '{ISSUER}'"
    with pytest.raises(UnknownUserError):
        strict.verify(issuer.token("bob", iss=ISSUER))


def test_a_policy_about_the_row(
    app: Flask,
    auth: Authenticator,
    users: UserLoader[User],
    database: Database,
    issuer: TokenIssuer,
    alice: Headers,
    bob: Headers,
) -> None:
    """A policy gets the row for its claims, and the view gets the same one."""
    database.add(User(issuer=ISSUER, subject="carol", name="Carol"))

    @policy
    def is_carol(claims: Any, call: Any) -> bool:
        return users.of(claims).name == "Carol"

    only_carol = auth.requires_authentication(rules=[is_carol])
    route(app, "/", only_carol(lambda: users.current().name))
    client = app.test_client()
    carol = bearer(issuer.token("carol", iss=ISSUER))

    assert client.get("/", headers=carol).text == "Carol"
    assert len(database.queries) == 1
    assert client.get("/", headers=alice).text == "The caller lacks a permission\n"
    assert client.get("/", headers=bob).text == "The caller is not an active user here\n"


def test_it_may_be_negated(
    app: Flask, users: UserLoader[User], auth: Authenticator, issuer: TokenIssuer, alice: Headers
) -> None:
    """``~required`` lets in whom the database doesn't know, as for a sign-up view; nobody without claims."""
    new = auth.requires_authentication(rules=[~users.required])
    route(app, "/sign-up", new(lambda: "welcome"))
    client = app.test_client()

    assert client.get("/sign-up", headers=alice).status_code == 403
    carol, nobody = (bearer(issuer.token(sub, iss=ISSUER)) for sub in ("carol", None))
    assert client.get("/sign-up", headers=carol).text == "welcome"
    assert client.get("/sign-up", headers=nobody).status_code == 403


def test_the_audit_names_it(app: Flask, auth: Authenticator, users: UserLoader[User]) -> None:
    """``flask jwtlib routes`` shows the policy with the function's name. Two of one loader are equal."""
    route(app, "/", auth.requires_authentication(rules=[users.required])(lambda: "in"))

    (access,) = (access for access in route_accesses(app) if access.rule == "/")
    assert [str(policy) for policy in access.policies] == ["known to load_user"]
    assert users.required == users.required
    assert users.required != UserLoader(users.load).required


class NotHere(ForbiddenError):
    """A refusal of the application's own."""

    description = "Ask the office for an account"


@pytest.mark.parametrize(
    ("refusal", "status", "text"),
    [
        pytest.param(InvalidTokenError, 401, "The access token is invalid", id="401"),
        pytest.param(ForbiddenError, 403, "The caller lacks a permission", id="403"),
        pytest.param(NotHere, 403, "Ask the office for an account", id="own class"),
        pytest.param(
            partial(ForbiddenError, description="Sign up first"), 403, "Sign up first", id="partial"
        ),
    ],
)
def test_the_refusal_is_chosen(
    app: Flask,
    auth: Authenticator,
    database: Database,
    bob: Headers,
    refusal: Any,
    status: int,
    text: str,
) -> None:
    """A 401 or 403 with its own text, in a view and by the policy, on an optional route too."""
    users = UserLoader(database.load_user, refusal=refusal)
    route(app, "/view", auth.requires_authentication(lambda: users.current().name))
    optional = auth.optional_authentication
    route(app, "/optional", optional(lambda: str(users.current_or_none())))
    route(app, "/required", optional(rules=[users.required])(lambda: "in"))
    client = app.test_client()

    for path in ("/view", "/optional", "/required"):
        response = client.get(path, headers=bob)
        assert (response.status_code, response.text) == (status, f"{text}\n")
        challenge = response.headers.get("WWW-Authenticate", "")
        assert challenge.startswith('Bearer error="invalid_token"') == (status == 401)


def test_claims_of_nobody_are_not_remembered(
    users: UserLoader[User], database: Database, issuer: TokenIssuer, auth: Authenticator
) -> None:
    """``of`` takes claims too. Nothing is kept for those that belong to no caller being served."""
    principal: Principal = auth.verify(issuer.token("alice", iss=ISSUER))

    assert [users.of(principal.claims).name for _ in range(2)] == ["Alice", "Alice"]
    assert len(database.queries) == 2
    users.required(principal.claims)
    assert len(database.queries) == 3
