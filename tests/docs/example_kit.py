"""Clients of the examples, and the tokens that they print."""

from __future__ import annotations

from types import ModuleType

from flask.testing import FlaskClient


def client_of(module: ModuleType) -> FlaskClient:
    """Return a client of an example's app, which is found as ``flask --app`` finds it."""
    app = module.create_app() if hasattr(module, "create_app") else module.app
    app.testing = True
    client: FlaskClient = app.test_client()
    return client


def token_of(client: FlaskClient, *arguments: str) -> str:
    """Return what ``flask token`` prints."""
    result = client.application.test_cli_runner().invoke(args=["token", *arguments])
    assert result.exit_code == 0, result.output
    return result.output.strip()
