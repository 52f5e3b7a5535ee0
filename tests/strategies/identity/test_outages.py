"""A database that is down, and what the client and the log learn from refusals."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort, redirect
from sqlalchemy.exc import OperationalError

from flask_jwtlib import Authenticator, InvalidTokenError, VerificationUnavailable
from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.identity.users import UnknownUserError, UserLoader, UserUnavailable

from .kit import ISSUER, Database, User, refusals_of, route

Headers = dict[str, str]
SECRET = "hunter2"
DSN = f"postgresql://api:{SECRET}@db.internal/users"


class Down:
    """A database that fails.

    Attributes:
        error: What it raises.
        calls: How often it was called.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.calls = 0

    def __call__(self, issuer: str, subject: str) -> User | None:
        self.calls += 1
        raise self.error


ERRORS: dict[str, Callable[[], Exception]] = {
    "SQLAlchemy": lambda: OperationalError(f"SELECT 1 -- {DSN}", {}, Exception(DSN)),
    "connection": lambda: ConnectionError(DSN),
    "time-out": lambda: TimeoutError(DSN),
    "mistake": lambda: AttributeError(DSN),
    "look-up": lambda: KeyError(DSN),
    "no memory": lambda: MemoryError(DSN),
}


def served(app: Flask, auth: Authenticator, users: UserLoader[Any]) -> dict[str, Any]:
    """Add routes that ask for the user in each way, and return their paths with the status of a guest."""
    optional = auth.optional_authentication
    views = {
        "/view": auth.requires_authentication(lambda: users.current().name),
        "/policy": auth.requires_authentication(rules=[users.required])(lambda: "in"),
        "/either": auth.requires_authentication(rules=[users.required | users.required])(
            lambda: "in"
        ),
        "/negated": auth.requires_authentication(rules=[~users.required])(lambda: "in"),
        "/optional-view": optional(lambda: str(users.current_or_none())),
        "/optional-policy": optional(rules=[users.required])(lambda: "in"),
        "/authenticate": lambda: users.of(auth.authenticate()).name,
    }
    for path, view in views.items():
        route(app, path, view)
    return views


@pytest.mark.parametrize("make", ERRORS.values(), ids=ERRORS)
def test_a_database_that_is_down_is_a_503(
    app: Flask,
    auth: Authenticator,
    alice: Headers,
    caplog: pytest.LogCaptureFixture,
    make: Callable[[], Exception],
) -> None:
    """Wherever the user is asked for, the failure handler responds, and tells nothing of the database."""
    down = Down(make())
    auth = auth.evolve(failure_handler=ProblemDetailsHandler(realm="api"))
    views = served(app, auth, UserLoader(down))
    client = app.test_client()
    for path in views:
        caplog.clear()
        with refusals_of(app) as sent, caplog.at_level(logging.DEBUG):
            response = client.get(path, headers=alice)
        assert response.status_code == 503, path
        assert response.headers["Retry-After"] == "5"
        assert response.content_type == "application/problem+json"
        body = response.get_data(as_text=True)
        assert response.json is not None
        assert response.json["reason"] == "user-unavailable"
        assert response.json["detail"] == "The caller's user account can't be read at the moment"
        for told in (SECRET, "db.internal", "alice", type(down.error).__name__):
            assert told not in body + str(response.headers)
        (refusal,) = sent
        assert type(refusal["error"]) is UserUnavailable
        assert refusal["error"].__cause__ is down.error
        (record,) = (each for each in caplog.records if each.name == "flask_jwtlib")
        assert record.levelno == logging.ERROR
        assert "'alice' of 'https://issuer.example'" in record.getMessage()
        assert type(down.error).__name__ in record.getMessage()
        assert SECRET not in record.getMessage() + caplog.text


def test_a_real_database_goes_down_and_comes_back(
    app: Flask, auth: Authenticator, tmp_path: Path, alice: Headers
) -> None:
    """Without its file, SQLite's error is a 503. An outage isn't remembered: the next request succeeds."""
    file = tmp_path / "users.db"
    database = Database(file)
    database.add(User(issuer=ISSUER, subject="alice", name="Alice"))
    users = UserLoader(database.load_user)
    route(app, "/", auth.requires_authentication(lambda: users.current().name))
    client = app.test_client()
    assert client.get("/", headers=alice).text == "Alice"

    content = file.read_bytes()
    file.write_bytes(b"not a database" * 100)
    broken = client.get("/", headers=alice)
    file.write_bytes(content)

    assert broken.status_code == 503
    assert "not a database" not in broken.text
    assert client.get("/", headers=alice).text == "Alice"


