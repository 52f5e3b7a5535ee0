"""Fetching JSON documents over HTTP: limits of time and size, and errors that show no secrets."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from flask_jwtlib import VerificationUnavailable
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import FetchedDocument, HTTPClient
from flask_jwtlib_strategies._http.deadlines import DeadlineAdapter, _Reader
from flask_jwtlib_strategies._http.errors import FetchError
from tests.kit import MIB, PATIENCE, raises

from .kit import SHORT, fault_of

PATH = "/document"


def test_a_document_is_fetched(idp: IdentityProvider, either_client: HTTPClient) -> None:
    """A JSON object is returned, and its representation doesn't show it."""
    idp.documents[PATH] = {"a": [1, {"b": "ü"}]}

    document = either_client.get(idp.url + PATH, timeout=PATIENCE)

    assert document == FetchedDocument({"a": [1, {"b": "ü"}]})
    assert "ü" not in repr(document)


def test_a_request_accepts_uncompressed_json_and_closes_its_connection(
    idp: IdentityProvider, url: str, client: HTTPClient
) -> None:
    """Each request accepts JSON without compression, on a new connection."""
    client.get(url, timeout=PATIENCE)
    client.get(url, timeout=PATIENCE)
    first, second = idp.requests

    assert first.headers["Accept"].startswith("application/json,")
    assert first.headers["Accept-Encoding"] == "identity"
    assert first.headers["Connection"] == "close"
    assert first.client_port != second.client_port


@pytest.mark.parametrize("status", [201, 204, 206, 301, 302, 307, 308, 400, 401, 404, 500, 502])
def test_only_status_200_is_accepted(
    idp: IdentityProvider, url: str, client: HTTPClient, status: int
) -> None:
    """Any other status is an error that names it."""
    idp.behave(status=status)
    with pytest.raises(FetchError, match=str(status)) as error:
        client.get(url, timeout=PATIENCE)
    assert error.value.status == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(
    idp: IdentityProvider, either_client: HTTPClient, url: str, status: int
) -> None:
    """The target of a redirect is not requested, and the redirect's body is not read."""
    idp.behave(path=PATH, redirect_to=idp.jwks_url, status=status, drip=1)

    fault = fault_of(either_client, url)

    assert "redirects" in fault
    assert idp.count(idp.jwks_path) == 0


def test_response_hooks_of_the_session_run(url: str, session: requests.Session) -> None:
    """A session's response hook is called for a fetched document."""
    seen: list[int] = []
    session.hooks["response"].append(lambda response, **_: seen.append(response.status_code))

    HTTPClient(session, allow_http_on_loopback=True).get(url, timeout=PATIENCE)

    assert seen == [200]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_of_a_busy_server_is_kept(
    idp: IdentityProvider, url: str, client: HTTPClient, status: int
) -> None:
    """A 429 or 503 with Retry-After raises an outage with that time; without it, a plain error."""
    idp.behave(status=status, headers={"Retry-After": "17"})
    with raises(VerificationUnavailable, match="17 s") as busy:
        client.get(f"{url}?key=hunter2", timeout=PATIENCE)
    assert busy.value.retry_after == 17
    assert "hunter2" not in error_text(busy.value)

    idp.behave(status=status)
    assert f"the response's status is {status}" in fault_of(client, url)


def test_an_etag_is_sent_and_304_accepted(
    idp: IdentityProvider, url: str, client: HTTPClient
) -> None:
    """When the ETag still matches, the server doesn't send the document again."""
    idp.behave(etag=True, headers={"Cache-Control": "max-age=600"})
    first = client.get(url, timeout=PATIENCE)
    assert first.etag is not None

    second = client.get(url, timeout=PATIENCE, etag=first.etag)
    assert second == FetchedDocument(None, lifetime=600, etag=first.etag)

    idp.documents[PATH] = {"changed": True}
    third = client.get(url, timeout=PATIENCE, etag=first.etag)
    assert third.content == {"changed": True}


def test_304_without_a_sent_etag_is_an_error(
    idp: IdentityProvider, url: str, client: HTTPClient
) -> None:
    """A server that responds 304 to a request without an ETag has failed."""
    idp.behave(status=304, body=b"")
    assert "status is 304" in fault_of(client, url)


