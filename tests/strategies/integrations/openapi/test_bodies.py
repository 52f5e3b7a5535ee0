"""The bodies of refusals: what the document says is what the failure handler sends."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen
from flask import Blueprint, Flask, Response
from openapi_schema_validator import OAS31Validator

from flask_jwtlib import (
    AnyScope,
    Authenticator,
    FailureHandler,
    RaisingHandler,
    Role,
    Scope,
    UnauthorizedHandler,
)
from flask_jwtlib.errors import (
    CrossSiteError,
    ExpiredTokenError,
    ForbiddenError,
    InsufficientScopeError,
    InvalidTokenError,
    MissingTokenError,
)
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.failure_handlers.json_template import JSONHandler
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.failure_handlers.routed import RoutedHandler

from .kit import operation_of, resolved, secured

PROBLEM = "application/problem+json"


def view(**_: Any) -> str:
    """Respond."""
    return "in"


class Own(UnauthorizedHandler):
    """A handler of an application, derived from one of ours."""

    def deny(self, error: Any) -> Response:
        return Response("<p>No.", error.status, content_type="text/html")


@frozen
class OwnProblem(ProblemDetailsHandler):
    """Another one."""

    def deny(self, error: Any) -> Response:
        return Response("<p>No.", error.status, content_type="text/html")


HANDLERS: dict[str, tuple[FailureHandler, str | None]] = {
    "text": (UnauthorizedHandler(), "text/plain"),
    "problem": (ProblemDetailsHandler(), PROBLEM),
    "problem at a URL": (
        ProblemDetailsHandler(realm="api", type_base="https://api.example/problems#"),
        PROBLEM,
    ),
    "template": (JSONHandler(lambda error: [error.reason]), "application/json"),
    "log-in page": (LoginRedirectHandler("/login"), PROBLEM),
    "raised": (RaisingHandler(), None),
    "of the application": (Own(), None),
    "a problem of the application": (OwnProblem(), None),
    "by path": (RoutedHandler(UnauthorizedHandler(), paths={"/it": ProblemDetailsHandler()}), PROBLEM),
}  # fmt: skip


@pytest.mark.parametrize(("handler", "media_type"), HANDLERS.values(), ids=HANDLERS)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_the_body_is_documented_as_it_is_sent(
    app: Flask,
    auth: Authenticator,
    issuer: TokenIssuer,
    handler: FailureHandler,
    media_type: str | None,
    version: str,
) -> None:
    """Media type, schema and examples are those of the handler. Nothing is said about a foreign one."""
    auth = auth.evolve(failure_handler=handler)
    app.add_url_rule("/it", "it", auth.requires_authentication(rules=[Scope("a")])(view))
    document = secured(app, version)
    responses = document["paths"]["/it"]["get"]["responses"]
    client = app.test_client()
    sent = {
        "401": client.get("/it"),
        "403": client.get("/it", headers=bearer(issuer.token("alice"))),
    }
    for status, response in sent.items():
        described = resolved(document, responses[status])
        assert response.status == f"{status} {response.status.partition(' ')[2]}"
        assert "WWW-Authenticate" in response.headers
        assert "WWW-Authenticate" in described["headers"]
        content = described.get("content", {})
        assert set(content) == ({media_type} if media_type else set())
        if media_type != PROBLEM:
            continue
        assert response.mimetype == PROBLEM
        schema = resolved(document, content[PROBLEM]["schema"])
        assert OAS31Validator(schema).is_valid(response.json)
        assert set(response.json or {}) <= set(schema["properties"])
        assert content[PROBLEM]["examples"][(response.json or {})["reason"]] == {
            "value": response.json
        }


def test_types_of_problems_are_those_of_the_handler(app: Flask, auth: Authenticator) -> None:
    """Handlers with different type URIs have schemas and responses of their own."""
    for path, base in (("/a", "urn:a:"), ("/b", "urn:b:"), ("/c", "urn:a:")):
        other = auth.evolve(failure_handler=ProblemDetailsHandler(type_base=base))
        app.add_url_rule(path, path, other.requires_authentication(lambda: "in"))
    document = secured(app)
    assert set(document["components"]["schemas"]) == {
        "AuthenticationProblem",
        "AuthenticationProblem2",
    }
    types = {
        path: resolved(document, item["get"]["responses"]["401"])["content"][PROBLEM]["examples"][
            "expired-token"
        ]["value"]["type"]
        for path, item in document["paths"].items()
    }
    assert types == {
        "/a": "urn:a:expired-token",
        "/b": "urn:b:expired-token",
        "/c": "urn:a:expired-token",
    }


ERRORS: dict[str, Any] = {
    "missing-token": MissingTokenError(),
    "expired-token": ExpiredTokenError("exp"),
    "invalid-token": InvalidTokenError(),
    "insufficient-scope": InsufficientScopeError("a b"),
    "forbidden": ForbiddenError(),
    "cross-site-request": CrossSiteError(),
}


def test_examples_are_made_by_the_handler(app: Flask, auth: Authenticator) -> None:
    """There is an example for each usual reason, exactly as the handler sends it."""
    handler = ProblemDetailsHandler()
    auth = auth.evolve(failure_handler=handler, extractor=CookieTokenExtractor())
    rules = [Scope("a", "b"), Role("editor")]
    app.add_url_rule("/", "it", auth.requires_authentication(rules=rules)(view))
    found = operation_of(app)["responses"]
    examples = {status: found[status]["content"][PROBLEM]["examples"] for status in ("401", "403")}
    assert {**examples["401"], **examples["403"]} == {
        reason: {"value": handler.deny(error).json} for reason, error in ERRORS.items()
    }
    assert {reason: ERRORS[reason].status for reason in ERRORS} == {
        **dict.fromkeys(examples["401"], 401),
        **dict.fromkeys(examples["403"], 403),
    }


REASONS: dict[str, tuple[list[Any], set[str]]] = {
    "a scope": ([Scope("a")], {"insufficient-scope"}),
    "any scope": ([AnyScope("a", "b")], {"insufficient-scope"}),
    "a role": ([Role("editor")], {"forbidden"}),
    "a scope and a role": ([Scope("a"), Role("editor")], {"insufficient-scope", "forbidden"}),
    "a scope or a role": ([Scope("a") | Role("editor")], {"insufficient-scope", "forbidden"}),
}


@pytest.mark.parametrize(("rules", "expected"), REASONS.values(), ids=REASONS)
def test_only_possible_reasons_have_examples(
    app: Flask, auth: Authenticator, rules: list[Any], expected: set[str]
) -> None:
    """The examples of a 403 are those of the route's policies."""
    auth = auth.evolve(failure_handler=ProblemDetailsHandler())
    app.add_url_rule("/", "it", auth.requires_authentication(rules=rules)(view))
    content = operation_of(app)["responses"]["403"]["content"]
    assert set(content[PROBLEM]["examples"]) == expected


