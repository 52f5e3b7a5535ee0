"""Decorate views at import, and configure authentication for each app that an application factory makes.

In one terminal::

    flask --app examples.factory run

In another::

    TOKEN=$(flask --app examples.factory token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
    curl -i http://127.0.0.1:5000/reports
    curl -i http://127.0.0.1:5000/health
    flask --app examples.factory check $TOKEN
"""

from __future__ import annotations

from typing import cast

import click
from flask import Blueprint, Flask

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import (
    AppAuthenticator,
    Audience,
    AuthenticationError,
    Authenticator,
    JWTValidator,
    Scope,
    current_principal,
)


def make_authenticator(app: Flask) -> Authenticator:
    """Make the ``Authenticator`` for an app, with its settings."""
    config = cast("dict[str, str]", app.config)
    return Authenticator(
        keys=config["ISSUER_KEY"],
        validator=JWTValidator(rules=[Audience(config["AUDIENCE"])]),
    )


auth = AppAuthenticator(make_authenticator)
reports = Blueprint("reports", __name__, cli_group=None)


@reports.get("/reports")
@auth.requires_authentication(rules=[Scope("reports:read")])
def list_reports() -> dict[str, object]:
    """List the reports, of whichever app serves this blueprint."""
    return {"reader": current_principal.subject, "reports": ["2024", "2025"]}


@reports.get("/health")
def health() -> str:
    """Show that the app runs. ``public=`` below opens it."""
    return "ok\n"


@reports.cli.command("check")
@click.argument("token")
def check(token: str) -> None:
    """Say whose TOKEN it is. There is no request here, so ``verify`` takes the text."""
    try:
        click.echo(f"It is a token of {auth.verify(token)}.")
    except AuthenticationError as error:
        raise click.ClickException(error.log_message) from None


def create_app(audience: str = "https://reports.example") -> Flask:
    """Create an app. Each one accepts the tokens for its own audience."""
    app = Flask(__name__)
    app.config["ISSUER_KEY"] = ISSUER.public_pem
    app.config["AUDIENCE"] = audience
    app.register_blueprint(reports)
    add_token_command(app, aud=audience, scope="reports:read")
    auth.init_app(app)
    auth.protect(app, public=["static", "reports.health"])
    return app
