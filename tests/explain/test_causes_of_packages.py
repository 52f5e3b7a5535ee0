"""Causes that other packages add by an entry point."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest

from flask_jwtlib import Authenticator, Issuer, JWTValidator
from flask_jwtlib.explain import Facts, Found, _causes, explain, recognises
from flask_jwtlib.testing import TokenIssuer


@recognises("of-a-package")
def of_a_package(facts: Facts) -> Found | None:
    """It always fits."""
    return Found("A package found this.", "Ask its maintainers.")


CAUSES = [of_a_package]


def raising(facts: Facts) -> Found | None:
    """It reads what isn't there."""
    raise KeyError(facts.token)


def returning_text(_: Facts) -> Any:
    """It returns another type."""
    return "a text"


@pytest.fixture(autouse=True)
def uncached() -> Iterator[None]:
    """Packages are looked up once in a process, and here once in a test."""
    _causes.catalogue.cache_clear()
    yield
    _causes.catalogue.cache_clear()


def named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Let a package with this entry point be installed, beside this project."""
    own = [
        EntryPoint("catalogue", "flask_jwtlib_strategies.causes:CATALOGUE", "flask_jwtlib.causes")
    ]
    added = [EntryPoint("corp", value, "flask_jwtlib.causes")]
    monkeypatch.setattr(_causes, "entry_points", lambda group: [*own, *added])


def cause_of_a_refusal() -> Any:
    """Return why a token of another issuer is refused."""
    issuer = TokenIssuer("https://other.example", algorithm="ES256")
    rules = [Issuer("https://login.example")]
    validator = JWTValidator(algorithms="ES256", rules=rules)
    explanation = explain(
        Authenticator(keys=issuer.public_pem, validator=validator), issuer.token()
    )
    assert explanation.cause is not None
    return explanation.cause


def test_causes_of_a_package_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an organisation adds is more specific than what this project knows."""
    monkeypatch.setitem(sys.modules, "corp_auth", SimpleNamespace(CAUSES=CAUSES))
    named(monkeypatch, "corp_auth:CAUSES")
    assert cause_of_a_refusal().name == "of-a-package"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_module:CAUSES", "it raised ModuleNotFoundError"),
        ("math:pi", "it raised TypeError"),
        ("os:__all__", "it isn't a list of CauseFinder objects"),
    ],
)
def test_broken_causes_are_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str, why: str
) -> None:
    """The log names the package, and all other causes are found as before."""
    expected = cause_of_a_refusal()
    _causes.catalogue.cache_clear()
    named(monkeypatch, value)
    with caplog.at_level(logging.WARNING):
        assert cause_of_a_refusal() == expected
    assert f"the causes of corp ({value}) are left out: {why}" in caplog.text


@pytest.mark.parametrize("find", [raising, returning_text], ids=["raises", "returns text"])
def test_a_cause_that_fails_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, find: Any
) -> None:
    """The log names it and the type of the exception, and the next cause that fits is shown."""
    expected = cause_of_a_refusal()
    _causes.catalogue.cache_clear()
    causes = [recognises("of-corp")(find)]
    monkeypatch.setitem(sys.modules, "corp_auth", SimpleNamespace(CAUSES=causes))
    named(monkeypatch, "corp_auth:CAUSES")
    with caplog.at_level(logging.WARNING):
        assert cause_of_a_refusal() == expected
    assert "the cause of-corp is left out: it raised " in caplog.text
    assert "eyJ" not in caplog.text
