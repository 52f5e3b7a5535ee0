"""Every program in ``docs/mcp.rst``, and the example of an MCP server, do what the text says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import httpx2
import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_jwtlib.audit import route_accesses
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.strategies.integrations.mcp.asgi_kit import post
from tests.strategies.integrations.mcp.kit import (
    NEEDS_FASTMCP,
    AuthorizationServer,
    client_of,
    serving,
)

from .example_kit import client_of as client_of_example
from .example_kit import token_of
from .program_kit import client_behind, requirement
from .program_kit import client_of as client_of_program

Run = Callable[[str, str], dict[str, Any]]
Example = Callable[[str], ModuleType]

DOCUMENT = "docs/mcp.rst"
ROOT = Path(__file__).parents[2]
SERVER = "https://login.example"
URL = "https://api.example/mcp"
METADATA = "/.well-known/oauth-protected-resource"
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"arguments": {"text": "milk"}},
}


@pytest.fixture
def login(internet: Any) -> TokenIssuer:
    """The authorization server of the document, which publishes its key."""
    issuer = TokenIssuer(SERVER, kid="key-1")
    internet.publish(SERVER, f"{SERVER}/keys", issuer.jwk)
    return issuer


def posted(client: FlaskClient, login: TokenIssuer, scope: str, **claims: Any) -> Any:
    """Call a tool with a token."""
    token = login.token("alice", **{"aud": URL, "scope": scope, **claims})
    return client.post("/mcp", json=CALL, headers=bearer(token))


class TestGuardAnEndpoint:
    CONTAINING = "# yours"

    def test_it_takes_at_most_ten_lines(self) -> None:
        """Ten lines guard a view: all that aren't marked as the reader's own."""
        text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
        block = text.partition(".. code-block:: python\n")[2].partition("The URL of the resource")[
            0
        ]
        lines = [line for line in block.splitlines() if line.strip()]
        added = [line for line in lines if "# yours" not in line and "return" not in line]
        assert len(added) <= 10

    def test_the_table_is_true(self, run: Run, login: TokenIssuer, internet: Any) -> None:
        """Each request gets the status and the challenge of its row."""
        client = client_of_program(run(DOCUMENT, self.CONTAINING))
        accepted = posted(client, login, "notes:read")
        assert (accepted.status_code, accepted.json["id"]) == (200, 1)
        metadata = f'resource_metadata="https://api.example{METADATA}/mcp"'
        missing = client.post("/mcp", json=CALL)
        assert missing.status_code == 401
        assert missing.headers["WWW-Authenticate"] == f'Bearer scope="notes:read", {metadata}'
        for claims in ({"exp": 1}, {"aud": f"{URL}/"}, {"aud": "https://other.example"}):
            bad = posted(client, login, "notes:read", **claims)
            assert bad.status_code == 401
            assert 'error="invalid_token"' in bad.headers["WWW-Authenticate"]
            assert f'scope="notes:read", {metadata}' in bad.headers["WWW-Authenticate"]
        malformed = client.post("/mcp", json=CALL, headers={"Authorization": "Bearer"})
        assert malformed.status_code == 400
        assert 'error="invalid_request"' in malformed.headers["WWW-Authenticate"]
        poor = posted(client, login, "")
        assert poor.status_code == 403
        assert f'scope="notes:read", {metadata}' in poor.headers["WWW-Authenticate"]
        page = client.post("/mcp", json=CALL, headers={"Origin": "https://evil.example"})
        assert (page.status_code, "WWW-Authenticate" in page.headers) == (403, False)
        document = client.get(f"{METADATA}/mcp").json
        assert document is not None
        assert document["resource"] == URL
        assert document["scopes_supported"] == ["notes:read"]

    def test_an_outage_is_a_503(self, run: Run, login: TokenIssuer, internet: Any) -> None:
        """While the keys can't be fetched, the response says when to try again."""
        internet.idp.behave(status=500)
        response = posted(client_of_program(run(DOCUMENT, self.CONTAINING)), login, "notes:read")
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1

    def test_the_whole_app_can_be_guarded(self, run: Run, login: TokenIssuer) -> None:
        """``protect`` leaves the metadata public, and nothing else."""
        program = run(DOCUMENT, self.CONTAINING)
        app: Flask = program["app"]
        program["auth"].protect(app)
        client = app.test_client()
        assert client.get(f"{METADATA}/mcp").status_code == 200
        assert client.get("/other").status_code == 401
        access = {route.rule: route.access for route in route_accesses(app)}
        assert access[f"{METADATA}/mcp"] == "public"


def test_tools_have_scopes_of_their_own(run: Run, login: TokenIssuer) -> None:
    """A tool's refusal names all scopes, and a broad scope satisfies both needs."""
    client = client_of_program(run(DOCUMENT, "def add_note"))
    poor = posted(client, login, "notes:read")
    assert poor.status_code == 403
    assert 'scope="notes:read notes:write"' in poor.headers["WWW-Authenticate"]
    for scope in ("notes:read notes:write", "notes:admin"):
        added = posted(client, login, scope)
        assert added.json["result"]["content"] == [{"type": "text", "text": "added milk"}]
    document = client.get(f"{METADATA}/mcp").json
    assert document is not None
    assert document["scopes_supported"] == ["notes:read", "notes:write"]


