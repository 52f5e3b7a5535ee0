"""Refusals that an application raises itself where no decorator sees them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from flask import Flask, Request, request

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    Claims,
    FailureHandler,
    HeaderTokenExtractor,
    InvalidTokenError,
    JWTValidator,
    RaisingHandler,
    policy,
    public,
)
from flask_jwtlib.authenticator import raise_refusal
from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib.policies import Call
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.failure_handlers.json_template import JSONHandler
from tests.kit import raises

TEXT = "the month is closed"


def refuse() -> NoReturn:
    """Refuse a request as a view may."""
    raise ForbiddenError(TEXT, description="Closed")


def refuse_by_function() -> NoReturn:
    """Refuse a request as a helper may that many views call."""
    raise_refusal(ForbiddenError(TEXT, description="Closed"))


def as_json(error: Any) -> dict[str, Any]:
    """Make the body of a refusal."""
    return {"code": error.reason, "message": str(error)}


def app_with(view: Callable[[], Any], handler: FailureHandler, issuer: TokenIssuer) -> Flask:
    """Make an app with the view behind a guard, and as a public one."""
    app = Flask("resource_server")
    auth = Authenticator(keys=issuer.verification_key, failure_handler=handler)
    app.add_url_rule("/guarded", "guarded", view)
    app.add_url_rule("/listed", "listed", view)

    @app.get("/public")
    @public
    def open_view() -> Any:
        return view()

    auth.protect(app, public=["listed"])
    return app


@pytest.fixture
def refusals() -> Any:
    """What the signal ``request_refused`` told."""
    told: list[dict[str, Any]] = []

    def receive(_app: Flask, **details: Any) -> None:
        told.append(details)

    with request_refused.connected_to(receive):
        yield told


@pytest.mark.parametrize("view", [refuse, refuse_by_function])
@pytest.mark.parametrize("path", ["/guarded", "/listed", "/public"])
def test_the_guarding_authenticator_responds(
    view: Callable[[], Any],
    path: str,
    issuer: TokenIssuer,
    refusals: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The body is that of its failure handler, and there is one log line and one signal."""
    caplog.set_level(logging.INFO, "flask_jwtlib")
    client = app_with(view, JSONHandler(as_json), issuer).test_client()

    response = client.get(path, headers=bearer(issuer.token("alice")))

    assert (response.status_code, response.json) == (
        403,
        {"code": "forbidden", "message": "Closed"},
    )
    assert "Authorization" in response.vary
    (line,) = caplog.messages
    assert TEXT in line
    assert ("'alice'" in line) is (path == "/guarded")
    (told,) = refusals
    assert told["error"].log_message == TEXT
    assert told["authenticator"] is not None


@pytest.mark.parametrize("view", [refuse, refuse_by_function])
def test_without_an_authenticator_it_is_logged(
    view: Callable[[], Any], caplog: pytest.LogCaptureFixture, refusals: list[dict[str, Any]]
) -> None:
    """In an app or a part of it that nothing guards, the response is a line of text."""
    caplog.set_level(logging.INFO, "flask_jwtlib")
    app = Flask("resource_server")
    app.add_url_rule("/", "view", view)

    response = app.test_client().get("/")

    assert (response.status_code, response.text) == (403, "Closed\n")
    (line,) = caplog.messages
    assert TEXT in line
    assert [told["authenticator"] for told in refusals] == [None]


