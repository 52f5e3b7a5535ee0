"""``python -m examples.demo``: play the session; with ``--serve``, leave the servers running."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import ExitStack
from threading import Event

from flask import Flask, request

from examples import issuer as issuer_app
from examples.issuer import RotatingIssuer
from flask_jwtlib import AuthenticationError, VerificationUnavailable, request_refused
from flask_jwtlib.log_text import one_line

from . import api
from .servers import HOST, send, serving
from .session import Session
from .terminal import Terminal


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration, and answer the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=main.__doc__)
    parser.add_argument(
        "--serve",
        action="store_true",
        help="leave the servers running, with curl lines to try",
    )
    serve: bool = parser.parse_args(arguments).serve
    stopped = Event()

    def stop(*_: object) -> None:
        stopped.set()

    if serve:
        # From the beginning, so that no signal finds the default handler, which ends with a status.
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, stop)
    terminal = Terminal()
    issuer = RotatingIssuer(api.ISSUER)
    with ExitStack() as servers:
        issuer_port = servers.enter_context(serving(issuer_app.create_app(issuer)))

        def fetch_keys() -> bytes:
            answer = send(issuer_port, "GET", "/.well-known/jwks.json")
            if answer.status != 200:
                raise OSError(f"the issuer answered {answer.status}")
            return answer.body

        app = api.create_app(fetch_keys)
        api_port = servers.enter_context(serving(app))
        terminal.line(f"The issuer publishes its keys at http://{HOST}:{issuer_port}", "bold")
        terminal.line(f"The API listens at http://{HOST}:{api_port}", "bold")
        if serve:
            _print_refusals(terminal, app)
            _print_curl_lines(terminal, issuer, issuer_port, api_port)
            stopped.wait()
            terminal.line("\nStopped.")
            return 0
        session = Session(issuer, api_port, terminal)
        session.play()
    terminal.line()
    if session.surprises:
        terminal.line(f"{session.surprises} of {session.played} answers differ.", "red", "bold")
        return 1
    terminal.line(f"All {session.played} answers are as they should be.", "green", "bold")
    terminal.line("To try it yourself: make serve, or python -m examples.demo --serve")
    return 0


def _print_refusals(terminal: Terminal, app: Flask) -> None:
    """Print why the API refuses a request, each time that it does."""

    @request_refused.connect_via(app)
    def refused(  # pyright: ignore[reportUnusedFunction]
        _: Flask, *, error: AuthenticationError | VerificationUnavailable, **__: object
    ) -> None:
        asked = f"{request.method} {request.path}"
        reason = f"{type(error).__name__}: {error}"
        terminal.line(one_line(f"{asked} was refused with {error.status}: {reason}"), "yellow")


def _print_curl_lines(
    terminal: Terminal, issuer: RotatingIssuer, issuer_port: int, api_port: int
) -> None:
    url = f"http://{HOST}:{api_port}"
    issuer_url = f"http://{HOST}:{issuer_port}"
    good = issuer.token(aud=api.AUDIENCE, scope="reports:read")
    other = issuer.token(aud="https://payroll.example", scope="reports:read")
    expired = issuer.token(aud=api.AUDIENCE, scope="reports:read", exp=1_000_000_000)
    for title, line in (
        ("No token: 401", f"curl -i {url}/reports"),
        ("A good token: 200", f"curl -i -H 'Authorization: Bearer {good}' {url}/reports"),
        (
            "Without the scope: 403",
            f"curl -i -X DELETE -H 'Authorization: Bearer {good}' {url}/reports/2024",
        ),
        ("Expired: 401", f"curl -i -H 'Authorization: Bearer {expired}' {url}/reports"),
        ("Another audience: 401", f"curl -i -H 'Authorization: Bearer {other}' {url}/reports"),
        (
            "A token of your own",
            f"curl -X POST {issuer_url}/token -d sub=bob -d scope='reports:read reports:delete'",
        ),
        (
            "A new key: publish it, sign with it, withdraw the old one",
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
    terminal.line("The tokens are good for an hour. Ctrl-C stops the servers.", "bold")
    terminal.line("When the API refuses a request, the reason is shown here:")
    terminal.line()


if __name__ == "__main__":
    sys.exit(main())
