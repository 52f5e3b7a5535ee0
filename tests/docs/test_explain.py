"""``docs/explain.rst`` is right: its programs do what the text says, and the JSON has the listed members."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import fields

from flask_jwtlib import Authenticator
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.explain import Cause, Step, as_dict
from flask_jwtlib.testing import TokenIssuer, bearer

Run = Callable[[str, str], dict[str, Any]]

ROOT = Path(__file__).parents[2]
DOCUMENT = "docs/explain.rst"
TEXT = (ROOT / DOCUMENT).read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return the text below a heading."""
    return re.split(r"\n\n\n", TEXT.partition(f"\n{title}\n-")[2])[0]


def listed(title: str) -> dict[str, str]:
    """Return the rows of a table, by the name in the first column."""
    rows = re.findall(r"^   \* - (.+)\n     - (.+(?:\n       .+)*)", section(title), re.MULTILINE)
    return {name.strip("`"): text for name, text in rows}


def test_the_code_explains_a_refusal(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the outcome, the rule that refuses, the cause and the cure."""
    program = run(DOCUMENT, "print(explanation.cause.cure)")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "refused 401 Audience('https://api.example')"
    assert lines[1:] == [program["explanation"].cause.text, program["explanation"].cause.cure]


def test_the_members_of_the_json(run: Run) -> None:
    """The table lists all members, and each row those of the object in it."""
    program = run(DOCUMENT, "print(explanation.cause.cure)")
    app, token = program["app"], program["issuer"].token(aud="other")
    result = app.test_cli_runner().invoke(jwtlib, ["explain", "-", "--json"], input=token)
    (explanation,) = json.loads(result.stdout)["explanations"]
    table = listed("JSON")

    assert list(explanation) == [name for name in table if name != "Member"]
    assert list(as_dict(program["explanation"])) == list(explanation)[1:]
    members = {
        "steps": [each.name for each in fields(Step)],
        "error": list(explanation["error"]),
        "response": list(explanation["response"]),
        "cause": [each.name for each in fields(Cause)],
    }
    for name, expected in members.items():
        assert all(f"``{member}``" in table[name] for member in expected), name
    unknown = app.test_cli_runner().invoke(
        jwtlib, ["explain", "-", "--json", "--endpoint", "x"], input=token
    )
    assert json.loads(unknown.stdout).keys() == {"outcome", "error"}


def test_the_setting_adds_the_cause(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """The program's app logs causes in debug mode, and only then."""
    issuer = TokenIssuer()
    auth = Authenticator(keys=issuer.verification_key)
    app = run(DOCUMENT, "JWTLIB_EXPLAIN")["app"]
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""))
    lines: list[str] = []
    for app.debug in (False, True):
        caplog.clear()
        app.test_client().get("/", headers=bearer(issuer.token(exp=1)))
        lines.append(caplog.messages[0])

    assert [" Cause: " in line for line in lines] == [False, True]


def test_each_option_is_documented() -> None:
    """The page names every option of the command."""
    command = jwtlib.get_command(None, "explain")  # type: ignore[arg-type]
    assert command is not None

    options = {name for option in command.params for name in option.opts if name.startswith("--")}
    assert options >= {"--endpoint", "--method", "--arg", "--json"}
    assert all(f"``{name}``" in TEXT or f" {name} " in TEXT for name in options)
