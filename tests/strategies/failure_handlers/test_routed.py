"""``RoutedHandler``: a failure handler for each blueprint or path."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint, Flask
from flask_restful import Api, Resource

from flask_jwtlib import (
    Authenticator,
    FailureHandler,
    RaisingHandler,
    Scope,
    UnauthorizedHandler,
)
from flask_jwtlib.errors import MissingTokenError
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib.testing.contracts import FailureHandlerContract
from flask_jwtlib_strategies.failure_handlers.json_template import JSONHandler
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.failure_handlers.routed import RoutedHandler

METADATA = "https://api.example/.well-known/oauth-protected-resource"


def named(name: str) -> JSONHandler:
    """Return a handler whose responses say its name, which is its realm, too."""
    return JSONHandler(lambda _: {"by": name}, realm=name)


class TestRoutedHandler(FailureHandlerContract):
    def make_handler(self) -> FailureHandler:
        return RoutedHandler(UnauthorizedHandler())


class TestRoutedHandlerWithAPath(FailureHandlerContract):
    def make_handler(self) -> FailureHandler:
        return RoutedHandler(ProblemDetailsHandler(realm="a"), paths={"/api": named("b")})


def serve(issuer: TokenIssuer, handler: FailureHandler, app: Flask | None = None) -> Any:
    """Return a client of an app that protects everything, with nested blueprints."""
    app = app or Flask("routed")
    api, old, pages = (Blueprint(name, __name__) for name in ("api", "v1", "pages"))
    for blueprint in api, old, pages:
        blueprint.add_url_rule("/here", "here", lambda: "in")
    api.register_blueprint(old, url_prefix="/v1")
    app.register_blueprint(api, url_prefix="/api")
    app.register_blueprint(pages, url_prefix="/pages")
    app.add_url_rule("/<path:name>", "any", lambda name: "in")
    auth = Authenticator(
        keys=issuer.verification_key, failure_handler=handler, resource_metadata=METADATA
    )
    auth.protect(app)
    return app.test_client()


def who(response: Any) -> str:
    """Return which handler made a refusal, after checking its status and headers."""
    assert response.status_code == 401
    by = str(response.json["by"])
    assert response.headers["WWW-Authenticate"] == (
        f'Bearer realm="{by}", resource_metadata="{METADATA}"'
    )
    return by


@pytest.fixture(scope="module")
def client() -> Any:
    """A client of an app with handlers for two blueprints and two paths."""
    return serve(
        TokenIssuer(),
        RoutedHandler(
            named("default"),
            blueprints={"api": named("api"), "api.v1": named("v1")},
            paths={"/pages": named("pages"), "/pages/old": named("old"), "/files/": named("files")},
        ),
    )


@pytest.mark.parametrize(
    ("path", "handler"),
    [
        pytest.param("/api/here", "api", id="blueprint"),
        pytest.param("/api/v1/here", "v1", id="nested blueprint"),
        pytest.param("/api/unknown", "default", id="unknown path below a blueprint's"),
        pytest.param("/pages/here", "pages", id="path of a blueprint without a handler"),
        pytest.param("/pages", "pages", id="the path itself"),
        pytest.param("/pages/", "pages", id="the path with a slash"),
        pytest.param("/pages/unknown", "pages", id="unknown path"),
        pytest.param("/pages/old", "old", id="longer path"),
        pytest.param("/pages/old/a", "old", id="below the longer path"),
        pytest.param("/pages/older", "pages", id="a name that begins like the longer path"),
        pytest.param("/pagesx", "default", id="a name that begins like the path"),
        pytest.param("/pages.html", "default", id="the path with an extension"),
        pytest.param("/page", "default", id="shorter than the path"),
        pytest.param("/a/pages", "default", id="the path elsewhere"),
        pytest.param("/PAGES/here", "default", id="upper case"),
        pytest.param("/files/a", "files", id="given with a slash at the end"),
        pytest.param("/files", "files", id="given with a slash, asked for without"),
        pytest.param("/pages%2Fold", "old", id="encoded slash, which Flask decodes"),
        pytest.param("/%70ages/a", "pages", id="encoded letter"),
        pytest.param("/pages%252Fold", "default", id="slash encoded twice"),
        pytest.param("/pages/../api/here", "pages", id="parent, which no browser sends"),
        pytest.param("/./pages/a", "default", id="dot, which no browser sends"),
        pytest.param("/pages;a=b", "default", id="path parameter"),
        pytest.param("/?/pages/a", "default", id="in the query"),
        pytest.param("/", "default", id="root"),
    ],
)
def test_the_handler_is_chosen(client: Any, path: str, handler: str) -> None:
    """The innermost blueprint counts, then the longest path, then the default, each with its realm."""
    assert who(client.get(path)) == handler


def test_slashes_at_the_start_change_nothing(client: Any) -> None:
    """``//pages/a`` is refused, with the handler of the path that Flask's request has."""
    response = client.get("/", environ_overrides={"PATH_INFO": "//pages/a"})

    assert who(response) == "pages"


def test_script_name_is_no_part_of_the_path(client: Any) -> None:
    """Where the app is mounted doesn't matter."""
    mounted = {"SCRIPT_NAME": "/pages"}

    assert who(client.get("/a", environ_overrides=mounted)) == "default"
    assert who(client.get("/pages/a", environ_overrides=mounted)) == "pages"


def test_another_method_has_the_handler_of_its_path(client: Any) -> None:
    """A method that no route has is refused in the format of the path."""
    assert who(client.delete("/pages/here")) == "pages"
    assert who(client.delete("/files/a")) == "files"


