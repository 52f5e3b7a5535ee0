"""Tokens outside of any request: ``verify``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, g, jsonify

import flask_jwtlib
from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    BearerToken,
    Claims,
    JWTValidator,
    Principal,
    Scope,
    VerificationUnavailable,
    current_principal,
    get_json_token,
    is_authenticated,
    policy,
)
from flask_jwtlib.errors import (
    BadSignatureError,
    ExpiredTokenError,
    ForbiddenError,
    InsufficientScopeError,
    InvalidTokenError,
    MalformedTokenError,
)
from flask_jwtlib.policies import Call
from flask_jwtlib.signals import request_accepted, request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import DOWN, PATIENCE


@pytest.fixture(params=["composed", "module API"])
def verifying(request: pytest.FixtureRequest, issuer: TokenIssuer) -> Authenticator:
    """An Authenticator, and that of the module API."""
    if request.param == "composed":
        return Authenticator(keys=issuer.verification_key)
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    return flask_jwtlib.default_authenticator


def test_a_token_names_its_caller(verifying: Authenticator, issuer: TokenIssuer) -> None:
    """``verify`` returns the caller with claims and token, whose source is no place of a request."""
    token = issuer.token("alice", scope="a b")
    principal = verifying.verify(token)

    assert type(principal) is Principal
    assert (principal.subject, principal.scopes) == ("alice", {"a", "b"})
    assert (principal.token.value, principal.token.source) == (token, "text")


def test_it_needs_no_flask_context(verifying: Authenticator, issuer: TokenIssuer) -> None:
    """It works in a plain thread and in a task, and publishes nobody there."""
    token = issuer.token("alice")

    def work() -> tuple[Any, ...]:
        return verifying.verify(token).subject, bool(current_principal), is_authenticated()

    async def task() -> tuple[Any, ...]:
        await asyncio.sleep(0)
        return work()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result(PATIENCE) == ("alice", False, False)
    assert asyncio.run(task()) == ("alice", False, False)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("", MalformedTokenError, id="empty"),
        pytest.param("x", MalformedTokenError, id="a letter"),
        pytest.param("Bearer {}", MalformedTokenError, id="with Bearer"),
        pytest.param(" {}", MalformedTokenError, id="leading space"),
        pytest.param("{}\n", MalformedTokenError, id="newline"),
        pytest.param("{}\0", MalformedTokenError, id="null character"),
        pytest.param("{}é", InvalidTokenError, id="not ASCII"),
        pytest.param("{}\ud800", InvalidTokenError, id="lone surrogate"),
        pytest.param("{}.", MalformedTokenError, id="four parts"),
        pytest.param("a" * 100_000, InvalidTokenError, id="huge"),
    ],
)
def test_texts_that_are_no_tokens(
    verifying: Authenticator, issuer: TokenIssuer, text: str, error: type[Exception]
) -> None:
    """Any text is refused by an error, which shows nothing of the text to the client."""
    with pytest.raises(error) as raised:
        verifying.verify(text.format(issuer.token()))
    assert issuer.token()[:20] not in str(raised.value)


@pytest.mark.parametrize(
    "given",
    [None, b"x.y.z", 1, ["x"], BearerToken("x.y.z")],
    ids=lambda given: type(given).__name__,
)
def test_what_is_not_text(verifying: Authenticator, given: Any) -> None:
    """Anything but a str is refused, and the log's text says what was given."""
    with pytest.raises(MalformedTokenError) as error:
        verifying.verify(given)
    assert f"the token is a {type(given).__name__}, expected a str" in error.value.log_message


def test_a_str_subclass_is_text(auth: Authenticator, issuer: TokenIssuer) -> None:
    """A subclass of str, as some libraries return, is accepted or refused, and never an internal error."""

    class Text(str):
        __slots__ = ()

    try:
        assert auth.verify(Text(issuer.token("alice"))).subject == "alice"
    except AuthenticationError:
        pytest.fail("refused")


