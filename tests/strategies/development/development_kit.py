"""An app that accepts development tokens, and requests to it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    Claims,
    HeaderTokenExtractor,
    Issuer,
    JWTValidator,
    KeyProvider,
    TokenValidator,
    current_principal,
)
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.development.issue import issue_development_token
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.extractors.json_body import JSONTokenExtractor
from flask_jwtlib_strategies.extractors.websocket import WebSocketTokenExtractor
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

ISSUER = TokenIssuer()
AUDIENCE = "https://api.example"
VALIDATOR = JWTValidator(rules=[Issuer(ISSUER.issuer), Audience(AUDIENCE)])
DEVELOPMENT = DevelopmentTokens()
RULES = DevelopmentTokens(rules=[Audience(AUDIENCE)])
REAL = ISSUER.token("alice", aud=AUDIENCE)
AUTH = Authenticator(keys=ISSUER.verification_key, validator=VALIDATOR)
ROUTER = IssuerRouter(TrustedIssuer(ISSUER.issuer, keys=ISSUER.verification_key, audience=AUDIENCE))
EVERYWHERE = CompositeTokenExtractor(
    BearerTokenExtractor(),
    CookieTokenExtractor(),
    JSONTokenExtractor(),
    WebSocketTokenExtractor(),
    HeaderTokenExtractor("X-Token", ambient=False),
    HeaderTokenExtractor(scheme="JWT"),
)
LOCAL = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:5000"}


def composed(development: DevelopmentTokens | None = None, **how: Any) -> Authenticator:
    """Return an ``Authenticator`` of the issuer's tokens and of development tokens."""
    auth = Authenticator(**{"keys": ISSUER.verification_key, "validator": VALIDATOR, **how})
    return (development or DevelopmentTokens()).added_to(auth)


def app_of(auth: Authenticator, *, debug: bool = True, name: str = "development_app") -> Flask:
    """Return an app whose views show the caller."""
    app = Flask(name)
    app.debug = debug
    app.testing = True

    def caller() -> str:
        return str(current_principal.subject) if current_principal else "guest"

    required = auth.requires_authentication(caller)
    app.add_url_rule("/", "caller", required, methods=["GET", "POST"])
    app.add_url_rule("/", "socket", required, websocket=True)
    app.add_url_rule("/optional", "optional", auth.optional_authentication(caller))
    return app


@frozen
class Served:
    """An app with a key for development tokens.

    Args:
        app: The app.
        token: A good token, of the subject ``ada``.
        key_file: The file of the key.
    """

    app: Flask
    token: str
    key_file: Path

    @property
    def client(self) -> FlaskClient:
        """A client of the app."""
        return self.app.test_client()

    def get(self, token: str | None = None, path: str = "/", **environ: Any) -> TestResponse:
        """Send a local request with a token, with changes to its environment. None removes a variable."""
        client = self.client
        given = {**LOCAL, **environ}
        headers = bearer(self.token if token is None else token)
        overrides = {name: value for name, value in given.items() if value is not None}

        def without(variables: dict[str, Any], start_response: Any) -> Any:
            for name in given.keys() - overrides.keys():
                variables.pop(name, None)
            return Flask.wsgi_app(self.app, variables, start_response)

        self.app.wsgi_app = without  # type: ignore[method-assign]
        return client.get(path, headers=headers, environ_overrides=overrides)

    def forged(self, *, kid: Any = None, **how: Any) -> TokenIssuer:
        """Return an issuer with this app's development key, which signs anything."""
        key: Any = load_pem_private_key(self.key_file.read_bytes(), None)
        return TokenIssuer(self.issuer, algorithm="EdDSA", private_key=key, kid=kid, **how)

    @property
    def issuer(self) -> str:
        """The ``iss`` of the app's development tokens."""
        return str(claims_in(self.token)["iss"])


def claims_in(token: str) -> dict[str, Any]:
    """Return the claims of a token, without verifying it."""
    parsed: dict[str, Any] = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
    return parsed


def serve(auth: Authenticator | None = None, **how: Any) -> Served:
    """Make an app with a key and a token. The environment has the folder for keys."""
    app = app_of(composed() if auth is None else auth, **how)
    issued = issue_development_token(app, "ada", claims={"scope": "reports:read"})
    return Served(app, issued.value, issued.key_file)


@contextmanager
def state_folder(folder: Path) -> Iterator[None]:
    """Keep keys in this folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield


class Careless(TokenValidator):
    """Accepts everything without any check."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        return Claims({"sub": "anybody"}, checked_at=0)


def with_app(auth: Authenticator, served: Served) -> Served:
    """Return another app with the same key."""
    return Served(app_of(auth), served.token, served.key_file)
