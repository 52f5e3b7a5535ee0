"""Several keys, fetched from the issuer: one is added, and one dropped, without a restart.

In one terminal the issuer, in another this app::

    flask --app examples.issuer run --port 5001
    flask --app examples.key_rotation run

In a third::

    OLD=$(curl -s -X POST http://127.0.0.1:5001/token)
    curl -i -H "Authorization: Bearer $OLD" http://127.0.0.1:5000/reports

    curl -X POST http://127.0.0.1:5001/keys/publish
    sleep 5
    curl -X POST http://127.0.0.1:5001/keys/switch
    NEW=$(curl -s -X POST http://127.0.0.1:5001/token)
    curl -i -H "Authorization: Bearer $NEW" http://127.0.0.1:5000/reports
    curl -i -H "Authorization: Bearer $OLD" http://127.0.0.1:5000/reports

    curl -X POST http://127.0.0.1:5001/keys/withdraw
    sleep 5
    curl -i -H "Authorization: Bearer $OLD" http://127.0.0.1:5000/reports

The keys are fetched again when they are older than ``ttl``, 5 seconds here and 300 by default. So
an issuer publishes a key for longer than that before it signs with it, as this one does.
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

JWKS_URL = os.environ.get("JWKS_URL", "http://127.0.0.1:5001/.well-known/jwks.json")


def fetch_jwks() -> bytes:
    """Fetch the issuer's JWK set, or raise: the keys at hand stay in use then."""
    with urlopen(JWKS_URL, timeout=5) as response:  # noqa: S310 - configured, not received
        document: bytes = response.read(1_000_000)
    return document


auth = Authenticator(
    keys=TTLKeyProvider(fetch_jwks, ttl=5),
    validator=JWTValidator(
        rules=[Issuer("https://issuer.example"), Audience("https://reports.example")]
    ),
)

app = Flask(__name__)


@app.get("/reports")
@auth.requires_authentication
def reports() -> dict[str, object]:
    """Answer, and name the key that the token was signed with."""
    header = current_principal.claims.header
    return {"reader": current_principal.subject, "kid": header.get("kid")}
