"""The credentials that each extractor finds."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from attrs import evolve
from flask import Flask

from flask_jwtlib import BearerTokenExtractor, HeaderTokenExtractor
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.extractors import FormTokenExtractor, QueryTokenExtractor
from flask_jwtlib.interfaces import challenges_of, vary_of

from ...csrf._double_submit_extractor import DoubleSubmitExtractor
from ...extractors.api_key import APIKeyExtractor
from ...extractors.composite import CompositeTokenExtractor
from ...extractors.cookie import CookieTokenExtractor
from ...extractors.json_body import JSONTokenExtractor
from ...extractors.session import SessionTokenExtractor
from ...extractors.websocket import WebSocketTokenExtractor
from .schemes import (
    BEARER,
    Credential,
    Credentials,
    api_key,
    in_authorization,
    in_body,
    in_header,
)

__all__ = ["alternatives_of"]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@singledispatch
def alternatives_of(extractor: Any, app: Flask, method: str) -> list[Credentials]:
    """Return the alternatives that an extractor accepts.

    Args:
        extractor: The extractor. That of an application is described by its challenges.
        app: The app.
        method: The request's method, in upper case.
    """
    wrapped: object = getattr(extractor, "extractor", None)
    if wrapped is not None and callable(getattr(wrapped, "extract", None)):
        return alternatives_of(wrapped, app, method)
    return [(_guess(extractor, challenge),) for challenge in challenges_of(extractor)]


def _guess(extractor: object, challenge: Challenge) -> Credential:
    scheme = challenge.scheme
    named: object = getattr(extractor, "name", None)
    name = named if isinstance(named, str) and named else None
    read = {header.lower() for header in vary_of(extractor) or ()}
    if scheme.lower() == "bearer":
        return BEARER
    found = in_authorization(scheme)
    if scheme.lower() == "cookie":
        found = Credential("cookie", api_key("cookie", name or "session"), ambient=True)
    elif scheme.lower() in read:
        found = in_header(scheme)
    elif name is not None and name.lower() in read - {"authorization"}:
        found = Credential(found.name, api_key("header", name))
    return evolve(found, guessed=True)


@alternatives_of.register
def _(extractor: HeaderTokenExtractor, _app: Flask, _method: str) -> list[Credentials]:
    is_authorization = extractor.name.lower() == "authorization"
    if is_authorization and extractor.scheme is not None:
        found = in_authorization(extractor.scheme)
        return [(evolve(found, ambient=extractor.ambient),)]
    description = None
    if extractor.scheme is not None:
        description = f"{extractor.scheme}, a space, and the token."
    return [(in_header(extractor.name, description, ambient=extractor.ambient),)]


@alternatives_of.register
def _(extractor: BearerTokenExtractor, app: Flask, method: str) -> list[Credentials]:
    if extractor.header:
        # RFC 6750 §2: clients should use the header, so nothing else is advertised.
        return [(BEARER,)]
    places = (
        *((FormTokenExtractor(),) if extractor.form else ()),
        *((QueryTokenExtractor(),) if extractor.query else ()),
    )
    return [found for place in places for found in alternatives_of(place, app, method)]


@alternatives_of.register
def _(extractor: FormTokenExtractor, _app: Flask, _method: str) -> list[Credentials]:
    return [(in_body("form", extractor.name),)]


@alternatives_of.register
def _(extractor: QueryTokenExtractor, _app: Flask, _method: str) -> list[Credentials]:
    return [(Credential("query", api_key("query", extractor.name)),)]


@alternatives_of.register
def _(extractor: JSONTokenExtractor, _app: Flask, _method: str) -> list[Credentials]:
    return [(in_body("JSON", extractor.name),)]


@alternatives_of.register
def _(extractor: WebSocketTokenExtractor, _app: Flask, _method: str) -> list[Credentials]:
    found: list[Credentials] = []
    if extractor.subprotocol is not None:
        description = f"A subprotocol that is {extractor.subprotocol} and the token, and others."
        scheme = api_key("header", "Sec-WebSocket-Protocol", description)
        found.append((Credential("subprotocol", scheme),))
    if extractor.parameter is not None:
        found.append((Credential("query", api_key("query", extractor.parameter)),))
    return found


@alternatives_of.register
def _(extractor: CookieTokenExtractor, _app: Flask, _method: str) -> list[Credentials]:
    return [(Credential("cookie", api_key("cookie", extractor.name), ambient=True),)]


@alternatives_of.register
def _(_extractor: SessionTokenExtractor, app: Flask, _method: str) -> list[Credentials]:
    name = app.session_interface.get_cookie_name(app)
    return [(Credential("session", api_key("cookie", name), ambient=True),)]


@alternatives_of.register
def _(extractor: APIKeyExtractor, _app: Flask, _method: str) -> list[Credentials]:
    if extractor.name.lower() == "authorization":
        description = "ApiKey, a space, and the key."
        return [(Credential("apiKey", api_key("header", extractor.name, description)),)]
    return [(Credential("apiKey", api_key("header", extractor.name)),)]


@alternatives_of.register
def _(extractor: CompositeTokenExtractor, app: Flask, method: str) -> list[Credentials]:
    # Handshakes of WebSockets are no operations of a document.
    listed = [
        each for each in extractor.extractors if not isinstance(each, WebSocketTokenExtractor)
    ]
    return [
        found
        for each in listed or extractor.extractors
        for found in alternatives_of(each, app, method)
    ]


@alternatives_of.register
def _(extractor: DoubleSubmitExtractor, app: Flask, method: str) -> list[Credentials]:
    found = alternatives_of(extractor.extractor, app, method)
    if method in getattr(extractor.extractor, "safe_methods", _SAFE_METHODS):
        return found
    scheme = api_key("header", extractor.options.header)
    submitted = Credential("csrf", scheme, has_scopes=False)
    return [(*each, submitted) if any(one.ambient for one in each) else each for each in found]
