"""401 and 403 name the metadata and all scopes, whichever failure handler makes the response."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from attrs import frozen
from flask import Flask, Response, abort, jsonify
from werkzeug.exceptions import HTTPException

from flask_jwtlib import (
    Authenticator,
    RaisingHandler,
    Role,
    Scope,
    UnauthorizedHandler,
    current_principal,
)
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies import failure_handlers
from flask_jwtlib_strategies.failure_handlers.json_template import JSONHandler
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.failure_handlers.routed import RoutedHandler
from flask_jwtlib_strategies.metadata.protected_resource import ProtectedResource

RESOURCE = ProtectedResource(
    "https://api.example/mcp", authorization_servers=["https://login.example"]
)
METADATA = f'resource_metadata="{RESOURCE.metadata_url}"'


@frozen
class Custom:
    """A handler of an application, which knows nothing of challenges."""

    make: Any

    def deny(self, error: Any) -> Any:
        return self.make(error)

    def anonymous(self, error: object) -> None:
        pass


def raise_error(error: Exception) -> None:
    """Raise the refusal."""
    raise error


HANDLERS = {
    "default": UnauthorizedHandler(),
    "realm": UnauthorizedHandler(realm="notes"),
    "raising": RaisingHandler(),
    "problem details": ProblemDetailsHandler(),
    "redirect": LoginRedirectHandler("/log-in"),
    "routed": RoutedHandler(RaisingHandler(), paths={"/decorated": ProblemDetailsHandler()}),
    "json": JSONHandler(lambda error: {"code": error.reason}),
    "custom text": Custom(lambda error: ("refused", error.status)),
    "custom dict": Custom(lambda error: ({"error": str(error)}, error.status, {"X-Own": "1"})),
    "custom response": Custom(lambda error: Response("refused", error.status)),
    "custom error": Custom(raise_error),
    "custom abort": Custom(lambda error: abort(error.status)),
    "None": Custom(lambda error: None),
}


def test_every_handler_of_the_catalogue_is_here() -> None:
    """A new handler is added to the table above."""
    modules = (
        import_module(f"{failure_handlers.__name__}.{module.name}")
        for module in iter_modules(failure_handlers.__path__)
        if not module.name.startswith("_")
    )
    classes = {getattr(module, name) for module in modules for name in module.__all__}
    handlers = {each for each in classes if isinstance(each, type) and hasattr(each, "deny")}
    assert handlers
    assert handlers <= {type(handler) for handler in HANDLERS.values()}


def app_with(issuer: TokenIssuer, handler: Any) -> Flask:
    """Make an app whose routes need scopes: by decorators, in a view, by a role and for guests."""
    app = Flask("app")
    auth = Authenticator(
        keys=issuer.public_pem,
        failure_handler=handler,
        policies=[Scope("base")],
        resource_metadata=RESOURCE.metadata_url,
    )
    rules = [Scope("read write")]

    @app.get("/decorated")
    @auth.requires_authentication(rules=rules)
    def decorated() -> str:
        return "in"

    @app.get("/view")
    @auth.requires_authentication(rules=[Scope("read")])
    def view() -> str:
        Scope("write")(current_principal.claims)
        return "in"

    @app.get("/optional")
    @auth.optional_authentication(rules=rules)
    def optional() -> str:
        return "in"

    @app.get("/role")
    @auth.requires_authentication(rules=[*rules, Role("editor")])
    def role() -> str:
        return "in"

    return app


@pytest.fixture(scope="module", params=HANDLERS.values(), ids=HANDLERS)
def client(request: pytest.FixtureRequest, issuer: TokenIssuer) -> Any:
    """A client of an app with each handler."""
    return app_with(issuer, request.param).test_client()


@pytest.mark.parametrize("token", [None, "x", "expired"])
def test_a_401_names_them(client: Any, issuer: TokenIssuer, token: str | None) -> None:
    """A request without a valid token learns what to ask for, and where."""
    if token == "expired":
        token = issuer.token(exp=1)
    response = client.get("/decorated", headers={} if token is None else bearer(token))
    assert response.status_code == 401
    assert f'scope="base read write", {METADATA}' in response.headers["WWW-Authenticate"]
    assert ('error="invalid_token"' in response.headers["WWW-Authenticate"]) == (token is not None)


@pytest.mark.parametrize("path", ["/decorated", "/view", "/optional"])
@pytest.mark.parametrize("scope", ["base", "base read", "read"])
def test_a_403_names_them(client: Any, issuer: TokenIssuer, path: str, scope: str) -> None:
    """A caller who lacks some scopes learns all of the operation, in one challenge."""
    response = client.get(path, headers=bearer(issuer.token(scope=scope)))
    assert response.status_code == 403
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.count("Bearer") == 1
    assert 'error="insufficient_scope"' in challenge
    expected = "base read write" if path != "/view" or scope == "base read" else "base read"
    assert f'scope="{expected}", {METADATA}' in challenge


def test_a_403_that_no_scope_would_cure_names_none(client: Any, issuer: TokenIssuer) -> None:
    """A caller without the role shouldn't ask for scopes again."""
    token = issuer.token(scope="base read write")
    response = client.get("/role", headers=bearer(token))
    assert response.status_code == 403
    assert "scope" not in response.headers.get("WWW-Authenticate", "")


@pytest.mark.parametrize("kind", [401, HTTPException, Exception], ids=str)
def test_the_apps_own_error_handler_keeps_them(issuer: TokenIssuer, kind: Any) -> None:
    """Where an error handler of the app makes the response, the challenge is still there."""
    app = app_with(issuer, RaisingHandler())
    app.register_error_handler(kind, lambda error: (jsonify(message="refused"), error.code))
    response = app.test_client().get("/decorated")
    assert response.json == {"message": "refused"}
    assert response.headers["WWW-Authenticate"] == f'Bearer scope="base read write", {METADATA}'
