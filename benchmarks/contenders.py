"""What is compared: two references, and the ways to use the framework. ``peers.py`` has other packages.

To add a contender, write a function that makes the decorator of one route, and list it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from attrs import field, frozen
from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.test import run_wsgi_app

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
from .scenarios import Scenario, Service

View = Callable[..., ResponseReturnValue]
Decorator = Callable[[View], View]


@frozen
class Contender:
    """One way to guard a route.

    Args:
        name: What the table calls it.
        guard: Makes the decorator of an app's only route.
        needs: The packages without which it is left out.
        before: Called before each batch of requests, for a contender whose settings are global.
    """

    name: str
    guard: Callable[[Flask, Service], Decorator] = field(repr=False)
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    before: Callable[[Service], None] = field(
        default=lambda _service: None, kw_only=True, repr=False
    )

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


@frozen(eq=False)
class Entry:
    """One contender in one scenario."""

    contender: Contender
    scenario: Scenario
    service: Service = field(repr=False)
    app: Flask = field(repr=False)
    environ: dict[str, Any] = field(repr=False)

    def prepare(self) -> None:
        """Make ready for ``serve``."""
        self.contender.before(self.service)

    def serve(self, requests: int) -> None:
        """Send the request this many times: the app is called, its response read and closed."""
        app, environ = self.app, self.environ
        for _ in range(requests):
            body = app(environ.copy(), _start_response)
            for _chunk in body:
                pass
            body.close()  # type: ignore[attr-defined]  # Flask's always has it

    def status(self) -> int:
        """Send the request once, and return the status of the response."""
        self.prepare()
        return int(run_wsgi_app(self.app, self.environ.copy(), buffered=True)[1][:3])

    def is_right(self) -> bool:
        """Whether the status is what the scenario expects. The bare route accepts everything."""
        accepts = self.scenario.accepted or self.contender is BARE
        return self.status() == 200 if accepts else 400 <= self.status() < 500


def _start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
    """Take the start of a response, as a WSGI server does."""


def make_entries(
    contenders: Iterable[Contender], scenarios: Sequence[Scenario], services: Mapping[str, Service]
) -> list[Entry]:
    """Make an app for each contender and algorithm, with an entry for each scenario."""
    return [
        Entry(contender, scenario, service, app, scenario.environ())
        for contender in contenders
        for algorithm, service in services.items()
        for app in [contender.app(service)]
        for scenario in scenarios
        if scenario.algorithm == algorithm
    ]


def validator_of(service: Service) -> JWTValidator:
    """Make the validator that the framework's contenders use."""
    return JWTValidator(
        algorithms=service.algorithm,
        rules=[Expiry(required=True), Issuer(service.issuer), Audience(service.audience)],
    )


def _guard(service: Service, validator: TokenValidator) -> Decorator:
    keys = VerificationKey.from_jwk(service.jwk)
    return Authenticator(keys=keys, validator=validator).requires_authentication


def _set_module_api(service: Service) -> None:
    flask_jwtlib.JWT_ALGO = service.algorithm
    flask_jwtlib.JWT_ISSUER = service.issuer
    flask_jwtlib.JWT_AUDIENCE = service.audience
    flask_jwtlib.set_permanent_verification_key(json.dumps(service.jwk))


BARE = Contender("bare route", lambda _app, _service: lambda view: view)
FLOOR = Contender("by hand (the floor)", lambda _app, service: hand_written(service))
COMPOSED = Contender("flask_jwtlib", lambda _app, service: _guard(service, validator_of(service)))
CACHED = Contender(
    "flask_jwtlib, repeated",
    lambda _app, service: _guard(service, CachingValidator(validator_of(service))),
)
MODULE_API = Contender(
    "flask_jwtlib, module API",
    lambda _app, _service: flask_jwtlib.requires_authentication,
    before=_set_module_api,
)

OWN = (BARE, FLOOR, COMPOSED, CACHED, MODULE_API)
"""The references, and the ways to use the framework."""

REGULARS = (BARE, FLOOR, COMPOSED, CACHED)
"""The contenders that most bounds are about, which are measured most often."""
