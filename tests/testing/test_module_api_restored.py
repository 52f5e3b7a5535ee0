"""A test's changes to the module API don't reach the next test."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

import flask_jwtlib
from flask_jwtlib import VerificationUnavailable
from flask_jwtlib.testing import TokenIssuer, bearer, module_api_restored

DOCUMENTED = {
    "JWT_ALGO": "ES256",
    "JWT_AUDIENCE": "api",
    "JWT_ISSUER": "https://issuer.example",
    "JWT_LEEWAY": 10,
    "JWT_MAX_SIZE": 16384,
    "JWT_NUMERIC_SUBJECT": True,
    "VERIFICATION_KEY_CACHE_TIMEOUT": 1,
    "check_token": lambda token: True,
    "get_token": lambda: None,
    "optional_authentication_failure_callback": lambda: None,
    "requires_authentication_failure_callback": lambda: ("", 401),
    "retrieve_verification_key": lambda: "",
    "verification_key": lambda: "",
}


@pytest.mark.parametrize(("name", "value"), DOCUMENTED.items(), ids=DOCUMENTED)
def test_settings_and_callbacks_are_restored(name: str, value: Any) -> None:
    """Each documented attribute is as before, even if the application had changed it."""
    before = getattr(flask_jwtlib, name)
    with module_api_restored():
        setattr(flask_jwtlib, name, value)
        with module_api_restored():
            setattr(flask_jwtlib, name, None)
        assert getattr(flask_jwtlib, name) is value
    assert getattr(flask_jwtlib, name) is before


def test_they_are_restored_after_a_failure() -> None:
    """The module API is restored when the test fails, too."""

    def fail() -> None:
        with module_api_restored():
            flask_jwtlib.JWT_ALGO = "ES256"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert flask_jwtlib.JWT_ALGO == "RS256"


def test_the_permanent_key_is_restored(issuer: TokenIssuer, other_issuer: TokenIssuer) -> None:
    """A permanent key that a test sets or removes is restored."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    with module_api_restored():
        flask_jwtlib.set_permanent_verification_key(other_issuer.public_pem)
    assert flask_jwtlib.verification_key() == issuer.public_pem

    with module_api_restored():
        flask_jwtlib.set_permanent_verification_key(None)
        with pytest.raises(VerificationUnavailable):
            flask_jwtlib.verification_key()
    assert flask_jwtlib.verification_key() == issuer.public_pem


def test_fetched_keys_are_forgotten(
    app: Flask, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A key fetched in one test is fetched again in the next, by the same callback."""
    current = issuer

    @app.route("/")
    @flask_jwtlib.requires_authentication
    def view() -> str:
        return ""

    def status(issuer: TokenIssuer) -> int:
        return app.test_client().get("/", headers=bearer(issuer.token())).status_code

    flask_jwtlib.retrieve_verification_key = lambda: current.public_pem
    assert status(issuer) == 200
    current = other_issuer
    assert status(other_issuer) == 401
    with module_api_restored():
        assert status(other_issuer) == 200
        current = issuer
    assert status(issuer) == 200
