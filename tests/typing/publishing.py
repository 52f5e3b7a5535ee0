"""Code of an application with protected resources and MCP servers: it must type-check, and never runs."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth import TokenVerifier as FastMCPTokenVerifier
from flask import Blueprint, Flask, request
from mcp.server.auth.provider import TokenVerifier
from pydantic import AnyHttpUrl
from typing_extensions import assert_type

from flask_jwtlib import Authenticator, HeaderTokenExtractor, Scope, TokenExtractor
from flask_jwtlib_strategies.authenticators.mcp import mcp_authenticator
from flask_jwtlib_strategies.extractors.origin import OriginCheckedTokenExtractor, check_origin
from flask_jwtlib_strategies.integrations.fastmcp import fastmcp_token_verifier
from flask_jwtlib_strategies.integrations.mcp import MCPTokenVerifier
from flask_jwtlib_strategies.metadata.protected_resource import (
    ProtectedResource,
    metadata_blueprint,
)

URL, SERVER = "https://api.example/mcp", "https://login.example"


def resources_are_values(app: Flask) -> ProtectedResource:
    """Members may be lists and tuples, and the URLs are strings."""
    resource = ProtectedResource(URL, authorization_servers=[SERVER])
    ProtectedResource(URL, authorization_servers=(SERVER,), scopes_supported=("a",))
    ProtectedResource(URL)  # type: ignore[call-arg]
    assert_type(resource.url, str)
    assert_type(resource.metadata_url, str)
    blueprint = metadata_blueprint(resource, max_age=60)
    assert_type(blueprint, Blueprint)
    app.register_blueprint(blueprint)
    return resource


def endpoints_are_guarded(resource: ProtectedResource) -> Authenticator:
    """The result is an ``Authenticator`` as any other."""
    auth = mcp_authenticator(resource, origins=["https://app.example"], rules=[Scope("a")])
    assert_type(auth, Authenticator)
    return auth


def origins_are_checked() -> TokenExtractor:
    """The check is an extractor around another one, or a function of the request."""
    check_origin(request, origins=("https://app.example",))
    return OriginCheckedTokenExtractor(HeaderTokenExtractor(), origins={"https://app.example"})


def a_verifier_of_the_sdk(auth: Authenticator) -> TokenVerifier:
    """The verifier has the protocol of the MCP SDK."""
    return MCPTokenVerifier(auth, resource=URL)


def a_server_of_fastmcp(auth: Authenticator) -> FastMCP:
    """The verifier is one of FastMCP's."""
    other = fastmcp_token_verifier(auth, required_scopes=["a"])
    assert_type(other, FastMCPTokenVerifier)
    return FastMCP("notes", auth=RemoteAuthProvider(other, [AnyHttpUrl(SERVER)], SERVER))
