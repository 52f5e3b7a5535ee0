"""A user is loaded once for each principal, and never for another one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest
from attrs import frozen
from flask import Flask, copy_current_request_context, stream_with_context

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    JWTValidator,
    Principal,
    TokenValidator,
    current_principal,
)
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.identity.users import UnknownUserError, UserLoader
from tests.kit import PATIENCE

from .kit import ISSUER, Database, User, route

Headers = dict[str, str]


def principal_of(subject: str) -> Principal:
    """Make a principal."""
    return Principal(BearerToken("eyJ"), Claims({"iss": ISSUER, "sub": subject}, checked_at=0))


def test_every_door_shares_the_row(
    app: Flask, auth: Authenticator, users: UserLoader[User], database: Database, alice: Headers
) -> None:
    """``protect``, the decorator, the Authenticator's policies, ``authenticate`` and the view: one query."""
    auth = auth.evolve(policies=[users.required])

    def view() -> str:
        user = users.current()
        assert user is users.of(current_principal)
        assert user is users.of(auth.authenticate())
        assert user is users.of(current_principal.claims)
        users.required(current_principal.claims)
        return user.name

    route(app, "/", auth.requires_authentication(rules=[users.required])(view))
    auth.protect(app, rules=[users.required])
    client = app.test_client()

    assert client.get("/", headers=alice).text == "Alice"
    assert len(database.queries) == 1
    assert client.get("/", headers=alice).text == "Alice"
    assert len(database.queries) == 2


def test_a_refusal_is_remembered(
    app: Flask, auth: Authenticator, users: UserLoader[User], database: Database, bob: Headers
) -> None:
    """A view that asks again after a refusal is refused again, without another query."""

    def view() -> str:
        for _ in range(3):
            with pytest.raises(UnknownUserError):
                users.current()
        return users.current().name

    route(app, "/", auth.requires_authentication(view))

    assert app.test_client().get("/", headers=bob).status_code == 403
    assert len(database.queries) == 1


def test_nested_views_of_other_authenticators(
    app: Flask,
    users: UserLoader[User],
    database: Database,
    issuer: TokenIssuer,
    alice: Headers,
) -> None:
    """Each Authenticator has a principal of its own, and nobody gets another one's user."""
    database.add(User(issuer=ISSUER, subject="carol", name="Carol"))
    one = Authenticator(keys=issuer.verification_key)
    carol = issuer.token("carol", iss=ISSUER)

    @frozen
    class AlwaysCarol(TokenValidator):
        def validate(self, token: BearerToken, keys: Any) -> Claims:
            return JWTValidator().validate(BearerToken(carol), keys)

    other = one.evolve(validator=AlwaysCarol())
    inner = other.requires_authentication(lambda: users.current().name)
    route(
        app,
        "/",
        one.requires_authentication(lambda: users.current().name + inner() + users.current().name),
    )

    assert app.test_client().get("/", headers=alice).text == "AliceCarolAlice"
    assert len(database.queries) == 2


def test_principals_that_compare_equal(users: UserLoader[User], database: Database) -> None:
    """An equal principal of another request is another one: a user who was disabled since is refused."""
    before, after = principal_of("alice"), principal_of("alice")
    assert before == after
    assert users.of(before).name == "Alice"
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE users SET active = 0")

    assert users.of(before).name == "Alice"
    with pytest.raises(UnknownUserError):
        users.of(after)


@pytest.mark.parametrize("door", ["view", "policy", "verify"])
def test_claims_that_a_validator_caches(
    app: Flask,
    auth: Authenticator,
    users: UserLoader[User],
    database: Database,
    issuer: TokenIssuer,
    alice: Headers,
    door: str,
) -> None:
    """A validator may return one object for many requests. Each request still loads the user anew."""
    cached: list[Claims] = []

    class CachingValidator(JWTValidator):
        def validate(self, token: BearerToken, keys: Any) -> Claims:
            if not cached:
                cached.append(super().validate(token, keys))
            return cached[0]

    policies = [] if door == "view" else [users.required]
    auth = auth.evolve(validator=CachingValidator(), policies=policies)
    route(app, "/", auth.requires_authentication(lambda: users.current().name))

    def statuses() -> int:
        if door != "verify":
            return app.test_client().get("/", headers=alice).status_code
        try:
            users.of(auth.verify(alice["Authorization"].split()[1]))
        except UnknownUserError as error:
            return error.status
        return 200

    assert [statuses(), statuses()] == [200, 200]
    assert len(database.queries) == 2
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE users SET active = 0")
    assert statuses() == 403


