"""Checks of an app's own settings, apart from its key providers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import flask_jwtlib
from flask_jwtlib import ConfigurationError
from flask_jwtlib.audit import authenticators_of, unmatched_public_patterns
from flask_jwtlib.key_providers import NoKeyProvider
from flask_jwtlib.log_text import quoted

from ..key_providers.jwks import JWKSKeyProvider
from ..key_providers.oidc import OIDCKeyProvider
from ._findings import Report
from ._sources import Source, is_router, module_validator

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["check_app_settings"]

# The module's settings with their defaults.
_MODULE_SETTINGS = {
    "JWT_ALGO": "RS256",
    "JWT_AUDIENCE": None,
    "JWT_ISSUER": None,
    "JWT_LEEWAY": 0,
    "JWT_NUMERIC_SUBJECT": False,
}


def check_app_settings(app: Flask, sources: Iterable[Source], report: Report) -> None:
    """Check the settings of an app that contradict each other, or that nothing reads."""
    authenticators = authenticators_of(app)
    if not authenticators:
        report.warn(
            "authenticators",
            "no guard and no decorator of flask_jwtlib was found, so there is nothing to examine",
            "Protect the app with auth.protect(app), or decorate its views.",
        )
    else:
        count = len(authenticators)
        report.ok("authenticators", f"{count} in guards and decorators")
    for authenticator in authenticators:
        if is_router(authenticator.validator) and not isinstance(authenticator.keys, NoKeyProvider):
            report.warn(
                "keys",
                "keys= of the Authenticator is ignored: an IssuerRouter has the keys of each issuer",
                "Remove keys= from the Authenticator; keys of another issuer belong into a TrustedIssuer.",
            )
    _check_patterns(app, report)
    _check_config(app, list(sources), report)
    uses_module = flask_jwtlib.default_authenticator in authenticators
    _check_module(report, used=uses_module)


def _check_patterns(app: Flask, report: Report) -> None:
    patterns = unmatched_public_patterns(app)
    if patterns:
        report.warn(
            "public",
            f"patterns of protect(public=[…]) match no endpoint: {', '.join(map(quoted, patterns))}",
            "Correct them; `flask routes` lists the endpoints.",
        )


def _check_config(app: Flask, sources: list[Source], report: Report) -> None:
    unread = [name for name in _MODULE_SETTINGS if name in app.config]
    if unread:
        report.warn(
            "app.config",
            f"{', '.join(unread)} in app.config has no effect",
            f"Set flask_jwtlib.{unread[0]} instead, or use configured_authenticator(app) and its settings "
            "JWTLIB_….",
        )
    config = cast("dict[str, Any]", app.config)
    issuer, url = config.get("JWTLIB_ISSUER"), config.get("JWTLIB_JWKS_URL")
    providers = [source.keys for source in sources]
    if issuer is not None and not any(
        (isinstance(keys, OIDCKeyProvider) and keys.issuer == issuer)
        or (isinstance(keys, JWKSKeyProvider) and keys.url == url)
        for keys in providers
    ):
        report.warn(
            "app.config",
            "JWTLIB_ISSUER is set, but no guard and no decorator uses it",
            "Protect the app with the result of configured_authenticator(app), or remove the settings "
            "JWTLIB_….",
        )


def _check_module(report: Report, *, used: bool) -> None:
    if used:
        try:
            module_validator()
        except ConfigurationError as error:
            report.fail("module settings", str(error), "Correct the setting of flask_jwtlib.")
        return
    changed = [
        name for name, default in _MODULE_SETTINGS.items() if getattr(flask_jwtlib, name) != default
    ]
    if changed:
        report.warn(
            "module settings",
            f"flask_jwtlib.{changed[0]} is set, but no view of this app uses the module's decorators, and an "
            "Authenticator doesn't read it",
            "Pass the value to the validator of your Authenticator, or remove the setting.",
        )
