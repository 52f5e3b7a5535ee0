"""What becomes of a refusal that is raised in an app of Flask's."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort
from werkzeug.exceptions import HTTPException, Unauthorized

import flask_jwtlib
from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    Scope,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import ForbiddenError, Refusal
from flask_jwtlib.testing import TokenIssuer, bearer

EXPIRED = 'Bearer error="invalid_token", error_description="The access token expired"'
Headers = dict[str, str]


def test_an_async_view_raises_like_a_plain_one(
    app: Flask, auth: Authenticator, expired: Headers
) -> None:
    """Flask runs an async view in another thread or task: its refusal keeps status and challenge."""

    @app.get("/")
    async def view() -> Any:
        await asyncio.sleep(0)
        return {"subject": auth.authenticate().subject}

    app.register_error_handler(HTTPException, lambda error: ({"code": error.code}, error.code))
    response = app.test_client().get("/", headers=expired)

    assert response.status_code == 401
    assert response.json == {"code": 401}
    assert response.headers.getlist("WWW-Authenticate") == [EXPIRED]


@pytest.mark.parametrize("where", ["app", "blueprint"])
def test_a_before_request_function_raises_like_a_view(
    app: Flask, auth: Authenticator, expired: Headers, where: str
) -> None:
    """A refusal that a ``before_request`` function raises keeps status and challenge."""

    def check() -> None:
        auth.authenticate()

    blueprint = Blueprint("reports", "reports")
    blueprint.add_url_rule("/", "view", lambda: "in")
    if where == "app":
        app.before_request(check)
    else:
        blueprint.before_request(check)
    app.register_blueprint(blueprint)
    app.register_error_handler(401, lambda error: ("handled", 401))
    response = app.test_client().get("/", headers=expired)

    assert (response.status_code, response.text) == (401, "handled")
    assert response.headers.getlist("WWW-Authenticate") == [EXPIRED]


def test_an_after_request_function_makes_a_500(
    app: Flask, auth: Authenticator, expired: Headers
) -> None:
    """Flask has no response for an ``after_request`` function that raises: the request fails."""

    @app.after_request
    def check(response: Response) -> Response:
        auth.authenticate()
        return response

    app.add_url_rule("/", "view", lambda: "the report")

    response = app.test_client().get("/", headers=expired)

    assert response.status_code == 500
    assert "report" not in response.text


CAUGHT = {
    "own 401": lambda: ("own", 401),
    "abort(401)": lambda: abort(401),
    "raise Unauthorized": lambda: _raise(Unauthorized()),
    "200": lambda: "public",
}


def _raise(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize("instead", CAUGHT.values(), ids=CAUGHT)
@pytest.mark.parametrize("through", ["authenticate", "get_json_token", "policy"])
def test_a_view_that_catches_a_refusal_chooses_its_response(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, through: str, instead: Any
) -> None:
    """A caught refusal adds no challenge to what the view does instead, whatever its status is."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)

    @app.get("/")
    @auth.optional_authentication
    def view() -> Any:
        try:
            if through == "authenticate":
                auth.authenticate()
            elif through == "policy":
                Scope("admin")(current_principal.claims)
            else:
                flask_jwtlib.get_json_token()
        except AuthenticationError:
            return instead()
        raise AssertionError("not refused")

    token = issuer.token() if through == "policy" else issuer.token(exp=1)
    response = app.test_client().get("/", headers=bearer(token))

    assert response.status_code == (200 if instead is CAUGHT["200"] else 401)
    assert "WWW-Authenticate" not in response.headers


def test_a_view_that_raises_a_refusal_again_is_refused(
    app: Flask, auth: Authenticator, expired: Headers
) -> None:
    """A refusal that was caught and raised again has left the view."""

    @app.get("/")
    def view() -> Any:
        try:
            auth.authenticate()
        except AuthenticationError as error:
            raise error from None

    app.register_error_handler(401, lambda error: ("handled", 401))
    response = app.test_client().get("/", headers=expired)

    assert response.headers.getlist("WWW-Authenticate") == [EXPIRED]


@pytest.mark.parametrize("kind", [KeyError, ValueError, LookupError, RuntimeError], ids=str)
@pytest.mark.parametrize("by", ["authenticate", "policy", "outage"])
def test_handlers_of_builtin_errors_see_no_refusal(
    app: Flask, auth: Authenticator, good: Headers, expired: Headers, kind: type, by: str
) -> None:
    """``errorhandler(KeyError)`` is for bugs: no refusal is a KeyError, ValueError or the like."""

    class Down:
        def keys_for(self, header: Any) -> Any:
            raise LookupError

    unavailable = Authenticator(keys=Down())
    app.add_url_rule("/authenticate", "authenticate", lambda: str(auth.authenticate()))
    app.add_url_rule(
        "/policy", "policy", lambda: Scope("a")(auth.authenticate().claims) or "allowed"
    )
    app.add_url_rule("/outage", "outage", lambda: str(unavailable.authenticate()))
    app.register_error_handler(kind, lambda error: ("a bug", 200))

    response = app.test_client().get(f"/{by}", headers=expired if by == "authenticate" else good)

    assert response.status_code == {"authenticate": 401, "policy": 403, "outage": 503}[by]
    assert response.text != "a bug"


