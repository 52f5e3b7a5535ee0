"""What the tests of the doctor share."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from flask import Flask

from flask_jwtlib import Authenticator
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.doctor import Finding, examine
from flask_jwtlib_strategies.validators.access_tokens import access_token_validator
from tests.kit import PATIENCE


@frozen
class Expected:
    """A finding of a test table: its check, its level, and parts of its text and its cure."""

    check: str
    level: str
    text: str
    cure: str = ""


def protected(auth: Authenticator, **config: Any) -> Flask:
    """Return an app that an Authenticator protects."""
    app = Flask("api")
    app.config.update(config)
    auth.protect(app)
    return app


def with_keys(keys: Any, issuer: str = "https://issuer.example") -> Authenticator:
    """Return an Authenticator with some keys, for the access tokens of one issuer."""
    return Authenticator(keys=keys, validator=access_token_validator(issuer, "api"))


def oidc(issuer: str, **options: Any) -> Authenticator:
    """Return the ready Authenticator for an issuer, also on this machine."""
    return oidc_authenticator(issuer, "api", **{"allow_http_on_loopback": True, **options})


def findings_about(app: Flask | Authenticator, **options: Any) -> list[Finding]:
    """Examine an app, and return the findings about its providers: not those about the app itself."""
    app = app if isinstance(app, Flask) else protected(app)
    options.setdefault("timeout", PATIENCE)
    return [each for each in examine(app, **options) if each.subject != f"app {app.name}"]


def findings_about_app(app: Flask) -> list[Finding]:
    """Examine an app, and return the findings about itself."""
    return [each for each in examine(app, timeout=PATIENCE) if each.subject == f"app {app.name}"]


def check(findings: list[Finding], expected: Expected) -> Finding:
    """Check that there is one finding like the expected one, and return it."""
    alike = [each for each in findings if each.check == expected.check]
    assert alike, f"no check {expected.check!r} among {findings}"
    (found,) = (each for each in alike if expected.text in each.text) if len(alike) > 1 else alike
    assert found.level == expected.level, found
    assert expected.text in found.text, found
    assert expected.cure in found.cure, found
    assert bool(found.cure) is (found.level != "OK"), found
    return found


def bad(findings: list[Finding]) -> list[tuple[str, str]]:
    """Return the level and the check of everything that isn't OK."""
    return [(each.level, each.check) for each in findings if each.level != "OK"]
