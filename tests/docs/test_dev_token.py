"""``docs/dev_token.rst`` shows what the command prints and the log says, and its programs work."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, JWTValidator
from flask_jwtlib.claim_rules import RequiredClaims
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.development.issue import issue_development_token
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens

from .program_kit import client_behind, requirement
from .test_console import console_blocks

Run = Callable[[str, str], dict[str, Any]]

ROOT = Path(__file__).parents[2]
DOCUMENT = "docs/dev_token.rst"
TEXT = (ROOT / DOCUMENT).read_text(encoding="utf-8")
FIRST = "def reports()"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of the user."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def app(run: Run) -> Flask:
    """The app of the first program."""
    app: Flask = run(DOCUMENT, FIRST)["app"]
    app.debug = True
    return app


def output_of(app: Flask, command: str) -> tuple[str, str]:
    """Run a command of the text for an app, and return its standard output and its errors."""
    words = shlex.split(command)
    assert words[:4] == ["flask", "--app", "reports", "--debug"]
    runner = app.test_cli_runner(env={"FLASK_DEBUG": "1"})
    result = runner.invoke(jwtlib, words[5:])
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def shown(text: str, home: Path) -> str:
    """Return a text as the document shows it: shortened tokens, its user's folder, and any digits."""
    text = text.replace(str(home), "/home/ada")
    text = re.sub(r"(eyJ[\w-]{45})[\w.-]+", r"\1…", text)
    text = re.sub(r"(?<=flask-jwtlib/)[\w-]+(?=\.pem)", "FILE", text)
    text = re.sub(r"\b[0-9a-f]{32}\b", "HEX", text)
    return re.sub(r"\b1\d{9}\b", "TIME", text)


def is_shown(text: str, home: Path) -> bool:
    """Whether the document has a literal block that contains these lines."""
    blocks = "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())
    return shown(blocks, home) in shown(TEXT, home)


def test_the_command_prints_what_the_text_shows(app: Flask, home: Path) -> None:
    """The first run makes the key in the folder that the text names, and prints the token alone."""
    command, by_curl = console_blocks(ROOT / DOCUMENT)
    token, note = output_of(app, command)
    assert is_shown(note + token, home)
    assert (home / ".local/state/flask-jwtlib").is_dir()

    as_json, _ = output_of(app, f"{command.strip()} --json")
    assert is_shown(as_json, home)
    claims = json.loads(as_json)["claims"]
    assert claims["exp"] - claims["iat"] == 3600

    (within,) = re.findall(r"\$\((.*?)\)", by_curl)
    header, nothing = output_of(app, within)
    name, _, value = header.strip().partition(": ")
    assert nothing == ""
    for headers in (bearer(token.strip()), {name: value}):
        assert app.test_client().get("/reports", headers=headers).text.startswith("reports for ")


def test_the_text_names_every_option() -> None:
    """Each option of the command is in the text, and has the stated default."""
    context = jwtlib.make_context("jwtlib", ["--help"], resilient_parsing=True)
    command = jwtlib.get_command(context, "token")
    assert command is not None
    options = {option for each in command.params for option in each.opts}
    assert all(f"``{option}``" in TEXT for option in options)
    defaults = {each.name: each.default for each in command.params}
    assert (defaults["sub"], defaults["lifetime"]) == ("developer", 3600)


def test_the_error_about_rules_is_shown(home: Path) -> None:
    """If a rule refuses the token, the command prints the sentence of the text."""
    issuer = TokenIssuer()

    validator = JWTValidator(rules=[RequiredClaims("tenant")])
    auth = DevelopmentTokens().added_to(
        Authenticator(keys=issuer.verification_key, validator=validator)
    )
    app = client_behind(auth.requires_authentication).application
    result = app.test_cli_runner(env={"FLASK_DEBUG": "1"}).invoke(jwtlib, ["token"])
    assert result.exit_code == 1
    assert is_shown(result.output, home)


def test_the_log_says_what_the_text_shows(
    run: Run, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The composition, an accepted and a refused request are in the log as in the text."""
    app: Flask = run(DOCUMENT, FIRST)["app"]
    app.debug = True
    headers = bearer(issue_development_token(app, "ada", claims={"scope": "reports:read"}).value)
    client = app.test_client()
    assert client.get("/reports", headers=headers).text == "reports for ada"
    peer = {"REMOTE_ADDR": "192.168.1.7"}
    assert client.get("/reports", headers=headers, environ_overrides=peer).status_code == 401

    composed, accepted, refused = (record.getMessage() for record in caplog.records)
    assert is_shown(f"{composed}\n{accepted}", home)
    assert is_shown(refused, home)


def test_an_app_authenticator_accepts_them(run: Run) -> None:
    """The second program's ``Authenticator`` is made for each app, with its settings."""
    auth = run(DOCUMENT, "AppAuthenticator")["auth"]
    app = client_behind(auth.requires_authentication).application
    app.config.update(JWTLIB_ISSUER="https://login.example", JWTLIB_AUDIENCE="api")
    auth.init_app(app)
    app.debug = True
    token = issue_development_token(app, "ada").value
    assert app.test_client().get("/", headers=bearer(token)).text == "ada"
    app.debug = False
    assert app.test_client().get("/", headers=bearer(token)).status_code == 401


def test_several_issuers_have_rules_of_their_own(run: Run, issuer: TokenIssuer) -> None:
    """The third program accepts development tokens beside those of both issuers."""
    client = client_behind(requirement(run(DOCUMENT, "IssuerRouter")))
    app = client.application
    app.debug = True
    token = issue_development_token(app, "ada").value
    real = TokenIssuer(
        "https://people.example", private_key=issuer.private_key, kid=issuer.kid
    ).token("alice", aud="https://api.example")
    assert client.get("/", headers=bearer(token)).text == "ada"
    assert client.get("/", headers=bearer(real)).text == "alice"


def test_the_example_does_what_it_says(
    example: Callable[[str], ModuleType], command: Callable[..., CompletedProcess[str]]
) -> None:
    """An app accepts the token that the command made in another process, in debug mode and from here only."""
    module = example("development_tokens")
    (shown,) = re.findall(r"TOKEN=\$\((.*)\)", str(module.__doc__))
    made = command(*shlex.split(shown))
    assert made.returncode == 0, made.stderr
    client = module.app.test_client()

    def status(debug: bool, **headers: str) -> int:
        module.app.debug = debug
        given = {**bearer(made.stdout.strip()), **headers}
        return int(client.get("/reports", headers=given).status_code)

    assert status(True) == 200
    assert status(True, **{"X-Forwarded-For": "127.0.0.1"}) == 401
    assert status(True, Host="evil.example") == 401
    assert status(False) == 401
