"""No setting of a test turns authentication off."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import flask_jwtlib
import flask_jwtlib_strategies
from flask_jwtlib import AppAuthenticator, Authenticator
from flask_jwtlib.testing import BAD_CREDENTIALS, TokenIssuer, lend_keys

from . import faulty
from .faulty import make_issuer

ISSUER = make_issuer()
SETTINGS: dict[str, dict[str, Any]] = {
    "TESTING": {"TESTING": True},
    "DEBUG": {"DEBUG": True},
    "PROPAGATE_EXCEPTIONS": {"PROPAGATE_EXCEPTIONS": True},
    "all": {
        "TESTING": True,
        "DEBUG": True,
        "PROPAGATE_EXCEPTIONS": True,
        "TRAP_HTTP_EXCEPTIONS": False,
        "TRAP_BAD_REQUEST_ERRORS": True,
        "ENV": "testing",
        "LOGIN_DISABLED": True,
        "WTF_CSRF_ENABLED": False,
        "JWT_TESTING": True,
        "FLASK_JWTLIB_TESTING": True,
    },
}
EXTRACTOR = flask_jwtlib.BearerTokenExtractor(query=False)


def made(app: Flask) -> Authenticator:
    """Make the Authenticator of an app."""
    return Authenticator(
        keys=ISSUER.verification_key, validator=faulty.CHECKED, extractor=EXTRACTOR
    )


def decorated(app: Flask) -> None:
    """Protect a view by a decorator."""
    app.add_url_rule("/", view_func=made(app).requires_authentication(lambda: "in"))


def denied_by_default(app: Flask) -> None:
    """Protect all views."""
    app.add_url_rule("/", view_func=lambda: "in")
    made(app).protect(app)


def configured_late(app: Flask) -> None:
    """Protect a view by an ``AppAuthenticator``."""
    auth = AppAuthenticator(made)
    auth.init_app(app)
    app.add_url_rule("/", view_func=auth.requires_authentication(lambda: "in"))


PROTECT: dict[str, Callable[[Flask], None]] = {
    "decorator": decorated,
    "protect": denied_by_default,
    "AppAuthenticator": configured_late,
}


@pytest.mark.parametrize("protect", PROTECT.values(), ids=PROTECT)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_settings_do_not_turn_it_off(
    settings: dict[str, Any], protect: Callable[[Flask], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app in any mode refuses everything that is wrong, and accepts a valid token."""
    for name in settings:
        for variable in (name, f"FLASK_{name}"):
            monkeypatch.setenv(variable, "1")
    app = Flask("resource_server", root_path=".")
    app.config.from_mapping(settings)
    app.config.from_prefixed_env()
    protect(app)
    client = app.test_client()
    assert client.get("/", headers=ISSUER.auth()).text == "in"
    for bad in BAD_CREDENTIALS:
        assert client.get("/", **bad.request(ISSUER)).status_code in (400, 401), bad


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_settings_do_not_turn_the_module_api_off(settings: dict[str, Any]) -> None:
    """The module API refuses in any mode, too: its own rules are fewer."""
    flask_jwtlib.JWT_ALGO = "ES256"
    flask_jwtlib.JWT_AUDIENCE = faulty.AUDIENCE
    flask_jwtlib.JWT_ISSUER = faulty.NAME
    flask_jwtlib.set_permanent_verification_key(ISSUER.public_pem)
    app = Flask("resource_server", root_path=".")
    app.config.from_mapping(settings)
    app.add_url_rule("/", view_func=flask_jwtlib.requires_authentication(lambda: "in"))
    client = app.test_client()
    assert client.get("/", headers=ISSUER.auth()).text == "in"
    for bad in BAD_CREDENTIALS:
        if bad.rule in {None, "Issuer", "Audience", "ClaimTypes"}:
            assert client.get("/", **bad.request(ISSUER)).status_code in (400, 401), bad


def test_lent_keys_turn_nothing_off() -> None:
    """While keys are lent in a test's app, everything that is wrong is refused."""
    auth = made(Flask("made", root_path="."))
    app = Flask("resource_server", root_path=".")
    app.testing = True
    auth.protect(app)
    app.add_url_rule("/", view_func=lambda: "in")
    client = app.test_client()
    with lend_keys(auth) as issuer:
        assert client.get("/", headers=issuer.auth()).text == "in"
        for sender in (issuer, TokenIssuer(issuer.issuer, claims=issuer.claims)):
            for bad in BAD_CREDENTIALS:
                assert client.get("/", **bad.request(sender)).status_code in (400, 401), bad


_NAMES = {"TESTING", "PYTEST_CURRENT_TEST", "pytest"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield the modules of both packages that may ask, without the testing kit."""
    for package in (flask_jwtlib, flask_jwtlib_strategies):
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root.parent).as_posix()
            text = path.read_text(encoding="utf-8")
            is_kit = name.startswith("flask_jwtlib/testing/")
            # Parsing takes long, and most modules have none of these words.
            if not is_kit and any(word in text for word in ("testing", *_NAMES)):
                yield name, ast.parse(text)


def imports_the_kit(node: ast.ImportFrom) -> bool:
    """Return whether a module imports from ``flask_jwtlib.testing``; ``flask.testing`` is another module."""
    module = f"flask_jwtlib.{node.module}" if node.level else node.module or ""
    names = {f"{module}.{alias.name}" for alias in node.names}
    return any(f"{name}.".startswith("flask_jwtlib.testing.") for name in {module, *names})


def test_no_code_asks_whether_it_is_tested() -> None:
    """No module reads ``app.testing``, ``TESTING`` or pytest's variables, or imports the testing kit."""
    asking = {
        (name, node.lineno)
        for name, module in modules()
        for node in ast.walk(module)
        if (isinstance(node, ast.Attribute) and node.attr == "testing")
        or (isinstance(node, ast.Constant) and node.value in _NAMES)
        or (isinstance(node, ast.ImportFrom) and imports_the_kit(node))
    }
    assert not asking
