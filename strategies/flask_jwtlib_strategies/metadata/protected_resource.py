"""Protected-resource metadata (RFC 9728): tells OAuth and MCP clients where to get a token for a resource."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast
from weakref import WeakKeyDictionary

from attrs import Factory, field, frozen
from flask import Blueprint, Flask, Response, abort, current_app, request

from flask_jwtlib import ConfigurationError, public
from flask_jwtlib.audit import route_accesses
from flask_jwtlib.log_text import library_logger

from ._members import (
    NEVER_LISTED,
    as_bearer_methods,
    as_issuers,
    as_scopes,
    check_name,
    check_page,
)
from ._urls import metadata_url_of, path_and_query_of

__all__ = ["ProtectedResource", "metadata_blueprint"]

_logger = library_logger("flask_jwtlib")
_CORS = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT = {
    **_CORS,
    "Access-Control-Allow-Methods": "GET, HEAD",
    # MCP clients name their version of the protocol in a header.
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "3600",
}


@frozen
class ProtectedResource:
    """A resource of this server, such as an MCP endpoint, and what its metadata says (RFC 9728 §2).

    ::

        resource = ProtectedResource(
            "https://api.example/mcp", authorization_servers=["https://login.example"]
        )
        auth = Authenticator(…, resource_metadata=resource.metadata_url)
        app.register_blueprint(metadata_blueprint(resource))

    All of it comes from these arguments, and nothing from the request.

    Args:
        url: The URL of the resource as clients know it, which is also the ``aud`` of its tokens. It may have
            a path and a query, but no fragment. Only loopback addresses may have ``http``.
        authorization_servers: The issuers whose tokens are accepted, exactly as their own metadata says.
        scopes_supported: The scopes that clients may ask for. By default those of the policies of each
            ``Authenticator`` whose ``resource_metadata`` is ``metadata_url``, and of its routes. A policy
            that only a view calls isn't found: then list all scopes.
        resource_name: The resource's name, for people.
        resource_documentation: The URL of a page for developers.
        resource_policy_uri: The URL of a page that says how clients may use the data.
        resource_tos_uri: The URL of the terms of service.
        bearer_methods_supported: Where clients may send the token: ``header``, ``body``, ``query``.

    Attributes:
        metadata_url: The URL of the metadata. Pass it to the ``Authenticator``, so that refusals name it.

    Raises:
        ConfigurationError: A URL isn't accepted, ``offline_access`` is listed, or another option is wrong.
    """

    url: str = field()
    authorization_servers: tuple[str, ...] = field(converter=as_issuers, kw_only=True)
    scopes_supported: tuple[str, ...] | None = field(
        default=None, converter=as_scopes, kw_only=True
    )
    resource_name: str | None = field(default=None, validator=check_name, kw_only=True)
    resource_documentation: str | None = field(default=None, validator=check_page, kw_only=True)
    resource_policy_uri: str | None = field(default=None, validator=check_page, kw_only=True)
    resource_tos_uri: str | None = field(default=None, validator=check_page, kw_only=True)
    bearer_methods_supported: tuple[str, ...] = field(
        default=("header",), converter=as_bearer_methods, kw_only=True
    )
    metadata_url: str = field(
        init=False, default=Factory(lambda self: metadata_url_of(self.url), takes_self=True)
    )

    def document(self, app: Flask) -> dict[str, Any]:
        """Return the metadata, with the scopes that the routes of an app need."""
        scopes = self.scopes_supported
        members = {
            "resource": self.url,
            "authorization_servers": self.authorization_servers,
            # RFC 9728 §3.2: a member without a value is left out.
            "scopes_supported": (tuple(self._needed_scopes(app)) if scopes is None else scopes)
            or None,
            "bearer_methods_supported": self.bearer_methods_supported,
            "resource_name": self.resource_name,
            "resource_documentation": self.resource_documentation,
            "resource_policy_uri": self.resource_policy_uri,
            "resource_tos_uri": self.resource_tos_uri,
        }
        return {name: value for name, value in members.items() if value is not None}

    def _needed_scopes(self, app: Flask) -> Iterator[str]:
        """Return what clients should ask for, for all routes of the resource."""
        routes = [
            route
            for route in route_accesses(app)
            if any(each.resource_metadata == self.metadata_url for each in route.authenticators)
        ]
        if not routes:
            _logger.warning(
                "no route of the app %s has an Authenticator with resource_metadata=%r: its refusals don't "
                "name the metadata, and the metadata lists no scopes",
                app.name,
                self.metadata_url,
            )
        scopes = (scope for route in routes for policy in route.policies for scope in policy.scopes)
        return (scope for scope in dict.fromkeys(scopes) if scope != NEVER_LISTED)


def metadata_blueprint(*resources: ProtectedResource, max_age: int = 3600) -> Blueprint:
    """Make a blueprint that serves the metadata of one or several protected resources of this host.

    The metadata is at ``/.well-known/oauth-protected-resource``, followed by the path and the query of the
    resource's URL (RFC 9728 §3.1). It needs no authentication, behind ``protect`` and guards, too, and pages
    of all origins may read it.

    Register the blueprint with the app, without a ``url_prefix``. If the app isn't at the root of its host,
    let the server in front of it pass on these URLs.

    Args:
        *resources: The resources.
        max_age: How long clients may cache the metadata, in seconds.

    Raises:
        ConfigurationError: There is no resource, or two of them have the same metadata URL on this server;
            or, when it is registered, there is a ``url_prefix``.
    """
    known = _by_path_and_query(resources)
    if type(max_age) is not int or max_age < 0:
        raise ConfigurationError(
            f"max_age is {max_age!r}, expected a number of seconds, such as 3600"
        )
    headers = {**_CORS, "Cache-Control": f"public, max-age={max_age}"}
    # An app has all its routes before its first request.
    texts: WeakKeyDictionary[Flask, dict[str, str]] = WeakKeyDictionary()

    @public
    def document() -> Response:
        # The rules match a path with and without a slash at the end, and any query.
        resource = known.get((request.path, request.query_string.decode("latin-1")))
        if resource is None:
            abort(404)
        if request.method == "OPTIONS":
            return Response(status=204, headers=_PREFLIGHT)
        app = cast("Any", current_app)._get_current_object()
        made = texts.setdefault(app, {})
        if resource.url not in made:
            made[resource.url] = json.dumps(resource.document(app))
        return Response(made[resource.url], headers=headers, content_type="application/json")

    blueprint = Blueprint("protected_resource_metadata", __name__)
    for path in dict.fromkeys(path for path, _ in known):
        blueprint.add_url_rule(
            path,
            view_func=document,
            methods=["GET", "OPTIONS"],
            provide_automatic_options=False,
            # Otherwise Werkzeug redirects to the host that the request names.
            strict_slashes=False,
            merge_slashes=False,
        )
    blueprint.record(_check_prefix)
    return blueprint


def _by_path_and_query(
    resources: tuple[ProtectedResource, ...],
) -> dict[tuple[str, str], ProtectedResource]:
    if not resources:
        raise ConfigurationError("metadata_blueprint needs at least one ProtectedResource")
    known: dict[tuple[str, str], ProtectedResource] = {}
    for resource in resources:
        if not isinstance(resource, ProtectedResource):
            raise ConfigurationError(
                f"metadata_blueprint takes ProtectedResource objects, not {resource!r}: pass each one as an "
                "argument"
            )
        place = path_and_query_of(resource.metadata_url)
        if place in known:
            raise ConfigurationError(
                f"{known[place].url!r} and {resource.url!r} have the same metadata URL on this server: give "
                "them different paths, or serve them by different apps"
            )
        known[place] = resource
    return known


def _check_prefix(state: Any) -> None:
    if state.url_prefix:
        raise ConfigurationError(
            f"the metadata blueprint was registered with the url_prefix {state.url_prefix!r}, which would "
            "move the metadata away from where RFC 9728 §3.1 puts it: register it without one"
        )
