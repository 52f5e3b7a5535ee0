"""``mcp_authenticator``: what the authorization of the Model Context Protocol asks of a server."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from flask import Flask

from flask_jwtlib import ConfigurationError, Scope, current_principal
from flask_jwtlib.claim_rules import Client
from flask_jwtlib.testing import IdentityProvider, TokenIssuer, bearer
from flask_jwtlib_strategies.authenticators.mcp import mcp_authenticator
from flask_jwtlib_strategies.metadata.protected_resource import (
    ProtectedResource,
    metadata_blueprint,
)

URL = "https://api.example/mcp"
SERVER = "https://login.example"
PAGE = "https://app.example"
METADATA = 'resource_metadata="https://api.example/.well-known/oauth-protected-resource/mcp"'
RESOURCE = ProtectedResource(URL, authorization_servers=[SERVER])


@pytest.fixture(scope="module")
def login() -> TokenIssuer:
    """The authorization server's signer."""
    return TokenIssuer(SERVER)


@pytest.fixture(scope="module")
def guarded(login: TokenIssuer) -> Flask:
    """An app with an MCP endpoint, which needs a scope; one of its tools needs another one."""
    app = Flask("guarded")
    app.testing = True
    auth = mcp_authenticator(RESOURCE, origins=[PAGE]).evolve(
        keys=login.public_pem, scope_hierarchy={"notes:admin": ["notes:read", "notes:write"]}
    )
    app.register_blueprint(metadata_blueprint(RESOURCE))

    @app.route("/mcp", methods=["GET", "POST", "DELETE"])
    @auth.requires_authentication(rules=[Scope("notes:read")])
    def mcp() -> str:
        return str(current_principal.subject)

    @app.post("/mcp/write")
    @auth.requires_authentication(rules=[Scope("notes:read")])
    def write() -> str:
        Scope("notes:write", "notes:delete")(current_principal.claims)
        return "written"

    return app


def scoped(login: TokenIssuer, scope: str = "notes:read", **claims: Any) -> dict[str, str]:
    """Return the header with a token of this scope."""
    return bearer(login.token("alice", **{"aud": URL, "scope": scope, **claims}))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_token_for_this_resource_is_accepted(
    guarded: Flask, login: TokenIssuer, method: str
) -> None:
    """Each method of the transport needs the token, and has its caller."""
    client = guarded.test_client()
    assert client.open("/mcp", method=method, headers=scoped(login)).text == "alice"
    several = scoped(login, aud=["https://other.example", URL])
    assert client.open("/mcp", method=method, headers=several).text == "alice"
    assert client.open("/mcp", method=method).status_code == 401


AUDIENCES: dict[str, Any] = {
    "slash at the end": f"{URL}/",
    "the host": "https://api.example",
    "the host with a slash": "https://api.example/",
    "another path": "https://api.example/mcp2",
    "a path below": f"{URL}/tools",
    "another host": "https://api.example.evil.example/mcp",
    "another scheme": "http://api.example/mcp",
    "upper case": "https://API.example/mcp",
    "default port": "https://api.example:443/mcp",
    "query": f"{URL}?a",
    "fragment": f"{URL}#a",
    "encoded": "https://api.example/%6Dcp",
    "the metadata": RESOURCE.metadata_url,
    "the authorization server": SERVER,
    "the client": "client-1",
    "words": f"{URL} https://other.example",
    "a list of others": ["https://other.example", f"{URL}/"],
    "an empty list": [],
    "nothing": None,
    "an object": {"url": URL},
}


@pytest.mark.parametrize("audience", AUDIENCES.values(), ids=AUDIENCES)
def test_a_token_for_anything_else_is_refused(
    guarded: Flask, login: TokenIssuer, audience: Any
) -> None:
    """``aud`` must be exactly the URL of the resource."""
    response = guarded.test_client().post("/mcp", headers=scoped(login, aud=audience))
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert METADATA in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"iss": f"{SERVER}/"}, id="issuer with a slash"),
        pytest.param({"iss": "https://evil.example"}, id="another issuer"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"exp": 1}, id="expired"),
        pytest.param({"exp": None}, id="no expiry"),
        pytest.param({"nonce": "n", "at_hash": "h"}, id="ID token"),
    ],
)
def test_a_bad_token_is_a_401(guarded: Flask, login: TokenIssuer, claims: dict[str, Any]) -> None:
    """The challenge names the metadata and the scope."""
    response = guarded.test_client().post("/mcp", headers=scoped(login, **claims))
    assert response.status_code == 401
    assert f'scope="notes:read", {METADATA}' in response.headers["WWW-Authenticate"]


def test_a_token_elsewhere_than_in_the_header_is_ignored(
    guarded: Flask, login: TokenIssuer
) -> None:
    """A token in the query, in a form or in a cookie authenticates nobody."""
    token = login.token("alice", aud=URL, scope="notes:read")
    client = guarded.test_client()
    client.set_cookie("access_token", token)
    for response in (
        client.get(f"/mcp?access_token={token}"),
        client.post(f"/mcp?access_token={token}"),
        client.post("/mcp", data={"access_token": token}),
        client.post("/mcp", json={"access_token": token}),
    ):
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == f'Bearer scope="notes:read", {METADATA}'


@pytest.mark.parametrize(
    "value",
    ["Bearer", "Bearer ", "Bearer a b", "bearer a,Bearer b", "Bearer\ta", "Bearer =", "Bearer é"],
)
def test_malformed_credentials_are_a_400(guarded: Flask, value: str) -> None:
    """A malformed header is the client's mistake, and no reason to ask for another token."""
    response = guarded.test_client().post("/mcp", headers={"Authorization": value})
    assert response.status_code == 400
    assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]


