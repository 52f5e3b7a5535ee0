"""Tokens of an issuer that is known."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, Scope

from .kit import secured

BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class Named:
    """Keys of an issuer that is known."""

    def __init__(self, issuer: Any) -> None:
        self.issuer = issuer

    def keys_for(self, header: Any) -> Any:
        raise AssertionError("no keys are needed")


ISSUERS: dict[str, tuple[Any, str | None]] = {
    "plain": ("https://login.example", "https://login.example"),
    "slash": ("https://login.example/", "https://login.example"),
    "path": ("https://login.example/realms/x", "https://login.example/realms/x"),
    "no URL": ("accounts.google.com", None),
    "no text": (object(), None),
    "a password": ("https://me:secret@login.example", None),
    "a query": ("https://login.example?key=secret", None),
}


@pytest.mark.parametrize(("given", "base"), ISSUERS.values(), ids=ISSUERS)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_a_known_issuer_is_named(
    app: Flask, auth: Authenticator, given: Any, base: str | None, version: str
) -> None:
    """If the keys say their issuer, as an ``OIDCKeyProvider`` does, tokens are of OpenID Connect."""
    auth = auth.evolve(keys=Named(given))
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[Scope("read")])(lambda: "in"))
    document = secured(app, version)
    url = f"{base}/.well-known/openid-configuration"
    known = {"type": "openIdConnect", "openIdConnectUrl": url}
    assert document["components"]["securitySchemes"]["bearer"] == (known if base else BEARER)
    lists_scopes = base is not None or version != "3.0.3"
    security = document["paths"]["/"]["get"]["security"]
    assert security == [{"bearer": ["read"] if lists_scopes else []}]
