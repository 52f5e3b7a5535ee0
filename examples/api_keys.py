"""Accept API keys beside JWTs, with the digests of the keys in a database that can revoke them.

In one terminal::

    flask --app examples.api_keys run

In another::

    KEY=$(flask --app examples.api_keys add-key nightly-build reports:read)
    curl -i -H "X-API-Key: $KEY" http://127.0.0.1:5000/reports
    curl -i -H "Authorization: Bearer $KEY" http://127.0.0.1:5000/reports
    TOKEN=$(flask --app examples.api_keys token scope=reports:read)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
    flask --app examples.api_keys revoke-keys nightly-build
    curl -i -H "X-API-Key: $KEY" http://127.0.0.1:5000/reports

The database is the file ``api-keys.sqlite`` in the current directory, or that in ``API_KEYS_DATABASE``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager

import click
from flask import Flask

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import (
    Audience,
    Authenticator,
    HeaderTokenExtractor,
    JWTValidator,
    Scope,
    current_principal,
)
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator

DATABASE = os.environ.get("API_KEYS_DATABASE", "api-keys.sqlite")
# Of this app only, so that secret scanners can tell whose keys they have found.
PREFIX = "example"


@contextmanager
def database() -> Generator[sqlite3.Connection, None, None]:
    """Open the database for one transaction."""
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS api_keys"
            " (digest TEXT PRIMARY KEY, owner TEXT, scopes TEXT, revoked INTEGER DEFAULT 0)"
        )
        yield connection


def find_api_key(digest: str) -> APIKeyRecord | None:
    """Return the record of a key. It is called for each request that has one."""
    with database() as connection:
        row = connection.execute(
            "SELECT owner, digest, scopes, revoked FROM api_keys WHERE digest = ?", (digest,)
        ).fetchone()
    if row is None:
        return None
    owner, digest, scopes, revoked = row
    return APIKeyRecord(owner, digest=digest, scopes=scopes, revoked=revoked != 0)


auth = Authenticator(
    keys=ISSUER.public_pem,
    extractor=CompositeTokenExtractor(HeaderTokenExtractor(), APIKeyExtractor()),
    # By the scheme, so that a key is no bearer token and a JWT is no key.
    validator=PerSchemeValidator(
        {
            "Bearer": JWTValidator(rules=[Audience("https://api.example")]),
            "ApiKey": APIKeyValidator(find_api_key, prefix=PREFIX),
        }
    ),
)

app = Flask(__name__)


@app.get("/reports")
@auth.requires_authentication(rules=[Scope("reports:read")])
def reports() -> dict[str, str | None]:
    """Show the caller, whose claims look the same for a token and for a key."""
    return {"reader": current_principal.subject, "issuer": current_principal.claims.issuer}


@app.cli.command("add-key")
@click.argument("owner")
@click.argument("scopes", nargs=-1)
def add_key(owner: str, scopes: tuple[str, ...]) -> None:
    """Print a new key, and store its digest."""
    key = generate_api_key(PREFIX)
    with database() as connection:
        connection.execute(
            "INSERT INTO api_keys (digest, owner, scopes) VALUES (?, ?, ?)",
            (api_key_digest(key), owner, " ".join(scopes)),
        )
    click.echo(key)


@app.cli.command("revoke-keys")
@click.argument("owner")
def revoke_keys(owner: str) -> None:
    """Revoke all keys of an owner."""
    with database() as connection:
        connection.execute("UPDATE api_keys SET revoked = 1 WHERE owner = ?", (owner,))


add_token_command(app, aud="https://api.example")