def test_an_error_handler_of_the_app_goes_first(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """The app's error handler makes the response. ``raise_refusal`` has logged the refusal before."""
    caplog.set_level(logging.INFO, "flask_jwtlib")
    app = app_with(refuse_by_function, JSONHandler(as_json), issuer)

    @app.errorhandler(ForbiddenError)
    def handle(error: ForbiddenError) -> Any:
        return {"own": str(error)}, error.code

    response = app.test_client().get("/listed")

    assert (response.status_code, response.json) == (403, {"own": "Closed"})
    (line,) = caplog.messages
    assert TEXT in line


def test_a_401_keeps_its_challenge_and_headers(issuer: TokenIssuer) -> None:
    """The headers of the refusal stay, whoever makes the response."""

    def view() -> NoReturn:
        raise_refusal(InvalidTokenError("too old", headers=[("X-Hint", "again")]))

    for app in (app_with(view, JSONHandler(as_json), issuer), Flask("resource_server")):
        app.add_url_rule("/other", "other", view)
        app.register_error_handler(401, lambda error: ("own", 401))

        response = app.test_client().get("/other", headers=bearer(issuer.token()))

        assert (response.status_code, response.text) == (401, "own")
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
        assert response.headers["X-Hint"] == "again"


@pytest.mark.parametrize("view", [refuse, refuse_by_function])
def test_a_handler_that_raises_is_called_once(
    view: Callable[[], Any], issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """``RaisingHandler`` raises the refusal, which then has its default response."""
    caplog.set_level(logging.INFO, "flask_jwtlib")
    client = app_with(view, RaisingHandler(), issuer).test_client()

    response = client.get("/listed")

    assert (response.status_code, response.text) == (403, "Closed\n")
    assert len(caplog.messages) == 1


def test_an_error_of_the_failure_handler_s_own_is_reported_once(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that raises another refusal isn't asked about that one."""
    caplog.set_level(logging.INFO, "flask_jwtlib")

    class Handler(RaisingHandler):
        def deny(self, error: Any) -> NoReturn:
            raise ForbiddenError("instead", description="Instead")

    client = app_with(refuse, Handler(), issuer).test_client()

    for path in ("/guarded", "/listed"):
        caplog.clear()
        response = client.get(path)
        assert (response.status_code, response.text) == (403, "Instead\n")
        assert len(caplog.messages) == 1


def test_an_app_authenticator_without_init_app_responds_by_its_default(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A guard that isn't initialised for the app has the default failure handler."""
    caplog.set_level(logging.INFO, "flask_jwtlib")
    app = Flask("resource_server")
    app.before_request(AppAuthenticator(lambda app: pytest.fail("not called")).guard())

    @app.get("/")
    @public
    def view() -> Any:
        refuse()

    response = app.test_client().get("/")

    assert (response.status_code, response.text) == (403, "Closed\n")
    assert len(caplog.messages) == 1


def test_outside_of_a_request_it_is_only_raised(caplog: pytest.LogCaptureFixture) -> None:
    """A worker that calls the same function gets the error, and nothing is logged."""
    caplog.set_level(logging.INFO, "flask_jwtlib")

    with raises(ForbiddenError, match=TEXT):
        refuse_by_function()

    assert ForbiddenError(TEXT).get_response().status_code == 403
    assert caplog.messages == []


def test_an_authenticator_s_refusal_is_not_reported_again(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """A refusal that ``authenticate`` raised and a view passes on is logged once."""
    caplog.set_level(logging.INFO, "flask_jwtlib")
    auth = Authenticator(keys=issuer.verification_key)
    app = Flask("resource_server")

    @app.get("/")
    def view() -> Any:
        try:
            return str(auth.authenticate())
        except InvalidTokenError as error:
            raise_refusal(error)

    assert app.test_client().get("/", headers=bearer("x.y.z")).status_code == 401
    assert len(caplog.messages) == 1


@policy
def refusing(claims: Claims, call: Call) -> bool:
    """Refuse as a helper does that policies and views share."""
    refuse_by_function()


class Refusing(HeaderTokenExtractor):
    """An extractor that uses such a helper."""

    def extract(self, request: Request) -> NoReturn:
        refuse_by_function()


@pytest.mark.parametrize(
    "strategies",
    [
        {"extractor": Refusing()},
        {"validator": JWTValidator(rules=[lambda claims: refuse_by_function()])},
        {"policies": [refusing]},
    ],
    ids=["extractor", "claim rule", "policy"],
)
def test_what_takes_part_in_a_decision_is_reported_once(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture, strategies: dict[str, Any]
) -> None:
    """The decision reports it. For a request that the app passes, nothing does."""
    caplog.set_level(logging.INFO, "flask_jwtlib")
    auth = Authenticator(keys=issuer.verification_key, **strategies)
    app = Flask("resource_server")
    app.add_url_rule("/", "required", auth.requires_authentication(lambda: "in"))
    app.add_url_rule("/passed", "passed", lambda: str(auth.authenticate(request)))

    for path, messages in (("/", 1), ("/passed", 0)):
        caplog.clear()
        response = app.test_client().get(path, headers=bearer(issuer.token()))
        assert (response.status_code, response.text) == (403, "Closed\n")
        assert len(caplog.messages) == messages
