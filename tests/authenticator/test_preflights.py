"""CORS preflights: the only requests that a guard lets pass without credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, request
from flask.views import MethodView
from flask_cors import CORS, cross_origin

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    ConfigurationError,
    allow_preflight,
    current_principal,
)
from flask_jwtlib.testing import bearer

SITE = "https://spa.example"
PREFLIGHT = {
    "Origin": SITE,
    "Access-Control-Request-Method": "GET",
    "Access-Control-Request-Headers": "authorization",
}


def protect(app: Flask, auth: Authenticator) -> Any:
    """Protect an app."""
    auth.protect(app)
    return app


def guard(app: Flask, auth: Authenticator) -> Any:
    """Return a blueprint with a guard."""
    blueprint = Blueprint("api", __name__)
    blueprint.before_request(auth.guard())
    return blueprint


def late(app: Flask, auth: Authenticator) -> Any:
    """Protect an app by an ``AppAuthenticator``."""
    by = AppAuthenticator(lambda _: auth)
    by.init_app(app)
    by.protect(app)
    return app


@pytest.fixture(params=[protect, guard, late])
def serve(request: pytest.FixtureRequest, app: Flask, auth: Authenticator) -> Callable[..., Any]:
    """Return a function that serves a view behind a guard, and returns the test client."""
    scaffold = request.param(app, auth)

    def add(view: Any, **options: Any) -> Any:
        scaffold.add_url_rule("/", view_func=view, **options)
        if scaffold is not app:
            app.register_blueprint(scaffold)
        return app.test_client()

    return add


def new_view() -> Callable[[], str]:
    """Return a view that fails the test if it runs without a caller."""

    def view() -> str:
        return f"{request.method} for {current_principal.subject}"

    return view


def test_the_marker_opens_a_views_own_preflight(serve: Callable[..., Any], token: str) -> None:
    """With ``allow_preflight`` above ``cross_origin``, preflights pass, and no other request."""
    client = serve(allow_preflight(cross_origin(origins=SITE)(new_view())))

    response = client.options("/", headers=PREFLIGHT)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == SITE
    assert client.get("/", headers={"Origin": SITE}).status_code == 401
    assert client.get("/", headers=bearer(token)).text == "GET for alice"


def test_without_the_marker_a_views_own_preflight_is_refused(serve: Callable[..., Any]) -> None:
    """A view that takes OPTIONS over from Flask isn't open by itself."""
    client = serve(cross_origin()(new_view()))
    assert client.options("/", headers=PREFLIGHT).status_code == 401


INCOMPLETE: dict[str, dict[str, str]] = {
    "plain": {},
    "only Origin": {"Origin": SITE},
    "only the method": {"Access-Control-Request-Method": "GET"},
    "a similar header": {"Origin": SITE, "X-Access-Control-Request-Method": "GET"},
    "Referer": {"Referer": SITE, "Access-Control-Request-Method": "GET"},
}


@pytest.mark.parametrize("headers", INCOMPLETE.values(), ids=INCOMPLETE)
@pytest.mark.parametrize("marked", [True, False])
def test_other_options_are_guarded(
    serve: Callable[..., Any], token: str, headers: dict[str, str], marked: bool
) -> None:
    """An OPTIONS request that isn't a preflight needs a token, with and without the marker."""
    view = cross_origin()(new_view())
    client = serve(allow_preflight(view) if marked else new_view())

    assert client.options("/", headers=headers).status_code == 401
    assert client.options("/", headers={**headers, **bearer(token)}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "options", "OPTIONSX"])
def test_preflight_headers_open_no_other_method(serve: Callable[..., Any], method: str) -> None:
    """A client can send a preflight's headers with any method: only OPTIONS passes."""
    client = serve(
        allow_preflight(cross_origin()(new_view())), methods=["GET", "POST", "PUT", "DELETE"]
    )
    override = {"X-HTTP-Method-Override": "GET"}

    status = client.open("/", method=method, headers=PREFLIGHT).status_code
    # Werkzeug's routing takes a method in lower case for the same.
    assert status in ({200} if method == "options" else {401, 405})
    assert client.options("/", headers={**PREFLIGHT, **override}).data == b""


