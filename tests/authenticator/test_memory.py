"""Memory that a request leaves behind."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator
from flask_jwtlib.testing import TokenIssuer, bearer

REQUESTS = 50


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


@pytest.mark.parametrize(
    "presented", ["good", "forged", "malformed", "duplicate", "not-text", "none"]
)
def test_a_request_leaves_no_cycles(
    app: Flask, issuer: TokenIssuer, other_issuer: TokenIssuer, presented: str
) -> None:
    """A token is freed at once: a guarded request leaves as many cycles as a bare route."""
    headers: dict[str, Any] = {
        "good": bearer(issuer.token()),
        "forged": bearer(other_issuer.token()),
        "malformed": bearer("x.y.z"),
        "duplicate": bearer(issuer.compact(b'{"alg":"RS256","alg":"RS256"}', b"{}")),
        "not-text": bearer(issuer.compact(b"\xff", b"{}")),
        "none": {},
    }[presented]
    auth = Authenticator(keys=issuer.verification_key)
    app.add_url_rule("/bare", "bare", lambda: "open")
    app.add_url_rule("/guarded", "guarded", auth.requires_authentication(lambda: "in"))

    bare = garbage_of(app, "/bare", headers)
    assert garbage_of(app, "/guarded", headers) <= bare + REQUESTS // 10


class Broken:
    """A key provider that fails."""

    def keys_for(self, header: Any) -> Any:
        raise LookupError("no keys today")


def test_an_outage_leaves_no_cycles(app: Flask, issuer: TokenIssuer) -> None:
    """The error that is kept with a request doesn't keep the request alive by its frames."""
    auth = Authenticator(keys=Broken())
    app.add_url_rule("/bare", "bare", lambda: "open")
    app.add_url_rule("/guarded", "guarded", auth.requires_authentication(lambda: "in"))
    headers = bearer(issuer.token())

    bare = garbage_of(app, "/bare", headers)
    assert garbage_of(app, "/guarded", headers) <= bare + REQUESTS // 10
