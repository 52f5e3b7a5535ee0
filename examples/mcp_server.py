"""Guard an MCP server's endpoint: tools that need scopes, and metadata that says where to get a token.

In one terminal::

    flask --app examples.mcp_server run

In another::

    curl http://127.0.0.1:5000/.well-known/oauth-protected-resource/mcp
    call() { curl -i http://127.0.0.1:5000/mcp -H "Content-Type: application/json" "$@"; }
    ADD='{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params":
        {"name": "add_note", "arguments": {"text": "Buy milk"}}}'
    call -d "$ADD"
    TOKEN=$(flask --app examples.mcp_server token scope=notes:read)
    call -d "$ADD" -H "Authorization: Bearer $TOKEN"
    TOKEN=$(flask --app examples.mcp_server token scope=notes:admin)
    call -d "$ADD" -H "Authorization: Bearer $TOKEN"
    call -d "$ADD" -H "Authorization: Bearer $TOKEN" -H "Origin: https://evil.example"

MCP clients, which get their tokens from an authorization server, find it by the metadata. To use one,
set the environment variable ``ISSUER`` to its URL. This needs the ``requests`` package, which the
``http`` extra installs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import Scope, current_principal
from flask_jwtlib_strategies.authenticators.mcp import mcp_authenticator
from flask_jwtlib_strategies.metadata.protected_resource import (
    ProtectedResource,
    metadata_blueprint,
)

resource = ProtectedResource(
    os.environ.get("URL", "http://127.0.0.1:5000/mcp"),
    authorization_servers=[os.environ.get("ISSUER", ISSUER.issuer)],
    scopes_supported=["notes:read", "notes:write"],
    resource_name="Notes",
)
auth = mcp_authenticator(resource, allow_http_on_loopback=True).evolve(
    scope_hierarchy={"notes:admin": ["notes:read", "notes:write"]}
)
if "ISSUER" not in os.environ:
    auth = auth.evolve(keys=ISSUER.public_pem)

app = Flask(__name__)
app.register_blueprint(metadata_blueprint(resource))
add_token_command(app, aud=resource.url)
notes: list[str] = []


def list_notes() -> str:
    """List the notes. Every caller may do that."""
    return "\n".join(notes)


def add_note(text: str) -> str:
    """Add a note, which needs another scope."""
    Scope("notes:write")(current_principal.claims)
    notes.append(f"{text} ({current_principal.subject})")
    return "Added."


TOOLS: dict[str, Callable[..., str]] = {"list_notes": list_notes, "add_note": add_note}


@app.post("/mcp")
@auth.requires_authentication(rules=[Scope("notes:read")])
def mcp() -> Any:
    """Respond to a message of the protocol, as far as tools need it: without sessions and streams."""
    message: dict[str, Any] = request.get_json()
    if "id" not in message:
        return Response(status=202)
    params: dict[str, Any] = message.get("params", {})
    match message.get("method"):
        case "initialize":
            result: dict[str, Any] = {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "notes", "version": "1"},
            }
        case "tools/list":
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]
            result = {"tools": tools}
        case "tools/call" if params.get("name") in TOOLS:
            text = TOOLS[params["name"]](**params.get("arguments", {}))
            result = {"content": [{"type": "text", "text": text}]}
        case _:
            error = {"code": -32601, "message": "unknown method or tool"}
            return {"jsonrpc": "2.0", "id": message["id"], "error": error}
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}