def test_a_marked_view_that_handles_options_itself(serve: Callable[..., Any]) -> None:
    """It runs for a preflight, without a caller: the marker is for views that only respond to it."""
    by_hand = new_view()

    client = serve(
        allow_preflight(by_hand), methods=["GET", "OPTIONS"], provide_automatic_options=False
    )
    with pytest.raises(RuntimeError, match="no authenticated caller"):
        client.options("/", headers=PREFLIGHT)
    assert client.options("/").status_code == 401


def test_a_marked_view_behind_a_decorator(auth: Authenticator, app: Flask, token: str) -> None:
    """``cross_origin`` around a decorated view responds to the preflight itself."""
    guarded = auth.requires_authentication(new_view())
    app.add_url_rule("/", "view", allow_preflight(cross_origin()(guarded)))
    below = auth.requires_authentication(cross_origin()(new_view()))
    app.add_url_rule("/below", "below", allow_preflight(below))
    auth.protect(app)
    client = app.test_client()

    assert client.options("/", headers=PREFLIGHT).status_code == 200
    assert client.options("/below", headers=PREFLIGHT).status_code == 401
    for path in "/", "/below":
        assert client.get(path).status_code == 401
        assert client.get(path, headers=bearer(token)).text == "GET for alice"


def test_a_marked_view_class(serve: Callable[..., Any], token: str) -> None:
    """A view class with an ``options`` method of its own can be marked."""

    @allow_preflight
    class Reports(MethodView):
        def get(self) -> str:
            return f"for {current_principal.subject}"

        def options(self) -> Response:
            return Response(headers={"Access-Control-Allow-Origin": SITE})

    client = serve(Reports.as_view("reports"))

    assert client.options("/", headers=PREFLIGHT).headers["Access-Control-Allow-Origin"] == SITE
    assert client.options("/").status_code == client.get("/").status_code == 401
    assert client.get("/", headers=bearer(token)).text == "for alice"


def test_a_subclass_and_an_equal_view_are_not_marked(auth: Authenticator, app: Flask) -> None:
    """The mark is on one object."""

    @allow_preflight
    class Marked(MethodView):
        def options(self) -> str:
            return "in"

    class Subclass(Marked):
        pass

    app.add_url_rule("/", view_func=Subclass.as_view("subclass"))
    auth.protect(app)
    assert app.test_client().options("/", headers=PREFLIGHT).status_code == 401


def test_flask_cors_on_the_app(serve: Callable[..., Any], app: Flask) -> None:
    """With ``CORS(app)`` Flask itself responds to preflights, so no view needs the marker."""
    CORS(app, origins=SITE)
    client = serve(new_view())

    preflight = client.options("/", headers=PREFLIGHT)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == SITE
    assert client.get("/", headers={"Origin": SITE}).status_code == 401


def test_what_preflights_reveal(auth: Authenticator, app: Flask) -> None:
    """A preflight shows that a path exists, and its methods; other anonymous requests show nothing."""
    auth.protect(app)
    app.add_url_rule("/secret/<int:number>", "view", lambda number: "in", methods=["GET", "DELETE"])
    client = app.test_client()
    paths = ["/secret/1", "/secret/x", "/nothing", "/secret/1/"]

    assert [client.options(path, headers=PREFLIGHT).status_code for path in paths] == [
        200,
        401,
        401,
        401,
    ]
    shown = client.options("/secret/1", headers=PREFLIGHT).headers["Allow"]
    assert set(shown.split(", ")) == {"DELETE", "GET", "HEAD", "OPTIONS"}
    for method in "OPTIONS", "GET", "PUT":
        assert len({str(client.open(path, method=method).headers) for path in paths}) == 1


def test_the_marker_returns_its_argument_and_refuses_others() -> None:
    """It returns the very function. An object that can't be remembered is refused."""

    class Slotted:
        __slots__ = ()

        def __call__(self) -> str:
            return ""

    view = new_view()
    assert allow_preflight(view) is view
    with pytest.raises(ConfigurationError, match="Slotted can't be marked for preflights"):
        allow_preflight(Slotted())
