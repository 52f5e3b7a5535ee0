"""The MCP SDK's client, against a guarded Flask app over HTTP: from discovery to a broader scope."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx2
import pytest
from attrs import frozen
from flask import Flask
from mcp import MCPError

from flask_jwtlib import Scope, current_principal
from flask_jwtlib_strategies.authenticators.mcp import mcp_authenticator
from flask_jwtlib_strategies.metadata.protected_resource import (
    ProtectedResource,
    metadata_blueprint,
)

from .kit import AuthorizationServer, client_of, mcp_response, serving


@pytest.fixture(scope="module")
def authorization_server() -> Iterator[AuthorizationServer]:
    """An authorization server."""
    made: list[AuthorizationServer] = []

    def make(url: str) -> Flask:
        made.append(AuthorizationServer(url))
        return made[0].app

    with serving(make):
        yield made[0]


@pytest.fixture
def granting(authorization_server: AuthorizationServer) -> AuthorizationServer:
    """The authorization server, which has granted nothing."""
    authorization_server.granted.clear()
    authorization_server.resources.clear()
    authorization_server.withheld.clear()
    return authorization_server


@frozen
class Server:
    """A guarded MCP server, and what its client has seen."""

    url: str
    seen: list[httpx2.Response]

    @property
    def statuses(self) -> list[int]:
        """The statuses of its responses at the MCP endpoint."""
        return [each.status_code for each in self.seen if str(each.url) == self.url]

    def call(self, *tools: str) -> list[str]:
        """Connect, call tools one after the other, and return their texts."""

        async def calls() -> list[str]:
            async with client_of(self.url, self.seen) as session:
                results = [await session.call_tool(tool) for tool in tools]
            return [result.content[0].text for result in results]  # type: ignore[union-attr]

        return anyio.run(calls)


@contextmanager
def guarded(issuer: str, **options: Any) -> Generator[Server, None, None]:
    """Serve an MCP endpoint: reading needs a scope, which the decorator says, and writing another one."""

    def make(url: str) -> Flask:
        app = Flask("guarded")
        resource = ProtectedResource(f"{url}/mcp", authorization_servers=[issuer])
        auth = mcp_authenticator(resource, allow_http_on_loopback=True).evolve(**options)
        app.register_blueprint(metadata_blueprint(resource))

        def write() -> str:
            Scope("notes:write")(current_principal.claims)
            return f"written by {current_principal.subject}"

        @app.post("/mcp")
        @auth.requires_authentication(rules=[Scope("notes:read")])
        def mcp() -> Any:
            return mcp_response(
                {"read": lambda: f"read by {current_principal.subject}", "write": write}
            )

        return app

    with serving(make) as url:
        yield Server(f"{url}/mcp", [])


def test_discovery_token_and_call(granting: AuthorizationServer) -> None:
    """After a 401 the client finds the server's metadata, gets a token for the resource, and calls a tool."""
    with guarded(granting.issuer.issuer) as server:
        assert server.call("read") == ["read by alice"]
    assert server.statuses[0] == 401
    assert set(server.statuses[1:]) <= {200, 202, 405}
    metadata_url = server.url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    # The challenge names it, so the client looks nowhere else.
    assert str(server.seen[1].url) == metadata_url
    assert server.seen[1].json()["resource"] == server.url
    assert server.seen[1].json()["scopes_supported"] == ["notes:read"]
    assert granting.resources == [server.url]
    assert granting.granted == ["notes:read"]


def test_a_missing_scope_makes_the_client_ask_for_it(granting: AuthorizationServer) -> None:
    """A tool that needs another scope is a 403 that names all scopes, and the client steps up."""
    with guarded(granting.issuer.issuer) as server:
        assert server.call("read", "write", "read") == [
            "read by alice",
            "written by alice",
            "read by alice",
        ]
    assert server.statuses.count(403) == 1
    (refusal,) = (each for each in server.seen if each.status_code == 403)
    assert refusal.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_scope", error_description="The access token lacks a required scope", '
        'scope="notes:read notes:write", '
        f'resource_metadata="{server.url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")}"'
    )
    assert granting.granted == ["notes:read", "notes:read notes:write"]


def test_a_broader_scope_is_enough(granting: AuthorizationServer) -> None:
    """A token whose scope implies the needed ones is accepted without a step-up."""
    granting.withheld.add("notes:read")
    with guarded(
        granting.issuer.issuer,
        scope_hierarchy={"notes:admin": ["notes:read", "notes:write"]},
        policies=[Scope("notes:admin")],
    ) as server:
        assert server.call("read", "write") == ["read by alice", "written by alice"]
    assert server.statuses.count(403) == 0
    assert granting.granted == ["notes:admin"]


def test_a_scope_that_the_user_withholds_stays_a_refusal(granting: AuthorizationServer) -> None:
    """A client whose token lacks the scope after the step-up, too, gets no result."""
    granting.withheld.add("notes:write")

    async def call(server: Server) -> None:
        async with client_of(server.url, server.seen) as session:
            with pytest.raises(MCPError):
                await session.call_tool("write")

    with guarded(granting.issuer.issuer) as server:
        anyio.run(call, server)
    assert server.statuses.count(403) == 2
    assert granting.granted == ["notes:read", "notes:read"]


def test_a_token_for_another_resource_is_refused(granting: AuthorizationServer) -> None:
    """A token that the same server has issued for another endpoint is a 401."""
    with guarded(granting.issuer.issuer) as server, httpx2.Client(trust_env=False) as client:
        for audience in (
            f"{server.url}/",
            server.url.removesuffix("/mcp"),
            f"{server.url}2",
            "mcp",
        ):
            token = granting.issuer.token("alice", aud=audience, scope="notes:read")
            response = client.post(
                server.url, headers={"Authorization": f"Bearer {token}"}, json={}
            )
            assert response.status_code == 401
