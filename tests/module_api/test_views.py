"""The kinds of views that the decorators guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from flask import Flask, Response, abort, g, stream_with_context
from flask.testing import FlaskClient
from flask.views import MethodView
from flask_restful import Api, Resource

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer


def test_flask_restful_resources_are_guarded(
    app: Flask, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """The decorators work on a resource's methods, and on the whole by ``method_decorators``."""

    class Report(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
        @flask_jwtlib.requires_authentication
        def get(self, number: int) -> tuple[dict[str, Any], int]:
            return {"number": number, "caller": g.json_token["sub"]}, 203

        @flask_jwtlib.optional_authentication
        def post(self, number: int) -> dict[str, bool]:
            return {"authenticated": g.authenticated}

        def delete(self, number: int) -> str:
            return "open"

    class Guarded(Resource):  # type: ignore[misc]
        method_decorators = [flask_jwtlib.requires_authentication]  # noqa: RUF012 - as Flask-RESTful documents it

        def get(self) -> dict[str, str]:
            return {"caller": g.json_token["sub"]}

    api = Api(app)
    api.add_resource(Report, "/reports/<int:number>")
    api.add_resource(Guarded, "/guarded")
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    client = app.test_client()
    good, forged = bearer(issuer.token("alice")), bearer(other_issuer.token("alice"))

    response = client.get("/reports/7", headers=good)
    assert (response.status_code, response.json) == (203, {"number": 7, "caller": "alice"})
    assert client.post("/reports/7", headers=good).json == {"authenticated": True}
    assert client.post("/reports/7", headers=forged).json == {"authenticated": False}
    assert client.delete("/reports/7").json == "open"
    assert client.get("/guarded", headers=good).json == {"caller": "alice"}
    for path in ("/reports/7", "/guarded"):
        refused = client.get(path, headers=forged)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
        assert client.get(path).headers["WWW-Authenticate"] == "Bearer"


def test_flask_restful_renders_a_replaced_callbacks_tuple(app: Flask) -> None:
    """A failure callback's ``(dict, status)`` is rendered as a resource's own return value."""

    class Guarded(Resource):  # type: ignore[misc]
        @flask_jwtlib.requires_authentication
        def get(self) -> str:
            return "secret"

    Api(app).add_resource(Guarded, "/guarded")
    flask_jwtlib.requires_authentication_failure_callback = lambda: ({"error": "log in"}, 401)
    response = app.test_client().get("/guarded")
    assert (response.status_code, response.json) == (401, {"error": "log in"})


def test_flask_restful_renders_an_outage(app: Flask, issuer: TokenIssuer) -> None:
    """An unavailable key is a 503 with ``Retry-After`` from a resource, too."""

    def fail() -> Any:
        raise ConnectionError("the key server is down")

    class Guarded(Resource):  # type: ignore[misc]
        @flask_jwtlib.optional_authentication
        def get(self) -> str:
            return "secret"

    Api(app).add_resource(Guarded, "/guarded")
    flask_jwtlib.retrieve_verification_key = fail
    response = app.test_client().get("/guarded", headers=bearer(issuer.token()))
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1


def test_method_views_are_guarded(app: Flask, issuer: TokenIssuer) -> None:
    """``MethodView`` takes the decorators in ``decorators`` and on its methods."""

    class Whole(MethodView):
        decorators = [flask_jwtlib.requires_authentication]  # noqa: RUF012 - as Flask documents it

        def get(self) -> str:
            return "whole"

    class Half(MethodView):
        def get(self) -> str:
            return "open"

        @flask_jwtlib.requires_authentication
        def post(self) -> str:
            return "half"

    app.add_url_rule("/whole", view_func=Whole.as_view("whole"))
    app.add_url_rule("/half", view_func=Half.as_view("half"))
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    client = app.test_client()
    assert client.get("/whole").status_code == client.post("/half").status_code == 401
    assert client.get("/half").text == "open"
    assert client.get("/whole", headers=bearer(issuer.token())).text == "whole"
    assert client.post("/half", headers=bearer(issuer.token())).text == "half"


def test_async_views_are_guarded(app: Flask, issuer: TokenIssuer) -> None:
    """A coroutine view is awaited for authenticated callers, and sees them on ``g``."""

    @app.get("/async")
    @flask_jwtlib.requires_authentication
    async def view() -> str:
        return str(g.json_token["sub"])

    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    client = app.test_client()
    assert client.get("/async", headers=bearer(issuer.token("alice"))).text == "alice"
    assert client.get("/async").status_code == 401


def test_a_streamed_response_sees_the_caller(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """A generator that runs after the view returned still sees ``g``."""

    @app.get("/stream")
    @flask_jwtlib.requires_authentication
    def view() -> Response:
        def lines() -> Iterator[str]:
            for number in range(3):
                yield f"{number}: {g.json_token['sub']} {flask_jwtlib.is_authenticated()}\n"

        return Response(stream_with_context(lines()))

    response = trusting.get("/stream", headers=bearer(issuer.token("alice")))
    assert response.text == "0: alice True\n1: alice True\n2: alice True\n"


def test_a_decorated_view_keeps_its_name_and_docstring(app: Flask) -> None:
    """Two views get two endpoints, which Flask derives from their names."""

    def first() -> str:
        """Say one."""
        return "1"

    def second() -> str:
        return "2"

    app.get("/first")(flask_jwtlib.requires_authentication(first))
    app.get("/second")(flask_jwtlib.optional_authentication(second))
    assert {"first", "second"} <= app.view_functions.keys()
    assert app.view_functions["first"].__doc__ == "Say one."


def test_an_apps_own_decorators_see_the_caller(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """A role decorator below ours reads ``g.json_token``, as apps for the documentation do."""

    def role_required(role: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def checked(*args: Any, **kwargs: Any) -> Any:
                return view(*args, **kwargs) if g.json_token.get("role") == role else abort(403)

            return checked

        return decorate

    @app.get("/admin")
    @flask_jwtlib.requires_authentication
    @role_required("admin")
    def admin() -> str:
        return "welcome"

    assert trusting.get("/admin", headers=bearer(issuer.token(role="admin"))).text == "welcome"
    assert trusting.get("/admin", headers=bearer(issuer.token())).status_code == 403
    assert trusting.get("/admin").status_code == 401


def test_flasks_automatic_options_are_not_guarded(trusting: FlaskClient) -> None:
    """A CORS preflight, which carries no token, gets a response."""
    assert trusting.options("/required").status_code == 200


def test_after_request_functions_see_the_caller(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """``after_request`` and ``teardown_request`` functions, such as access logs, see it on ``g``."""
    seen: list[object] = []

    @app.after_request
    def log(response: Any) -> Any:
        seen.extend([flask_jwtlib.is_authenticated(), g.json_token["sub"]])
        return response

    @app.teardown_request
    def close(error: BaseException | None) -> None:
        seen.append(g.json_token["sub"])

    assert trusting.get("/required", headers=bearer(issuer.token("alice"))).status_code == 200
    assert seen == [True, "alice", "alice"]
