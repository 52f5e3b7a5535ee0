"""Failure handlers that can't work raise when they are made."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from flask_jwtlib import ConfigurationError, UnauthorizedHandler
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler
from flask_jwtlib_strategies.failure_handlers.routed import RoutedHandler

HANDLER = UnauthorizedHandler()


def test_a_changed_copy_is_as_good() -> None:
    """``attrs.evolve`` checks what was checked already, and changes nothing else."""
    handler = LoginRedirectHandler("/login", drop=("ticket",))

    assert evolve(handler) == handler
    assert evolve(handler, login="log_in").drop == ("access_token", "ticket")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        pytest.param(("https://login.example/",), {}, "the log-in page is", id="URL"),
        pytest.param(("//login.example/",), {}, "the log-in page is", id="host"),
        pytest.param(("/\\login",), {}, "the log-in page is", id="backslash"),
        pytest.param(("/login?a=b",), {}, "the log-in page is", id="query"),
        pytest.param(("/login#a",), {}, "the log-in page is", id="fragment"),
        pytest.param((".login",), {}, "the log-in page is", id="relative endpoint"),
        pytest.param(("",), {}, "the log-in page is", id="empty"),
        pytest.param((None,), {}, "the log-in page is", id="None"),
        pytest.param(("/login",), {"otherwise": UnauthorizedHandler}, "takes a Fail", id="class"),
        pytest.param(("/login",), {"otherwise": None}, "takes a FailureHandler", id="no handler"),
        pytest.param(("/login",), {"parameter": "a b"}, "parameter is 'a b'", id="parameter"),
        pytest.param(("/login",), {"parameter": None}, "parameter is None", id="no parameter"),
        pytest.param(("/login",), {"drop": "token"}, "drop is 'token'", id="text to drop"),
        pytest.param(("/login",), {"drop": None}, "drop is None", id="None to drop"),
        pytest.param(("/login",), {"drop": (5,)}, r"drop is \(5,\)", id="number to drop"),
        pytest.param(("/login",), {"drop": ("",)}, r"drop is \(''", id="nothing to drop"),
    ],
)
def test_what_cannot_be_redirected_to_is_refused(
    arguments: Any, options: Any, message: str
) -> None:
    """What can't be redirected to raises when the handler is made."""
    with pytest.raises(ConfigurationError, match=message):
        LoginRedirectHandler(*arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        pytest.param((UnauthorizedHandler,), {}, "takes a FailureHandler object", id="class"),
        pytest.param((None,), {}, "takes a FailureHandler object", id="None"),
        pytest.param((HANDLER,), {"paths": []}, r"paths is \[\], expected a dict", id="list"),
        pytest.param((HANDLER,), {"paths": {"/a": None}}, "takes a Failure", id="no handler"),
        pytest.param((HANDLER,), {"paths": {5: HANDLER}}, "paths has 5", id="number"),
        pytest.param((HANDLER,), {"paths": {"": HANDLER}}, "paths has ''", id="empty"),
        pytest.param((HANDLER,), {"paths": {"/": HANDLER}}, "paths has '/'", id="root"),
        pytest.param((HANDLER,), {"paths": {"a": HANDLER}}, "paths has 'a'", id="relative"),
        pytest.param((HANDLER,), {"paths": {"//a": HANDLER}}, "paths has '//a'", id="host"),
        pytest.param(
            (HANDLER,),
            {"paths": {"/a": HANDLER, "/a/": HANDLER}},
            "paths has '/a/', expected different paths",
            id="one path twice",
        ),
        pytest.param(
            (HANDLER,), {"blueprints": {None: HANDLER}}, "blueprints has None", id="no name"
        ),
        pytest.param((HANDLER,), {"blueprints": {"b": "c"}}, "takes a FailureHandler", id="text"),
    ],
)
def test_what_cannot_choose_a_handler_is_refused(
    arguments: Any, options: Any, message: str
) -> None:
    """What can't choose a handler raises when it is made."""
    with pytest.raises(ConfigurationError, match=message):
        RoutedHandler(*arguments, **options)
