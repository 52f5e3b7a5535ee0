"""``app.debug``, which decides anew about each development token; and what the log says."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import AppAuthenticator, BearerToken, InvalidTokenError, StaticKeyProvider
from flask_jwtlib.testing import bearer, make_request
from flask_jwtlib_strategies.development._request_origin import RequestOrigin
from flask_jwtlib_strategies.development.issue import issue_development_token
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens
from tests.kit import raises

from .development_kit import AUDIENCE, ISSUER, VALIDATOR, Served, app_of, composed, serve

HERE = RequestOrigin("127.0.0.1", host="localhost", forwarded_by=(), debug=True)
NO_KEYS = StaticKeyProvider(ISSUER.verification_key)


@pytest.fixture
def app(served: Served) -> Iterator[Flask]:
    """The app of ``served``, whose debug mode is switched on again afterwards."""
    yield served.app
    served.app.config["DEBUG"] = True


@pytest.mark.parametrize("value", [False, None, "false", "0", "true", "1", "on", 0, 1], ids=repr)
def test_only_true_is_debug_mode(
    served: Served, app: Flask, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """With any other value of the setting, such as the text of a variable, a running app refuses them."""
    assert served.get().text == "ada"
    app.config["DEBUG"] = value
    caplog.clear()

    assert served.get().status_code == 401
    assert served.get(path="/optional").text == "guest"
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert "a development token is refused: app.debug is off" in caplog.text
    app.config["DEBUG"] = True
    assert served.get().text == "ada"


def test_an_app_without_debug_mode_refuses_them(served: Served) -> None:
    """An app that never was in debug mode refuses them, also with ``TESTING``."""
    app = app_of(composed(), debug=False)
    assert Served(app, served.token, served.key_file).get().status_code == 401


@pytest.mark.parametrize("name", ["FLASK_DEBUG", "FLASK_ENV"])
def test_an_environment_variable_is_not_the_setting(
    served: Served, app: Flask, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What counts is ``app.debug``, not a variable that is set later."""
    app.debug = False
    monkeypatch.setenv(name, "development" if name == "FLASK_ENV" else "1")
    assert served.get().status_code == 401


def test_the_file_is_not_read_otherwise(
    served: Served, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """Without debug mode, or from elsewhere, even a damaged file has no effect."""
    mode = served.key_file.stat().st_mode
    served.key_file.chmod(0o644)
    try:
        assert served.get().status_code == 503
        assert served.get(REMOTE_ADDR="10.0.0.1").status_code == 401
        app.debug = False
        assert served.get().status_code == 401
    finally:
        served.key_file.chmod(mode)


def test_each_app_of_an_app_authenticator_decides_by_its_own_mode(served: Served) -> None:
    """Of two apps with one ``AppAuthenticator``, only the one in debug mode accepts them."""
    auth = AppAuthenticator(lambda _: composed())
    for debug, status in ((True, 200), (False, 401)):
        app = app_of(auth, debug=debug)  # type: ignore[arg-type]
        auth.init_app(app)
        assert Served(app, served.token, served.key_file).get().status_code == status


def test_verify_refuses_them(served: Served) -> None:
    """A text comes from nowhere, so it is refused outside of requests and in them."""
    auth = composed()
    with raises(InvalidTokenError, match="app.debug is off"):
        auth.verify(served.token)
    with served.app.test_request_context(), raises(InvalidTokenError, match="no extractor says"):
        auth.verify(served.token)
    assert auth.verify(ISSUER.token("alice", aud=AUDIENCE)).subject == "alice"


def test_a_request_without_an_app_is_refused(served: Served) -> None:
    """A request that is authenticated outside of its app has no debug mode."""
    request = make_request(headers=bearer(served.token))
    with raises(InvalidTokenError, match="app.debug is off"):
        composed().authenticate(request)


def test_both_halves_look_at_the_mode(served: Served, app: Flask) -> None:
    """Evidence that was made in debug mode doesn't count without it, and the other way round."""
    validator = DevelopmentTokens().validator(VALIDATOR)
    on, off = (
        BearerToken(served.token).with_evidence(origin)
        for origin in (HERE, RequestOrigin("::1", host="localhost", forwarded_by=(), debug=False))
    )
    with app.app_context():
        assert validator.validate(on, NO_KEYS).subject == "ada"
        with raises(InvalidTokenError, match="app.debug is off"):
            validator.validate(off, NO_KEYS)
        app.debug = False
        with raises(InvalidTokenError, match="app.debug is off"):
            validator.validate(on, NO_KEYS)
    with raises(InvalidTokenError, match="app.debug is off"):
        validator.validate(on, NO_KEYS)


def test_a_composition_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Each composition is a warning in the log, also in production."""
    composed()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("flask_jwtlib_strategies", logging.WARNING)
    assert "DEVELOPMENT TOKENS are accepted" in record.getMessage()


def test_each_accepted_request_is_logged(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Each is one warning, with the subject and without the token."""
    for _ in range(2):
        assert served.get().text == "ada"

    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    for record in caplog.records:
        assert "A DEVELOPMENT TOKEN was accepted, of the subject 'ada'" in record.getMessage()
        for part in served.token.split("."):
            assert part not in record.getMessage()


@pytest.mark.parametrize(
    "subject", ["a\nWARNING forged", "\x1b[2J", "x" * 5000, "\u202eada"], ids=ascii
)
def test_a_subject_can_not_forge_a_line(
    state: None, subject: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The subject is escaped and cut."""
    app = serve().app
    token = issue_development_token(app, subject).value
    caplog.clear()
    assert Served(app, token, serve().key_file).get().status_code == 200
    line = caplog.records[-1].getMessage()
    assert line.isprintable()
    assert len(line) < 250


def test_real_tokens_are_not_logged(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """An accepted token of the real issuer leaves no line."""
    assert served.get(ISSUER.token("alice", aud=AUDIENCE)).text == "alice"
    assert not caplog.records
