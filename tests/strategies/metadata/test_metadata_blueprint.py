"""``metadata_blueprint``: the metadata over HTTP, from configured values only."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask_cors import CORS

from flask_jwtlib import Authenticator, ConfigurationError, Scope
from flask_jwtlib.audit import route_accesses
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.metadata.protected_resource import (
    ProtectedResource,
    metadata_blueprint,
)

WELL_KNOWN = "/.well-known/oauth-protected-resource"
SERVERS = ["https://login.example"]


def resource_at(url: str, **members: Any) -> ProtectedResource:
    """Make a resource of one authorization server, without scopes."""
    return ProtectedResource(
        url, **{"authorization_servers": SERVERS, "scopes_supported": (), **members}
    )


RESOURCES = {
    f"{WELL_KNOWN}": "https://api.example",
    f"{WELL_KNOWN}/mcp": "https://api.example/mcp",
    f"{WELL_KNOWN}/mcp?tenant=a": "https://api.example/mcp?tenant=a",
    f"{WELL_KNOWN}/mcp?tenant=b": "https://api.example/mcp?tenant=b",
    f"{WELL_KNOWN}/slash/": "https://api.example/slash/",
    f"{WELL_KNOWN}/a/b%20c/%C3%A9": "https://api.example/a/b%20c/%C3%A9",
    f"{WELL_KNOWN}/q?a=%2F&b": "https://api.example/q?a=%2F&b",
}


@pytest.fixture(scope="module")
def served() -> Flask:
    """An app with the metadata of several resources."""
    app = Flask("served")
    app.testing = True
    app.register_blueprint(metadata_blueprint(*map(resource_at, RESOURCES.values())))
    return app


@pytest.mark.parametrize(("path", "url"), RESOURCES.items(), ids=RESOURCES)
def test_each_resource_has_its_document(served: Flask, path: str, url: str) -> None:
    """GET and HEAD return the resource's own document, for caches and for pages of every origin."""
    client = served.test_client()
    response = client.get(path)
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.json is not None
    assert response.json["resource"] == url
    assert response.json["authorization_servers"] == SERVERS
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    assert "Set-Cookie" not in response.headers
    head = client.head(path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers == response.headers


OTHER_PATHS = {
    "slash at the end": f"{WELL_KNOWN}/mcp/",
    "slash at the end of the root": f"{WELL_KNOWN}/",
    "slash left out": f"{WELL_KNOWN}/slash",
    "query of nobody": f"{WELL_KNOWN}/mcp?tenant=c",
    "two queries": f"{WELL_KNOWN}/mcp?tenant=a&tenant=b",
    "query in another spelling": f"{WELL_KNOWN}/q?a=/&b",
    "query of the root": f"{WELL_KNOWN}?tenant=a",
    "query left out": f"{WELL_KNOWN}/q",
    "unknown resource": f"{WELL_KNOWN}/other",
    "below a resource": f"{WELL_KNOWN}/mcp/tools",
    "dots": f"{WELL_KNOWN}/x/../mcp",
    "encoded dots": f"{WELL_KNOWN}/x/%2e%2e/mcp",
    "upper case": f"{WELL_KNOWN}/MCP",
    "path after the resource": f"/mcp{WELL_KNOWN}",
    "parameter": f"{WELL_KNOWN}/mcp;a=1",
    "null": f"{WELL_KNOWN}/mcp%00",
    "line break": f"{WELL_KNOWN}/mcp%0a",
    "encoded query": f"{WELL_KNOWN}/mcp%3Ftenant=a",
    "decoded path": f"{WELL_KNOWN}/a/b c/%25C3",
}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", OTHER_PATHS.values(), ids=OTHER_PATHS)
def test_any_other_url_is_a_404(served: Flask, path: str, method: str) -> None:
    """No other spelling has a document or a redirect, which would name the host of the request."""
    response = served.test_client().open(path, method=method, headers={"Host": "evil.example"})
    assert response.status_code == 404
    assert "Location" not in response.headers


def test_two_slashes_have_no_document(served: Flask) -> None:
    """It is a 404. The oldest Werkzeug redirects to one slash, as for each path of an app."""
    response = served.test_client().get(f"{WELL_KNOWN}//mcp")
    oldest = version("werkzeug").startswith("3.0.")
    assert response.status_code == (308 if oldest else 404)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8443"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"},
        {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Port": "1"},
        {"Forwarded": "host=evil.example;proto=http"},
        {"X-Original-URL": "/evil", "X-Rewrite-URL": "/evil"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"Origin": "https://evil.example"},
        {"Authorization": "Bearer x"},
        {"Authorization": "Bearer", "Cookie": "access_token=x"},
        {"Accept": "text/html"},
    ],
    ids=" ".join,
)
def test_no_header_changes_the_document(served: Flask, headers: dict[str, str]) -> None:
    """The document is the same for every host, origin and credentials: nobody can poison a cache."""
    client = served.test_client()
    plain, response = (
        client.get(f"{WELL_KNOWN}/mcp"),
        client.get(f"{WELL_KNOWN}/mcp", headers=headers),
    )
    assert response.status_code == 200
    assert response.data == plain.data
    assert response.headers == plain.headers