def test_bad_tokens(
    verifying: Authenticator, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """The same checks apply as in a request."""
    with pytest.raises(InvalidTokenError) as expired:
        verifying.verify(issuer.token(exp=1))
    with pytest.raises(InvalidTokenError) as forged:
        verifying.verify(other_issuer.token())
    assert isinstance(expired.value, ExpiredTokenError)
    assert isinstance(forged.value, BadSignatureError)


def test_a_bound_token_is_refused(verifying: Authenticator, issuer: TokenIssuer) -> None:
    """A text proves no possession of a key, so a token with ``cnf`` is refused."""
    with pytest.raises(InvalidTokenError) as error:
        verifying.verify(issuer.token(cnf={"jkt": "x"}))
    assert "cnf" in error.value.log_message


def test_a_text_passes_no_proxy(auth: Authenticator, issuer: TokenIssuer) -> None:
    """What a proxy in front of the app confirms is not confirmed for a text."""
    behind_proxy = auth.evolve(confirmed_elsewhere=("x5t#S256",))
    with pytest.raises(InvalidTokenError):
        behind_proxy.verify(issuer.token(cnf={"x5t#S256": "x"}))


@policy
def own_reports(claims: Claims, call: Call | None) -> bool:
    """Require that the route's user is the caller."""
    assert call is not None
    return call.view_args["user"] == claims["sub"]


def test_policies_apply(auth: Authenticator, issuer: TokenIssuer) -> None:
    """The Authenticator's policies apply; one that needs the called view refuses."""
    scoped = auth.evolve(policies=[Scope("read")])
    owner = auth.evolve(policies=[own_reports])

    assert scoped.verify(issuer.token(scope="read")).subject == "alice"
    with pytest.raises(InsufficientScopeError):
        scoped.verify(issuer.token())
    with pytest.raises(ForbiddenError):
        owner.verify(issuer.token("alice"))


@pytest.mark.parametrize(
    "open_it", [lambda policy: ~policy, lambda policy: policy | policy], ids=["not", "or"]
)
def test_a_policy_that_needs_the_call_never_opens(
    auth: Authenticator, issuer: TokenIssuer, open_it: Callable[[Any], Any]
) -> None:
    """Neither its negation nor an alternative lets a caller in, inside a request that has view arguments."""
    app = Flask("app", root_path=".")
    with app.test_request_context(), pytest.raises(ForbiddenError):
        auth.evolve(policies=[open_it(own_reports)]).verify(issuer.token("alice"))


def test_an_outage(issuer: TokenIssuer) -> None:
    """While the keys are unavailable, ``verify`` raises an error with the cause."""

    def fetch() -> object:
        raise DOWN

    with pytest.raises(VerificationUnavailable) as error:
        Authenticator(keys=fetch).verify(issuer.token())
    assert error.value.__cause__ is DOWN


def test_it_logs_and_signals_nothing(
    verifying: Authenticator, issuer: TokenIssuer, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """The application decides what to log: a queue may have thousands of old tokens."""
    caplog.set_level(logging.DEBUG, logger="flask_jwtlib")
    heard: list[Any] = []

    def hear(*_: Any, **__: Any) -> None:
        heard.append(True)

    with (
        request_accepted.connected_to(hear),
        request_refused.connected_to(hear),
        app.test_request_context(),
    ):
        verifying.verify(issuer.token())
        with pytest.raises(InvalidTokenError):
            verifying.verify("x")
    assert (heard, caplog.messages) == ([], [])


def test_it_leaves_the_requests_caller(
    verifying: Authenticator, issuer: TokenIssuer, app: Flask
) -> None:
    """In a view, another token that is verified changes neither the caller nor what is known about them."""

    def seen() -> list[Any]:
        mine = [current_principal.subject, g.authenticated, g.raw_token, g.json_token["sub"]]
        if verifying is flask_jwtlib.default_authenticator:
            mine.append(get_json_token()["sub"])
        return mine

    @app.get("/")
    @verifying.requires_authentication
    def view() -> Any:
        before = seen()
        other = verifying.verify(issuer.token("bob")).subject
        for text in ("x", issuer.token("eve", exp=1)):
            with pytest.raises(InvalidTokenError):
                verifying.verify(text)
        return jsonify(other, before == seen(), before[0])

    token = issuer.token("alice")
    response = app.test_client().get("/", headers=bearer(token))
    assert response.json == ["bob", True, "alice"]
    assert "WWW-Authenticate" not in response.headers


def test_it_ignores_the_requests_token(
    verifying: Authenticator, issuer: TokenIssuer, app: Flask
) -> None:
    """A bad text isn't accepted because the current request has a good token."""
    with app.test_request_context(headers=bearer(issuer.token("alice"))):
        verifying.authenticate()
        with pytest.raises(InvalidTokenError):
            verifying.verify("x")
        assert verifying.verify(issuer.token("bob")).subject == "bob"
        assert current_principal.subject == "alice"


def test_a_rule_may_verify_another_token(
    auth: Authenticator, issuer: TokenIssuer, app: Flask
) -> None:
    """A claim rule that verifies a second token, such as an actor's, doesn't disturb the decision."""

    def with_actor(claims: Claims) -> bool:
        return auth.verify(claims["actor"]).subject == "robot"

    outer = auth.evolve(validator=JWTValidator(rules=[with_actor]))
    app.add_url_rule(
        "/", "view", outer.requires_authentication(lambda: str(current_principal.subject))
    )
    client = app.test_client()

    good = issuer.token("alice", actor=issuer.token("robot"))
    assert client.get("/", headers=bearer(good)).text == "alice"
    assert client.get("/", headers=bearer(issuer.token(actor="x"))).status_code == 401
