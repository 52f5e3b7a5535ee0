"""An ``Authenticator`` for an MCP server's endpoint."""

from __future__ import annotations

from collections.abc import Iterable

from flask_jwtlib import Authenticator, ConfigurationError, HeaderTokenExtractor
from flask_jwtlib.claim_rules import ClaimRule
from flask_jwtlib.policies import Policy

from .._http.client_library import requests
from ..extractors.origin import OriginCheckedTokenExtractor
from ..metadata.protected_resource import ProtectedResource
from .oidc import oidc_authenticator

__all__ = ["mcp_authenticator"]


def mcp_authenticator(
    resource: ProtectedResource,
    *,
    origins: Iterable[str] = (),
    algorithms: str | Iterable[str] = "RS256",
    rules: Iterable[ClaimRule | Policy] = (),
    leeway: float = 0,
    session: requests.Session | None = None,
    allow_http_on_loopback: bool = False,
    allow_http: Iterable[str] = (),
) -> Authenticator:
    """Make an ``Authenticator`` for an MCP server's endpoint, as the protocol's authorization asks for it.

    ::

        resource = ProtectedResource(
            "https://api.example/mcp", authorization_servers=["https://login.example"]
        )
        auth = mcp_authenticator(resource)
        app.register_blueprint(metadata_blueprint(resource))

    It accepts the access tokens that the resource's authorization server has issued for exactly this
    resource, in the header only. It refuses web pages of other origins, and its refusals name the resource's
    metadata. The keys are fetched when the first token arrives, as by ``oidc_authenticator``.

    For other keys, or for a scope hierarchy, call ``evolve`` on the result: ``evolve(keys=…)``.

    Args:
        resource: The MCP endpoint. Its URL has no slash at the end, as clients write it.
        origins: Origins of web pages that may send requests, exactly as browsers write them.
        algorithms: The accepted JWS algorithms, one or several, for public keys only.
        rules: Claim rules, applied after those for ``iss`` and ``aud``, and policies for every caller.
        leeway: Accepted difference between the issuer's clock and this server's, in seconds.
        session: A ``requests.Session`` to fetch with.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.
        allow_http: Other hosts to accept plain HTTP from, each as ``"host"`` or ``"host:port"``.

    Raises:
        ConfigurationError: The resource's URL ends with a slash, there are several authorization servers, or
            an option is wrong.
    """
    if not isinstance(resource, ProtectedResource):
        raise ConfigurationError(f"mcp_authenticator takes a ProtectedResource, not {resource!r}")
    if resource.url.endswith("/"):
        raise ConfigurationError(
            f"the URL of the resource is {resource.url!r}, expected {resource.url.rstrip('/')!r}: MCP "
            "clients ask for tokens without the slash"
        )
    server, *others = resource.authorization_servers
    if others:
        raise ConfigurationError(
            f"the resource {resource.url!r} has several authorization servers: compose an Authenticator "
            "whose validator is an IssuerRouter with a TrustedIssuer for each of them"
        )
    return oidc_authenticator(
        server,
        resource.url,
        algorithms=algorithms,
        rules=rules,
        leeway=leeway,
        session=session,
        allow_http_on_loopback=allow_http_on_loopback,
        allow_http=allow_http,
    ).evolve(
        extractor=OriginCheckedTokenExtractor(HeaderTokenExtractor(), origins=origins),
        resource_metadata=resource.metadata_url,
    )