def test_a_listed_page_may_call(run: Run, login: TokenIssuer) -> None:
    """A page of the listed origin passes the preflight, reads the challenge and calls; others don't."""
    client = client_of_program(run(DOCUMENT, "CORS(app"))
    ours, other = {"Origin": "https://inspector.example"}, {"Origin": "https://evil.example"}
    asked = {"Access-Control-Request-Method": "POST"}
    preflight = client.options("/mcp", headers=ours | asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == ours["Origin"]
    refused = client.post("/mcp", headers=ours)
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Expose-Headers"] == "WWW-Authenticate"
    token = bearer(login.token("alice", aud=URL))
    assert client.post("/mcp", headers=ours | token).status_code == 200
    foreign = client.post("/mcp", headers=other | token)
    assert foreign.status_code == 403
    assert "Access-Control-Allow-Origin" not in foreign.headers


def test_several_servers(run: Run, login: TokenIssuer) -> None:
    """A token of one of the servers is accepted, in the header, from no page, and for this resource only."""
    client = client_behind(requirement(run(DOCUMENT, "partners.example")))
    headers = bearer(login.token("alice", aud=URL))
    assert client.post("/", headers=headers).text == "alice"
    assert client.post("/", headers=headers | {"Origin": "null"}).status_code == 403
    assert client.post("/", headers=bearer(login.token("alice", aud=SERVER))).status_code == 401
    missing = client.post("/", data={"access_token": login.token("alice", aud=URL)})
    assert missing.status_code == 401
    assert f'"https://api.example{METADATA}/mcp"' in missing.headers["WWW-Authenticate"]


def test_several_resources(run: Run, login: TokenIssuer) -> None:
    """Each resource has its document, as shown, and accepts the tokens for itself."""
    client = client_of_program(run(DOCUMENT, "metadata_blueprint(orders, reports)"))
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    (shown,) = re.findall(r"code-block:: json\n\n((?:    .*\n)+)", text)
    assert client.get(f"{METADATA}/orders").json == json.loads(shown)
    reports = client.get(f"{METADATA}/reports").json
    assert reports is not None
    assert reports["scopes_supported"] == ["reports:read"]
    token = login.token("alice", aud="https://api.example/orders", scope="orders:read reports:read")
    assert client.get("/orders", headers=bearer(token)).status_code == 200
    assert client.get("/reports", headers=bearer(token)).status_code == 401


@pytest.mark.parametrize(
    "containing", ["MCPServer(", pytest.param("FastMCP(", marks=NEEDS_FASTMCP)]
)
def test_servers_of_the_sdks(run: Run, login: TokenIssuer, containing: str) -> None:
    """The servers tell a token for this resource, which lacks the scope, from one for another."""
    app = run(DOCUMENT, containing)["app"]
    statuses = {
        None: 401,
        login.token("alice", aud=URL): 403,
        login.token("alice", aud=f"{URL}/", scope="notes:read"): 401,
    }
    responses = post(app, *statuses, url=URL)
    assert [each.status_code for each in responses] == [*statuses.values()]


class TestExample:
    def test_the_commands_of_its_text(self, example: Example) -> None:
        """Without a token 401, with the narrow scope 403, with the broad one 200, from a page 403."""
        client = client_of_example(example("mcp_server"))
        call = {**CALL, "params": {"name": "add_note", "arguments": {"text": "Buy milk"}}}
        reader = bearer(token_of(client, "scope=notes:read"))
        writer = bearer(token_of(client, "scope=notes:admin"))
        document = client.get(f"{METADATA}/mcp").json
        assert document is not None
        assert document["resource_name"] == "Notes"
        assert client.post("/mcp", json=call).status_code == 401
        poor = client.post("/mcp", json=call, headers=reader)
        assert poor.status_code == 403
        assert 'scope="notes:read notes:write"' in poor.headers["WWW-Authenticate"]
        added = client.post("/mcp", json=call, headers=writer)
        assert added.json is not None
        assert added.json["result"]["content"][0]["text"] == "Added."
        page = client.post("/mcp", json=call, headers=writer | {"Origin": "https://evil.example"})
        assert page.status_code == 403

    def test_an_mcp_client_uses_it(self, example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
        """The SDK's client finds the authorization server, steps up, and uses both tools."""
        seen: list[httpx2.Response] = []
        made: list[AuthorizationServer] = []

        def authorization_server(url: str) -> Flask:
            made.append(AuthorizationServer(url))
            return made[0].app

        def server(url: str) -> Any:
            monkeypatch.setenv("URL", f"{url}/mcp")
            return example("mcp_server").app

        async def use(url: str) -> list[str]:
            async with client_of(url, seen) as session:
                tools = await session.list_tools()
                added = await session.call_tool("add_note", {"text": "Buy milk"})
                listed = await session.call_tool("list_notes")
            texts: list[Any] = [added.content[0], listed.content[0]]
            return [*(tool.name for tool in tools.tools), *(each.text for each in texts)]

        with serving(authorization_server) as issuer:
            monkeypatch.setenv("ISSUER", issuer)
            with serving(server) as url:
                used = anyio.run(use, f"{url}/mcp")
        assert used == ["list_notes", "add_note", "Added.", "Buy milk (alice)"]
        assert made[0].granted == ["notes:read", "notes:read notes:write"]
