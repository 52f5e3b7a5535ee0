"""``docs/doctor.rst`` is right: the command prints what it shows, and its words mend the app."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import attrs
import pytest
from flask import Flask
from flask.cli import FlaskGroup

from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.cli import doctor as command
from flask_jwtlib_strategies.doctor import Finding, examine

from .conftest import programs
from .program_kit import KEYCLOAK

DOCUMENT = "docs/doctor.rst"
TEXT = (Path(__file__).parents[2] / DOCUMENT).read_text(encoding="utf-8")
# What differs in each run, and what the document has instead.
REPLACED = {
    r", through the proxy http://127\.0\.0\.1:[0-9]+": "",
    r"until [0-9-]+ [0-9:]+ UTC": "until 2030-01-31 12:00 UTC",
}


@pytest.fixture
def shop(
    workplace: Path, reach: Callable[..., TokenIssuer], monkeypatch: pytest.MonkeyPatch
) -> str:
    """The program of the document, with its issuer on the internet, and a terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    # Flask sets it for the process.
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    monkeypatch.setattr(command, "examine", examined)
    reach(KEYCLOAK["iss"])
    program, _ = programs(DOCUMENT)
    return program.text


def examined(*arguments: Any, **options: Any) -> list[Finding]:
    """Examine an app, and replace what differs in each run."""
    findings = examine(*arguments, **options)
    for pattern, replacement in REPLACED.items():
        findings = [
            attrs.evolve(each, text=re.sub(pattern, replacement, each.text)) for each in findings
        ]
    return findings


def app_of(program: str) -> Flask:
    """Return the app that a program makes."""
    names: dict[str, Any] = {"__name__": "shop"}
    exec(compile(program, "shop.py", "exec", dont_inherit=True), names)
    app: Flask = names["app"]
    return app


def run(program: str, *arguments: str) -> tuple[int, str]:
    """Run ``flask jwtlib doctor``, and return its exit status and its output."""
    app = app_of(program)
    group = FlaskGroup(create_app=lambda: app)
    result = app.test_cli_runner().invoke(group, ["jwtlib", "doctor", *arguments])
    return result.exit_code, result.stdout


def test_the_output_is_the_commands_own(shop: str) -> None:
    """The document shows what the command prints for its app."""
    (block,) = re.findall(r"\.\. code-block:: text\n\n((?:    .*\n|\n)+)", TEXT)
    line, _, shown = dedent(block).partition("\n")

    status, output = run(shop)

    assert line == "$ flask --app shop jwtlib doctor"
    assert output.strip("\n") == shown.strip("\n")
    assert status == 1


def test_its_words_mend_the_app(shop: str) -> None:
    """Whoever changes what each finding names has an app without problems and warnings."""
    mended = (
        shop.replace('/example/"', '/example"')
        .replace('"ES256"', '["RS256"]')
        .replace('"account"', '"https://api.example"')
        .replace("prizes", "prices")
    )

    status, output = run(mended, "--strict")

    assert output.splitlines()[-1] == "0 problems, 0 warnings"
    assert status == 0


def test_the_members_of_the_json_are_listed(shop: str) -> None:
    """The document names the members of the object and of a finding."""
    document = json.loads(run(shop, "--json")[1])
    section = TEXT.partition("\nJSON\n----")[2]
    for name in (*document, *document["findings"][0]):
        assert f"``{name}``" in section


def test_the_checks_are_listed(shop: str) -> None:
    """The table of checks has each check of the example."""
    section = TEXT.partition("\nThe checks\n")[2].partition("\nAn internal")[0]
    for finding in json.loads(run(shop, "--json")[1])["findings"]:
        assert f"``{finding['check']}``" in section


def test_the_function_returns_cures(shop: str) -> None:
    """The last program of the document uses the function that the command uses."""
    *_, program = programs(DOCUMENT)
    names = program.run()
    cures = names["problems"](app_of(shop))
    assert cures[0] == 'Set issuer="https://login.example/realms/example", exactly so.'
