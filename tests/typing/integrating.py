"""Bridges to Flask-Login, Flask-SocketIO and OpenAPI: code that must type-check, and never runs."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from typing import Any

from apispec import APISpec
from flask import Flask
from typing_extensions import assert_type

from flask_jwtlib import AppAuthenticator, Authenticator, BearerTokenExtractor, Principal
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.identity.users import UserLoader
from flask_jwtlib_strategies.integrations.flask_login import TokenLogin
from flask_jwtlib_strategies.integrations.flask_socketio import (
    ConnectPayloadTokenExtractor,
    acknowledge_refusal,
    refuse_connection,
)
from flask_jwtlib_strategies.integrations.openapi import add_security


class User:
    """A user of the application."""

    issuer: str
    subject: str


def user_of(caller: Principal) -> User | None:
    """Find a user."""
    return None


def load(issuer: str, subject: str) -> User | None:
    """Find a user."""
    return None


app = Flask(__name__)
extractor = CompositeTokenExtractor(
    BearerTokenExtractor(), ConnectPayloadTokenExtractor("jwt", max_size=4096)
)
auth = Authenticator(keys="…", extractor=extractor)
login = TokenLogin(auth, user_of)
login.init_app(app)
TokenLogin(AppAuthenticator(lambda app: auth), UserLoader(load).of, strict=True).init_app(app)


@refuse_connection
@auth.requires_authentication
def connect(payload: dict[str, Any] | None) -> bool:
    """Accept a connection."""
    return True


assert_type(connect(None), bool)
assert_type(acknowledge_refusal(ValueError()), dict[str, Any])

spec, document = APISpec("API", "1", "3.1.0"), {"openapi": "3.1.0"}
assert_type(add_security(spec, app), APISpec)
assert_type(add_security(dict[str, Any](document), app), dict[str, Any])

connect()  # type: ignore[call-arg]
TokenLogin(auth)  # type: ignore[call-arg]
TokenLogin(auth, user_of, True)  # type: ignore[call-arg]
add_security(app)  # type: ignore[call-arg, type-var]
add_security("openapi: 3.1.0", app)  # type: ignore[type-var]
