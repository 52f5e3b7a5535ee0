"""An app on the documented module API, whose routes return what they know of their caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer


class Recorded:
    """A function that records the arguments of its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *args: Any) -> Any:
        self.calls.append(args)
        return self.function(*args)


def _caller() -> dict[str, Any]:
    return {
        "is_authenticated": flask_jwtlib.is_authenticated(),
        "authenticated": g.authenticated,
        "raw_token": g.raw_token,
        "json_token": g.json_token,
    }


@pytest.fixture
def recorded() -> type[Recorded]:
    """The class that makes a function record its calls."""
    return Recorded


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of an app with ``/required``, ``/optional`` and the undecorated ``/open``."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

    @app.route("/required", methods=methods)
    @flask_jwtlib.requires_authentication
    def required() -> dict[str, Any]:
        return _caller()

    @app.route("/optional", methods=methods)
    @flask_jwtlib.optional_authentication
    def optional() -> dict[str, Any]:
        return _caller()

    @app.route("/open")
    def open_to_all() -> dict[str, Any]:
        return {
            "is_authenticated": flask_jwtlib.is_authenticated(),
            "g": [name for name in ("authenticated", "raw_token", "json_token") if g.get(name)],
        }

    return app.test_client()


@pytest.fixture
def trusting(client: FlaskClient, issuer: TokenIssuer) -> FlaskClient:
    """A client of the same app, with the issuer's PEM as the permanent key."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    return client


@pytest.fixture(scope="session")
def secret() -> str:
    """An HMAC secret that is long enough for HS256."""
    return "a secret that two parties share, of more than 32 bytes"


@pytest.fixture(scope="session")
def hmac_issuer(secret: str) -> TokenIssuer:
    """An issuer that signs with HS256 and the secret."""
    return TokenIssuer(algorithm="HS256", private_key=secret.encode())


@pytest.fixture(scope="session")
def ec_issuer() -> TokenIssuer:
    """An issuer that signs with ES256."""
    return TokenIssuer("https://ec.example", algorithm="ES256", kid="ec-1")
