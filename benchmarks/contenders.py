"""What is compared. A contender is a function that makes the decorator of one route.

To add one, write such a function and list it: in ``peers.py`` if it needs a package of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from typing import Any

from attrs import field, frozen
from flask import Flask, g, request
from flask.typing import ResponseReturnValue
from jose import jwt
from jose.exceptions import JOSEError

import flask_jwtlib
from flask_jwtlib import (
    Audience,
    Authenticator,
    Issuer,
    JWTValidator,
    TokenValidator,
    VerificationKey,
)
from flask_jwtlib.claim_rules import Expiry
from flask_jwtlib_strategies.validators.caching import CachingValidator

from .floor import hand_written
from .naive_port import naive_port
from .scenarios import Service

__all__ = [
    "BARE",
    "CACHED",
    "COMPOSED",
    "FLOOR",
    "JOSE_ONCE",
    "MODULE_API",
    "NAIVE_PORT",
    "OWN",
    "REGULARS",
    "Contender",
    "Decorator",
    "View",
    "thin_decorator",
]

View = Callable[..., ResponseReturnValue]
Decorator = Callable[[View], View]


def _nothing(_service: Service) -> None:
    """Leave everything as it is."""


@frozen
class Contender:
    """One way to guard a route.

    Args:
        name: What the table calls it.
        guard: Makes the decorator of an app's one route.
        needs: The packages without which it is left out.
        before: Called before it serves requests, for one whose settings are global.
    """

    name: str
    guard: Callable[[Flask, Service], Decorator] = field(repr=False)
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    before: Callable[[Service], None] = field(default=_nothing, kw_only=True, repr=False)

    @property
    def missing(self) -> list[str]:
        """The packages that it needs and that are not installed."""
        return [package for package in self.needs if find_spec(package) is None]

    def app(self, service: Service) -> Flask:
        """Make an app with one route behind the guard."""
        self.before(service)
        app = Flask("benchmarks")

        @app.route("/resource", methods=["GET", "POST"])
        @self.guard(app, service)
        def resource() -> dict[str, str]:
            return {"message": "for those who are let in"}

        return app


def thin_decorator(verify: Callable[[str], Any], refusals: type[Exception]) -> Decorator:
    """Put a function that verifies tokens in front of a view, as done without a framework."""

    def decorator(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                return "", 401, {"WWW-Authenticate": "Bearer"}
            try:
                claims = verify(token)
            except refusals:
                return "", 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            g.authenticated, g.raw_token, g.json_token = True, token, claims
            return view(*args, **kwargs)

        return guarded

    return decorator


def _bare(_app: Flask, _service: Service) -> Decorator:
    return lambda view: view


def _floor(_app: Flask, service: Service) -> Decorator:
    return hand_written(service)


def _composed(_app: Flask, service: Service) -> Decorator:
    return _authenticator(service, _validator(service)).requires_authentication


def _cached(_app: Flask, service: Service) -> Decorator:
    validator = CachingValidator(_validator(service))
    return _authenticator(service, validator).requires_authentication


def _authenticator(service: Service, validator: TokenValidator) -> Authenticator:
    return Authenticator(keys=VerificationKey.from_jwk(service.jwk), validator=validator)


def _validator(service: Service) -> JWTValidator:
    return JWTValidator(
        algorithms=service.algorithm,
        rules=[Expiry(required=True), Issuer(service.issuer), Audience(service.audience)],
    )


def _module_api(_app: Flask, _service: Service) -> Decorator:
    return flask_jwtlib.requires_authentication


def _set_module_api(service: Service) -> None:
    flask_jwtlib.JWT_ALGO = service.algorithm
    flask_jwtlib.JWT_ISSUER = service.issuer
    flask_jwtlib.JWT_AUDIENCE = service.audience
    flask_jwtlib.set_permanent_verification_key(json.dumps(service.jwk))


def _jose_once(_app: Flask, service: Service) -> Decorator:
    key, algorithm, issuer, audience = (
        service.key_text,
        service.algorithm,
        service.issuer,
        service.audience,
    )
    return thin_decorator(
        lambda token: jwt.decode(
            token, key, algorithms=algorithm, issuer=issuer, audience=audience
        ),
        JOSEError,
    )


def _naive_port(_app: Flask, service: Service) -> Decorator:
    return naive_port(service)


BARE = Contender("bare route", _bare)
FLOOR = Contender("by hand (the floor)", _floor)
COMPOSED = Contender("flask_jwtlib", _composed)
CACHED = Contender("flask_jwtlib, repeated", _cached)
MODULE_API = Contender("flask_jwtlib, module API", _module_api, before=_set_module_api)
JOSE_ONCE = Contender("python-jose, decoded once", _jose_once)
NAIVE_PORT = Contender("naive port on python-jose", _naive_port)

OWN = (BARE, FLOOR, COMPOSED, CACHED, MODULE_API)
"""The references, and the ways to use the framework."""

REGULARS = (BARE, FLOOR, COMPOSED, CACHED)
"""Those that most bounds are about, and that are measured most often."""
