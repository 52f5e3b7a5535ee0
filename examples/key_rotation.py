"""Several keys, fetched from the issuer: one is added, and one dropped, without a restart.

In one terminal the issuer, in another this app::

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

A token that names an unknown key has the keys fetched at once, so the new key is accepted by the very
first request. A withdrawn key is accepted until the keys are fetched again: here that is after 5
seconds, by default after 300.

The function that fetches them is one of our own here, which may ask anything for keys. For a JWK set
at a URL the catalogue has ``JWKSKeyProvider``.
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
    """Fetch the issuer's JWK set, or raise: the keys at hand stay in use then."""
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
    """Answer, and name the key that the token was signed with."""
    header = current_principal.claims.header
    return {"reader": current_principal.subject, "kid": header.get("kid")}