def test_a_handler_of_exception_changes_raised_refusals_only(
    app: Flask, auth: Authenticator, expired: Headers
) -> None:
    """``errorhandler(Exception)`` that returns 200 does so for raised refusals, not for returned ones."""
    app.add_url_rule("/raised", "raised", lambda: str(auth.authenticate()))
    app.add_url_rule("/returned", "returned", auth.requires_authentication(lambda: "in"))
    app.register_error_handler(Exception, lambda error: ("sorry", 200))
    client = app.test_client()

    raised = client.get("/raised", headers=expired)
    returned = client.get("/returned", headers=expired)

    assert (raised.status_code, raised.text) == (200, "sorry")
    assert "WWW-Authenticate" not in raised.headers
    assert returned.status_code == 401
    assert returned.headers["WWW-Authenticate"] == EXPIRED


def test_trapped_http_exceptions_are_a_500(
    app: Flask, auth: Authenticator, expired: Headers
) -> None:
    """``TRAP_HTTP_EXCEPTIONS`` makes a 500 of raised refusals, as of any HTTPException."""
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    app.add_url_rule("/raised", "raised", lambda: str(auth.authenticate()))
    app.add_url_rule("/returned", "returned", auth.requires_authentication(lambda: "in"))
    client = app.test_client()

    assert client.get("/raised", headers=expired).status_code == 500
    assert "WWW-Authenticate" not in client.get("/raised", headers=expired).headers
    assert client.get("/returned", headers=expired).status_code == 401


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param(
            'Basic realm="legacy"', [EXPIRED, 'Basic realm="legacy"'], id="another scheme"
        ),
        pytest.param("Negotiate", [EXPIRED, "Negotiate"], id="without parameters"),
        pytest.param('Bearer realm="own"', ['Bearer realm="own"'], id="the same scheme"),
        pytest.param("bearer", ["bearer"], id="the same scheme in lower case"),
        pytest.param("Basic, bEARER", ["Basic, bEARER"], id="both"),
    ],
)
def test_challenges_that_the_app_set_stay(
    app: Flask, auth: Authenticator, expired: Headers, own: str, expected: list[str]
) -> None:
    """An error handler's own challenges stay, and ours is added if its scheme isn't among them."""
    app.add_url_rule("/", "view", lambda: str(auth.authenticate()))
    app.register_error_handler(401, lambda error: ("", 401, {"WWW-Authenticate": own}))

    response = app.test_client().get("/", headers=expired)

    assert response.headers.getlist("WWW-Authenticate") == [", ".join(expected)]


def test_headers_that_the_app_set_stay(app: Flask, auth: Authenticator) -> None:
    """An error handler's ``Retry-After`` isn't replaced, and the refusal's further headers are all added."""

    class Broken:
        def keys_for(self, header: Any) -> Any:
            error = VerificationUnavailable("down", retry_after=7)
            error.headers = (("X-Node", "one"), ("X-Node", "two"))
            raise error

    unavailable = Authenticator(keys=Broken())
    app.add_url_rule("/", "view", lambda: str(unavailable.authenticate()))
    app.register_error_handler(503, lambda error: ("", 503, {"Retry-After": "120"}))

    response = app.test_client().get("/", headers={"Authorization": "Bearer a.b.c"})
    assert response.status_code == 401
    response = app.test_client().get("/", headers=bearer(TokenIssuer().token()))

    assert response.headers.getlist("Retry-After") == ["120"]
    assert response.headers.getlist("X-Node") == ["one", "two"]
    assert "WWW-Authenticate" not in response.headers


def test_a_handler_may_choose_another_status(
    app: Flask, auth: Authenticator, expired: Headers
) -> None:
    """An error handler that hides the resource with a 404 gets no challenge added."""
    app.add_url_rule("/", "view", lambda: str(auth.authenticate()))
    app.register_error_handler(AuthenticationError, lambda error: ("nothing here", 404))

    response = app.test_client().get("/", headers=expired)

    assert response.status_code == 404
    assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize("handled", [False, True], ids=["no handler", "a handler"])
@pytest.mark.parametrize(
    "name", ["authenticate", "policy", "own", "get_json_token", "helper", "before the view"]
)
def test_a_raised_refusal_is_logged_and_signalled_once(
    app: Flask,
    auth: Authenticator,
    issuer: TokenIssuer,
    signals: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    name: str,
    handled: bool,
) -> None:
    """One log line with endpoint and method, and one signal, however the response is made."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    helper = auth.requires_authentication(lambda: "in")
    views: dict[str, Any] = {
        "authenticate": lambda: str(auth.authenticate()),
        "policy": auth.requires_authentication(lambda: Scope("a")(current_principal.claims)),
        "own": auth.requires_authentication(lambda: _raise(ForbiddenError("on holiday"))),
        "get_json_token": flask_jwtlib.get_json_token,
        "helper": lambda: f"the helper says {helper()}",
        "before the view": lambda: "in",
    }
    app.add_url_rule("/", "view", views[name])
    if name == "before the view":
        app.before_request(lambda: auth.authenticate() and None)
    if handled:
        app.register_error_handler(Refusal, lambda error: (str(error), error.code))
    token = issuer.token() if name in ("policy", "own") else issuer.token(exp=1)
    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        response = app.test_client().get("/", headers=bearer(token))

    assert response.status_code == (403 if name in ("policy", "own") else 401)
    (record,) = (record for record in caplog.records if record.name == "flask_jwtlib")
    (signal,) = signals
    assert (record.__dict__["endpoint"], record.__dict__["method"]) == ("view", "GET")
    assert signal["error"].log_message in record.getMessage()
    assert signal["optional"] is False