@pytest.mark.parametrize(
    ("etag", "kept"),
    [
        pytest.param('"abc"', '"abc"', id="strong"),
        pytest.param('W/"abc"', 'W/"abc"', id="weak"),
        pytest.param('""', '""', id="empty"),
        pytest.param("abc", None, id="no quotes"),
        pytest.param('"a\r\n b"', None, id="folded"),
        pytest.param('"ü"', None, id="not ASCII"),
        pytest.param(f'"{"a" * 257}"', None, id="long"),
    ],
)
def test_an_invalid_etag_is_ignored(
    idp: IdentityProvider, url: str, client: HTTPClient, etag: str, kept: str | None
) -> None:
    """A malformed ETag, which might break the next request, is not kept."""
    idp.behave(headers={"ETag": etag})
    assert client.get(url, timeout=PATIENCE).etag == kept


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html></html>", id="HTML"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'"{}"', id="string"),
        pytest.param(b"{} {}", id="two"),
        pytest.param(b'{"a": 1', id="half"),
        pytest.param(b'{"a": 1, "a": 2}', id="duplicate member"),
        pytest.param(b'{"a": {"b": 1, "b": 1}}', id="duplicate member within"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"a": 1e999}', id="infinite"),
        pytest.param(b'{"a": "\xff"}', id="not UTF-8"),
        pytest.param('{"a": "ü"}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}", id="deep"),
        pytest.param(b"[" * MIB, id="deep and open"),
        pytest.param(b'{"a":' * 33 + b"1" + b"}" * 33, id="33 levels"),
    ],
)
def test_a_body_that_is_not_one_strict_json_object_is_an_error(
    idp: IdentityProvider, url: str, client: HTTPClient, body: bytes
) -> None:
    """The error quotes nothing of the body."""
    idp.documents[PATH] = body
    assert re.fullmatch(rf"GET {url}: the body is [a-zA-Z0-9 (),:-]+", fault_of(client, url))


@pytest.mark.parametrize(
    ("body", "content"),
    [
        pytest.param(b'\xef\xbb\xbf{"a": 1}', {"a": 1}, id="byte order mark"),
        pytest.param(b' \r\n{"a": 1}\n', {"a": 1}, id="white space"),
        pytest.param(b'{"a":' * 32 + b"1" + b"}" * 32, ..., id="32 levels"),
        pytest.param(b'{"a": "' + b"x" * (MIB - 9) + b'"}', ..., id="1 MiB"),
    ],
)
def test_a_body_within_the_limits_is_read(
    idp: IdentityProvider, url: str, client: HTTPClient, body: bytes, content: Any
) -> None:
    """Within the limits of size and depth a body is read, whatever its content type."""
    idp.documents[PATH] = body
    idp.behave(headers={"Content-Type": "text/html"})
    got = client.get(url, timeout=PATIENCE).content
    assert got == (json.loads(body) if content is ... else content)


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate", "raw deflate"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
@pytest.mark.parametrize("size", [200, 1], ids=["200 MiB", "1 MiB and some"])
def test_a_large_body_is_an_error_and_takes_little_memory(
    idp: IdentityProvider,
    either_client: HTTPClient,
    url: str,
    encoding: str | None,
    size: int,
    *,
    chunked: bool,
) -> None:
    """A body over 1 MiB, sent or decompressed, is an error, and takes less than 5 MB of memory."""
    idp.behave(grow=size if encoding is None else min(size, 20), encoding=encoding, chunked=chunked)
    tracemalloc.start()
    try:
        fault = fault_of(either_client, url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert "more than 1048576 bytes" in fault
    assert peak < 5_000_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
def test_a_compressed_body_is_read(
    idp: IdentityProvider, url: str, client: HTTPClient, encoding: str
) -> None:
    """Some servers compress although the request doesn't accept it."""
    idp.documents[PATH] = {"a": 1}
    idp.behave(encoding=encoding)
    assert client.get(url, timeout=PATIENCE).content == {"a": 1}


@pytest.mark.parametrize(
    ("encoding", "fault"),
    [
        pytest.param("br", "not asked for", id="Brotli"),
        pytest.param("zstd", "not asked for", id="Zstandard"),
        pytest.param("gzip, gzip", "not asked for", id="twice"),
        pytest.param("hunter2", "not asked for", id="unknown"),
        pytest.param("gzip", "not gzip", id="not what it says"),
        pytest.param("Deflate", "not deflate", id="not what it says, raw"),
    ],
)
def test_an_unexpected_content_encoding_is_an_error(
    idp: IdentityProvider, url: str, client: HTTPClient, encoding: str, fault: str
) -> None:
    """An unsupported encoding, or a body that doesn't match its encoding, is an error."""
    idp.behave(headers={"Content-Encoding": encoding})
    said = fault_of(client, url)
    assert fault in said
    assert "hunter2" not in said


def test_the_identity_encoding_is_accepted(
    idp: IdentityProvider, url: str, client: HTTPClient
) -> None:
    """A server may state that it doesn't compress."""
    idp.behave(headers={"Content-Encoding": " Identity"})
    assert client.get(url, timeout=PATIENCE).content == {}


@pytest.mark.parametrize("tail", [b"", b"more"], ids=["cut", "more"])
def test_a_truncated_or_extended_compressed_body_is_an_error(
    idp: IdentityProvider, url: str, client: HTTPClient, tail: bytes
) -> None:
    """A compressed stream must be complete, with nothing after it."""
    whole = bytes.fromhex("1f8b08000000000002ffabae050043bfa6a302000000")
    idp.behave(headers={"Content-Encoding": "gzip"}, body=whole)
    assert client.get(url, timeout=PATIENCE).content == {}
    idp.behave(headers={"Content-Encoding": "gzip"}, body=whole + tail if tail else whole[:-3])
    assert "not gzip" in fault_of(client, url)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_a_truncated_body_is_an_error(
    idp: IdentityProvider, client: HTTPClient, url: str, *, chunked: bool
) -> None:
    """A connection that closes before the body is complete is an error."""
    idp.behave(cut=2, body=b"{}  ", chunked=chunked)
    assert "failed" in fault_of(client, url)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"hang": True}, id="hangs"),
        pytest.param({"drip": 20}, id="drips"),
        pytest.param({"drip": 20, "chunked": True}, id="drips chunks"),
        pytest.param({"drip": 20, "encoding": "gzip"}, id="drips, compressed"),
    ],
)
def test_a_slow_body_times_out(
    idp: IdentityProvider, either_client: HTTPClient, url: str, how: dict[str, Any]
) -> None:
    """However slowly a body arrives, the fetch takes no longer than its timeout."""
    idp.documents[PATH] = {"a": list(range(1000))}
    idp.behave(**how)
    began = time.monotonic()

    fault = fault_of(either_client, url, timeout=SHORT)

    assert fault == f"GET {url}: no complete response within 0.5 s"
    assert SHORT <= time.monotonic() - began < PATIENCE


