"""Constants and helpers that several folders of tests share."""

from __future__ import annotations

import gc
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from flask import Flask

from flask_jwtlib.log_text import error_text

# Seconds to wait at most: far more than anything here takes, so that no test fails on a slow machine.
PATIENCE = 30
# The same for what another process does.
PROCESS_PATIENCE = 60
MIB = 1024 * 1024
# Requests that a test of memory sends.
REQUESTS = 50
DOWN = ConnectionError("the key server is down")

_Error = TypeVar("_Error", bound=BaseException)


@contextmanager
def raises(
    kind: type[_Error] | tuple[type[_Error], ...], *, match: str
) -> Generator[pytest.ExceptionInfo[_Error], None, None]:
    """Check that the block raises an error, and that the error's text for the log matches.

    Args:
        kind: The error's class, or several.
        match: A regular expression that is found in the text for the log: the ``log_message`` of a refusal,
            whose ``str`` is its text for the client, and ``str`` of any other error.
    """
    with pytest.raises(kind) as caught:
        yield caught
    text = error_text(caught.value)
    assert re.search(match, text), f"{match!r} is not in the text for the log: {text!r}"


def garbage_of(app: Flask, path: str, headers: dict[str, str]) -> int:
    """Count the objects that only the garbage collector frees after some requests."""
    client = app.test_client()
    serve = app.wsgi_app

    def without_flasks_own_cycle(environ: dict[str, Any], start_response: Any) -> Any:
        try:
            return serve(environ, start_response)
        finally:
            # Flask 3.2 leaves it there, though the request refers to the environment.
            environ["werkzeug.request"] = None

    app.wsgi_app = without_flasks_own_cycle  # type: ignore[method-assign]
    client.get(path, headers=headers)
    gc.collect()
    gc.disable()
    try:
        for _ in range(REQUESTS):
            client.get(path, headers=headers)
        return gc.collect()
    finally:
        gc.enable()
