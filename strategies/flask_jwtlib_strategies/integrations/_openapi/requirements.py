"""What a route requires, as OpenAPI's security requirements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import product
from typing import Any

from flask import Flask

from flask_jwtlib import Policy
from flask_jwtlib.audit import Requirement, RouteAccess, authenticators_of

from .credentials import UNKNOWN, credentials_of
from .document import Document
from .schemes import Credential, Credentials

__all__ = ["needed_together", "scope_alternatives", "security_of"]

# The other types have no scopes in OpenAPI 3.0. From 3.1 on, all have.
_WITH_SCOPES = frozenset({"oauth2", "openIdConnect"})
_Object = dict[str, list[str]]


def scope_alternatives(policies: Iterable[Policy]) -> tuple[tuple[str, ...], ...]:
    """Return each set of scopes with which a caller may satisfy all of these policies."""
    several = tuple(policies)
    if not several:
        return ((),)
    return reduce(lambda left, right: left & right, several).scope_alternatives


def needed_together(app: Flask, route: RouteAccess) -> list[tuple[Requirement, ...]]:
    """Return the alternatives of a route: the requirements that a caller must satisfy together."""
    if not route.requirements:
        # What may bypass a decorator may also hide it. It is that of one of these.
        return [(Requirement(authenticator),) for authenticator in authenticators_of(app)]
    if route.access == "optional":
        return [(each,) for each in route.requirements]
    needed = tuple(each for each in route.requirements if not each.optional)
    return [needed or route.requirements]


def security_of(
    document: Document, app: Flask, routes: list[RouteAccess], method: str
) -> list[_Object]:
    """Return the alternatives of several routes with one path, as security requirement objects.

    Args:
        document: The document, which gets the security schemes.
        app: The app.
        routes: The routes.
        method: The request's method, in upper case.
    """
    found: list[_Object] = []
    for route in routes:
        for together in needed_together(app, route) or [()]:
            each = [_alternatives(document, app, one, method) for one in together]
            for parts in product(*each or [_objects(document, UNKNOWN, ((),))]):
                joined = _joined(parts)
                if joined not in found:
                    found.append(joined)
    return [*found, {}] if routes[0].access == "optional" else found


def _alternatives(
    document: Document, app: Flask, requirement: Requirement, method: str
) -> Iterator[_Object]:
    accepted = credentials_of(requirement.authenticator, app, method)
    return _objects(document, accepted, scope_alternatives(requirement.policies))


def _objects(
    document: Document, accepted: Iterable[Credentials], scopes: Iterable[tuple[str, ...]]
) -> Iterator[_Object]:
    for needed, together in product(scopes, tuple(accepted)):
        names = (_named(document, credential) for credential in together)
        yield {name: list(needed) if has_scopes else [] for name, has_scopes in names}


def _joined(parts: Iterable[_Object]) -> _Object:
    joined: _Object = {}
    for part in parts:
        for name, scopes in part.items():
            joined[name] = list(dict.fromkeys((*joined.get(name, ()), *scopes)))
    return joined


def _named(document: Document, credential: Credential) -> tuple[str, bool]:
    """Return the name of a credential's security scheme, and whether requirements list its scopes."""
    name = document.component(
        "securitySchemes",
        credential.name,
        credential.scheme,
        fits=lambda present, wanted: credential.guessed or _kind(present) == _kind(wanted),
    )
    kind = document.defined("securitySchemes", name).get("type")
    return name, credential.has_scopes and (document.minor > 0 or kind in _WITH_SCOPES)


def _kind(scheme: Any) -> tuple[Any, ...]:
    """Return what two security schemes for the same credential have in common."""
    kind, http = scheme.get("type"), str(scheme.get("scheme", "")).lower()
    if kind in _WITH_SCOPES or http == "bearer":
        return ("bearer",)
    return kind, scheme.get("in"), scheme.get("name"), http
