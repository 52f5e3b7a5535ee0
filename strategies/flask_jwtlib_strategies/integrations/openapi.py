"""Security schemes, requirements and responses for OpenAPI documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask

from flask_jwtlib import ConfigurationError
from flask_jwtlib.audit import RouteAccess
from flask_jwtlib.log_text import library_logger

from ._openapi.document import Document
from ._openapi.requirements import security_of
from ._openapi.responses import add_responses
from ._openapi.routes import Routes

if TYPE_CHECKING:
    from apispec import APISpec

__all__ = ["add_security"]

_Spec = TypeVar("_Spec", bound="APISpec | dict[str, Any]")

_logger = library_logger("flask_jwtlib")


def add_security(spec: _Spec, app: Flask) -> _Spec:
    """Say in an OpenAPI document how to authenticate, and what each operation requires.

    ::

        add_security(api.spec, app)

    Call it when the app has all its routes and guards. Each operation whose path and method the app routes
    gets what the route's decorators and guards require: its ``security``, with the scopes of the policies,
    and the responses 401 and, if something can cause it, 403. The security schemes and the schema of problem
    details become components.

    What the document has already stays: an operation's ``security`` and its responses, and components, also
    those with a name that this function uses. So a scheme ``bearer`` of yours, such as one of type
    ``oauth2``, is used in place of its own. An operation that is open gets an empty ``security`` if the
    document has one for all operations.

    The document names scopes, but no roles or other policies. It is made without asking any other server.

    Args:
        spec: An ``APISpec`` of apispec, such as ``api.spec`` of flask-smorest, or a document as a ``dict``,
            which is changed.
        app: The app.

    Returns:
        The same object, as ``app.spec_processor`` of APIFlask expects.

    Raises:
        ConfigurationError: ``spec`` isn't a document of OpenAPI 3, or ``app`` isn't a Flask app.
        ModuleNotFoundError: ``spec`` isn't a ``dict``, and apispec isn't installed.
    """
    given: object = app
    if not isinstance(given, Flask):
        raise ConfigurationError(
            f"add_security takes the app as its second argument, add_security(spec, app), not {app!r}"
        )
    document, routes = Document.of(spec), Routes(app)
    unknown: list[str] = []
    for path, method, operation in document.operations():
        found = routes.described_by(path, method)
        if found:
            _complete(document, operation, app, found, method)
        else:
            unknown.append(f"{method} {path}")
    if unknown:
        _logger.warning(
            "the OpenAPI document has operations that the app %s doesn't route, so nothing is said about "
            "their security: %s",
            app.name,
            ", ".join(unknown),
        )
    return spec


def _complete(
    document: Document,
    operation: dict[str, Any],
    app: Flask,
    routes: list[RouteAccess],
    method: str,
) -> None:
    """Add to an operation what it lacks."""
    if routes[0].access in ("public", "open"):
        if document.has_security:
            operation.setdefault("security", [])
        return
    # Otherwise the document would get schemes that no operation uses.
    if "security" not in operation:
        operation["security"] = security_of(document, app, routes, method)
    for route in routes:
        add_responses(document, operation, app, route, method)
