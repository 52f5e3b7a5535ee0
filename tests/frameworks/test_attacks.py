"""What a client can try with requests that are refused in a framework."""

from __future__ import annotations

import logging
from itertools import product
from typing import Any

import flask_restful
import flask_restx
import pytest
from flask import Flask, current_app, request
from werkzeug.exceptions import HTTPException

from flask_jwtlib import Authenticator, InvalidTokenError, Scope, current_principal
from flask_jwtlib.errors import InsufficientScopeError, InvalidRequestError
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.frameworks.kit import FRAMEWORKS

Headers = dict[str, str]
EXPIRED = 'Bearer error="invalid_token", error_description="The access token expired"'
each_framework = pytest.mark.parametrize("make", FRAMEWORKS.values(), ids=FRAMEWORKS)

ACCEPT = [
    "application/xml",
    "text/html",
    "*/*;q=0",
    "application/json;q=0",
    "application/problem+json",
    "nonsense",
    ",;,=",
    "a/b;q=" + "9" * 400,
]


@each_framework
@pytest.mark.parametrize("accept", ACCEPT, ids=[accept[:20] for accept in ACCEPT])
@pytest.mark.parametrize("how", ["raised", "returned"])
def test_no_accept_header_changes_the_status(
    auth: Authenticator, expired: Headers, make: Any, accept: str, how: str
) -> None:
    """A framework that chooses the body's type by ``Accept`` refuses with the same status and challenge."""
    returned = auth.requires_authentication(lambda: {"report": "secret"})
    app = make({"raised": lambda: {"report": str(auth.authenticate())}, "returned": returned})

    response = app.test_client().get(f"/{how}", headers={**expired, "Accept": accept})

    assert response.status_code == 401
    assert response.headers.getlist("WWW-Authenticate") == [EXPIRED]
    assert "secret" not in response.text


@each_framework
@pytest.mark.parametrize(
    "method", ["HEAD", "get", "Get", "OPTIONS", "POST", "TRACE", "CONNECT", "X"]
)
def test_no_method_gets_around_a_refusal(
    auth: Authenticator, expired: Headers, make: Any, method: str
) -> None:
    """Whatever the method is, the view gives nothing to a refused client."""
    ran: list[str] = []

    def view() -> Any:
        auth.authenticate()
        ran.append(request.method)
        return {"report": "secret"}

    client = make({"view": view}).test_client()
    response = client.open("/view", method=method, headers=expired)

    # Flask itself responds to OPTIONS.
    assert response.status_code == (200 if method == "OPTIONS" else response.status_code)
    assert response.status_code in (200, 401, 405)
    assert not ran
    assert "secret" not in response.text


@pytest.mark.parametrize("config", ["TESTING", "DEBUG", "PROPAGATE_EXCEPTIONS"])
@each_framework
def test_the_configuration_does_not_change_a_refusal(
    auth: Authenticator, expired: Headers, make: Any, config: str
) -> None:
    """A refusal is no crash: it is a response in development and in tests, too."""
    app = make({"view": lambda: str(auth.authenticate())})
    app.config[config] = True

    for headers, status in ((expired, 401), ({"Authorization": "Bearer"}, 400), ({}, 401)):
        assert app.test_client().get("/view", headers=headers).status_code == status


INJECTIONS = {
    "line break": "a\r\nX-Injected: yes\r\n\r\n<script>",
    "line feed": "a\nX-Injected: yes",
    "quote": 'a", Basic realm="x',
    "backslash": 'a\\", x="',
    "comma": "a, Negotiate, Basic realm=x",
    "control": "a\x00\x1b[31m\x7f",
    "unicode": "ä\u2028\U0001f600",
    "surrogate": "a\udc80",
    "html": "<script>alert(1)</script>",
    "long": "a" * 100_000,
}
ECHOING = {
    "401": lambda text: InvalidTokenError(description=text),
    "400": lambda text: InvalidRequestError(description=text),
    "403": lambda text: InsufficientScopeError("admin", description=text),
    "scope": InsufficientScopeError,
}


