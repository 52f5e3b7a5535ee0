"""The responses to refused requests, as a document describes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from attrs import field, frozen
from flask import Flask

from flask_jwtlib import (
    AnyScope,
    AuthenticationError,
    Authenticator,
    FailureHandler,
    InvalidTokenError,
    Scope,
    UnauthorizedHandler,
)
from flask_jwtlib.audit import RouteAccess
from flask_jwtlib.challenges import refusal_headers
from flask_jwtlib.errors import (
    CrossSiteError,
    ExpiredTokenError,
    ForbiddenError,
    InsufficientScopeError,
    MissingTokenError,
    RefusalContext,
)
from flask_jwtlib.interfaces import challenges_of

from ...failure_handlers.json_template import JSONHandler
from ...failure_handlers.login_redirect import LoginRedirectHandler
from ...failure_handlers.problem_details import ProblemDetailsHandler
from ...failure_handlers.routed import RoutedHandler
from .credentials import is_checked_for_other_sites
from .document import Document
from .requirements import needed_together, scope_alternatives

__all__ = ["add_responses"]

_UNAUTHENTICATED = "The credentials are missing or not valid."
_REDIRECTED = "A browser that opens a page is redirected to the log-in page instead."
_FORBIDDEN = "The caller lacks a permission."
_CROSS_SITE = "Another site may have made the browser send the request."


@frozen
class _Refusals:
    """How a route's Authenticators respond to refused requests.

    Args:
        document: The document, which gets the schemas.
        app: The app.
        route: The route.
        method: The request's method, in upper case.
        authenticators: The Authenticators of the route.
    """

    document: Document
    app: Flask
    route: RouteAccess
    method: str = field(kw_only=True)
    authenticators: tuple[Authenticator, ...] = field(kw_only=True)

    def unauthenticated(self) -> dict[str, Any]:
        """Return the response without a valid token."""
        handlers = list(map(self._handler_of, self.authenticators))
        redirects = self.method in ("GET", "HEAD") and any(
            isinstance(handler, LoginRedirectHandler) for handler in handlers
        )
        errors = (MissingTokenError(), ExpiredTokenError("exp"), InvalidTokenError())
        return self._response(
            [_UNAUTHENTICATED, *([_REDIRECTED] if redirects else [])],
            errors,
            {
                "description": "The accepted authentication schemes (RFC 9110 §11.6.1).",
                "required": True,
                "schema": {"type": "string"},
                "example": self._challenge(),
            },
        )

    def _challenge(self) -> str:
        """Return the header of a request without a token, without the scopes, which differ by route."""
        # That of RFC 6750 if the Authenticator can't be determined.
        context = RefusalContext()
        for authenticator in self.authenticators[:1]:
            realm: object = getattr(self._handler_of(authenticator), "realm", None)
            context = RefusalContext(
                challenges=challenges_of(authenticator.extractor),
                resource_metadata=authenticator.resource_metadata,
                realm=realm if isinstance(realm, str) else None,
            )
        return dict(refusal_headers(MissingTokenError().in_context(context)))["WWW-Authenticate"]

    def forbidden(self) -> dict[str, Any] | None:
        """Return the response to a caller who lacks a permission; None if nothing can cause it."""
        errors: list[AuthenticationError] = []
        sentences: list[str] = []
        asked = [scopes for scopes in scope_alternatives(self.route.policies) if scopes]
        if self.route.policies:
            sentences.append(_FORBIDDEN)
        if asked:
            listed = ", or ".join(" ".join(scopes) for scopes in asked)
            sentences.append(f"Scopes to ask for: {listed}.")
            errors.append(InsufficientScopeError(" ".join(asked[0])))
        if any(not isinstance(policy, Scope | AnyScope) for policy in self.route.policies):
            errors.append(ForbiddenError())
        if any(map(is_checked_for_other_sites, self.authenticators)):
            sentences.append(_CROSS_SITE)
            errors.append(CrossSiteError())
        if not sentences:
            return None
        challenge = {
            "description": "The needed scopes, if one is missing (RFC 6750 §3.1).",
            "schema": {"type": "string"},
        }
        return self._response(sentences, errors, challenge if asked else None)

    def _response(
        self,
        sentences: Iterable[str],
        errors: Iterable[AuthenticationError],
        challenge: dict[str, Any] | None,
    ) -> dict[str, Any]:
        response: dict[str, Any] = {"description": " ".join(sentences)}
        if challenge is not None:
            response["headers"] = {"WWW-Authenticate": challenge}
        content: dict[str, Any] = {}
        for authenticator in self.authenticators:
            handler = _without_redirect(self._handler_of(authenticator))
            for media_type, described in self._content(handler, errors).items():
                content.setdefault(media_type, described)
        if content:
            response["content"] = content
        return response

    def _handler_of(self, authenticator: Authenticator) -> FailureHandler:
        """Return the failure handler for the route."""
        handler = authenticator.failure_handler
        while isinstance(handler, RoutedHandler):
            handler = self._chosen(handler)
        return handler

    def _chosen(self, handler: RoutedHandler) -> FailureHandler:
        names = self.route.endpoint.split(".")[:-1]
        for end in range(len(names), 0, -1):
            name = ".".join(names[:end])
            if name in handler.blueprints and name in self.app.blueprints:
                return handler.blueprints[name]
        for prefix, chosen in handler.paths.items():
            if f"{self.route.rule}/".startswith(f"{prefix}/"):
                return chosen
        return handler.default

    def _content(
        self, handler: FailureHandler, errors: Iterable[AuthenticationError]
    ) -> dict[str, Any]:
        """Return the body that a failure handler sends; nothing for one that this package doesn't know."""
        # A subclass may send anything else.
        if type(handler) is ProblemDetailsHandler:
            name = self.document.component("schemas", "AuthenticationProblem", _schema(handler))
            described = {
                "schema": {"$ref": f"#/components/schemas/{name}"},
                "examples": {type(error).reason: _example(handler, error) for error in errors},
            }
            return {"application/problem+json": described}
        if type(handler) is JSONHandler:
            return {"application/json": {}}
        if type(handler) is UnauthorizedHandler:
            return {"text/plain": {"schema": {"type": "string"}}}
        return {}


