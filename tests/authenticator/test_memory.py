"""Memory that a request leaves behind."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from weakref import WeakSet

import pytest
from flask import Flask, jsonify
from werkzeug.exceptions import HTTPException

from flask_jwtlib import AuthenticationError, Authenticator, Scope, current_principal
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import REQUESTS, garbage_of


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


def test_refusals_that_a_view_catches_are_freed(app: Flask, issuer: TokenIssuer) -> None:
    """A client can't fill the memory by messages that are refused, as in the loop of a WebSocket.

    The last refusal, which leaves the view, keeps its headers.
    """
    auth = Authenticator(keys=issuer.verification_key)
    alive: WeakSet[AuthenticationError] = WeakSet()
    app.register_error_handler(HTTPException, lambda error: (jsonify(code=error.code), error.code))

    def refuse(scope: str) -> None:
        try:
            Scope(scope)(current_principal.claims)
        except AuthenticationError as error:
            alive.add(error)
            raise

    @app.get("/messages")
    @auth.requires_authentication
    def messages() -> None:
        for _ in range(200):
            with suppress(AuthenticationError):
                refuse("write")
        assert len(alive) < 20
        refuse("admin")

    response = app.test_client().get("/messages", headers=bearer(issuer.token()))
    assert (response.status_code, response.json) == (403, {"code": 403})
    assert 'scope="admin"' in response.headers["WWW-Authenticate"]
