"""Fixtures for errors that are raised while Flask serves a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.frameworks.kit import REACHED, Telling, in_production


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An ``Authenticator`` of the issuer's tokens."""
    return Authenticator(keys=issuer.verification_key)


@pytest.fixture
def app() -> Flask:
    """An app with the configuration of a server in production."""
    return in_production(Flask("resource_server"))


@pytest.fixture
def good(issuer: TokenIssuer) -> dict[str, str]:
    """The header of a caller."""
    return bearer(issuer.token())


@pytest.fixture
def expired(issuer: TokenIssuer) -> dict[str, str]:
    """The header of a caller whose token has expired."""
    return bearer(issuer.token(exp=1))


@pytest.fixture
def signals() -> Iterator[list[dict[str, Any]]]:
    """What ``request_refused`` sends."""
    sent: list[dict[str, Any]] = []

    def receive(_: object, **details: Any) -> None:
        sent.append(details)

    with request_refused.connected_to(receive):
        yield sent


@pytest.fixture
def telling(auth: Authenticator) -> Authenticator:
    """An ``Authenticator`` whose returned refusals can be recognised."""
    REACHED.clear()
    return auth.evolve(failure_handler=Telling())
