"""The security schemes of each extractor: a client that follows the document is let in."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from flask import Flask, Request
from flask.testing import FlaskClient

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    HeaderTokenExtractor,
    Scope,
    TokenExtractor,
)
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.evidence import CrossSiteCheck
from flask_jwtlib.extractors import FormTokenExtractor, QueryTokenExtractor
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor
from flask_jwtlib_strategies.extractors.json_body import JSONTokenExtractor
from flask_jwtlib_strategies.extractors.origin import OriginCheckedTokenExtractor
from flask_jwtlib_strategies.extractors.session import SessionTokenExtractor
from flask_jwtlib_strategies.extractors.websocket import WebSocketTokenExtractor

from .kit import secured

BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class Custom(TokenExtractor):
    """An extractor of an application, which accepts one header."""

    def __init__(self, header: str, *schemes: str, **attributes: Any) -> None:
        self.header = header
        self.challenges = tuple(map(Challenge, schemes))
        vars(self).update(attributes)

    def extract(self, request: Request) -> BearerToken | None:
        value = request.headers.get(self.header, "").rpartition(" ")[2].rpartition("=")[2]
        return BearerToken(value, scheme=self.challenges[0].scheme) if value else None


class Plain:
    """An extractor that says nothing about itself."""

    challenges: ClassVar[Any] = None

    def extract(self, request: Request) -> BearerToken | None:
        value = request.headers.get("Authorization", "").rpartition(" ")[2]
        return BearerToken(value) if value else None


class Around(Plain):
    """A wrapper of an application, around another extractor."""

    def __init__(self, extractor: Any) -> None:
        self.extractor = extractor

    def extract(self, request: Request) -> BearerToken | None:
        found: BearerToken | None = self.extractor.extract(request)
        return found


class AroundText(Plain):
    """An extractor that has something else as ``extractor``."""

    extractor = "text"


def api_key(place: str, name: str, description: str | None = None) -> dict[str, str]:
    """Return a scheme."""
    scheme = {"type": "apiKey", "in": place, "name": name}
    return scheme if description is None else {**scheme, "description": description}


IAP = "X-Goog-IAP-JWT-Assertion"
EXTRACTORS: dict[str, tuple[Any, dict[str, Any]]] = {
    "default": (BearerTokenExtractor(), {"bearer": BEARER}),
    "header": (HeaderTokenExtractor(), {"bearer": BEARER}),
    "no header": (
        BearerTokenExtractor(header=False, form=False),
        {"query": api_key("query", "access_token")},
    ),
    "Basic": (
        HeaderTokenExtractor(scheme="Basic", ambient=False),
        {"basic": {"type": "http", "scheme": "basic"}},
    ),
    "JWT": (
        HeaderTokenExtractor(scheme="JWT"),
        {"JWT": api_key("header", "Authorization", "JWT, a space, and the token.")},
    ),
    "no scheme": (
        HeaderTokenExtractor(scheme=None),
        {"Authorization": api_key("header", "Authorization")},
    ),
    "another header": (HeaderTokenExtractor(IAP, ambient=False), {IAP: api_key("header", IAP)}),
    "a header with a scheme": (
        HeaderTokenExtractor("X-Token", scheme="Bearer", ambient=False),
        {"X-Token": api_key("header", "X-Token", "Bearer, a space, and the token.")},
    ),
    "a header with a wild name": (
        HeaderTokenExtractor("X!$Token*", ambient=False),
        {"X-Token-": api_key("header", "X!$Token*")},
    ),
    "ambient header": (
        CrossSiteCheckedTokenExtractor(HeaderTokenExtractor(IAP), allow_non_browsers=True),
        {IAP: api_key("header", IAP)},
    ),
    "query": (QueryTokenExtractor("token"), {"query": api_key("query", "token")}),
    "API key": (APIKeyExtractor(), {"apiKey": api_key("header", "X-API-Key")}),
    "API key in Authorization": (
        APIKeyExtractor("Authorization"),
        {"apiKey": api_key("header", "Authorization", "ApiKey, a space, and the key.")},
    ),
    "cookie": (
        CookieTokenExtractor("token", secure=False),
        {"cookie": api_key("cookie", "token")},
    ),
    "listed origin": (OriginCheckedTokenExtractor(HeaderTokenExtractor()), {"bearer": BEARER}),
    "several": (
        CompositeTokenExtractor(HeaderTokenExtractor(), APIKeyExtractor()),
        {"bearer": BEARER, "apiKey": api_key("header", "X-API-Key")},
    ),
    "two with one scheme": (
        CompositeTokenExtractor(
            BearerTokenExtractor(query=False, form=False), WebSocketTokenExtractor(), Plain(), exclusive=False
        ),
        {"bearer": BEARER},
    ),
    "custom": (Custom("Authorization", "Bearer"), {"bearer": BEARER}),
    "custom that says nothing": (Plain(), {"bearer": BEARER}),
    "custom around another": (Around(APIKeyExtractor()), {"apiKey": api_key("header", "X-API-Key")}),
    "custom around text": (AroundText(), {"bearer": BEARER}),
    "custom DPoP": (Custom("Authorization", "DPoP"), {"dpop": {"type": "http", "scheme": "dpop"}}),
    "custom scheme": (
        Custom("Authorization", "Hawk"),
        {"Hawk": api_key("header", "Authorization", "Hawk, a space, and the token.")},
    ),
    "custom header": (Custom("X-Mine", "X-Mine", vary=("X-Mine",)), {"X-Mine": api_key("header", "X-Mine")}),
    "custom name": (
        Custom("X-Mine", "ApiKey", vary=("X-Mine",), name="X-Mine"),
        {"ApiKey": api_key("header", "X-Mine")},
    ),
    "custom cookie": (
        Custom("Cookie", "Cookie", name="mine"),
        {"cookie": api_key("cookie", "mine")},
    ),
}  # fmt: skip


def send(client: FlaskClient, scheme: dict[str, Any], token: str) -> int:
    """Send a token as a security scheme says, and return the status."""
    if scheme["type"] == "http":
        return client.get("/", headers={"Authorization": f"{scheme['scheme']} {token}"}).status_code
    if scheme["in"] == "query":
        return client.get("/", query_string={scheme["name"]: token}).status_code
    if scheme["in"] == "cookie":
        client.set_cookie(scheme["name"], token)
        return client.get("/").status_code
    # The description says what precedes the token.
    before, comma, _ = scheme.get("description", "").partition(",")
    value = f"{before} {token}" if comma else token
    return client.get("/", headers={scheme["name"]: value}).status_code


@pytest.mark.parametrize(("extractor", "expected"), EXTRACTORS.values(), ids=EXTRACTORS)
def test_a_client_that_follows_the_document_is_let_in(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, extractor: Any, expected: dict[str, Any]
) -> None:
    """Each alternative names a scheme by which the extractor finds the token."""
    if isinstance(extractor, Custom) and extractor.header == "Cookie":
        extract = extractor.extract
        vars(extractor)["extract"] = lambda request: checked(extract(request))
    auth = auth.evolve(extractor=extractor)
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))
    document = secured(app)
    assert document["components"]["securitySchemes"] == expected
    assert document["paths"]["/"]["get"]["security"] == [{name: []} for name in expected]
    for scheme in expected.values():
        client = app.test_client()
        assert client.get("/").status_code == 401
        assert send(client, scheme, issuer.token("alice")) == 200


def checked(token: BearerToken | None) -> BearerToken | None:
    """Attach the outcome of a check."""
    return token if token is None else token.with_evidence(CrossSiteCheck.PASSED)


def in_body(kind: str, name: str) -> dict[str, str]:
    """Return the scheme of a token in a body."""
    description = f"The token is sent as {name} in the {kind} body, and not in a header."
    return {**BEARER, "description": description}


SUBPROTOCOL = api_key(
    "header", "Sec-WebSocket-Protocol", "A subprotocol that is bearer. and the token, and others."
)
ELSEWHERE: dict[str, tuple[Any, dict[str, Any]]] = {
    "form": (FormTokenExtractor("token"), {"bearerInForm": in_body("form", "token")}),
    "JSON": (JSONTokenExtractor(), {"bearerInJson": in_body("JSON", "access_token")}),
    "form or query": (
        BearerTokenExtractor(header=False),
        {
            "bearerInForm": in_body("form", "access_token"),
            "query": api_key("query", "access_token"),
        },
    ),
    "form of three": (
        BearerTokenExtractor(header=False, query=False),
        {"bearerInForm": in_body("form", "access_token")},
    ),
    "WebSocket": (WebSocketTokenExtractor(), {"subprotocol": SUBPROTOCOL}),
    "WebSocket, in the query": (
        WebSocketTokenExtractor(subprotocol=None, parameter="token"),
        {"query": api_key("query", "token")},
    ),
    "only WebSockets": (
        CompositeTokenExtractor(WebSocketTokenExtractor(parameter="token")),
        {"subprotocol": SUBPROTOCOL, "query": api_key("query", "token")},
    ),
    "cookie without a name": (
        Custom("Cookie", "Cookie"),
        {"cookie": api_key("cookie", "session")},
    ),
}


@pytest.mark.parametrize(("extractor", "expected"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_places_that_openapi_has_no_word_for_are_described(
    app: Flask, auth: Authenticator, extractor: Any, expected: dict[str, Any]
) -> None:
    """The description of a scheme says what its type can't."""
    auth = auth.evolve(extractor=extractor)
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"), methods=["POST"])
    document = secured(app)
    assert document["components"]["securitySchemes"] == expected
    assert document["paths"]["/"]["post"]["security"] == [{name: []} for name in expected]