def test_two_loaders_are_two_users(users: UserLoader[User], database: Database) -> None:
    """Two loaders of one function, as of two apps, don't share what they remember."""
    principal = principal_of("alice")
    other = UserLoader(users.load)

    assert users.of(principal) is not other.of(principal)
    assert len(database.queries) == 2


def test_threads_wait_for_one_query(database: Database) -> None:
    """Threads that ask at the same time get one row, by one query."""
    principal = principal_of("alice")
    asked, proceed = threading.Event(), threading.Event()
    queries: list[str] = []

    def slow(issuer: str, subject: str) -> User | None:
        queries.append(subject)
        asked.set()
        assert proceed.wait(PATIENCE)
        return database.load_user(issuer, subject)

    users = UserLoader(slow)
    found: list[User] = []
    threads = [threading.Thread(target=lambda: found.append(users.of(principal))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert asked.wait(PATIENCE)
    proceed.set()
    for thread in threads:
        thread.join(PATIENCE)

    assert queries == ["alice"]
    assert len(found) == 4
    assert len(set(map(id, found))) == 1


def in_thread(function: Callable[[], str]) -> str:
    """Call a function in another thread."""
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(PATIENCE)
    return results[0]


def with_copied_context(users: UserLoader[User]) -> Any:
    """Ask in a thread that has the view's context."""
    context = copy_context()
    return in_thread(lambda: context.run(lambda: users.current().name))


def with_copied_request_context(users: UserLoader[User]) -> Any:
    """Ask in a thread that has another ``flask.g``."""
    return in_thread(copy_current_request_context(lambda: users.current().name))


def in_tasks(users: UserLoader[User]) -> Any:
    """Ask in two tasks."""

    async def name() -> str:
        return users.current().name

    async def names() -> str:
        return (await asyncio.gather(name(), name()))[1]

    return asyncio.run(names())


def in_stream(users: UserLoader[User]) -> Any:
    """Ask after the view has returned."""

    @stream_with_context
    def stream() -> Any:
        yield users.current().name

    return stream()


@pytest.mark.parametrize("asked_before", [False, True], ids=["first", "again"])
@pytest.mark.parametrize(
    "elsewhere",
    [with_copied_context, with_copied_request_context, in_tasks, in_stream],
    ids=["copied context", "copied request context", "tasks", "stream"],
)
def test_wherever_a_view_runs_code(
    app: Flask,
    auth: Authenticator,
    users: UserLoader[User],
    database: Database,
    alice: Headers,
    elsewhere: Callable[[Any], Any],
    asked_before: bool,
) -> None:
    """Threads with a copied context, tasks and streams get the view's user, by its one query."""

    def view() -> Any:
        if asked_before:
            users.current()
        return elsewhere(users)

    route(app, "/", auth.requires_authentication(view))

    assert app.test_client().get("/", headers=alice).text == "Alice"
    assert len(database.queries) == 1


def test_async_views(
    app: Flask,
    auth: Authenticator,
    users: UserLoader[User],
    database: Database,
    alice: Headers,
    bob: Headers,
) -> None:
    """A plain loader serves async views: the row, the policy, and refusals of both."""

    async def view() -> str:
        await asyncio.sleep(0)
        return users.current().name

    route(app, "/", auth.requires_authentication(view))
    route(app, "/policy", auth.requires_authentication(rules=[users.required])(view))
    client = app.test_client()

    assert client.get("/", headers=alice).text == "Alice"
    assert client.get("/policy", headers=alice).text == "Alice"
    assert len(database.queries) == 2
    assert client.get("/", headers=bob).status_code == 403
    assert client.get("/policy", headers=bob).status_code == 403
