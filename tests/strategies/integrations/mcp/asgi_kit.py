"""Calls of the SDK's and FastMCP's servers, in this process."""

from __future__ import annotations

from typing import Any

import anyio
import httpx2

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
HEADERS = {"Accept": "application/json, text/event-stream"}


def post(app: Any, *tokens: str | None, url: str) -> list[httpx2.Response]:
    """Send a request with each of these tokens, None for a request without one, and return the responses.

    Args:
        app: An ASGI app. An exception that leaves it becomes the 500 that a server would send.
        *tokens: The tokens.
        url: The MCP endpoint.
    """

    async def send() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, trust_env=False) as client,
        ):
            return [
                await client.post(
                    url,
                    json=INITIALIZE,
                    headers=HEADERS
                    if token is None
                    else {**HEADERS, "Authorization": f"Bearer {token}"},
                )
                for token in tokens
            ]

    return anyio.run(send)
