"""``flask jwtlib token``: a development token that the app accepts, or a sentence that says why not."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from flask_jwtlib import (
    Audience,
    Authenticator,
    JWTValidator,
    Scope,
    current_principal,
)
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens

ISSUER = TokenIssuer()
AUDIENCE = "https://api.example"
AUTH = Authenticator(
    keys=ISSUER.verification_key, validator=JWTValidator(rules=[Audience(AUDIENCE)])
)
DEVELOPMENT = DevelopmentTokens().added_to(AUTH)


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for keys, which doesn't exist."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "flask-jwtlib"


def app_of(*auths: Authenticator, debug: bool = True) -> Flask:
    """Return an app with a view for each ``Authenticator``."""
    app = Flask("tokens")
    app.debug = debug
    app.secret_key = "for double submit"
    for number, auth in enumerate(auths):

        @auth.requires_authentication(rules=[Scope("reports:read")])
        def view() -> dict[str, Any]:
            return dict(current_principal.claims)

        app.add_url_rule(f"/{number}", str(number), view)
    return app


def run(app: Flask, *arguments: str) -> Result:
    """Run the command, as by ``flask --debug`` for an app in debug mode."""
    debug = {"FLASK_DEBUG": "1" if app.debug else "0"}
    return app.test_cli_runner(env=debug).invoke(jwtlib, ["token", *arguments])


def test_the_app_accepts_its_token(keys: Path) -> None:
    """The app's own route accepts the printed token, with the subject, scope and claims that were given."""
    app = app_of(DEVELOPMENT)
    before = int(time.time())
    result = run(
        app,
        *("--sub", "ada", "--scope", "reports:read", "--scope", "a b", "--lifetime", "60"),
        *("--claim", "tenant=acme", "--claim", "level=3", "--claim", "equation=a=b"),
        *("--claim", 'roles:=["editor"]', "--claim", "https://a.example/n:=1"),
    )
    assert result.exit_code == 0, result.output
    (token,) = result.stdout.splitlines()
    response = app.test_client().get("/0", headers=bearer(token))

    claims: Any = response.json
    assert response.status_code == 200
    assert claims["iss"].startswith("urn:flask-jwtlib:development:")
    assert 0 <= claims["iat"] - before < 30
    assert claims["exp"] == claims["iat"] + 60
    expected = {
        "sub": "ada",
        "aud": AUDIENCE,
        "scope": "reports:read a b",
        "tenant": "acme",
        "level": "3",
        "equation": "a=b",
        "roles": ["editor"],
        "https://a.example/n": 1,
    }
    assert {name: claims[name] for name in expected} == expected
    assert {*claims} - {*expected} == {"iss", "iat", "exp", "jti"}


def test_the_first_run_makes_the_key(keys: Path) -> None:
    """It says where the key is, apart from the token. A second run uses it, and says nothing."""
    app = app_of(DEVELOPMENT)
    first, second = run(app), run(app)

    (file,) = keys.glob("*.pem")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first.stderr == f"A new key was made: {file}\n"
    assert second.stderr == ""
    assert first.stdout != second.stdout
    assert "PRIVATE" not in first.output
    for result in (first, second):
        assert app.test_client().get("/0", headers=bearer(result.stdout.strip())).status_code == 403


def test_it_prints_a_header_for_curl(keys: Path) -> None:
    """``--header`` prints one header line."""
    app = app_of(DEVELOPMENT)
    printed = run(app, "--header", "--scope", "reports:read").stdout
    name, _, value = printed.strip().partition(": ")
    assert name == "Authorization"
    assert app.test_client().get("/0", headers={name: value}).status_code == 200


def test_it_prints_json(keys: Path) -> None:
    """``--json`` prints the token, its header line and its claims."""
    printed = json.loads(run(app_of(DEVELOPMENT), "--json", "--sub", "ada").stdout)
    assert set(printed) == {"token", "header", "claims"}
    assert printed["header"] == f"Authorization: Bearer {printed['token']}"
    assert printed["claims"]["sub"] == "ada"


def test_it_fits_all_authenticators_of_the_app(keys: Path) -> None:
    """With several audiences, the token is for all of them."""
    other = Authenticator(
        keys=ISSUER.verification_key, validator=JWTValidator(rules=[Audience("reports", "r")])
    )
    free = Authenticator(keys=ISSUER.verification_key)
    app = app_of(
        DEVELOPMENT,
        DoubleSubmit().added_to(DevelopmentTokens().added_to(other)),
        DevelopmentTokens().added_to(free),
        AUTH,
    )
    token = run(app, "--scope", "reports:read").stdout.strip()
    responses = [app.test_client().get(f"/{each}", headers=bearer(token)) for each in range(4)]

    assert [response.status_code for response in responses] == [200, 200, 401, 401]
    assert responses[0].json is not None
    assert responses[0].json["aud"] == [AUDIENCE, "reports"]


