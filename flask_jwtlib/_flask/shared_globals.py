"""Restores ``flask.g`` after a request, if an app context has several requests."""

from __future__ import annotations

from functools import partial
from typing import Any
from weakref import ref

from flask import Flask, Request, appcontext_pushed, request_tearing_down

from .proxies import current_flask_app, current_g, current_request

__all__ = ["ANONYMOUS", "END", "KEY", "OURS", "SharedGlobals", "restore"]

KEY = "_flask_jwtlib"
ANONYMOUS = {"authenticated": False, "raw_token": None, "json_token": None}
END = "_flask_jwtlib_end"
OURS = (KEY, END, *ANONYMOUS)


def restore(globals_of_app: object, key: object, before: dict[str, Any]) -> None:
    """Restore ``g`` once a request no longer exists. Up to Flask 3.1, an app context may outlive a request.

    While the request exists, a stream or a test client may still enter its context again.

    Args:
        globals_of_app: ``flask.g``.
        key: Identifies the request. If ``g`` belongs to another one by now, it stays as it is.
        before: The attributes that it had before the request.
    """
    published = vars(globals_of_app)
    if published.get(END) is key:
        for name in OURS:
            published.pop(name, None)
        published.update(before)


class SharedGlobals:
    """Restores ``g`` when a request ends that shares it with another one, which may be around it.

    That is so up to Flask 3.1. Until the request no longer exists, Flask may enter its context again, for a
    stream. As that may be the other request's stream, ``g`` shows no caller then.
    """

    def __init__(self, request: Request, globals_of_app: object, before: dict[str, Any]) -> None:
        app = current_flask_app()
        self._globals = ref(globals_of_app)
        self._before = before
        self._has_ended = False
        request_tearing_down.connect(self._restore, app, weak=False)
        appcontext_pushed.connect(self._hide, app, weak=False)
        self._request = ref(request, partial(self._forget, app))

    def _restore(self, _: Flask, **__: object) -> None:
        if current_request() is self._request():
            self._has_ended = True
            self._show(self._before)

    def _hide(self, _: Flask, **__: object) -> None:
        if self._has_ended and current_g() is self._globals():
            self._show(ANONYMOUS)

    def _show(self, attributes: dict[str, Any]) -> None:
        published = vars(current_g())
        for name in OURS:
            published.pop(name, None)
        published.update(attributes)

    def _forget(self, app: Flask, _: object) -> None:
        request_tearing_down.disconnect(self._restore, app)
        appcontext_pushed.disconnect(self._hide, app)