def test_slow_headers_time_out(idp: IdentityProvider, url: str, client: HTTPClient) -> None:
    """A server that sends its headers byte by byte can't exceed the timeout."""
    idp.behave(drip_headers=20, headers={"X-Long": "x" * 1000})
    began = time.monotonic()
    assert "no complete response within 0.5 s" in fault_of(client, url, timeout=SHORT)
    assert time.monotonic() - began < PATIENCE


def test_nothing_is_read_after_the_deadline(url: str, session: requests.Session) -> None:
    """After the deadline not even data that has arrived is read."""
    session.mount("http://", DeadlineAdapter(time.monotonic() - 1))
    with pytest.raises(requests.ReadTimeout):
        session.get(url)


def test_each_wait_ends_at_the_deadline() -> None:
    """A socket's timeout is what earlier waits have left."""
    ours, theirs = socket.socketpair()
    with ours, theirs, _Reader(ours, time.monotonic() + 1000) as reader:
        theirs.sendall(b"x")
        assert reader.read(1) == b"x"
        assert 1000 - PATIENCE < (ours.gettimeout() or 0) <= 1000


def test_an_infinite_timeout_works(url: str, client: HTTPClient) -> None:
    """A fetch accepts an infinite timeout."""
    assert client.get(url, timeout=float("inf")).content == {}


@pytest.fixture
def dripping_proxy() -> Iterator[str]:
    """A server that sends the beginning of a status line, byte by byte, on each connection."""
    ended = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 ")
            while not ended.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            thread.join(PATIENCE)


def test_a_slow_proxy_times_out(
    dripping_proxy: str, client: HTTPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time that a proxy takes is part of the fetch."""
    monkeypatch.setenv("https_proxy", dripping_proxy)
    began = time.monotonic()
    fault = fault_of(client, "https://issuer.example/jwks", timeout=SHORT)
    assert "no complete response within 0.5 s" in fault
    assert time.monotonic() - began < PATIENCE


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        pytest.param({"reset": True}, ConnectionResetError, id="reset"),
        pytest.param({"hang": True}, TimeoutError, id="hangs"),
        pytest.param({"cut": 1}, type(None), id="cut"),
        pytest.param({"body": b"hunter2"}, type(None), id="body"),
        pytest.param({"status": 500, "body": b"hunter2"}, type(None), id="status"),
        pytest.param({"redirect_to": "https://evil.example/?hunter2"}, type(None), id="redirect"),
    ],
)
def test_errors_show_no_query(
    idp: IdentityProvider, url: str, client: HTTPClient, how: dict[str, Any], cause: type
) -> None:
    """An error names the URL without its query, and its cause is the operating system's error."""
    idp.behave(**how)
    with pytest.raises(FetchError) as error:
        client.get(f"{url}?key=hunter2#hunter2", timeout=SHORT)

    assert f"GET {url}: " in str(error.value)
    assert type(error.value.__cause__) is cause
    assert error.value.__suppress_context__
    assert "hunter2" not in f"{error.value!r} {error.value.__cause__!r}"
    assert idp.requests[0].query == "key=hunter2"


def test_a_refused_connection_is_named(idp: IdentityProvider, url: str, client: HTTPClient) -> None:
    """If no server listens, the error and its cause say so."""
    idp.stop()
    with pytest.raises(FetchError, match=r"failed \(ConnectionRefusedError\)") as error:
        client.get(url, timeout=PATIENCE)
    assert isinstance(error.value.__cause__, ConnectionRefusedError)


def test_errors_of_a_session_are_not_quoted(url: str, session: requests.Session) -> None:
    """An error of a session's hook, which may contain the URL, is not quoted."""

    def fail(response: requests.Response, **_: Any) -> None:
        raise OSError(f"refused {response.url}")

    session.hooks["response"].append(fail)
    session.params = {"key": "hunter2"}
    client = HTTPClient(session, allow_http_on_loopback=True)

    with pytest.raises(FetchError, match=r"failed \(OSError\)") as error:
        client.get(url, timeout=PATIENCE)
    assert error.value.__cause__ is None
    assert "hunter2" not in str(error.value)
