"""Three faults in a stranger's app: each is found with one command, and cured by its words alone."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup

from flask_jwtlib.testing import IdentityProvider, TokenIssuer, bearer

APP = Path(__file__).parent / "stranger_app"
CHECK = ("routes", "--fail-on", "open,misplaced")


class Provider(NamedTuple):
    """A provider whose issuer ends with a slash, and the issuer of its tokens."""

    issuer_url: str
    tokens: TokenIssuer


class Keycloak:
    """Issues the tokens of a client as Keycloak does, whose audience mapper has to be configured.

    Attributes:
        mapper: The settings of the mapper, by the words of the admin console.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.mapper: dict[str, str] = {}

    def token(self) -> str:
        """Issue a token for ``account``, and for the audience of the mapper."""
        audience = self.mapper.get("Included Custom Audience")
        is_on = self.mapper.get("Add to access token") == "On"
        return self._provider.tokens.token(
            "ada",
            iss=self._provider.issuer_url,
            aud=[audience, "account"] if audience and is_on else "account",
            typ="Bearer",
            azp="depot-web",
            sid="6b1c",
            realm_access={"roles": ["foreman", "offline_access"]},
            resource_access={"account": {"roles": ["manage-account", "view-profile"]}},
            scope="openid profile",
        )


class Printed(NamedTuple):
    """What a command printed."""

    status: int
    output: str
    complaint: str


Command = Callable[..., Printed]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A served provider."""
    with IdentityProvider(path="/realms/depot") as idp:
        issuer_url = f"{idp.issuer_url}/"
        tokens = idp.add_key(kid="2024")
        for path in (idp.openid_path, idp.oauth_path):
            idp.documents[path] = {**idp.documents[path], "issuer": issuer_url}
        yield Provider(issuer_url, tokens)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: Provider) -> Path:
    """A copy of the app's files, with all three faults, in the current directory."""
    shutil.copytree(APP, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    # Flask sets it for the process.
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    settings = tmp_path / "depot" / "settings.py"
    text = settings.read_text(encoding="utf-8")
    misspelled = provider.issuer_url.rstrip("/")
    settings.write_text(
        text.replace("http://127.0.0.1:8080/realms/depot", misspelled), encoding="utf-8"
    )
    return tmp_path


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Forget the app's modules after a test."""
    yield
    forget()


def forget() -> None:
    """Forget the app's modules, as a new process does."""
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.partition(".")[0] == "depot"]:
        del sys.modules[name]


def flask(*arguments: str, stdin: str = "") -> Printed:
    """Run ``flask --app depot jwtlib …`` as in a new process."""
    forget()
    command = ["--app", "depot", "jwtlib", *arguments]
    result = CliRunner().invoke(FlaskGroup(), command, input=stdin)
    assert isinstance(result.exception, SystemExit | None), result.exception
    return Printed(result.exit_code, result.stdout, result.stderr)


def created() -> Flask:
    """Create the app, as a server does."""
    forget()
    app: Flask = importlib.import_module("depot").create_app()
    return app


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Change a source file."""
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    # Python compares the size and the second of a source file with those of its bytecode.
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
    path.write_text(after, encoding="utf-8")


def follow_swapped_lines(words: str) -> None:
    """Do what "In FILE, swap lines A and B" says."""
    found = re.search(r"In (\S+), swap lines (\d+) and (\d+):", words)
    assert found is not None, words
    upper, lower = int(found[2]) - 1, int(found[3]) - 1

    def swap(text: str) -> str:
        lines = text.splitlines(keepends=True)
        lines[upper], lines[lower] = lines[lower], lines[upper]
        return "".join(lines)

    edit(Path(found[1]), swap)


def follow_setting(words: str) -> None:
    """Do what "Set NAME="VALUE"" says, in the one file of the app that sets it."""
    found = re.search(r'Set (JWTLIB_\w+) ?= ?("[^"]*"|\'[^\']*\')', words)
    assert found is not None, words
    line = re.compile(rf"^{found[1]} = .*$", re.MULTILINE)
    (path,) = (
        each for each in Path("depot").glob("*.py") if line.search(each.read_text(encoding="utf-8"))
    )
    edit(path, lambda text: line.sub(f"{found[1]} = {found[2]}", text))


def follow_mapper(words: str, keycloak: Keycloak) -> None:
    """Do what "set NAME to VALUE and NAME to VALUE" says about the mapper."""
    found = re.search(r"; set (.+?) to '(.+?)' and (.+?) to (\w+),", words)
    assert found is not None, words
    keycloak.mapper |= {found[1]: found[2], found[3]: found[4]}


def test_a_misplaced_decorator(folder: Path, provider: Provider) -> None:
    """``routes`` names the two lines to swap. Before, the app serves nothing; then the check passes."""
    assert created().test_client().get("/healthz").status_code == 500

    printed = flask(*CHECK)
    assert printed.status == 1
    assert "misplaced: shifts.everybody (GET /api/shifts/everybody)\n" in printed.complaint
    follow_swapped_lines(printed.complaint)

    printed = flask(*CHECK)
    assert (printed.status, printed.complaint) == (0, "")
    client = created().test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/api/shifts/everybody").status_code == 401


def test_an_issuer_without_its_slash(folder: Path, provider: Provider) -> None:
    """``doctor`` names the setting and its value. Before, no token is accepted; afterwards, tokens are."""
    follow_swapped_lines(flask(*CHECK).complaint)
    token = provider.tokens.token("ada", iss=provider.issuer_url, aud="depot-api")
    assert created().test_client().get("/api/shifts/mine", headers=bearer(token)).status_code == 503

    printed = flask("doctor")
    assert printed.status == 1
    follow_setting(printed.output)

    assert flask("doctor").status == 0
    response = created().test_client().get("/api/shifts/mine", headers=bearer(token))
    assert response.json == {"shifts": ["Mon early", "Tue early"]}


def test_a_keycloak_without_an_audience_mapper(folder: Path, provider: Provider) -> None:
    """``explain`` names the mapper to add. Before, the tokens are refused; then new ones are accepted."""
    follow_swapped_lines(flask(*CHECK).complaint)
    follow_setting(flask("doctor").output)
    keycloak = Keycloak(provider)
    client = created().test_client()
    path = "/api/shifts/everybody"
    assert client.get(path, headers=bearer(keycloak.token())).status_code == 401

    printed = flask("explain", "-", stdin=keycloak.token())
    assert printed.status == 1
    follow_mapper(printed.output, keycloak)

    assert flask("explain", "-", stdin=keycloak.token()).status == 0
    assert client.get(path, headers=bearer(keycloak.token())).status_code == 200
