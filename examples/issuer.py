"""A small issuer for ``openid``, ``key_rotation``, ``several_issuers`` and ``demo``.

It publishes metadata and a JWK set, and issues tokens to anyone who asks::

    flask --app examples.issuer run --port 5001

    curl http://127.0.0.1:5001/.well-known/openid-configuration
    curl http://127.0.0.1:5001/.well-known/jwks.json
    curl -X POST http://127.0.0.1:5001/token -d scope="reports:read"
    curl -X POST http://127.0.0.1:5001/keys/publish
    curl -X POST http://127.0.0.1:5001/keys/switch
    curl -X POST http://127.0.0.1:5001/keys/withdraw

It creates its keys when it starts and keeps them in memory only.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import Any

from flask import Flask, request, url_for

from flask_jwtlib.testing import TokenIssuer

__all__ = ["RotatingIssuer", "create_app"]

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:5001")


class RotatingIssuer:
    """Issues tokens, and changes its signing key in three steps: publish, switch, withdraw.

    A new key is published before it signs, for APIs that don't fetch the key set again when a token
    names an unknown key. The old key stays published until its last tokens have expired.

    Args:
        name: The ``iss`` of its tokens.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = Lock()
        self._made = 1
        self._published = [self._new_key()]
        self._signer = self._published[0]

    @property
    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The published keys as a JWK set (RFC 7517 §5)."""
        with self._lock:
            return {"keys": [key.jwk for key in self._published]}

    def token(self, sub: str = "alice", **claims: Any) -> str:
        """Issue a token, signed with the current key."""
        return self._signer.token(sub, **claims)

    def publish(self) -> str | None:
        """Publish a new key that doesn't sign yet, and return its ID."""
        with self._lock:
            self._made += 1
            self._published.append(self._new_key())
            return self._published[-1].kid

    def switch(self) -> str | None:
        """Sign with the newest key from now on, and return its ID."""
        with self._lock:
            self._signer = self._published[-1]
            return self._signer.kid

    def withdraw(self) -> None:
        """Publish only the current key."""
        with self._lock:
            self._published = [self._signer]

    def _new_key(self) -> TokenIssuer:
        return TokenIssuer(self.name, kid=f"key-{self._made}", lifetime=3600)


def create_app(issuer: RotatingIssuer | None = None) -> Flask:
    """Create the issuer's app."""
    app = Flask(__name__)
    mine = issuer or RotatingIssuer(ISSUER)

    @app.get("/.well-known/openid-configuration")
    def metadata() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        return {"issuer": mine.name, "jwks_uri": url_for("jwks", _external=True)}

    @app.get("/.well-known/jwks.json")
    def jwks() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        return mine.jwks

    @app.post("/token")
    def token() -> str:  # pyright: ignore[reportUnusedFunction]
        return mine.token(**{"aud": "https://reports.example", **request.form.to_dict()})

    @app.post("/keys/publish")
    def publish() -> str:  # pyright: ignore[reportUnusedFunction]
        return f"{mine.publish()} is published.\n"

    @app.post("/keys/switch")
    def switch() -> str:  # pyright: ignore[reportUnusedFunction]
        return f"{mine.switch()} signs new tokens.\n"

    @app.post("/keys/withdraw")
    def withdraw() -> str:  # pyright: ignore[reportUnusedFunction]
        mine.withdraw()
        return "The other keys are withdrawn.\n"

    return app
