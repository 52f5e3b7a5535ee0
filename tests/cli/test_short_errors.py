"""Errors of this package in commands: one sentence in place of a traceback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import click
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import ScriptInfo

from flask_jwtlib import Authenticator, ConfigurationError, VerificationUnavailable
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.errors import InvalidTokenError
from flask_jwtlib.log_text import library_logger
from flask_jwtlib_strategies.authenticators.configured import configured_authenticator
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator

# Nothing listens on the port "discard".
NOBODY = "http://127.0.0.1:9"


def misconfigured() -> Flask:
    """Read settings that are missing."""
    app = Flask("misconfigured")
    configured_authenticator(app)
    return app


def warmed_up() -> Flask:
    """Fetch keys from an issuer that is down."""
    oidc_authenticator(NOBODY, "api", allow_http_on_loopback=True).keys.warm_up()  # type: ignore[attr-defined]
    return Flask("warmed_up")


def refusing() -> Flask:
    """Verify a token that is invalid."""
    Authenticator(keys=lambda: None).verify("x")
    return Flask("refusing")


def hostile() -> Flask:
    """Raise a text that would forge a line and change the terminal."""
    raise ConfigurationError("wrong\nError: \x1b[32mall is well https://a/?key=secret")


FACTORIES: dict[str, tuple[Callable[[], Flask], tuple[str, ...]]] = {
    "a setting is missing": (misconfigured, ("JWTLIB_ISSUER is not set; expected",)),
    "the issuer is down": (
        warmed_up,
        ("could not be fetched", f"GET {NOBODY}/.well-known/openid-configuration: failed"),
    ),
    "a token is refused": (refusing, ("the token",)),
    "a hostile text": (hostile, ("wrong\\nError: \\x1b[32mall is well https://a/?***",)),
}


def run(command: str, factory: Callable[[], Flask]) -> Result:
    """Run a command for the app that a factory makes, with loggers as in a new process."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as levels:
        for name in ("flask_jwtlib", "flask_jwtlib_strategies", "of_the_app"):
            logger = logging.getLogger(name)
            # Not to pytest's handlers.
            patch.setattr(logger, "propagate", False)
            # What libraries that configure the logging of a process have changed.
            patch.setattr(logger, "handlers", [])
            patch.setattr(logger, "disabled", False)
            levels.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.WARNING)
        return CliRunner().invoke(jwtlib, [command], obj=ScriptInfo(create_app=factory))


@pytest.mark.parametrize("command", ["keys", "routes"])
@pytest.mark.parametrize(("factory", "texts"), FACTORIES.values(), ids=FACTORIES)
def test_an_error_of_the_apps_factory_is_one_sentence(
    factory: Callable[[], Flask], texts: tuple[str, ...], command: str
) -> None:
    """If creating the app raises one of our errors, a command prints its text and exits with 1."""
    result = run(command, factory)

    (last,) = result.stderr.splitlines()[-1:]
    assert result.exit_code == 1
    assert last.startswith("Error: ")
    assert all(text in last for text in texts)
    assert "Traceback" not in result.output + result.stderr


def test_another_error_of_the_factory_keeps_its_traceback() -> None:
    """A bug of the app isn't shortened."""

    def broken() -> Flask:
        raise ZeroDivisionError

    assert isinstance(run("keys", broken).exception, ZeroDivisionError)


def test_a_cause_that_the_text_quotes_is_named_once() -> None:
    """The texts of causes are added, unless the error quotes them, and causes of others aren't shown."""

    def failing() -> Flask:
        cause = InvalidTokenError("told twice")
        cause.__cause__ = OSError("a secret path")
        raise VerificationUnavailable("told twice by the next") from cause

    assert run("keys", failing).stderr == "Error: told twice by the next\n"


@pytest.fixture
def logging_command() -> Iterator[list[Callable[[], None]]]:
    """A command that makes log calls."""
    calls: list[Callable[[], None]] = []

    @click.command("log-lines")
    def log_lines() -> None:
        for call in calls:
            call()

    jwtlib.add_command(log_lines)
    yield calls
    del jwtlib.commands["log-lines"]


def log_failure(name: str, error: Exception) -> None:
    """Log an exception, with its traceback."""
    try:
        raise error
    except type(error):
        logging.getLogger(name).warning("it failed", exc_info=True)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        pytest.param(ConfigurationError("why"), "it failed: why", id="a safe text"),
        pytest.param(
            ConfigurationError("why\nnot"),
            r"it failed: flask_jwtlib.errors._base.ConfigurationError: why\nnot",
            id="a text that the logger replaces",
        ),
    ],
)
def test_a_log_record_has_one_line(
    error: Exception, shown: str, logging_command: list[Callable[[], None]], app: Flask
) -> None:
    """Without handlers of the app, our records are shown on one line each, with the exception's text."""
    library_logger("flask_jwtlib")
    logging_command.append(lambda: log_failure("flask_jwtlib", error))
    logging_command.append(lambda: logging.getLogger("flask_jwtlib").info("not shown"))

    assert run("log-lines", lambda: app).stderr == f"{shown}\n"


@pytest.mark.parametrize("last_resort", [True, False], ids=["python's handler", "none"])
def test_other_libraries_records_are_left_alone(
    last_resort: bool,
    logging_command: list[Callable[[], None]],
    monkeypatch: pytest.MonkeyPatch,
    app: Flask,
) -> None:
    """Records of other packages are shown as Python shows them, and its handler is restored afterwards."""
    handler = logging.StreamHandler(sys.stdout) if last_resort else None
    monkeypatch.setattr(logging, "lastResort", handler)
    seen: list[str] = []
    if handler is not None:
        monkeypatch.setattr(handler, "emit", lambda record: seen.append(record.getMessage()))
    logging_command.append(lambda: log_failure("of_the_app", ValueError("x")))

    assert run("log-lines", lambda: app).stderr == ""
    assert seen == ["it failed"] * last_resort
    assert logging.lastResort is handler
