"""Checks of the members of protected-resource metadata (RFC 9728 §2)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from attrs import Attribute

from flask_jwtlib import ConfigurationError

from ._urls import check_issuer, check_url

__all__ = [
    "NEVER_LISTED",
    "as_bearer_methods",
    "as_issuers",
    "as_scopes",
    "check_name",
    "check_page",
]

# It is between the client and the authorization server. No resource requires it.
NEVER_LISTED = "offline_access"

_BEARER_METHODS = ("header", "body", "query")
# RFC 6749 §3.3
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


def as_issuers(given: Any) -> tuple[str, ...]:
    """Return the authorization servers."""
    issuers = _several("authorization_servers", given, "['https://login.example']")
    if not issuers:
        raise ConfigurationError(
            "authorization_servers is empty: name the issuers whose tokens are accepted, such as "
            "['https://login.example']"
        )
    return tuple(map(check_issuer, issuers))


def as_scopes(given: Any) -> tuple[str, ...] | None:
    """Return the scopes; None if the policies say them."""
    if given is None:
        return None
    scopes = _several("scopes_supported", given, "['notes:read', 'notes:write']")
    for scope in scopes:
        if not isinstance(scope, str) or not _SCOPE.fullmatch(scope):
            raise ConfigurationError(
                f"scopes_supported has {scope!r}, expected one scope without spaces, such as 'notes:read'"
            )
    if NEVER_LISTED in scopes:
        raise ConfigurationError(
            f"scopes_supported has {NEVER_LISTED!r}, which clients ask of the authorization server, and "
            "which no resource requires: leave it out"
        )
    return scopes


def as_bearer_methods(given: Any) -> tuple[str, ...]:
    """Return where clients may send the token."""
    methods = _several("bearer_methods_supported", given, "['header']")
    for method in methods:
        if method not in _BEARER_METHODS:
            raise ConfigurationError(
                f"bearer_methods_supported has {method!r}, expected some of {', '.join(_BEARER_METHODS)}"
            )
    return methods


def check_name(_: object, attribute: Attribute[Any], given: Any) -> None:
    """Check a name for people."""
    if given is not None and (not isinstance(given, str) or not given.strip()):
        raise ConfigurationError(f"{attribute.name} is {given!r}, expected a name, such as 'Notes'")


def check_page(_: object, attribute: Attribute[Any], given: Any) -> None:
    """Check the URL of a page for people."""
    if given is not None:
        check_url(attribute.name, given)


def _several(name: str, given: Any, example: str) -> tuple[Any, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ConfigurationError(f"{name} is {given!r}, expected a list, such as {example}")
    members: list[Any] = []
    for member in cast("Any", given):
        # A wrong member may not be hashable.
        if member not in members:
            members.append(member)
    return tuple(members)
