"""``ProtectedResource``: what a resource's metadata says, and where it is."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    AnyScope,
    AppAuthenticator,
    Authenticator,
    ConfigurationError,
    Role,
    Scope,
)
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.metadata.protected_resource import ProtectedResource

SERVERS = ["https://login.example"]
MCP = "https://api.example/mcp"


def resource_at(url: str = MCP, **members: Any) -> ProtectedResource:
    """Make a resource of one authorization server."""
    return ProtectedResource(url, **{"authorization_servers": SERVERS, **members})


@pytest.mark.parametrize(
    ("url", "metadata_url"),
    [
        ("https://api.example", "https://api.example/.well-known/oauth-protected-resource"),
        ("https://api.example/", "https://api.example/.well-known/oauth-protected-resource"),
        (MCP, "https://api.example/.well-known/oauth-protected-resource/mcp"),
        (f"{MCP}/", "https://api.example/.well-known/oauth-protected-resource/mcp/"),
        (f"{MCP}?a=1", "https://api.example/.well-known/oauth-protected-resource/mcp?a=1"),
        (
            "https://api.example?a=1",
            "https://api.example/.well-known/oauth-protected-resource?a=1",
        ),
        (
            "https://api.example/?a=1",
            "https://api.example/.well-known/oauth-protected-resource?a=1",
        ),
        (
            "https://api.example:8443/a/b%20c",
            "https://api.example:8443/.well-known/oauth-protected-resource/a/b%20c",
        ),
        (
            "http://127.0.0.1:5000/mcp",
            "http://127.0.0.1:5000/.well-known/oauth-protected-resource/mcp",
        ),
        ("http://localhost/mcp", "http://localhost/.well-known/oauth-protected-resource/mcp"),
        ("http://[::1]:808/x", "http://[::1]:808/.well-known/oauth-protected-resource/x"),
    ],
)
def test_the_metadata_url(url: str, metadata_url: str) -> None:
    """The well-known part comes between the host and the path and query (RFC 9728 §3.1)."""
    assert resource_at(url).metadata_url == metadata_url


WRONG_URLS: dict[str, Any] = {
    "http": "http://api.example/mcp",
    "http of a private address": "http://10.0.0.1/mcp",
    "http of a name like localhost": "http://localhost.evil.example/mcp",
    "another scheme": "ftp://api.example/mcp",
    "fragment": f"{MCP}#a",
    "empty fragment": f"{MCP}#",
    "relative": "/mcp",
    "without a scheme": "api.example/mcp",
    "scheme-relative": "//api.example/mcp",
    "without a host": "https:///mcp",
    "credentials": "https://user:secret@api.example/mcp",
    "upper-case host": "https://API.example/mcp",
    "upper-case scheme": "HTTPS://api.example/mcp",
    "default port": "https://api.example:443/mcp",
    "default port of http": "http://localhost:80/mcp",
    "port 0": "https://api.example:0/mcp",
    "port too high": "https://api.example:65536/mcp",
    "empty port": "https://api.example:/mcp",
    "dot at the end of the host": "https://api.example./mcp",
    "white space": "https://api.example/m cp",
    "line break": f"{MCP}\n",
    "backslash": "https://api.example\\mcp",
    "quote": 'https://api.example/"mcp',
    "not ASCII": "https://api.example/é",
    "broken escape": "https://api.example/%zz",
    "dots": "https://api.example/a/../mcp",
    "encoded dots": "https://api.example/a/%2e%2E/mcp",
    "dot at the end": "https://api.example/mcp/.",
    "empty segment": "https://api.example//mcp",
    "encoded empty segment": "https://api.example/a%2F/mcp",
    "variable of a rule": "https://api.example/%3Cpath:x%3E",
    "encoded line break": "https://api.example/%0A",
    "encoded null": "https://api.example/%00",
    "encoded Latin-1": "https://api.example/%E9",
    "empty": "",
    "None": None,
    "bytes": MCP.encode(),
    "number": 1,
}


@pytest.mark.parametrize("url", WRONG_URLS.values(), ids=WRONG_URLS)
def test_a_wrong_url_is_refused(url: Any) -> None:
    """A URL that can't be a resource's, or that clients write otherwise, is a configuration error."""
    with pytest.raises(ConfigurationError, match="ProtectedResource") as caught:
        resource_at(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("authorization_servers", []),
        ("authorization_servers", "https://login.example"),
        ("authorization_servers", None),
        ("authorization_servers", ["http://login.example"]),
        ("authorization_servers", ["https://login.example?a"]),
        ("authorization_servers", ["https://login.example#a"]),
        ("authorization_servers", ["login.example"]),
        ("authorization_servers", [{}]),
        ("scopes_supported", "notes:read"),
        ("scopes_supported", ["notes:read notes:write"]),
        ("scopes_supported", [""]),
        ("scopes_supported", ['"']),
        ("scopes_supported", [1]),
        ("scopes_supported", ["notes:read", "offline_access"]),
        ("bearer_methods_supported", "header"),
        ("bearer_methods_supported", ["cookie"]),
        ("bearer_methods_supported", [{}]),
        ("resource_name", " "),
        ("resource_name", 1),
        ("resource_documentation", "docs"),
        ("resource_documentation", "http://api.example/docs"),
        ("resource_policy_uri", "javascript:alert(1)"),
        ("resource_tos_uri", 1),
    ],
)
def test_a_wrong_member_is_refused(member: str, value: Any) -> None:
    """The error names the member."""
    with pytest.raises(ConfigurationError, match=member):
        resource_at(**{member: value})


def test_a_resource_without_servers_is_refused() -> None:
    """The authorization servers can't be left out."""
    with pytest.raises(TypeError, match="authorization_servers"):
        ProtectedResource(MCP)  # type: ignore[call-arg]


