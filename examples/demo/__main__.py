"""``python -m examples.demo``: run the session; with ``--serve``, leave the servers running."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import ExitStack
from threading import Event

from flask import Flask, request

from examples import issuer as issuer_app
from examples.issuer import RotatingIssuer
from flask_jwtlib import AuthenticationError, VerificationUnavailable
from flask_jwtlib.log_text import one_line
from flask_jwtlib.signals import request_refused

from . import api
from .servers import HOST, send, serving
from .session import Session
from .terminal import Terminal


def main(arguments: list[str] | None = None) -> int:
    """Show what the API accepts and refuses."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=main.__doc__)
    parser.add_argument(
        "--serve",
        action="store_true",
        help="leave the servers running, and print curl commands to try",
    )
    serve: bool = parser.parse_args(arguments).serve
    stopped = Event()

    def stop(*_: object) -> None:
        stopped.set()

    if serve:
        # Before anything else, so that a signal never meets the default handler and its exit status.
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, stop)
    terminal = Terminal()
    issuer = RotatingIssuer(api.ISSUER)
    with ExitStack() as servers:
        issuer_port = servers.enter_context(serving(issuer_app.create_app(issuer)))

        def fetch_keys() -> bytes:
            response = send(issuer_port, "GET", "/.well-known/jwks.json")
            if response.status != 200:
                raise OSError(f"the issuer returned status {response.status}")
            return response.body

        app = api.create_app(fetch_keys)
        api_port = servers.enter_context(serving(app))
        terminal.line(f"The issuer publishes its keys at http://{HOST}:{issuer_port}", "bold")
        terminal.line(f"The API listens at http://{HOST}:{api_port}", "bold")
        if serve:
            _print_refusals(terminal, app)
            _print_curl_commands(terminal, issuer, issuer_port, api_port)
            stopped.wait()
            terminal.line("\nStopped.")
            return 0
        session = Session(issuer, api_port, terminal)
        session.run()
    terminal.line()
    if session.unexpected:
        terminal.line(
            f"{session.unexpected} of {session.sent} responses are not as expected.", "red", "bold"
        )
        return 1
    terminal.line(f"All {session.sent} responses are as expected.", "green", "bold")
    terminal.line("To try it yourself: make serve, or python -m examples.demo --serve")
    return 0


def _print_refusals(terminal: Terminal, app: Flask) -> None:
    """Print the reason of each refusal."""

    @request_refused.connect_via(app)
    def refused(  # pyright: ignore[reportUnusedFunction]
        _: Flask, *, error: AuthenticationError | VerificationUnavailable, **__: object
    ) -> None:
        refusal = f"{request.method} {request.path} was refused with {error.status}"
        terminal.line(one_line(f"{refusal}: {type(error).__name__}: {error.log_message}"), "yellow")


def _print_curl_commands(
    terminal: Terminal, issuer: RotatingIssuer, issuer_port: int, api_port: int
) -> None:
    url = f"http://{HOST}:{api_port}"
    issuer_url = f"http://{HOST}:{issuer_port}"
    good = issuer.token(aud=api.AUDIENCE, scope="reports:read")
    other = issuer.token(aud="https://payroll.example", scope="reports:read")
    expired = issuer.token(aud=api.AUDIENCE, scope="reports:read", exp=1_000_000_000)
    for title, line in (
        ("No token: 401", f"curl -i {url}/reports"),
        ("A valid token: 200", f"curl -i -H 'Authorization: Bearer {good}' {url}/reports"),
        (
            "Without the scope: 403",
            f"curl -i -X DELETE -H 'Authorization: Bearer {good}' {url}/reports/2024",
        ),
        ("Expired: 401", f"curl -i -H 'Authorization: Bearer {expired}' {url}/reports"),
        ("Another audience: 401", f"curl -i -H 'Authorization: Bearer {other}' {url}/reports"),
        (
            "A token with claims of your choice",
            f"curl -X POST {issuer_url}/token -d sub=bob -d scope='reports:read reports:delete'",
        ),
        (
            "Key rotation: publish a new key, sign with it, withdraw the old one",
            "; ".join(
                (
                    f"curl -X POST {issuer_url}/keys/publish",
                    f"curl -X POST {issuer_url}/keys/switch",
                    f"curl -X POST {issuer_url}/keys/withdraw",
                )
            ),
        ),
    ):
        terminal.line()
        terminal.line(f"# {title}", "dim")
        terminal.line(line, "cyan")
    terminal.line()
    terminal.line("The tokens are valid for an hour. Press Ctrl-C to stop the servers.", "bold")
    terminal.line("The API prints here why it refuses a request:")
    terminal.line()


if __name__ == "__main__":
    sys.exit(main())
