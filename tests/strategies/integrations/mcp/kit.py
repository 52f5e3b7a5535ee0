"""An authorization server, servers on loopback, and the MCP SDK's own client."""

from __future__ import annotations

import base64
import hashlib
import secrets
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from flask import Flask, Response, jsonify, redirect, request
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from werkzeug.serving import make_server

from flask_jwtlib.testing import TokenIssuer
from tests.kit import PATIENCE

NEEDS_FASTMCP = pytest.mark.skipif(sys.version_info < (3, 11), reason="FastMCP needs Python 3.11")
CALLBACK = "http://127.0.0.1:1/callback"


@contextmanager
def serving(app: Any) -> Generator[str, None, None]:
    """Serve a WSGI app, or one that a function makes for its URL, on loopback; the URL has no slash."""
    server = make_server("127.0.0.1", 0, Flask("starting"), threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    server.app = app if isinstance(app, Flask) else app(url)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class AuthorizationServer:
    """Issues tokens for the resource that a client asks for, by the code grant with PKCE (OAuth 2.1).

    Args:
        url: Its URL, which is also the issuer.

    Attributes:
        granted: The scopes of each token, in order.
        resources: The resource of each token.
        withheld: Scopes that it doesn't grant.
    """

    def __init__(self, url: str) -> None:
        self.issuer = TokenIssuer(url)
        self.granted: list[str] = []
        self.resources: list[str] = []
        self.withheld: set[str] = set()
        self._codes: dict[str, dict[str, str]] = {}
        self.app = Flask("authorization_server")
        for well_known in ("oauth-authorization-server", "openid-configuration"):
            self.app.add_url_rule(
                f"/.well-known/{well_known}", well_known, lambda: jsonify(self._metadata())
            )
        self.app.add_url_rule(
            "/jwks", view_func=lambda: {"keys": [self.issuer.jwk]}, endpoint="jwks"
        )
        self.app.add_url_rule("/register", view_func=self._register, methods=["POST"])
        self.app.add_url_rule("/authorize", view_func=self._authorize)
        self.app.add_url_rule("/token", view_func=self._token, methods=["POST"])

    def _metadata(self) -> dict[str, Any]:
        url = self.issuer.issuer
        return {
            "issuer": url,
            "jwks_uri": f"{url}/jwks",
            "registration_endpoint": f"{url}/register",
            "authorization_endpoint": f"{url}/authorize",
            "token_endpoint": f"{url}/token",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _register(self) -> tuple[dict[str, Any], int]:
        asked: dict[str, Any] = request.get_json()
        return {**asked, "client_id": "client-1", "token_endpoint_auth_method": "none"}, 201

    def _authorize(self) -> Any:
        # The user agrees to everything.
        code = secrets.token_urlsafe()
        self._codes[code] = request.args.to_dict()
        answer = {"code": code, "state": request.args["state"], "iss": self.issuer.issuer}
        return redirect(f"{request.args['redirect_uri']}?{urlencode(answer)}")

    def _token(self) -> Any:
        asked = self._codes.pop(request.form["code"])
        digest = hashlib.sha256(request.form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
            return {"error": "invalid_grant"}, 400
        words = [word for word in asked.get("scope", "").split() if word not in self.withheld]
        scope = " ".join(words)
        self.granted.append(scope)
        self.resources.append(asked["resource"])
        token = self.issuer.token(
            "alice", aud=asked["resource"], scope=scope, client_id=asked["client_id"]
        )
        return {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": scope}


def mcp_response(tools: dict[str, Any]) -> Any:
    """Respond to the current request as an MCP server with these tools does, without sessions and streams."""
    message: dict[str, Any] = request.get_json()
    if "id" not in message:
        return Response(status=202)
    method, params = message["method"], message.get("params", {})
    if method == "initialize":
        result: dict[str, Any] = {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "notes", "version": "1"},
        }
    elif method == "tools/list":
        result = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in tools]}
    elif method == "tools/call":
        text = tools[params["name"]](**params.get("arguments", {}))
        result = {"content": [{"type": "text", "text": text}]}
    else:
        error = {"code": -32601, "message": "unknown method"}
        return {"jsonrpc": "2.0", "id": message["id"], "error": error}
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


class _Memory:
    """The client's memory of its registration and its token."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class _User:
    """Opens the authorization URL, and brings back what the server redirects to."""

    def __init__(self) -> None:
        self.brought: dict[str, list[str]] = {}

    async def open(self, url: str) -> None:
        async with httpx2.AsyncClient(trust_env=False) as browser:
            response = await browser.get(url)
        assert response.headers["Location"].startswith(CALLBACK)
        self.brought = parse_qs(urlsplit(response.headers["Location"]).query)

    async def result(self) -> AuthorizationCodeResult:
        (code,), (state,), (iss,) = (self.brought[name] for name in ("code", "state", "iss"))
        return AuthorizationCodeResult(code=code, state=state, iss=iss)


@asynccontextmanager
async def client_of(url: str, seen: list[httpx2.Response]) -> AsyncGenerator[ClientSession, None]:
    """Connect the SDK's client to an MCP server, as a user who agrees to everything.

    Args:
        url: The MCP endpoint.
        seen: Gets each response of the endpoint.
    """
    user = _User()
    metadata = OAuthClientMetadata(redirect_uris=[CALLBACK], client_name="test")  # type: ignore[list-item]
    oauth = OAuthClientProvider(url, metadata, _Memory(), user.open, user.result)

    async def remember(response: httpx2.Response) -> None:
        seen.append(response)

    hooks: Any = {"response": [remember]}
    async with (
        httpx2.AsyncClient(
            auth=oauth, timeout=PATIENCE, trust_env=False, event_hooks=hooks
        ) as http_client,
        streamable_http_client(url, http_client=http_client) as (read, write),
        ClientSession(read, write, read_timeout_seconds=PATIENCE) as session,
    ):
        await session.initialize()
        yield session