def test_an_app_without_audience_gets_none(keys: Path) -> None:
    """Where the rules accept no ``aud``, the token has none."""
    free = Authenticator(keys=ISSUER.verification_key)
    printed = json.loads(run(app_of(DevelopmentTokens().added_to(free)), "--json").stdout)
    assert "aud" not in printed["claims"]


REFUSED: dict[str, tuple[Flask, list[str], str]] = {
    "app without the strategies": (
        app_of(AUTH),
        [],
        "write auth = DevelopmentTokens().added_to(auth)",
    ),
    "app without routes": (app_of(), [], "no guard or decorator of this app accepts"),
    "no debug mode": (app_of(DEVELOPMENT, debug=False), [], "app.debug is off"),
    "other audience": (app_of(DEVELOPMENT), ["--claim", "aud=other"], "aud is 'other', expected"),
    "chosen iss": (app_of(DEVELOPMENT), ["--claim", "iss=x"], "iss can't be chosen here"),
    "chosen exp": (app_of(DEVELOPMENT), ["--claim", "exp:=9"], "exp can't be chosen here"),
    "chosen iat": (app_of(DEVELOPMENT), ["--claim", "iat:=9"], "iat can't be chosen here"),
    "chosen nbf": (app_of(DEVELOPMENT), ["--claim", "nbf:=9"], "nbf can't be chosen here"),
    "chosen jti": (app_of(DEVELOPMENT), ["--claim", "jti=x"], "jti can't be chosen here"),
    "chosen sub": (app_of(DEVELOPMENT), ["--claim", "sub=x"], "sub can't be chosen here"),
    "bound": (app_of(DEVELOPMENT), ["--claim", "cnf:={}"], "cnf can't be chosen here"),
    "ID token": (app_of(DEVELOPMENT), ["--claim", "at_hash=x"], "is an ID token"),
    "no number of JSON": (app_of(DEVELOPMENT), ["--claim", "x:=NaN"], "JSON has no form"),
    "too large": (app_of(DEVELOPMENT), ["--claim", f"x={'x' * 9000}"], "the token is too large"),
}  # fmt: skip


@pytest.mark.parametrize(("app", "arguments", "text"), REFUSED.values(), ids=REFUSED)
def test_what_the_app_would_refuse_is_not_made(
    keys: Path, app: Flask, arguments: list[str], text: str
) -> None:
    """It exits with 1, prints one sentence and no token."""
    result = run(app, *arguments)

    assert result.exit_code == 1
    assert text in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 2
    assert result.stdout == ""


@pytest.mark.parametrize(
    "name", [name for name in REFUSED if name.startswith(("app", "no debug", "chosen", "bound"))]
)
def test_no_key_is_made_then(keys: Path, name: str) -> None:
    """An app that accepts no development token gets no key."""
    app, arguments, _ = REFUSED[name]
    run(app, *arguments)
    assert not keys.exists()


def test_an_unsafe_key_is_one_sentence(keys: Path) -> None:
    """A key that others can read isn't used."""
    app = app_of(DEVELOPMENT)
    run(app)
    (file,) = keys.glob("*.pem")
    file.chmod(0o644)
    result = run(app)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: the development key {file} has the mode 0644")
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "text"),
    {
        "no value": (["--claim", "tenant"], "expected NAME=TEXT or NAME:=JSON"),
        "no name": (["--claim", "=acme"], "expected NAME=TEXT or NAME:=JSON"),
        "no name for JSON": (["--claim", ":=1"], "expected NAME=TEXT or NAME:=JSON"),
        "no JSON": (["--claim", "roles:=editor"], "is not JSON"),
        "deep JSON": (["--claim", "roles:=" + "[" * 100_000], "is not JSON"),
        "twice": (["--claim", "a=1", "--claim", "a:=1"], "the claim 'a' is given twice"),
        "two scopes": (["--scope", "a", "--claim", "scope=b"], "by --scope and by --claim"),
        "two forms": (["--header", "--json"], "can't be used together"),
        "no lifetime": (["--lifetime", "0"], "0 is not in the range"),
        "long lifetime": (["--lifetime", "86401"], "86401 is not in the range"),
        "unknown option": (["--iss", "x"], "No such option"),
    }.values(),
)
def test_wrong_usage_exits_with_2(keys: Path, arguments: list[str], text: str) -> None:
    """It prints how to use the command, and makes no key."""
    result = run(app_of(DEVELOPMENT), *arguments)
    assert result.exit_code == 2
    assert text in result.stderr
    assert not keys.exists()
