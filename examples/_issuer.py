"""The issuer that the examples trust, and the ``flask token`` command, which prints its tokens.

The private key is published in RFC 7515, appendix A.2, so anyone can sign with it. That way the app
and the command share a key without a file. Never trust this issuer outside of an experiment.
"""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64decode
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask

from flask_jwtlib.testing import TokenIssuer

__all__ = ["ISSUER", "add_token_command"]

_P = (
    "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5P"
    "JdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc="
)
_Q = (
    "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZ"
    "D_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc="
)


def _private_key() -> rsa.RSAPrivateKey:
    p, q = (int.from_bytes(urlsafe_b64decode(prime), "big") for prime in (_P, _Q))
    e = 65537
    d = pow(e, -1, math.lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public
    ).private_key()


ISSUER = TokenIssuer(
    "https://issuer.example", kid="rfc7515-a2", lifetime=3600, private_key=_private_key()
)


def add_token_command(app: Flask, **usual: Any) -> None:
    """Add the ``flask token`` command to an app.

    Args:
        app: The app.
        **usual: The token's claims, unless the command line sets them.
    """

    @app.cli.command("token")
    @click.argument("claims", nargs=-1, metavar="[NAME=VALUE]...")
    def token(claims: tuple[str, ...]) -> None:  # pyright: ignore[reportUnusedFunction]
        """Print a token. Each VALUE is JSON, or else plain text; null leaves the claim out."""
        chosen = dict(usual)
        for claim in claims:
            name, _, text = claim.partition("=")
            chosen[name] = _value(text)
        click.echo(ISSUER.token(chosen.pop("sub", "alice"), **chosen))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