@pytest.mark.parametrize("path", ["/pages/here", "/other"])
def test_a_raised_refusal_has_its_realm(issuer: TokenIssuer, path: str) -> None:
    """With ``RaisingHandler``, the app's error handler makes the body, and the realm is the chosen one's."""
    app = Flask("raising")
    app.register_error_handler(401, lambda error: ({"own": error.reason}, 401))
    handler = RoutedHandler(
        RaisingHandler(realm="other"), paths={"/pages": RaisingHandler(realm="pages")}
    )
    response: Any = serve(issuer, handler, app).get(path)

    assert response.json == {"own": "missing-token"}
    realm = path.split("/")[1]
    assert response.headers["WWW-Authenticate"].startswith(f'Bearer realm="{realm}"')


class Tuples(FailureHandler):
    """A handler that leaves all headers to the ``Authenticator``."""

    realm = "tuples"

    def deny(self, error: Any) -> Any:
        return {"by": "tuples"}, error.status

    def anonymous(self, error: Any) -> None:
        """Do nothing."""


def test_headers_that_a_handler_leaves_out_have_its_realm(issuer: TokenIssuer) -> None:
    """The ``Authenticator`` adds them for the chosen handler."""
    client = serve(issuer, RoutedHandler(named("default"), paths={"/a": Tuples()}))

    assert who(client.get("/a")) == "tuples"
    assert who(client.get("/b")) == "default"


class Returned(FailureHandler):
    """A handler without a realm, which returns nothing."""

    def deny(self, error: Any) -> Any:
        return None

    def anonymous(self, error: Any) -> None:
        """Do nothing."""


def test_a_handler_that_returns_nothing_lets_nobody_in(issuer: TokenIssuer) -> None:
    """The ``Authenticator`` sends its default refusal, without another handler's realm."""
    client = serve(issuer, RoutedHandler(named("default"), paths={"/a": Returned()}))
    response = client.get("/a")

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == f'Bearer resource_metadata="{METADATA}"'


def test_raised_and_returned_refusals(issuer: TokenIssuer) -> None:
    """A refusal of ``authenticate()`` and of a policy in a view has the handler of its path."""
    auth = Authenticator(
        keys=issuer.verification_key,
        failure_handler=RoutedHandler(named("default"), paths={"/api": named("api")}),
    )
    app = Flask("asking")

    @app.get("/api/a")
    @app.get("/a")
    def view() -> str:
        Scope("write")(auth.authenticate().claims)
        return "in"

    client: Any = app.test_client()
    for path, by in ("/api/a", "api"), ("/a", "default"):
        none, poor = client.get(path), client.get(path, headers=bearer(issuer.token()))
        assert (none.status_code, none.json) == (401, {"by": by})
        assert (poor.status_code, poor.json) == (403, {"by": by})
        assert 'scope="write"' in poor.headers["WWW-Authenticate"]


def test_resources_of_flask_restful(issuer: TokenIssuer) -> None:
    """A decorated resource has the response of its path's handler, a redirect as well."""
    auth = Authenticator(
        keys=issuer.verification_key,
        failure_handler=RoutedHandler(LoginRedirectHandler("/login"), paths={"/api": named("api")}),
    )
    app = Flask("restful")
    resource = type("Reports", (Resource,), {"get": lambda self: "in"})
    resource.method_decorators = [auth.requires_authentication]  # type: ignore[attr-defined]
    Api(app).add_resource(resource, "/api/reports", "/reports")
    browser = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
    client: Any = app.test_client()

    assert client.get("/api/reports", headers=browser).json == {"by": "api"}
    response = client.get("/reports", headers=browser)
    assert (response.status_code, response.headers["Location"]) == (302, "/login?next=/reports")


class Recording(UnauthorizedHandler):
    """A handler that remembers anonymous requests."""

    seen: list[Any] = []  # noqa: RUF012 - a test's own

    def anonymous(self, error: Any) -> None:
        self.seen.append(error)


def test_anonymous_requests_are_passed_on(issuer: TokenIssuer) -> None:
    """The handler of the path is told of a request without a caller, and no other one."""
    handler = RoutedHandler(UnauthorizedHandler(), paths={"/api": Recording()})
    auth = Authenticator(keys=issuer.verification_key, failure_handler=handler)
    app = Flask("optional")
    app.add_url_rule("/api", "api", auth.optional_authentication(lambda: "in"))
    app.add_url_rule("/", "root", auth.optional_authentication(lambda: "in"))
    client = app.test_client()

    assert client.get("/").text == client.get("/api").text == "in"
    assert [type(error) for error in Recording.seen] == [MissingTokenError]


def test_it_is_signalled_and_logged_once(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is one signal and one line in the log."""
    caplog.set_level("INFO", logger="flask_jwtlib")
    seen: list[Any] = []

    def receive(_: object, **details: Any) -> None:
        seen.append(details["error"])

    with request_refused.connected_to(receive):
        client.get("/pages/a")

    assert len(seen) == len(caplog.records) == 1


def test_a_blueprint_that_the_app_does_not_have_is_reported(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """A misspelled name, which never counts, is an error in the log, once."""
    client = serve(issuer, RoutedHandler(named("default"), blueprints={"v1": named("v1")}))

    assert [who(client.get("/api/v1/here")) for _ in range(3)] == ["default"] * 3
    (logged,) = caplog.records
    assert logged.levelname == "ERROR"
    assert "a handler for the blueprint v1, which the app doesn't have" in logged.getMessage()


def test_without_a_request_the_default_responds() -> None:
    """Outside of a request there is no path."""
    handler = RoutedHandler(named("default"), paths={"/api": named("api")})
    response: Any = handler.deny(MissingTokenError())

    assert response.get_json() == {"by": "default"}