def test_the_document_has_the_configured_members(app: Flask) -> None:
    """Members without a value are left out, and each server and scope is listed once."""
    assert resource_at(scopes_supported=[]).document(app) == {
        "resource": MCP,
        "authorization_servers": ("https://login.example",),
        "bearer_methods_supported": ("header",),
    }
    full = resource_at(
        authorization_servers=[*SERVERS, "http://localhost:5001/", *SERVERS],
        scopes_supported=("b", "a", "b"),
        bearer_methods_supported=["header", "body"],
        resource_name="Notes",
        resource_documentation="https://api.example/docs?v=1#mcp",
        resource_policy_uri="https://api.example/policy",
        resource_tos_uri="https://api.example/tos",
    )
    assert full.document(app) == {
        "resource": MCP,
        "authorization_servers": ("https://login.example", "http://localhost:5001/"),
        "scopes_supported": ("b", "a"),
        "bearer_methods_supported": ("header", "body"),
        "resource_name": "Notes",
        "resource_documentation": "https://api.example/docs?v=1#mcp",
        "resource_policy_uri": "https://api.example/policy",
        "resource_tos_uri": "https://api.example/tos",
    }


def scopes_in(app: Flask, resource: ProtectedResource) -> tuple[str, ...]:
    """Return the scopes that the metadata lists for an app."""
    scopes: tuple[str, ...] = resource.document(app).get("scopes_supported", ())
    return scopes


class TestScopes:
    def test_they_come_from_the_policies_of_the_resources_routes(
        self, app: Flask, issuer: TokenIssuer
    ) -> None:
        """Policies of Authenticator, guard and decorators count; those of another resource don't."""
        resource, other = resource_at(), resource_at("https://api.example/other")
        auth = Authenticator(
            keys=issuer.public_pem,
            policies=[Scope("base")],
            resource_metadata=resource.metadata_url,
        )
        elsewhere = Authenticator(
            keys=issuer.public_pem, resource_metadata=other.metadata_url, policies=[Scope("other")]
        )
        plain = Authenticator(keys=issuer.public_pem, policies=[Scope("plain")])
        for place, decorator in enumerate(
            [
                auth.requires_authentication(rules=[Scope("read"), Role("editor")]),
                auth.requires_authentication(rules=[Scope("read write")]),
                auth.optional_authentication(rules=[AnyScope("first", "second")]),
                elsewhere.requires_authentication(rules=[Scope("hidden")]),
                plain.requires_authentication,
            ]
        ):
            view = decorator(lambda: "in")
            app.add_url_rule(f"/{place}", endpoint=str(place), view_func=view)
        assert scopes_in(app, resource) == ("base", "read", "write", "first")
        assert scopes_in(app, other) == ("other", "hidden")

    def test_they_are_what_clients_ask_for(self, app: Flask, issuer: TokenIssuer) -> None:
        """A scope that clients know by another name is listed by that name, and a negation not at all."""
        resource = resource_at()
        auth = Authenticator(keys=issuer.public_pem, resource_metadata=resource.metadata_url)
        rules = [Scope("read", advertise="api://notes/read"), ~Scope("readonly")]
        app.add_url_rule("/", view_func=auth.requires_authentication(rules=rules)(lambda: "in"))
        assert scopes_in(app, resource) == ("api://notes/read",)

    def test_offline_access_is_never_listed(self, app: Flask, issuer: TokenIssuer) -> None:
        """No resource requires ``offline_access``, even if a policy names it."""
        resource = resource_at()
        auth = Authenticator(keys=issuer.public_pem, resource_metadata=resource.metadata_url)
        rules = [Scope("read offline_access")]
        app.add_url_rule("/", view_func=auth.requires_authentication(rules=rules)(lambda: "in"))
        assert scopes_in(app, resource) == ("read",)

    def test_those_of_an_app_authenticator_count(self, app: Flask, issuer: TokenIssuer) -> None:
        """An ``AppAuthenticator`` counts as what it is in the app."""
        resource = resource_at()
        auth = AppAuthenticator(
            lambda app: Authenticator(
                keys=issuer.public_pem, resource_metadata=resource.metadata_url
            )
        )
        view = auth.requires_authentication(rules=[Scope("read")])(lambda: "in")
        app.add_url_rule("/", view_func=view)
        auth.init_app(app)
        assert scopes_in(app, resource) == ("read",)

    def test_protect_counts(self, app: Flask, issuer: TokenIssuer) -> None:
        """Deny by default gives its scopes to the resource of its Authenticator."""
        resource = resource_at()
        auth = Authenticator(keys=issuer.public_pem, resource_metadata=resource.metadata_url)
        auth.protect(app, rules=[Scope("use")])
        assert scopes_in(app, resource) == ("use",)

    def test_an_unknown_resource_is_logged(
        self, app: Flask, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """If no route's Authenticator names the metadata, the log says what is missing."""
        auth = Authenticator(keys=issuer.public_pem, policies=[Scope("read")])
        app.add_url_rule("/", view_func=auth.requires_authentication(lambda: "in"))
        assert "scopes_supported" not in resource_at().document(app)
        assert f"resource_metadata='{resource_at().metadata_url}'" in caplog.text
        caplog.clear()
        assert scopes_in(app, resource_at(scopes_supported=["read"])) == ("read",)
        assert caplog.text == ""
