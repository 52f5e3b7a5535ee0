"""What requests and urllib3 log, and what errors quote."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import requests
from requests.adapters import HTTPAdapter

from flask_jwtlib import VerificationUnavailable
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.errors import FetchError
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from tests.kit import PATIENCE

from .kit import HTTPS, get

QUERY = "api_key=SECRET&b='SECRET'&c=%22SECRET"
BODY = b'{"keys": []}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n" % len(BODY)
BAD_HEADER = b"SECRET\x1b[31mis no header /jwks?api_key=SECRET" + b"x" * 5000 + b"\r\n"


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start a server that sends one response per connection, and closes the connection for None."""
    started: list[tuple[threading.Thread, socket.socket]] = []

    def start(*responses: bytes | None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(PATIENCE)

        def run() -> None:
            for response in responses:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    if response is not None:
                        connection.sendall(response)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        started.append((thread, listener))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/jwks?{QUERY}"

    yield start
    for thread, listener in started:
        thread.join(PATIENCE)
        listener.close()


def retrying() -> requests.Session:
    """Return a session that retries."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=2))
    return session


@pytest.mark.parametrize(
    ("responses", "make_session"),
    [
        pytest.param((HEAD + BAD_HEADER + b"X-A: b\r\n\r\n" + BODY,), None, id="header"),
        pytest.param(
            (HEAD + BAD_HEADER + b"X-A: b\r\n\r\n" + BODY,), requests.Session, id="header, session"
        ),
        pytest.param((None, HEAD + b"\r\n" + BODY), retrying, id="closed once"),
        pytest.param((None, None, None), retrying, id="closed"),
        pytest.param((HEAD + b"\r\n" + BODY,), None, id="nothing wrong"),
        pytest.param((b"HTTP/1.1 200 " + b"SECRET" * 99 + b"\r\n\r\n",), None, id="reason"),
    ],
)
def test_no_log_line_shows_the_query_of_a_fetch(
    serve: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
    responses: tuple[bytes | None, ...],
    make_session: Callable[[], requests.Session] | None,
) -> None:
    """Neither this package nor urllib3 logs it, at any level, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    session = make_session and make_session()
    keys = JWKSKeyProvider(serve(*responses), session=session, allow_http_on_loopback=True)
    with pytest.raises(VerificationUnavailable):
        keys.warm_up()

    assert caplog.records
    formatter = logging.Formatter()
    for record in caplog.records:
        line = formatter.format(record)
        assert "api_key=SECRET" not in line
        assert "b='SECRET" not in line
        assert "%22SECRET" not in line
        if record.name.startswith("urllib3"):
            assert line.isprintable()
            assert len(line) < 2100


def test_log_lines_of_other_requests_are_unchanged(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Only requests for keys are filtered from the libraries' logs."""
    caplog.set_level(logging.DEBUG)
    get(None, f"{url}?first=SECRET")
    with requests.Session() as session:
        session.get(f"{url}?second=SHOWN", timeout=PATIENCE)
    assert "first=SECRET" not in caplog.text
    assert "second=SHOWN" in caplog.text


def test_a_proxys_reason_is_shown_escaped_and_shortened(
    serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error quotes the proxy's reason on one short line."""
    refusal = b"HTTP/1.1 407 Log in\x1b[31m\x85" + b"x" * 5000 + b"\r\n\r\n"
    monkeypatch.setenv("https_proxy", serve(refusal).partition("/jwks")[0])
    with pytest.raises(FetchError, match=r"failed \(OSError\)") as error:
        get(None, HTTPS)
    cause = str(error.value.__cause__)
    assert cause.startswith(r"Tunnel connection failed: 407 Log in\x1b[31m")
    assert cause.isprintable()
    assert len(cause) <= 300


def test_a_long_path_is_shortened_in_errors(idp: IdentityProvider) -> None:
    """The beginning of the URL is enough to recognise it."""
    with pytest.raises(FetchError, match="status is 404") as error:
        get(None, f"{idp.url}/{'x' * 20_000}")
    assert len(str(error.value)) < 400
