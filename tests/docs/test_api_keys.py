"""Every program in ``docs/api_keys.rst`` does what the text around it says."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.validators.api_keys import api_key_digest, generate_api_key

from .program_kit import client_behind, client_of, requirement
from .test_console import console_blocks

Run = Callable[[str, str], dict[str, Any]]
Command = Callable[..., "CompletedProcess[str]"]

DOCUMENT = "docs/api_keys.rst"
TEXT = (Path(__file__).parents[2] / DOCUMENT).read_text(encoding="utf-8")
OUTPUT = r"    Key:     (\w+)\n    Digest:  (\w+)\n"
FOUND = re.search(OUTPUT, TEXT)
assert FOUND is not None
KEY = {"X-API-Key": FOUND[1]}


def test_the_command_prints_what_the_text_shows(command: Command) -> None:
    """``flask jwtlib api-key`` prints a key and its digest, in the form of those in the text."""
    assert FOUND is not None
    assert FOUND[2] == api_key_digest(FOUND[1])
    (block,) = console_blocks(Path(__file__).parents[2] / DOCUMENT)
    output = command(*block.split()).stdout
    key, digest = re.findall(r"^(?:Key|Digest): +(\w+)$", output, re.MULTILINE)
    assert digest == api_key_digest(key)
    shown = FOUND[0].replace(FOUND[1], key).replace(FOUND[2], digest)
    assert output == re.sub("^    ", "", shown, flags=re.MULTILINE)


def test_the_pattern_for_scanners_is_right() -> None:
    """The pattern in the text finds keys with that prefix."""
    (pattern,) = re.findall(r"``(acme_live_\[.*?)``", TEXT)
    assert re.fullmatch(pattern, generate_api_key("acme_live"))


def test_both_credentials_are_accepted(run: Run, issuer: TokenIssuer) -> None:
    """The first program accepts a token or the key that the text shows, each in its header only."""
    client = client_of(run(DOCUMENT, "PerSchemeValidator({"))
    token = issuer.token("alice", scope="reports:read")

    assert client.get("/reports", headers=KEY).text == "reports for nightly-build"
    assert client.get("/reports", headers=bearer(token)).text == "reports for alice"
    assert client.get("/reports", headers={**KEY, **bearer(token)}).status_code == 400
    for wrong in (bearer(KEY["X-API-Key"]), {"X-API-Key": token}, {}):
        assert client.get("/reports", headers=wrong).status_code == 401


@pytest.fixture
def database(run: Run) -> Any:
    """A client of the program whose keys are in a database, and a function that changes it."""
    client = client_behind(requirement(run(DOCUMENT, "def find_api_key")))

    def change(statement: str, *values: object) -> None:
        with closing(sqlite3.connect("keys.sqlite")) as db, db:
            db.execute(statement, values)

    change(
        "INSERT INTO api_keys (digest, owner) VALUES (?, 'alice')", api_key_digest(KEY["X-API-Key"])
    )
    return client, change


REFUSALS: dict[str, tuple[str | None, dict[str, str]]] = {
    "There is no key.": (None, {}),
    "The header isn't one key, such as two headers.": (None, {"X-API-Key": "a, b"}),
    "The prefix or the checksum is wrong.": (None, {"X-API-Key": f"{KEY['X-API-Key']}0"}),
    "There is no record.": ("DELETE FROM api_keys", KEY),
    "It is revoked.": ("UPDATE api_keys SET revoked = 1", KEY),
    "It has expired.": ("UPDATE api_keys SET expires_at = 1", KEY),
    "The function raises, or returns something else.": ("DROP TABLE api_keys", KEY),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_key_is_refused_as_the_table_says(database: Any, what: str) -> None:
    """What changes in the database counts at once, with the status and the text of the table."""
    client, change = database
    statement, headers = REFUSALS[what]
    (row,) = re.findall(rf"\* - {re.escape(what)}\n     - (\d+)\n     - (.*)", TEXT)
    assert client.get("/", headers=KEY).text == "alice"
    if statement is not None:
        change(statement)

    refused = client.get("/", headers=headers)

    assert refused.status_code == int(row[0])
    if row[0] == "503":
        assert "Retry-After" in refused.headers
        return
    challenge = refused.headers["WWW-Authenticate"]
    expected = f'error_description="{row[1].strip("`")}"'
    assert challenge == "ApiKey" if row[1] == "none" else expected in challenge


def test_a_missing_scope_is_refused_as_the_table_says(run: Run) -> None:
    """A key without the scope is a 403."""
    program = run(DOCUMENT, "PerSchemeValidator({")
    record = program["APIKeyRecord"]("x", digest=program["RECORDS"][0].digest)
    validator = program["APIKeyValidator"]({record.digest: record})
    auth = program["auth"].evolve(validator=program["PerSchemeValidator"]({"ApiKey": validator}))
    refused = client_behind(
        auth.requires_authentication(rules=[program["Scope"]("reports:read")])
    ).get("/", headers=KEY)

    (row,) = re.findall(r"\* - A scope is missing.\n     - (\d+)\n     - ``(.*)``", TEXT)
    assert refused.status_code == int(row[0])
    assert f'ApiKey error="insufficient_scope", error_description="{row[1]}"' in str(
        refused.headers
    )
