"""Fixtures for tests of a composed Authenticator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import request_started

import flask_jwtlib
from flask_jwtlib import Authenticator
from flask_jwtlib._flask import decorator_order
from flask_jwtlib.testing import TokenIssuer
from tests.authenticator.callers import Callers, make_callers


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An Authenticator with default strategies that trusts ``issuer``."""
    return Authenticator(keys=issuer.verification_key)


@pytest.fixture
def callers(issuer: TokenIssuer, other_issuer: TokenIssuer) -> Callers:
    """A user and a gateway, who have tokens in the same request, and their authenticators."""
    return make_callers(issuer, other_issuer)


@pytest.fixture
def token(issuer: TokenIssuer) -> str:
    """A valid token whose subject is Alice."""
    return issuer.token("alice")


@pytest.fixture
def expired(issuer: TokenIssuer) -> str:
    """A token of Alice's that expired long ago."""
    return issuer.token("alice", exp=1_000_000_000)


@pytest.fixture
def no_decorated_functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without the decorated functions of other tests."""
    monkeypatch.setattr(decorator_order, "_decorated", {})
    monkeypatch.setattr(decorator_order, "_unregistered", set())
    monkeypatch.setattr(decorator_order, "_newly_decorated", set())
    request_started.disconnect(decorator_order._search_once)
    yield
    request_started.disconnect(decorator_order._search_once)


@pytest.fixture(params=["required", "required()", "optional", "module required", "module optional"])
def decorate(request: pytest.FixtureRequest, auth: Authenticator) -> Callable[[Any], Any]:
    """Each decorator."""
    decorators: dict[str, Callable[[Any], Any]] = {
        "required": auth.requires_authentication,
        "required()": auth.requires_authentication(rules=[]),
        "optional": auth.optional_authentication,
        "module required": flask_jwtlib.requires_authentication,
        "module optional": flask_jwtlib.optional_authentication,
    }
    return decorators[request.param]


@pytest.fixture
def is_searching() -> Callable[[], bool]:
    """Return a function that says whether requests still trigger the search for lost decorators."""
    return lambda: any(
        receiver is decorator_order._search_once for receiver in request_started.receivers_for(None)
    )
