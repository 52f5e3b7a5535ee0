"""Rotate the issuer's keys without a restart: fetch them with a function, and cache them for 5 seconds.

Run the issuer in one terminal, and this app in another::

    flask --app examples.issuer run --port 5001
    flask --app examples.key_rotation run

In a third::

    OLD=$(curl -s -X POST http://127.0.0.1:5001/token)
    curl -i -H "Authorization: Bearer $OLD" http://127.0.0.1:5000/reports

    curl -X POST http://127.0.0.1:5001/keys/publish
    curl -X POST http://127.0.0.1:5001/keys/switch
    NEW=$(curl -s -X POST http://127.0.0.1:5001/token)
    curl -i -H "Authorization: Bearer $NEW" http://127.0.0.1:5000/reports
    curl -i -H "Authorization: Bearer $OLD" http://127.0.0.1:5000/reports

    curl -X POST http://127.0.0.1:5001/keys/withdraw
    sleep 5
    curl -i -H "Authorization: Bearer $OLD" http://127.0.0.1:5000/reports

When a token names an unknown key, the app fetches the keys again at once, so the first request with
the new key succeeds. A withdrawn key is accepted until the next fetch: here within 5 seconds, by
default within 300.

``fetch_jwks`` shows how to fetch keys with a function of your own, from any source. For a JWK set at
a URL, use ``JWKSKeyProvider`` from the catalogue.
"""

from __future__ import annotations

import os
from urllib.request import urlopen

from flask import Flask

from flask_jwtlib import (
    Audience,
    Authenticator,
    Issuer,
    JWTValidator,
    TTLKeyProvider,
    current_principal,
)

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:5001")


def fetch_jwks() -> bytes:
    """Fetch the issuer's JWK set. If this raises, the previous keys stay in use."""
    with urlopen(f"{ISSUER}/.well-known/jwks.json", timeout=5) as response:  # noqa: S310 - configured
        document: bytes = response.read(1_000_000)
    return document


auth = Authenticator(
    keys=TTLKeyProvider(fetch_jwks, ttl=5),
    validator=JWTValidator(rules=[Issuer(ISSUER), Audience("https://reports.example")]),
)

app = Flask(__name__)


@app.get("/reports")
@auth.requires_authentication
def reports() -> dict[str, object]:
    """Show the caller, and the key that signed the token."""
    header = current_principal.claims.header
    return {"reader": current_principal.subject, "kid": header.get("kid")}
