"""``flask jwtlib doctor``: its tables, its JSON and its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from flask_jwtlib.cli import jwtlib
from flask_jwtlib.testing import IdentityProvider
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    """An identity provider with a key."""
    with IdentityProvider() as idp:
        idp.add_key(kid="a")
        yield idp


def app_for(issuer: str, **options: Any) -> Flask:
    """Return an app that accepts the tokens of an issuer."""
    app = Flask("api")
    oidc_authenticator(issuer, "api", allow_http_on_loopback=True).protect(app, **options)
    return app


def run(app: Flask, *arguments: str) -> Result:
    """Run ``flask jwtlib doctor``."""
    return app.test_cli_runner().invoke(jwtlib, ["doctor", *arguments])


APPS: dict[str, tuple[Callable[[str], Flask], str, int, int]] = {
    "all is well": (app_for, "0 problems, 0 warnings", 0, 0),
    "a warning": (lambda url: app_for(url, public=["nothing"]), "0 problems, 1 warning", 0, 1),
    "a problem": (lambda url: app_for(f"{url}/"), "1 problem, 0 warnings", 1, 1),
    "both": (lambda url: app_for(f"{url}/", public=["nothing"]), "1 problem, 1 warning", 1, 1),
}


@pytest.mark.parametrize(("make", "last", "status", "strict"), APPS.values(), ids=APPS)
def test_the_exit_status(
    make: Callable[[str], Flask], last: str, status: int, strict: int, provider: IdentityProvider
) -> None:
    """It is 1 for a problem, and with ``--strict`` for a warning. The last line counts them."""
    app = make(provider.issuer_url)
    result = run(app)
    assert result.output.splitlines()[-1] == last
    assert result.exit_code == status
    assert run(app, "--strict").exit_code == strict
    assert "Traceback" not in result.output + result.stderr


def test_the_tables(provider: IdentityProvider) -> None:
    """There is a table for the app and for each provider, below its name."""
    lines = run(app_for(f"{provider.issuer_url}/")).output.splitlines()
    assert lines[0] == "app api"
    begin = lines.index(f"OIDCKeyProvider {provider.issuer_url}/")
    assert lines[begin + 2].split() == ["Check", "Result", "Found", "What", "to", "do"]
    (row,) = (line for line in lines if line.startswith("issuer "))
    assert row.split()[1] == "FAIL"
    assert row.endswith(f'Set issuer="{provider.issuer_url}", exactly so.')


def test_json(provider: IdentityProvider) -> None:
    """``--json`` prints the findings and their numbers, with the same exit status."""
    result = run(app_for(f"{provider.issuer_url}/"), "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (document["problems"], document["warnings"]) == (1, 0)
    (problem,) = (each for each in document["findings"] if each["level"] == "FAIL")
    assert set(problem) == {"level", "subject", "check", "text", "cure"}
    assert problem["check"] == "issuer"


def test_the_time_is_an_option(provider: IdentityProvider) -> None:
    """``--timeout`` limits how long it may take; a wrong value is wrong usage."""
    assert run(app_for(provider.issuer_url), "--timeout", "9.5").exit_code == 0
    assert run(app_for(provider.issuer_url), "--timeout", "0").exit_code == 2
