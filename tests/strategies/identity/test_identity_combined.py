"""Identities together with other strategies."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen
from flask import Flask
from flask_login import LoginManager, UserMixin, current_user, login_required

from flask_jwtlib import AppAuthenticator, Authenticator, JWTValidator
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.identity.users import UserLoader
from flask_jwtlib_strategies.integrations.flask_login import TokenLogin
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from .kit import ISSUER, OTHER_ISSUER, Database, User, route

Headers = dict[str, str]


@frozen
class Account(UserMixin):
    """A user of Flask-Login's."""

    issuer: str
    subject: str
    id: int


@pytest.mark.parametrize("required", [False, True], ids=["by the view", "by the policy, too"])
def test_flask_login(
    app: Flask,
    auth: Authenticator,
    database: Database,
    alice: Headers,
    bob: Headers,
    required: bool,
) -> None:
    """``users.of`` finds the ``current_user`` of Flask-Login, by one query, and refuses unknown users."""
    down: list[bool] = []

    def load(issuer: str, subject: str) -> Account | None:
        if down:
            raise ConnectionError("down")
        row = database.load_user(issuer, subject)
        return row and Account(issuer, subject, row.id)

    users = UserLoader(load)
    auth = auth.evolve(policies=[users.required] if required else [])
    app.secret_key = "a secret of this test"
    LoginManager(app)
    TokenLogin(auth, users.of).init_app(app)
    route(app, "/", login_required(lambda: f"{current_user.id} {users.current().subject}"))
    app.before_request(auth.guard())
    client = app.test_client()

    assert client.get("/", headers=alice).text == "1 alice"
    assert len(database.queries) == 1
    assert client.get("/", headers=bob).status_code == 403
    assert client.get("/").status_code == 401
    down.append(True)
    assert client.get("/", headers=alice).status_code == 503


def test_cached_tokens_of_several_issuers(
    app: Flask, users: UserLoader[User], database: Database, issuer: TokenIssuer
) -> None:
    """Behind a cache of verified tokens, each issuer's alice is her own user, loaded in each request."""
    other = TokenIssuer(OTHER_ISSUER)
    router = IssuerRouter(
        TrustedIssuer(ISSUER, keys=issuer.verification_key, validator=JWTValidator()),
        TrustedIssuer(OTHER_ISSUER, keys=other.verification_key, validator=JWTValidator()),
    )
    auth = Authenticator(keys=issuer.verification_key, validator=CachingValidator(router))
    route(app, "/", auth.requires_authentication(lambda: users.current().name))
    client = app.test_client()
    for _ in range(2):
        for signer, name in ((issuer, "Alice"), (other, "Another Alice")):
            assert client.get("/", headers=bearer(signer.token("alice"))).text == name

    assert len(database.queries) == 4


def test_apps_with_authenticators_of_their_own(
    users: UserLoader[User], issuer: TokenIssuer, alice: Headers, bob: Headers
) -> None:
    """One loader serves all apps of an ``AppAuthenticator``, as a policy of each and in the view."""

    def make(app: Flask) -> Authenticator:
        policies: list[Any] = [users.required] if app.config["USERS_ONLY"] else []
        return Authenticator(keys=issuer.verification_key, policies=policies)

    auth = AppAuthenticator(make)
    view = auth.requires_authentication(lambda: "in")
    found: dict[bool, list[int]] = {}
    for users_only in (True, False):
        app = Flask("one_of_two")
        app.config["USERS_ONLY"] = users_only
        auth.init_app(app)
        route(app, "/", view)
        client = app.test_client()
        found[users_only] = [client.get("/", headers=each).status_code for each in (alice, bob)]

    assert found == {True: [200, 403], False: [200, 200]}