def test_a_preflight_passes(served: Flask) -> None:
    """A page of any origin may read the metadata, and name the version of its protocol in a header."""
    response = served.test_client().options(
        f"{WELL_KNOWN}/mcp",
        headers={
            "Origin": "https://inspector.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "mcp-protocol-version",
        },
    )
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert response.headers["Access-Control-Allow-Headers"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_not_allowed(served: Flask, method: str) -> None:
    """The document can only be read."""
    assert served.test_client().open(f"{WELL_KNOWN}/mcp", method=method).status_code == 405


class TestBehindProtect:
    def test_it_is_public_and_the_audit_says_so(self, app: Flask, issuer: TokenIssuer) -> None:
        """Deny by default leaves the metadata alone. Its scopes are those of the protected routes."""
        resource = resource_at("https://api.example/mcp", scopes_supported=None)
        auth = Authenticator(keys=issuer.public_pem, resource_metadata=resource.metadata_url)
        app.register_blueprint(metadata_blueprint(resource))
        auth.protect(app, rules=[Scope("use")])
        app.add_url_rule("/mcp", view_func=lambda: "in", methods=["POST"])
        client = app.test_client()
        refused = client.post("/mcp")
        assert refused.status_code == 401
        assert (
            f'scope="use", resource_metadata="{resource.metadata_url}"'
            in refused.headers["WWW-Authenticate"]
        )
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer"}):
            response = client.get(f"{WELL_KNOWN}/mcp", headers=headers)
            assert response.json is not None
            assert response.json["scopes_supported"] == ["use"]
            assert response.headers["Cache-Control"] == "public, max-age=3600"
            assert "Vary" not in response.headers
        assert client.options(f"{WELL_KNOWN}/mcp").status_code == 204
        assert client.get(f"{WELL_KNOWN}/other").status_code == 401
        access = {route.rule: route.access for route in route_accesses(app)}
        assert access[f"{WELL_KNOWN}/mcp"] == "public"

    def test_it_passes_a_guard_of_the_app(self, app: Flask, issuer: TokenIssuer) -> None:
        """A guard in ``before_request`` leaves it alone, too."""
        app.before_request(Authenticator(keys=issuer.public_pem).guard())
        app.register_blueprint(metadata_blueprint(resource_at("https://api.example")))
        assert app.test_client().get(WELL_KNOWN).status_code == 200


def test_each_app_has_its_own_scopes(issuer: TokenIssuer) -> None:
    """One blueprint may serve several apps, and each lists the scopes of its own routes."""
    resource = resource_at("https://api.example/mcp", scopes_supported=None)
    auth = Authenticator(keys=issuer.public_pem, resource_metadata=resource.metadata_url)
    blueprint = metadata_blueprint(resource)
    listed: list[Any] = []
    for scope in ("one", "two"):
        app = Flask(scope)
        view = auth.requires_authentication(rules=[Scope(scope)])(lambda: "in")
        app.add_url_rule("/mcp", view_func=view)
        app.register_blueprint(blueprint)
        response = app.test_client().get(f"{WELL_KNOWN}/mcp")
        listed.append(response.json and response.json["scopes_supported"])
    assert listed == [["one"], ["two"]]


def test_the_routes_are_looked_at_once(
    app: Flask, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients without credentials can't make the app look at all its routes again and again."""
    resource = resource_at("https://api.example", scopes_supported=None)
    app.register_blueprint(metadata_blueprint(resource))
    for _ in range(3):
        assert app.test_client().get(WELL_KNOWN).status_code == 200
    assert caplog.text.count("no route of the app") == 1


def test_an_app_below_a_path_serves_what_its_server_passes_on(served: Flask) -> None:
    """The path within the app counts, since the server in front passes on the well-known URL."""
    response = served.test_client().get(
        f"{WELL_KNOWN}/mcp", environ_overrides={"SCRIPT_NAME": "/app"}
    )
    assert response.status_code == 200


def test_it_works_with_flask_cors(app: Flask) -> None:
    """Where the app itself answers to other origins, the header is still there once."""
    CORS(app, origins=["https://app.example"])
    app.register_blueprint(metadata_blueprint(resource_at("https://api.example")))
    headers = {"Origin": "https://other.example"}
    response = app.test_client().get(WELL_KNOWN, headers=headers)
    assert response.headers.getlist("Access-Control-Allow-Origin") == ["*"]


def test_the_lifetime_can_be_chosen(app: Flask) -> None:
    """``max_age`` is in the header for caches."""
    app.register_blueprint(metadata_blueprint(resource_at("https://api.example"), max_age=0))
    assert app.test_client().get(WELL_KNOWN).headers["Cache-Control"] == "public, max-age=0"


@pytest.mark.parametrize(
    ("resources", "options", "said"),
    [
        pytest.param([], {}, "at least one", id="none"),
        pytest.param([["https://api.example"]], {}, "ProtectedResource objects", id="list"),
        pytest.param(["https://api.example"], {}, "ProtectedResource objects", id="text"),
        pytest.param([resource_at("https://a.example")], {"max_age": -1}, "max_age", id="past"),
        pytest.param([resource_at("https://a.example")], {"max_age": True}, "max_age", id="bool"),
        pytest.param([resource_at("https://a.example")], {"max_age": "1"}, "max_age", id="string"),
        pytest.param(
            [resource_at("https://a.example/mcp"), resource_at("https://a.example/mcp")],
            {},
            "same metadata URL",
            id="twice",
        ),
        pytest.param(
            [resource_at("https://a.example"), resource_at("https://a.example/")],
            {},
            "same metadata URL",
            id="root with a slash",
        ),
        pytest.param(
            [resource_at("https://a.example/mcp"), resource_at("https://b.example/mcp")],
            {},
            "same metadata URL",
            id="two hosts",
        ),
        pytest.param(
            [resource_at("https://a.example/mcp"), resource_at("https://a.example/%6Dcp")],
            {},
            "same metadata URL",
            id="encoded",
        ),
    ],
)
def test_a_wrong_composition_is_refused(
    resources: list[Any], options: dict[str, Any], said: str
) -> None:
    """Mistakes raise when the blueprint is made."""
    with pytest.raises(ConfigurationError, match=said):
        metadata_blueprint(*resources, **options)


def test_a_prefix_is_refused(app: Flask) -> None:
    """The blueprint can't be moved away from the well-known place, nor nested in one that is."""
    blueprint = metadata_blueprint(resource_at("https://api.example"))
    with pytest.raises(ConfigurationError, match="/api"):
        app.register_blueprint(blueprint, url_prefix="/api")
    parent = Blueprint("parent", __name__, url_prefix="/parent")
    parent.register_blueprint(metadata_blueprint(resource_at("https://api.example")))
    with pytest.raises(ConfigurationError, match="/parent"):
        app.register_blueprint(parent)
