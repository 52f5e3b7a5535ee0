"""``default_authenticator.verify(text)``: the documented callbacks with a token outside of any request."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib import AuthenticationError, Scope, VerificationUnavailable, current_principal
from flask_jwtlib.errors import (
    ExpiredTokenError,
    InsufficientScopeError,
    InvalidRequestError,
    MalformedCredentialsError,
    MalformedTokenError,
)
from flask_jwtlib.signals import request_accepted, request_refused
from flask_jwtlib.testing import TokenIssuer, bearer


@pytest.fixture(params=["outside", "app", "request", "caller's request"])
def surroundings(request: pytest.FixtureRequest, app: Flask, issuer: TokenIssuer) -> Iterator[str]:
    """Run outside of any context, or within one of a kind."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    if request.param == "outside":
        yield request.param
    elif request.param == "app":
        with app.app_context():
            yield request.param
    else:
        headers = {} if request.param == "request" else bearer(issuer.token("bob"))
        with app.test_request_context(headers=headers):
            if headers:
                flask_jwtlib.default_authenticator.authenticate()
            yield request.param


def verify(text: Any) -> Any:
    """Return the subject of a token."""
    return flask_jwtlib.default_authenticator.verify(text).subject


@pytest.mark.usefixtures("surroundings")
def test_a_valid_token_has_a_caller(issuer: TokenIssuer) -> None:
    """It needs no request, and takes nothing from the current one."""
    principal = flask_jwtlib.default_authenticator.verify(issuer.token("alice"))

    assert principal.subject == "alice"
    assert principal.token.source == "text"


@pytest.mark.usefixtures("surroundings")
def test_a_bad_token_is_refused(issuer: TokenIssuer, other_issuer: TokenIssuer) -> None:
    """A token that isn't valid raises, and so does one that isn't a text."""
    for text, error in (
        (issuer.token(exp=1), ExpiredTokenError),
        (other_issuer.token(), AuthenticationError),
        ("word", MalformedTokenError),
        ("", MalformedTokenError),
        (b"a.b.c", MalformedTokenError),
        (None, MalformedTokenError),
    ):
        with pytest.raises(error):
            verify(text)


def test_neither_a_caller_nor_a_refusal_is_published(
    surroundings: str, app: Flask, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """The current request keeps its caller and notes. Nothing is logged or signalled."""
    heard: list[object] = []

    def listen(sender: object, **details: object) -> None:
        heard.append(details)

    def known() -> list[object]:
        if "request" not in surroundings:
            return []
        published = [g.get(name) for name in ("authenticated", "raw_token", "json_token")]
        return [flask_jwtlib.is_authenticated(), bool(current_principal), *published]

    before = known()
    with (
        caplog.at_level(logging.INFO, "flask_jwtlib"),
        request_accepted.connected_to(listen),
        request_refused.connected_to(listen),
    ):
        verify(issuer.token("alice"))
        with pytest.raises(ExpiredTokenError):
            verify(issuer.token(exp=1))

    assert known() == before
    assert heard == []
    assert caplog.records == []
    if surroundings == "caller's request":
        assert flask_jwtlib.get_json_token()["sub"] == "bob"


def test_a_view_keeps_its_token_while_it_verifies_another(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """After good and bad tokens, the view's functions still return the caller's."""

    @app.get("/view")
    @flask_jwtlib.optional_authentication
    def view() -> list[Any]:
        others = [verify(issuer.token("bob"))]
        with pytest.raises(ExpiredTokenError):
            verify(issuer.token(exp=1))
        return [*others, g.json_token["sub"], flask_jwtlib.get_json_token()["sub"]]

    response = trusting.get("/view", headers=bearer(issuer.token("alice")))

    assert response.json == ["bob", "alice", "alice"]


def test_a_refused_request_is_refused_for_its_own_reason(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """A token that is verified on the way doesn't change the challenge."""

    def refuse() -> Any:
        with pytest.raises(AuthenticationError):
            verify("word")
        return flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK()

    flask_jwtlib.requires_authentication_failure_callback = refuse

    response = trusting.get("/required", headers=bearer(issuer.token(exp=1)))
    assert "expired" in response.headers["WWW-Authenticate"]


def test_check_token_decides_about_the_text(
    surroundings: str, app: Flask, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """Within it, ``get_json_token()`` has the claims of the text, and no request's token is found."""
    found: list[object] = []

    def check(token: str) -> bool:
        found.append(flask_jwtlib._DEFAULT_GET_TOKEN())
        return bool(flask_jwtlib.get_json_token()["sub"] == "alice")

    flask_jwtlib.check_token = check

    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        assert verify(issuer.token("alice")) == "alice"
        for token in (issuer.token("bob"), issuer.token("alice", exp=1)):
            with pytest.raises(AuthenticationError):
                verify(token)
    assert found == [None, None, None]
    assert caplog.records == []


@pytest.mark.usefixtures("surroundings")
def test_a_policy_that_reads_claims_reports_nothing(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """A refusal of ``get_json_token()`` within a policy is that of ``verify``."""

    def read(claims: Any, call: Any) -> bool:
        flask_jwtlib.JWT_MAX_SIZE = 10
        return bool(flask_jwtlib.get_json_token(verify=False))

    auth = flask_jwtlib.default_authenticator.evolve(policies=[flask_jwtlib.policy(read)])

    with caplog.at_level(logging.INFO, "flask_jwtlib"), pytest.raises(AuthenticationError):
        auth.verify(issuer.token())
    assert "report_refused" not in [record.funcName for record in caplog.records]


@pytest.mark.usefixtures("surroundings")
def test_malformed_credentials_are_the_documented_ones(issuer: TokenIssuer) -> None:
    """A ``check_token`` that raises ``InvalidRequestError`` refuses with 401, here too."""

    def check(token: str) -> bool:
        raise InvalidRequestError

    flask_jwtlib.check_token = check
    with pytest.raises(MalformedCredentialsError):
        verify(issuer.token())


def test_it_needs_no_context_in_a_thread(issuer: TokenIssuer) -> None:
    """A worker may verify tokens while no app exists."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    seen: list[object] = []
    worker = Thread(target=lambda: seen.append(verify(issuer.token("alice"))))
    worker.start()
    worker.join()

    assert seen == ["alice"]


def test_a_variants_policies_apply(issuer: TokenIssuer) -> None:
    """A scope that the variant demands is demanded here, too."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    readers = flask_jwtlib.default_authenticator.evolve(policies=[Scope("read")])

    assert readers.verify(issuer.token("alice", scope="read")).subject == "alice"
    with pytest.raises(InsufficientScopeError):
        readers.verify(issuer.token("alice"))


def test_without_a_key_verification_is_unavailable(issuer: TokenIssuer) -> None:
    """It is the server's fault then, and not the token's."""

    def fail() -> Any:
        raise ConnectionError("the key server is down")

    flask_jwtlib.retrieve_verification_key = fail
    with pytest.raises(VerificationUnavailable):
        verify(issuer.token())
