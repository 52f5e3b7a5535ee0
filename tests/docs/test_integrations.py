"""Every program in ``docs/integrations.rst``, and its examples, do what the text says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import simple_websocket
from flask import Flask
from werkzeug.serving import make_server

from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import PATIENCE

from .example_kit import client_of, token_of
from .program_kit import client_of as client_of_program

Run = Callable[[str, str], dict[str, Any]]
Example = Callable[[str], ModuleType]

DOCUMENT = "docs/integrations.rst"


class TestFlaskLogin:
    def test_a_view_knows_the_user(self, run: Run, issuer: TokenIssuer) -> None:
        """The program accepts the token of a user, and nobody else's."""
        client = client_of_program(run(DOCUMENT, "LoginManager(app)"))
        assert client.get("/me", headers=bearer(issuer.token("alice"))).json == {"id": "1"}
        assert client.get("/me").status_code == 401
        assert client.get("/me", headers=bearer(issuer.token("alice", exp=1))).status_code == 401
        assert client.get("/me", headers=bearer(issuer.token("bob"))).status_code == 403
        foreign = issuer.token("alice", iss="https://other.example")
        assert client.get("/me", headers=bearer(foreign)).status_code == 403

    def test_another_exception_is_the_apps(self, run: Run, issuer: TokenIssuer) -> None:
        """What ``user_of`` raises is a refusal, or else an error of the app."""
        program = run(DOCUMENT, "LoginManager(app)")
        program["USERS"] = None
        client = client_of_program(program)
        client.application.testing = False
        assert client.get("/me", headers=bearer(issuer.token("alice"))).status_code == 500

    def test_the_example(self, example: Example) -> None:
        """The example accepts a session or a token, refuses both of different users, and needs an account."""
        client = client_of(example("flask_login_app"))
        other = client.application.test_client()
        alice, bob = (bearer(token_of(client, f"sub={name}")) for name in ("alice", "bob"))

        assert other.get("/me").status_code == 401
        assert other.get("/me", headers=alice).json == {"user": "alice"}
        assert other.get("/me", headers=bearer(token_of(client, "sub=mallory"))).status_code == 403
        client.post("/log-in", data={"name": "alice"})
        assert client.get("/me").json == client.get("/me", headers=alice).json == {"user": "alice"}
        assert client.get("/me", headers=bob).status_code == 400


class TestFlaskSocketIO:
    @pytest.fixture
    def program(self, run: Run) -> dict[str, Any]:
        """The document's program."""
        return run(DOCUMENT, "@socketio.on")

    @pytest.mark.parametrize("hides_errors", [False, True])
    def test_a_refused_caller_is_not_connected(
        self, program: dict[str, Any], issuer: TokenIssuer, hides_errors: bool
    ) -> None:
        """Only a caller with a valid token gets a connection, in the header or the payload."""
        app, socketio = program["app"], program["socketio"]
        if hides_errors:
            socketio.on_error_default(lambda error: None)
        good, expired = issuer.token("alice"), issuer.token("alice", exp=1)
        for options, connected in (
            ({"headers": bearer(good)}, True),
            ({"auth": {"token": good}}, True),
            ({"headers": bearer(expired)}, False),
            ({"auth": {"token": expired}}, False),
            ({}, False),
        ):
            client = socketio.test_client(app, **options)
            assert client.is_connected() is connected

    def test_an_event_needs_its_scope(self, program: dict[str, Any], issuer: TokenIssuer) -> None:
        """An event's handler knows the caller of the connection, and the client learns why it is refused."""
        app, socketio = program["app"], program["socketio"]
        rich = bearer(issuer.token("alice", scope="rename"))
        client = socketio.test_client(app, headers=rich)
        assert client.emit("rename", "bob", callback=True) == "alice is now bob"
        poor = socketio.test_client(app, headers=bearer(issuer.token("alice")))
        assert poor.emit("rename", "bob", callback=True) == {
            "error": {
                "message": "The access token lacks a required scope",
                "status": 403,
                "reason": "insufficient-scope",
            }
        }

    def test_an_expired_token_ends_events(
        self, program: dict[str, Any], issuer: TokenIssuer
    ) -> None:
        """Each handler verifies the token of the connection again; the connection stays open."""
        headers = bearer(issuer.token("alice", scope="rename"))
        client = program["socketio"].test_client(program["app"], headers=headers)
        assert client.emit("rename", "bob", callback=True) == "alice is now bob"
        object.__setattr__(program["auth"].validator, "clock", lambda: time.time() + 3600)
        refused = client.emit("rename", "bob", callback=True)
        assert refused["error"]["message"] == "The access token expired"
        assert client.is_connected()


class TestFlaskSock:
    def test_a_caller_is_echoed(self, run: Run, issuer: TokenIssuer) -> None:
        """The handler runs for a caller, and for nobody else."""
        app: Flask = run(DOCUMENT, "Sock(app)")["app"]
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"ws://127.0.0.1:{server.server_port}/echo"
            for token, received in ((issuer.token("alice"), "alice: hello"), ("x", None)):
                client = simple_websocket.Client(url, headers=bearer(token))
                seen: Any = None
                try:
                    client.send("hello")
                    seen = client.receive(PATIENCE)
                    client.close()
                # The server may have closed the socket before the client sends.
                except (simple_websocket.ConnectionClosed, OSError):
                    pass
                client.thread.join(PATIENCE)
                client.sock.close()
                assert seen == received
        finally:
            server.shutdown()
            thread.join(PATIENCE)
            server.server_close()


class TestFlaskLimiter:
    def test_callers_are_limited_apart(self, run: Run, issuer: TokenIssuer) -> None:
        """Each caller has a limit of their own, by issuer and subject, with any number of tokens."""
        client = client_of_program(run(DOCUMENT, "Limiter("))

        def search(subject: str, **claims: Any) -> int:
            return client.get(
                "/search", headers=bearer(issuer.token(subject, **claims))
            ).status_code

        assert [search("alice", jti=str(number)) for number in range(3)] == [200, 200, 429]
        assert [search("bob") for _ in range(3)] == [200, 200, 429]
        assert search("alice", iss="https://other.example") == 200

    def test_everybody_else_is_limited_by_address(self, run: Run, issuer: TokenIssuer) -> None:
        """No header or unverified token chooses another key."""
        client = client_of_program(run(DOCUMENT, "Limiter("))
        forged = issuer.token("mallory").rpartition(".")[0] + ".AAAA"
        tries: tuple[dict[str, str], ...] = (
            {},
            bearer(forged),
            bearer(issuer.token("carol", exp=1)),
            {"X-Forwarded-For": "192.0.2.1"},
        )
        statuses = [client.get("/news", headers=headers).status_code for headers in tries]
        assert statuses == [200, 200, 429, 429]
        assert client.get("/news", headers=bearer(issuer.token("alice"))).status_code == 200
        other = {"REMOTE_ADDR": "192.0.2.7"}
        assert client.get("/news", environ_overrides=other).status_code == 200