def test_the_handler_of_the_blueprint_or_path_counts(app: Flask, auth: Authenticator) -> None:
    """A ``RoutedHandler`` is followed as for a request."""
    inner = RoutedHandler(ProblemDetailsHandler(), paths={"/api/text": UnauthorizedHandler()})
    handler = RoutedHandler(
        LoginRedirectHandler("/login", otherwise=JSONHandler(lambda error: {})),
        blueprints={"outer.inner": inner, "outer": UnauthorizedHandler()},
        paths={"/api": inner, "/api/raised": RaisingHandler()},
    )
    auth = auth.evolve(failure_handler=handler)
    outer, nested = Blueprint("outer", "outer"), Blueprint("inner", "inner")
    nested.add_url_rule("/nested", "it", auth.requires_authentication(lambda: "in"))
    outer.add_url_rule("/outer", "it", auth.requires_authentication(lambda: "in"))
    outer.register_blueprint(nested)
    app.register_blueprint(outer)
    for path in ("/api", "/api/text", "/api/raised", "/apis"):
        app.add_url_rule(path, path, auth.requires_authentication(lambda: "in"))
    expected = {
        "/nested": PROBLEM,
        "/outer": "text/plain",
        "/api": PROBLEM,
        "/api/text": "text/plain",
        "/api/raised": None,
        "/apis": "application/json",
    }
    document, client = secured(app), app.test_client()
    for path, media_type in expected.items():
        response = resolved(document, document["paths"][path]["get"]["responses"]["401"])
        assert set(response.get("content", {})) == ({media_type} if media_type else set()), path
        if media_type:
            assert client.get(path).mimetype == media_type


def test_both_authenticators_of_a_route_are_described(app: Flask, auth: Authenticator) -> None:
    """A refusal may come from each of them, with its own body."""
    other = auth.evolve(failure_handler=ProblemDetailsHandler(), extractor=APIKeyExtractor())
    together = auth.requires_authentication(other.requires_authentication(view))
    app.add_url_rule("/", "it", together)
    content = operation_of(app)["responses"]["401"]["content"]
    assert set(content) == {"text/plain", PROBLEM}
