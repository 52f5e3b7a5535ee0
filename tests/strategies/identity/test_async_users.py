"""A caller's user, loaded by ``await``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, InvalidTokenError, VerificationUnavailable
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.identity.async_users import AsyncUserLoader
from flask_jwtlib_strategies.identity.users import UnknownUserError, UserUnavailable

from .kit import ISSUER, Database, User, refusals_of, route

Headers = dict[str, str]
Load = Callable[[str, str], Awaitable["User | None"]]


@pytest.fixture
def load(database: Database) -> Load:
    """Load a user from the database, after other tasks had their turn."""

    async def load(issuer: str, subject: str) -> User | None:
        await asyncio.sleep(0)
        return database.load_user(issuer, subject)

    return load


def test_views(
    app: Flask, auth: Authenticator, database: Database, load: Load, alice: Headers, bob: Headers
) -> None:
    """A view gets the row. Tasks of the view share one query, and so does whoever asks later."""
    users = AsyncUserLoader(load)

    async def view() -> str:
        first, second = await asyncio.gather(users.current(), users.current())
        assert first is second is await users.current()
        return first.name

    async def optional() -> str:
        user = await users.current_or_none()
        return user.name if user else "guest"

    route(app, "/", auth.requires_authentication(view))
    route(app, "/optional", auth.optional_authentication(optional))
    client = app.test_client()

    assert client.get("/", headers=alice).text == "Alice"
    assert len(database.queries) == 1
    assert client.get("/optional", headers=alice).text == "Alice"
    assert client.get("/optional").text == "guest"
    assert client.get("/optional", headers=bob).status_code == 403


@pytest.mark.parametrize("door", ["decorator", "guard"])
def test_refusals(
    app: Flask, auth: Authenticator, database: Database, load: Load, bob: Headers, door: str
) -> None:
    """An unknown user is refused by the failure handler, logged and signalled; it is remembered."""
    auth = auth.evolve(failure_handler=ProblemDetailsHandler())
    users = AsyncUserLoader(load, refusal=InvalidTokenError)

    async def view() -> str:
        for _ in range(2):
            with pytest.raises(InvalidTokenError):
                await users.current()
        return (await users.current()).name

    route(app, "/", auth.requires_authentication(view) if door == "decorator" else view)
    if door == "guard":
        auth.protect(app)
    with refusals_of(app) as sent:
        response = app.test_client().get("/", headers=bob)

    assert response.status_code == 401
    assert response.content_type == "application/problem+json"
    assert len(sent) == 3
    assert len(database.queries) == 1


def test_outages(app: Flask, auth: Authenticator, load: Load, alice: Headers) -> None:
    """A database that is down is a 503, and is asked again."""
    calls: list[str] = []

    async def flaky(issuer: str, subject: str) -> User | None:
        calls.append(subject)
        if len(calls) < 4:
            raise ConnectionError("down")
        return await load(issuer, subject)

    users = AsyncUserLoader(flaky)

    async def view() -> str:
        with pytest.raises(VerificationUnavailable):
            await users.current()
        return (await users.current()).name

    route(app, "/", auth.requires_authentication(view))
    client = app.test_client()

    assert client.get("/", headers=alice).status_code == 503
    assert client.get("/", headers=alice).text == "Alice"
    assert len(calls) == 4


def test_each_event_loop_waits_by_itself(
    auth: Authenticator, load: Load, issuer: TokenIssuer
) -> None:
    """Tasks of one loop wait for each other, and so do those of another loop after an outage."""
    down = [True]

    async def flaky(issuer: str, subject: str) -> User | None:
        await asyncio.sleep(0)
        if down:
            raise ConnectionError("down")
        return await load(issuer, subject)

    users = AsyncUserLoader(flaky)
    principal = auth.verify(issuer.token("alice", iss=ISSUER))

    async def twice() -> list[Any]:
        asked = (users.of(principal) for _ in range(2))
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(found) for found in asyncio.run(twice())] == [UserUnavailable] * 2
    down.clear()
    first, second = asyncio.run(twice())
    assert first is second
    assert first.name == "Alice"


def test_refusals_of_the_look_ups_own(auth: Authenticator, issuer: TokenIssuer) -> None:
    """Each is raised as a copy, so that the remembered error doesn't refer to what is running."""
    error = UnknownUserError("alice has left")

    async def load(issuer: str, subject: str) -> User | None:
        raise error

    users = AsyncUserLoader(load)
    principal = auth.verify(issuer.token("alice", iss=ISSUER))
    for _ in range(2):
        with pytest.raises(UnknownUserError, match="not an active user") as raised:
            asyncio.run(users.of(principal))
        assert raised.value is not error
        assert error.__traceback__ is None


def test_outside_of_flask(auth: Authenticator, load: Load, issuer: TokenIssuer) -> None:
    """``of`` takes the principal of ``verify``, in any event loop, and the wrong row is refused."""
    users, careless = AsyncUserLoader(load), AsyncUserLoader(load, key=lambda user: ("", ""))
    principal = auth.verify(issuer.token("alice", iss=ISSUER))

    assert asyncio.run(users.of(principal)) is asyncio.run(users.of(principal))
    with pytest.raises(UnknownUserError):
        asyncio.run(careless.of(principal))
    with pytest.raises(UnknownUserError):
        asyncio.run(users.of(auth.verify(issuer.token(None, iss=ISSUER))))


def test_a_loader_that_asks_for_itself(auth: Authenticator, issuer: TokenIssuer) -> None:
    """It gets an error, and doesn't wait forever."""
    users: AsyncUserLoader[User]
    principal: Any = auth.verify(issuer.token("alice", iss=ISSUER))

    async def circular(issuer: str, subject: str) -> User | None:
        return await users.of(principal)

    users = AsyncUserLoader(circular)

    with pytest.raises(UserUnavailable):
        asyncio.run(users.of(principal))
