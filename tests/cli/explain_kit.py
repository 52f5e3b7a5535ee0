"""What several test files of ``flask jwtlib explain`` use."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from click.testing import Result
from flask import Flask

from flask_jwtlib import Audience, Authenticator, Issuer, JWTValidator
from flask_jwtlib.cli._explain import explain
from flask_jwtlib.testing import TokenIssuer

API = "https://api.example"
URL = "https://issuer.example"


def authenticator(issuer: TokenIssuer, **parts: Any) -> Authenticator:
    """Return an ``Authenticator`` that accepts an issuer's tokens for the API."""
    rules = [Issuer(URL), Audience(API)]
    return Authenticator(
        **{"keys": issuer.verification_key, "validator": JWTValidator(rules=rules), **parts}
    )


def run(app: Flask, text: str | bytes, *options: str, **settings: Any) -> Result:
    """Run ``flask jwtlib explain -`` with a text in stdin, without looking for the other commands."""
    return app.test_cli_runner().invoke(explain, ["-", *options], input=text, **settings)


def document(app: Flask, text: str, *options: str) -> Any:
    """Return what the command prints as JSON."""
    return json.loads(run(app, text, *options, "--json").stdout)


def rows_of(output: str, stage: str) -> list[list[str]]:
    """Return the rows of a table about a stage: mark, expected, found and note."""
    head = next(line for line in output.splitlines() if "Expected" in line)
    starts = [0, *map(head.index, ("Step", "Expected", "Found", "Note")), None]
    rows = (
        [line[begin:end].strip() for begin, end in pairwise(starts)] for line in output.splitlines()
    )
    return [[mark, *rest] for mark, found, *rest in rows if found == stage]
