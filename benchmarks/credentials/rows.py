"""A kind of credential: the guards that accept it, and the requests that they get."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attrs import field, frozen
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_jwtlib import Authenticator, VerificationKey
from flask_jwtlib.policies import Policy

from ..contenders import BARE, Contender, Decorator, validator_of
from ..scenarios import Service, issue_token


@frozen
class Attempt:
    """A request, and the status that a guarded route responds with.

    Args:
        headers: Its headers.
        status: The status.
        method: Its method.
    """

    headers: Mapping[str, str] = field(repr=False)
    status: int
    method: str = "GET"

    def environ(self) -> dict[str, Any]:
        """The WSGI environ of the request."""
        return EnvironBuilder(
            path="/resource", method=self.method, headers={**self.headers}
        ).get_environ()


@frozen
class Row:
    """A kind of credential.

    Args:
        name: What the table calls it.
        guards: The decorators that are compared, by the contender that each stands for.
        attempts: The requests, by name. The first is accepted, and is the one that is measured.
        configure: Configures each app.
    """

    name: str
    guards: Mapping[Contender, Callable[[Flask], Decorator]] = field(repr=False)
    attempts: Mapping[str, Attempt] = field(repr=False)
    configure: Callable[[Flask], None] = field(default=lambda _app: None, repr=False)

    def apps(self, service: Service) -> dict[Contender, Flask]:
        """Make an app for the bare route and for each contender that is installed."""
        made: dict[Contender, Flask] = {}
        for contender, guard in {BARE: _open, **self.guards}.items():
            if not contender.missing:
                made[contender] = Contender(contender.name, partial(self._guard, guard)).app(
                    service
                )
        return made

    def _guard(
        self, guard: Callable[[Flask], Decorator], app: Flask, _service: Service
    ) -> Decorator:
        self.configure(app)
        return guard(app)

    def statuses(self, service: Service) -> dict[Contender, dict[str, int]]:
        """Send each attempt to each app, and return the statuses by the attempts' names."""
        return {
            contender: {
                name: int(run_wsgi_app(app, attempt.environ(), buffered=True)[1][:3])
                for name, attempt in self.attempts.items()
            }
            for contender, app in self.apps(service).items()
        }


def _open(_app: Flask) -> Decorator:
    return lambda view: view


def guard_of(service: Service, *rules: Policy, **strategies: Any) -> Callable[[Flask], Decorator]:
    """Return what makes a decorator of the framework."""
    authenticator = Authenticator(
        keys=VerificationKey.from_jwk(service.jwk),
        **{"validator": validator_of(service), **strategies},
    )
    return lambda _app: authenticator.requires_authentication(rules=rules)


def tokens_of(service: Service, **claims: str) -> tuple[str, str]:
    """Return a good token and an expired one."""
    now = int(time.time())
    good = issue_token(service.signer, now, **claims)
    return good, issue_token(service.signer, now, **claims, exp=now - 60)
