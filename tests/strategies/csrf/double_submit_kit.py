"""An app with a cookie and double-submit tokens, and requests to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from flask_jwtlib import Authenticator, current_principal
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor

ISSUER = TokenIssuer()
SECRET_KEY = "the app's secret key, of 32 bytes"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "QUERY", "BREW", "PROPFIND")
PATHS = ("/required", "/optional", "/strict", "/protected")
# What a browser sends with a request of the app's own page, which passes the cross-site check.
OURS = {"Sec-Fetch-Site": "same-origin"}


def cookie(token: str) -> dict[str, str]:
    """Return request headers of the app's own page, with an access token in the cookie."""
    return {"Cookie": f"__Host-access_token={token}"} | OURS


def csrf(value: str) -> dict[str, str]:
    """Return request headers with a double-submit token."""
    return {"X-CSRF-Token": value}


def app_of(auth: Any, **config: Any) -> Flask:
    """Return an app whose views show the caller, each protected in another way."""
    app = Flask("double_submit")
    app.testing = True
    app.config["SECRET_KEY"] = SECRET_KEY
    app.config.update(config)

    def caller() -> str:
        return str(current_principal.subject) if current_principal else "guest"

    def unmarked() -> str:
        return caller()

    for path, view in zip(
        PATHS,
        (
            auth.requires_authentication(caller),
            auth.optional_authentication(caller),
            auth.optional_authentication(strict=True)(caller),
            unmarked,
        ),
        strict=True,
    ):
        app.add_url_rule(path, path[1:], view, methods=["GET", *UNSAFE])
    auth.protect(app)
    return app


def composed(options: DoubleSubmit | None = None, **how: Any) -> Authenticator:
    """Return an ``Authenticator`` that reads a cookie and requires double-submit tokens."""
    how.setdefault("extractor", CookieTokenExtractor())
    return (options or DoubleSubmit()).added_to(Authenticator(keys=ISSUER.verification_key, **how))


def client_of(auth: Any, **config: Any) -> FlaskClient:
    """Return a client of such an app."""
    return app_of(auth, **config).test_client(use_cookies=False)


def made(claims: dict[str, Any], options: DoubleSubmit | None = None, **config: Any) -> str:
    """Return the double-submit token that an app makes for claims. It has the usual ``SECRET_KEY``."""
    app = Flask("maker")
    app.config["SECRET_KEY"] = SECRET_KEY
    app.config.update(config)
    with app.app_context():
        return (options or DoubleSubmit()).token_for(claims)


def claims_of(subject: str = "alice", **more: Any) -> dict[str, Any]:
    """Return claims as those of the issuer's tokens."""
    return {"iss": ISSUER.issuer, "sub": subject, **more}


def statuses(client: FlaskClient, headers: dict[str, str], **how: Any) -> set[int]:
    """Return the statuses of unsafe requests to all views, by all methods."""
    open_: Callable[..., Any] = client.open
    return {
        open_(path, method=method, headers=headers, **how).status_code
        for path in PATHS
        for method in UNSAFE
    }
