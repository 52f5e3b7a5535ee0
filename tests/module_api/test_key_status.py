"""The state of the module's key, for readiness routes and monitoring, and keys that rotate."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.key_health import key_statuses, keys_ready
from flask_jwtlib.testing import TokenIssuer, bearer


@pytest.mark.usefixtures("client")
def test_a_permanent_key_is_ready(app: Flask, issuer: TokenIssuer) -> None:
    """It needs no fetch."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)

    assert [status["state"] for status in key_statuses(app)] == ["static"]
    assert keys_ready(app) is True


@pytest.mark.usefixtures("client")
def test_a_permanent_key_for_another_algorithm_is_dead(app: Flask, issuer: TokenIssuer) -> None:
    """``JWT_ALGO`` was changed after the key was set: no token can be verified."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    flask_jwtlib.JWT_ALGO = "ES256"

    (status,) = key_statuses(app)
    assert (status["state"], status["last_error"]) == ("dead", "ConfigurationError")
    assert keys_ready(app) is False


@pytest.mark.usefixtures("client")
def test_a_key_is_fetched_for_readiness(app: Flask, issuer: TokenIssuer, recorded: Any) -> None:
    """Before the first fetch the key is cold; ``keys_ready`` fetches it, and monitoring doesn't."""
    flask_jwtlib.retrieve_verification_key = fetch = recorded(lambda: issuer.public_pem)

    assert [status["state"] for status in key_statuses(app)] == ["cold"]
    assert fetch.calls == []
    assert keys_ready(app) is True
    assert fetch.calls == [()]
    assert [status["state"] for status in key_statuses(app)] == ["fresh"]


def test_a_token_with_an_unknown_kid_fetches_the_keys_again(
    client: FlaskClient, recorded: Any
) -> None:
    """After a rotation, tokens of the new key are accepted before the timeout."""
    old, new = TokenIssuer(kid="old"), TokenIssuer(kid="new")
    sets = [old.jwks, {"keys": [old.jwk, new.jwk]}]
    flask_jwtlib.retrieve_verification_key = fetch = recorded(
        lambda: sets.pop(0) if len(sets) > 1 else sets[0]
    )

    for signer in (old, new, old):
        assert client.get("/required", headers=bearer(signer.token())).status_code == 200
    assert len(fetch.calls) == 2