def test_the_session_has_the_name_of_the_apps_cookie(app: Flask, auth: Authenticator) -> None:
    """The cookie of a session is that which the app configures."""
    app.config["SESSION_COOKIE_NAME"] = "__Host-session"
    auth = auth.evolve(extractor=SessionTokenExtractor())
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))
    schemes = secured(app)["components"]["securitySchemes"]
    assert schemes == {"session": api_key("cookie", "__Host-session")}


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_double_submit_is_needed_where_something_changes(
    app: Flask, auth: Authenticator, version: str
) -> None:
    """A cookie needs the CSRF header with unsafe methods; a token in a header doesn't. It has no scopes."""
    either = CompositeTokenExtractor(CookieTokenExtractor(), HeaderTokenExtractor())
    auth = DoubleSubmit("X-Mine").added_to(auth.evolve(extractor=either, policies=[Scope("a")]))
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"), methods=["GET", "POST"])
    document = secured(app, version)
    assert document["components"]["securitySchemes"]["csrf"] == api_key("header", "X-Mine")
    item = document["paths"]["/"]
    scopes = [] if version == "3.0.3" else ["a"]
    assert item["get"]["security"] == [{"cookie": scopes}, {"bearer": scopes}]
    assert item["post"]["security"] == [{"cookie": scopes, "csrf": []}, {"bearer": scopes}]


def test_double_submit_knows_the_safe_methods_of_the_cookie(
    app: Flask, auth: Authenticator
) -> None:
    """A method that the cookie's extractor doesn't call safe needs the CSRF header, too."""
    cookie = CookieTokenExtractor(safe_methods=["HEAD"])
    auth = DoubleSubmit().added_to(auth.evolve(extractor=cookie))
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))
    operation = secured(app)["paths"]["/"]["get"]
    assert operation["security"] == [{"cookie": [], "csrf": []}]


def test_a_custom_scheme_of_yours_is_used(app: Flask, auth: Authenticator) -> None:
    """What is only guessed gives way to any scheme of the same name."""
    auth = auth.evolve(extractor=Custom("Authorization", "Hawk"))
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))
    mine = {"type": "http", "scheme": "hawk"}
    document = secured(app, components={"securitySchemes": {"Hawk": mine}})
    assert document["components"]["securitySchemes"] == {"Hawk": mine}