def test_a_missing_scope_is_a_403_with_all_scopes(guarded: Flask, login: TokenIssuer) -> None:
    """The challenge has all scopes of the operation: those of the route, and those that the view asks for."""
    client = guarded.test_client()
    for path, scope, needed in (
        ("/mcp", "", "notes:read"),
        ("/mcp", "notes:write", "notes:read"),
        ("/mcp/write", "notes:read", "notes:read notes:write notes:delete"),
    ):
        response = client.post(path, headers=scoped(login, scope))
        assert response.status_code == 403
        assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]
        assert f'scope="{needed}", {METADATA}' in response.headers["WWW-Authenticate"]


def test_a_broader_scope_is_enough(guarded: Flask, login: TokenIssuer) -> None:
    """A scope that implies others satisfies the need for them, in a view, too."""
    client = guarded.test_client()
    assert client.post("/mcp", headers=scoped(login, "notes:admin")).text == "alice"
    broad = scoped(login, "notes:admin notes:delete")
    assert client.post("/mcp/write", headers=broad).text == "written"


@pytest.mark.parametrize("origin", ["null", "https://evil.example", f"{PAGE}.evil.example", ""])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_pages_of_other_origins_are_refused(
    guarded: Flask, login: TokenIssuer, method: str, origin: str
) -> None:
    """An ``Origin`` that isn't listed is a 403, whatever the token. The metadata stays public."""
    client = guarded.test_client()
    for headers in ({}, scoped(login), bearer("x")):
        response = client.open("/mcp", method=method, headers={**headers, "Origin": origin})
        assert response.status_code == 403
    metadata = client.get("/.well-known/oauth-protected-resource/mcp", headers={"Origin": origin})
    assert metadata.status_code == 200
    listed = {**scoped(login), "Origin": PAGE}
    assert client.open("/mcp", method=method, headers=listed).status_code == 200


def test_it_finds_the_keys_of_the_authorization_server(app: Flask, idp: IdentityProvider) -> None:
    """The keys come from the server's metadata. While they can't be fetched, requests get a 503."""
    issuer = idp.add_key()
    resource = ProtectedResource(URL, authorization_servers=[idp.issuer_url])
    headers = bearer(issuer.token("alice", iss=idp.issuer_url, aud=URL, scope="notes:read"))
    options: dict[str, Any] = {"allow_http_on_loopback": True, "rules": [Scope("notes:read")]}
    for path in ("/up", "/down"):
        auth = mcp_authenticator(resource, **options)
        app.add_url_rule(path, path, view_func=auth.requires_authentication(lambda: "in"))
    assert app.test_client().get("/up", headers=headers).text == "in"
    idp.behave(status=500)
    assert app.test_client().get("/down", headers=headers).status_code == 503


def test_options_reach_the_parts(app: Flask, idp: IdentityProvider) -> None:
    """Session, leeway and rules are those of ``oidc_authenticator``, and so are hosts with plain HTTP."""
    issuer, session = idp.add_key(), requests.Session()
    session.headers["User-Agent"] = "notes"
    auth = mcp_authenticator(
        ProtectedResource(URL, authorization_servers=[idp.issuer_url]),
        allow_http=[idp.url.removeprefix("http://")],
        session=session,
        leeway=60,
        rules=[Client("c"), Scope("notes:read")],
    )
    app.add_url_rule("/mcp", view_func=auth.requires_authentication(lambda: "in"))
    claims = {"iss": idp.issuer_url, "aud": URL, "client_id": "c", "scope": "notes:read"}
    statuses = {
        issuer.token("alice", **claims, exp=int(time.time()) - 5): 200,
        issuer.token("alice", **{**claims, "client_id": "d"}): 401,
        issuer.token("alice", **{**claims, "scope": ""}): 403,
    }
    client = app.test_client()
    found = [client.get("/mcp", headers=bearer(token)).status_code for token in statuses]
    assert found == [*statuses.values()]
    assert {request.headers["User-Agent"] for request in idp.requests} == {"notes"}


@pytest.mark.parametrize(
    ("resource", "options", "said"),
    [
        pytest.param(URL, {}, "takes a ProtectedResource", id="text"),
        pytest.param(
            ProtectedResource(f"{URL}/", authorization_servers=[SERVER]),
            {},
            f"expected '{URL}'",
            id="slash",
        ),
        pytest.param(
            ProtectedResource("https://api.example/", authorization_servers=[SERVER]),
            {},
            "expected 'https://api.example'",
            id="root with a slash",
        ),
        pytest.param(
            ProtectedResource(URL, authorization_servers=[SERVER, "https://b.example"]),
            {},
            "IssuerRouter",
            id="two servers",
        ),
        pytest.param(
            ProtectedResource(URL, authorization_servers=["http://localhost:5001"]),
            {},
            "allow_http_on_loopback",
            id="http",
        ),
        pytest.param(RESOURCE, {"origins": ["*"]}, "origin", id="origin"),
        pytest.param(RESOURCE, {"algorithms": "HS256"}, "HS256", id="algorithm"),
    ],
)
def test_a_wrong_composition_is_refused(resource: Any, options: dict[str, Any], said: str) -> None:
    """Mistakes raise when the Authenticator is made, and say what to do."""
    with pytest.raises(ConfigurationError, match=said):
        mcp_authenticator(resource, **options)