def _without_redirect(handler: FailureHandler) -> FailureHandler:
    return handler.otherwise if isinstance(handler, LoginRedirectHandler) else handler


def _example(handler: ProblemDetailsHandler, error: AuthenticationError) -> dict[str, Any]:
    return {"value": json.loads(handler.deny(error).get_data())}


def _schema(handler: ProblemDetailsHandler) -> dict[str, Any]:
    texts = {
        "type": f"The reason as a URI: {handler.type_base} and the reason.",
        "title": "The reason, for people.",
        "status": "The HTTP status.",
        "detail": "What is wrong, for people.",
        "reason": "The reason's name, which never changes, such as expired-token.",
        "error": "The error code of the challenge (RFC 6750 §3.1).",
        "scope": "The missing scopes.",
    }
    properties: dict[str, Any] = {
        name: {"type": "string", "description": text} for name, text in texts.items()
    }
    properties["type"]["format"] = "uri-reference"
    properties["status"]["type"] = "integer"
    return {
        "type": "object",
        "description": "Why a request was refused (RFC 9457).",
        "properties": properties,
        "required": ["type", "title", "status", "detail", "reason"],
    }


def add_responses(
    document: Document,
    operation: dict[str, Any],
    app: Flask,
    route: RouteAccess,
    method: str,
) -> None:
    """Add the responses to refused requests to an operation that doesn't have them.

    Args:
        document: The document, which gets the components.
        operation: The operation.
        app: The app.
        route: The route.
        method: The request's method, in upper case.
    """
    responses: dict[Any, Any] = operation.get("responses") or {}
    operation["responses"] = responses
    # YAML has numbers.
    present = set(map(str, responses))
    needed = (each for together in needed_together(app, route) for each in together)
    authenticators = tuple(dict.fromkeys(each.authenticator for each in needed))
    refusals = _Refusals(document, app, route, method=method, authenticators=authenticators)
    if "401" not in present and (route.access != "optional" or route.strict):
        responses["401"] = _shared(document, "AuthenticationFailed", refusals.unauthenticated())
    forbidden = None if "403" in present else refusals.forbidden()
    if forbidden is not None:
        has_scopes = any(scope_alternatives(route.policies))
        responses["403"] = (
            forbidden if has_scopes else _shared(document, "PermissionDenied", forbidden)
        )


def _shared(document: Document, name: str, response: dict[str, Any]) -> dict[str, Any]:
    name = document.component("responses", name, response)
    return {"$ref": f"#/components/responses/{name}"}
