"""The servers of the MCP SDK and of FastMCP, whose tokens an ``Authenticator`` verifies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib import Audience, Authenticator, JWTValidator
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.integrations.fastmcp import fastmcp_token_verifier
from flask_jwtlib_strategies.integrations.mcp import MCPTokenVerifier
from tests.kit import DOWN

from .asgi_kit import post
from .kit import NEEDS_FASTMCP

URL = "http://127.0.0.1:8000/mcp"
SERVER = "https://login.example"
Make = Callable[..., Any]


def mcp_app(auth: Authenticator) -> Any:
    """Make a server with the SDK ``mcp``, which requires a scope."""
    from mcp.server.auth.settings import AuthSettings
    from mcp.server.mcpserver import MCPServer

    settings: Any = {
        "issuer_url": SERVER,
        "resource_server_url": URL,
        "validate_token_resource": True,
        "required_scopes": ["notes:read"],
    }
    server = MCPServer(
        "notes", token_verifier=MCPTokenVerifier(auth, resource=URL), auth=AuthSettings(**settings)
    )
    return server.streamable_http_app(json_response=True, stateless_http=True)


def fastmcp_app(auth: Authenticator) -> Any:
    """Make a server with FastMCP, which requires a scope."""
    from fastmcp import FastMCP
    from fastmcp.server.auth import RemoteAuthProvider

    verifier = fastmcp_token_verifier(auth, resource=URL, required_scopes=["notes:read"])
    servers: Any = [SERVER]
    provider = RemoteAuthProvider(verifier, servers, base_url="http://127.0.0.1:8000")
    server = FastMCP("notes", auth=provider)
    return server.http_app(json_response=True, stateless_http=True)


APPS = [
    pytest.param(mcp_app, id="mcp"),
    pytest.param(fastmcp_app, id="fastmcp", marks=NEEDS_FASTMCP),
]


@pytest.fixture(scope="module")
def login() -> TokenIssuer:
    """The authorization server's signer."""
    return TokenIssuer(SERVER)


@pytest.fixture(scope="module")
def auth(login: TokenIssuer) -> Authenticator:
    """An Authenticator for the tokens of two resources."""
    return Authenticator(
        keys=login.public_pem,
        validator=JWTValidator(rules=[Audience(URL, "https://other.example")]),
        scope_hierarchy={"notes:admin": ["notes:read"]},
    )


@pytest.mark.parametrize("make", APPS)
def test_callers_are_told_apart(make: Make, auth: Authenticator, login: TokenIssuer) -> None:
    """The real server sends 200, 401 and 403: to callers, to others, and to those who lack a scope."""
    audience = {"aud": URL}
    good = login.token("alice", scope="notes:read", client_id="c", **audience)
    statuses = {
        None: 401,
        good: 200,
        login.token("alice", scope="notes:admin", **audience): 200,
        login.token("alice", scope="notes:read", aud=["https://other.example", URL]): 200,
        login.token("alice", scope="notes:write", **audience): 403,
        login.token("alice", **audience): 403,
        login.token("alice", scope="notes:read", aud="https://other.example"): 401,
        login.token("alice", scope="notes:read", aud=f"{URL}/"): 401,
        login.token("alice", scope="notes:read", exp=1, **audience): 401,
        TokenIssuer(SERVER).token("alice", scope="notes:read", **audience): 401,
        f"{good}x": 401,
        "x": 401,
    }
    responses = post(make(auth), *statuses, url=URL)
    assert [each.status_code for each in responses] == [*statuses.values()]
    assert responses[1].json()["result"]["serverInfo"]["name"] == "notes"
    assert "oauth-protected-resource/mcp" in responses[0].headers["WWW-Authenticate"]


@pytest.mark.parametrize("make", APPS)
def test_an_outage_is_neither_a_pass_nor_a_401(
    make: Make, login: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """While the keys are unavailable, the client keeps its token: the server sends a 500."""

    def keys() -> object:
        raise DOWN

    token = login.token("alice", scope="notes:read", aud=URL)
    down = Authenticator(keys=keys, validator=JWTValidator(rules=[Audience(URL)]))
    (response,) = post(make(down), token, url=URL)
    assert response.status_code == 500
    assert token not in caplog.text
    assert "WWW-Authenticate" not in response.headers