@each_framework
@pytest.mark.parametrize("error", ECHOING.values(), ids=ECHOING)
def test_a_description_that_repeats_the_client_injects_nothing(
    auth: Authenticator, good: Headers, make: Any, error: Any
) -> None:
    """An application that puts the client's text into a description sends one challenge, and no HTML."""

    def refuse(_: Any = None) -> Any:
        raise error(current_app.config["TEXT"])

    views = {
        "raised": auth.requires_authentication(refuse),
        "returned": auth.requires_authentication(rules=[refuse])(lambda: {"done": True}),
    }
    app = make(views)
    app.config["JSON_AS_ASCII"] = True
    client = app.test_client()

    for text, how in product(INJECTIONS.values(), views):
        app.config["TEXT"] = text
        response = client.get(f"/{how}", headers=good)

        assert response.status_code in (400, 401, 403)
        assert "X-Injected" not in response.headers
        (challenge,) = response.headers.getlist("WWW-Authenticate")
        assert challenge.startswith("Bearer error=")
        assert challenge.isascii()
        assert challenge.isprintable()
        assert challenge.count('"') % 2 == 0
        assert "\\" not in challenge
        assert response.mimetype in ("text/plain", "application/json")


@pytest.mark.parametrize("how", ["raised", "returned"])
def test_a_header_value_that_repeats_the_client_injects_nothing(
    app: Flask, auth: Authenticator, good: Headers, how: str
) -> None:
    """Werkzeug refuses a header with a line break: the request fails, and no header is injected."""

    def refuse(_: Any = None) -> Any:
        raise InvalidTokenError(headers=[("X-Reason", "a\r\nX-Injected: yes")])

    app.add_url_rule("/raised", "raised", auth.requires_authentication(refuse))
    returned = auth.requires_authentication(rules=[refuse])(lambda: "in")
    app.add_url_rule("/returned", "returned", returned)

    response = app.test_client().get(f"/{how}", headers=good)

    assert response.status_code == 500
    assert "X-Injected" not in response.headers


@each_framework
def test_the_body_repeats_nothing_that_the_client_sent(
    issuer: TokenIssuer, auth: Authenticator, make: Any
) -> None:
    """No text of a token, a claim, a header or the path is in what a raised refusal sends."""

    def view() -> Any:
        Scope("admin")(auth.authenticate().claims)
        return {"done": True}

    app = make({"view": view})
    client = app.test_client()
    marked = "m4rk3d"
    for headers in (
        bearer(issuer.token(marked, scope=marked, iss=f"https://{marked}.example")),
        bearer(issuer.token(marked, exp=1)),
        bearer(issuer.token(marked, nbf=9e9)),
        bearer(TokenIssuer(kid=marked).token(marked)),
        bearer(f"{marked}.{marked}.{marked}"),
        {"Authorization": f"{marked} {marked}"},
        {"Authorization": f"Bearer {marked} {marked}"},
    ):
        response = client.get(f"/view?{marked}={marked}", headers=headers)

        assert response.status_code in (400, 401, 403)
        assert marked not in f"{response.headers}{response.text}"


@pytest.mark.parametrize("lib", [flask_restful, flask_restx], ids=lambda lib: lib.__name__)
def test_the_challenge_of_a_browser_login_stays_beside_ours(
    app: Flask, auth: Authenticator, expired: Headers, lib: Any
) -> None:
    """``serve_challenge_on_401`` of Flask-RESTful and Flask-RESTX adds ``Basic`` to the challenge."""

    class Ask(lib.Resource):  # type: ignore[misc, name-defined]
        def get(self) -> Any:
            return {"subject": auth.authenticate().subject}

    lib.Api(app, serve_challenge_on_401=True).add_resource(Ask, "/ask")
    (challenge,) = (
        app.test_client().get("/ask", headers=expired).headers.getlist("WWW-Authenticate")
    )

    assert challenge.startswith(f"{EXPIRED}, Basic realm=")


def test_a_hostile_path_is_not_logged(
    app: Flask, auth: Authenticator, good: Headers, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the method and the endpoint of a refused request, in one line, and never its path."""
    auth.protect(app)
    app.register_error_handler(HTTPException, lambda error: ("", error.code))
    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        response = app.test_client().open(
            "/s3cret%0d%0aINFO:root:forged\x1b[31m", method="GE\x1b[31mT\nforged"
        )

    assert response.status_code == 401
    (record,) = (record for record in caplog.records if record.name == "flask_jwtlib")
    line = record.getMessage()
    assert line.isprintable()
    assert "s3cret" not in line


def test_a_caller_can_not_make_a_view_go_on(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """Claims of any type satisfy no policy that a view calls: the view ends there."""
    ran: list[object] = []

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        Scope("admin")(current_principal.claims)
        ran.append(current_principal.claims["scope"])
        return "in"

    client = app.test_client()
    hostile: list[Any] = [True, 1, None, {"admin": True}, [["admin"]], "Admin", "adminx", " ", {}]
    for scope in hostile:
        response = client.get("/", headers=bearer(issuer.token(scope=scope)))
        assert response.status_code in (401, 403)
    assert not ran
    assert client.get("/", headers=bearer(issuer.token(scope="admin"))).text == "in"