def test_an_outage_is_tried_again(
    app: Flask, auth: Authenticator, users: UserLoader[User], alice: Headers
) -> None:
    """A view may catch the error and ask again. The second attempt may succeed, and is remembered."""
    calls: list[str] = []

    def flaky(issuer: str, subject: str) -> User | None:
        calls.append(subject)
        if len(calls) == 1:
            raise ConnectionError(DSN)
        return users.load(issuer, subject)

    found = UserLoader(flaky)

    def view() -> str:
        with pytest.raises(VerificationUnavailable):
            found.current()
        return found.current().name + found.current().name

    route(app, "/", auth.requires_authentication(view))

    assert app.test_client().get("/", headers=alice).text == "AliceAlice"
    assert calls == ["alice", "alice"]


def test_a_refusal_of_the_look_ups_own(
    app: Flask, auth: Authenticator, alice: Headers, caplog: pytest.LogCaptureFixture
) -> None:
    """The look-up may say why: its refusal and its texts are used, and remembered without a second call."""
    cause = ValueError(DSN)
    error = ForbiddenError("alice has left", description="Your account is closed")
    error.__cause__ = cause
    down = Down(error)
    users = UserLoader(down)

    def view() -> str:
        with pytest.raises(ForbiddenError) as first:
            users.current()
        with pytest.raises(ForbiddenError) as second:
            users.current()
        assert (first.value.__cause__, second.value.__cause__) == (cause, None)
        return users.current().name

    route(app, "/", auth.requires_authentication(view))
    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        response = app.test_client().get("/", headers=alice)

    assert (response.status_code, response.text) == (403, "Your account is closed\n")
    assert down.calls == 1
    assert [record.getMessage()[:30] for record in caplog.records] == [
        "ForbiddenError: alice has left"
    ] * 3
    assert SECRET not in caplog.text
    assert error.__traceback__ is None
    assert error.context.principal is None


def test_a_look_up_may_report_an_outage_itself(
    app: Flask, auth: Authenticator, alice: Headers
) -> None:
    """``VerificationUnavailable`` is taken as it is, with the time after which clients may retry."""
    users = UserLoader(Down(VerificationUnavailable("the directory is down", retry_after=60)))
    served(app, auth, users)
    response = app.test_client().get("/view", headers=alice)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")


def test_a_look_up_may_abort(app: Flask, auth: Authenticator, alice: Headers) -> None:
    """What ``abort`` raises stays the response, in a view and by the policy; the view doesn't go on."""

    def aborting(issuer: str, subject: str) -> User | None:
        abort(410 if subject == "alice" else redirect("/sign-up"))

    served(app, auth, UserLoader(aborting))
    client = app.test_client()
    statuses = {client.get(path, headers=alice).status_code for path in ("/view", "/policy")}

    assert statuses == {410}


def test_a_look_up_that_asks_for_itself(app: Flask, auth: Authenticator, alice: Headers) -> None:
    """A loader that needs its own result doesn't wait for itself forever: 503."""
    users: UserLoader[User]

    def circular(issuer: str, subject: str) -> User | None:
        return users.current()

    users = UserLoader(circular)
    route(app, "/", auth.requires_authentication(lambda: users.current().name))

    assert app.test_client().get("/", headers=alice).status_code == 503


def test_a_shutdown_is_no_outage(auth: Authenticator, issuer: TokenIssuer) -> None:
    """``KeyboardInterrupt`` ends the process."""
    users = UserLoader(Down(KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        users.of(auth.verify(issuer.token("alice")))


@pytest.mark.parametrize(
    ("refusal", "caller"),
    [
        pytest.param(UnknownUserError, "bob", id="403"),
        pytest.param(InvalidTokenError, None, id="401"),
    ],
)
@pytest.mark.parametrize("path", ["/view", "/policy", "/optional-view", "/authenticate"])
def test_a_refusal_says_who(
    app: Flask,
    auth: Authenticator,
    database: Database,
    bob: Headers,
    caplog: pytest.LogCaptureFixture,
    refusal: Any,
    caller: str | None,
    path: str,
) -> None:
    """One log line and one signal name the subject and issuer, but no token. The client gets neither."""
    auth = auth.evolve(failure_handler=ProblemDetailsHandler(realm="api"))
    served(app, auth, UserLoader(database.load_user, refusal=refusal))
    with refusals_of(app) as sent, caplog.at_level(logging.DEBUG):
        response = app.test_client().get(path, headers=bob)

    (refused,) = sent
    assert type(refused["error"]) is refusal
    assert (refused["principal"] and refused["principal"].subject) == caller
    (record,) = (each for each in caplog.records if each.name == "flask_jwtlib")
    assert f"no active user is the subject 'bob' of '{ISSUER}'" in record.getMessage()
    token = bob["Authorization"].partition(" ")[2]
    assert not any(part in caplog.text for part in token.split("."))
    assert response.content_type == "application/problem+json"
    assert "bob" not in json.dumps(response.json) + str(response.headers)
    assert len(database.queries) == 1
