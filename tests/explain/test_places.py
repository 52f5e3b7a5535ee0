"""Each extractor says where it looks for a token, and it finds one there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    HeaderTokenExtractor,
    TokenExtractor,
)
from flask_jwtlib.errors import ConfigurationError
from flask_jwtlib.explain import explain
from flask_jwtlib.extractors import FormTokenExtractor, QueryTokenExtractor
from flask_jwtlib.interfaces import request_arguments_of
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor
from flask_jwtlib_strategies.extractors.json_body import JSONTokenExtractor
from flask_jwtlib_strategies.extractors.origin import OriginCheckedTokenExtractor
from flask_jwtlib_strategies.extractors.websocket import WebSocketTokenExtractor


class Silent(TokenExtractor):
    """An extractor of an application that says nothing."""

    def extract(self, request: Any) -> BearerToken | None:
        text = request.headers.get("X-Odd", "")
        return BearerToken(text, source="odd") if text else None


class Unsure(Silent):
    """One that can't tell."""

    def request_with(self, token: str) -> None:
        return None


PLACES: dict[str, tuple[TokenExtractor, str, str]] = {
    "header": (BearerTokenExtractor(), "header", "GET"),
    "only a form": (BearerTokenExtractor(header=False, query=False), "form", "POST"),
    "form by some methods": (FormTokenExtractor(methods=["put", "patch"]), "form", "PATCH"),
    "form by one method": (FormTokenExtractor(methods="PUT"), "form", "PUT"),
    "JSON by some methods": (JSONTokenExtractor(methods=["PUT", "DELETE"]), "json", "DELETE"),
    "JSON by POST": (JSONTokenExtractor(methods=["PUT", "POST"]), "json", "POST"),
    "query of a handshake": (
        WebSocketTokenExtractor(subprotocol=None, parameter="t"),
        "query",
        "GET",
    ),
    "second of two": (CompositeTokenExtractor(Silent(), HeaderTokenExtractor()), "header", "GET"),
}


@pytest.mark.parametrize(("extractor", "source", "method"), PLACES.values(), ids=PLACES)
def test_a_token_is_found_where_the_extractor_says(
    app: Flask, issuer: TokenIssuer, extractor: TokenExtractor, source: str, method: str
) -> None:
    """Also if it reads only bodies of some methods: the method is one of these."""
    auth = Authenticator(keys=issuer.verification_key, extractor=extractor)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""), methods=methods)
    app.add_url_rule("/", "it", websocket=True)

    explanation = explain(auth, issuer.token(), app=app, endpoint="it")

    assert explanation
    assert explanation.steps[0].found == f"in the {source}, scheme Bearer"
    described = request_arguments_of(extractor, "x")
    assert described is not None
    assert described.get("method", "GET") == method


def test_a_handshake_needs_a_view_for_it(app: Flask, issuer: TokenIssuer) -> None:
    """The error says that no rule matches such a request."""
    auth = Authenticator(keys=issuer.verification_key, extractor=WebSocketTokenExtractor())
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""))
    with pytest.raises(
        ConfigurationError, match="no rule of 'it' matches a request that has a token"
    ):
        explain(auth, issuer.token(), app=app, endpoint="it")


@pytest.mark.parametrize("silent", [Silent(), Unsure()], ids=["silent", "unsure"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: inner,
        CompositeTokenExtractor,
        CrossSiteCheckedTokenExtractor,
        OriginCheckedTokenExtractor,
        DoubleSubmit().extractor,
        DevelopmentTokens().extractor,
    ],
    ids=[
        "alone",
        "in a composite",
        "cross-site checked",
        "origin checked",
        "double submit",
        "development tokens",
    ],
)
def test_an_extractor_that_says_nothing(issuer: TokenIssuer, silent: Any, wrap: Any) -> None:
    """The token is given to the validator, and a step says so, also if another extractor is around it."""
    auth = Authenticator(keys=issuer.verification_key, extractor=wrap(silent))
    explanation = explain(auth, issuer.token())
    assert explanation
    assert "can't tell where a client puts the token" in explanation.steps[0].note


def test_a_header_says_itself_where_the_token_is(issuer: TokenIssuer) -> None:
    """The text of a whole header is sent as that header."""
    auth = Authenticator(
        keys=issuer.verification_key, extractor=HeaderTokenExtractor("X-Token", ambient=False)
    )
    assert explain(auth, f"X-Token: {issuer.token()}")
    assert explain(auth, issuer.token())


class Listing(Silent):
    """One that describes the headers as a list."""

    def request_with(self, token: str) -> dict[str, Any]:
        return {"headers": [("X-Odd", token)]}


WHITE_SPACE: dict[str, tuple[TokenExtractor, Callable[[str], dict[str, Any]]]] = {
    "query": (QueryTokenExtractor(), lambda text: {"query_string": {"access_token": text}}),
    "form": (FormTokenExtractor(), lambda text: {"data": {"access_token": text}}),
    "JSON": (JSONTokenExtractor(), lambda text: {"json": {"access_token": text}}),
}


@pytest.mark.parametrize("space", [" ", "\t", "\n", "\x01"], ids=ascii)
@pytest.mark.parametrize("place", WHITE_SPACE)
def test_white_space_around_a_token(
    app: Flask, issuer: TokenIssuer, place: str, space: str
) -> None:
    """Where white space belongs to the text that a client sends, it is why the token is refused."""
    extractor, sent = WHITE_SPACE[place]
    auth = Authenticator(keys=issuer.verification_key, extractor=extractor)
    view = auth.requires_authentication(lambda: "")
    app.add_url_rule("/", "it", view, methods=["GET", "POST"])

    for text in (space + issuer.token(), issuer.token() + space):
        method = "GET" if place == "query" else "POST"
        response = app.test_client().open(method=method, **sent(text))
        explained = explain(auth, text, app=app, endpoint="it")
        assert explained.response is not None
        assert explained.response.status == response.status_code == 400


@pytest.mark.parametrize("extractor", [HeaderTokenExtractor(), Listing()], ids=["header", "list"])
def test_white_space_at_the_end_of_a_header(issuer: TokenIssuer, extractor: TokenExtractor) -> None:
    """It doesn't belong to the header's value, so servers remove it."""
    auth = Authenticator(keys=issuer.verification_key, extractor=extractor)

    assert explain(auth, issuer.token() + " \t")
