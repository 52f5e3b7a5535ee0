"""JSON documents are got over HTTP within bounds, and errors tell nothing that a thief could use."""

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
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import Document, DocumentError, HTTPClient
from flask_jwtlib_strategies._http.deadlines import DeadlineAdapter, _Reader

PATIENCE = 30
MIB = 1024 * 1024
# Seconds that a fetch is given which is to be cut off.
SHORT = 0.5
PATH = "/document"


def fault_of(client: HTTPClient, url: str, *, timeout: float = PATIENCE, **options: Any) -> str:
    """What the error says that getting a document raises."""
    with pytest.raises(DocumentError) as error:
        client.get(url, timeout=timeout, **options)
    return str(error.value)


def test_a_document_is_got(idp: IdentityProvider, either_client: HTTPClient) -> None:
    """A JSON object comes with the time that it is fresh."""
    idp.documents[PATH] = {"a": [1, {"b": "ü"}]}

    document = either_client.get(idp.url + PATH, timeout=PATIENCE)

    assert document == Document({"a": [1, {"b": "ü"}]})
    assert "ü" not in repr(document)


def test_it_asks_for_what_it_can_read(idp: IdentityProvider, url: str, client: HTTPClient) -> None:
    """JSON, not compressed, on a connection that is not kept."""
    client.get(url, timeout=PATIENCE)
    client.get(url, timeout=PATIENCE)
    first, second = idp.requests

    assert first.headers["Accept"].startswith("application/json,")
    assert first.headers["Accept-Encoding"] == "identity"
    assert first.headers["Connection"] == "close"
    assert first.client_port != second.client_port


@pytest.mark.parametrize("status", [201, 204, 206, 301, 302, 307, 308, 400, 401, 404, 500, 502])
def test_point_21_only_200_counts(
    idp: IdentityProvider, url: str, client: HTTPClient, status: int
) -> None:
    """Any other status is a failure that says so, body or not."""
    idp.behave(status=status)
    with pytest.raises(DocumentError, match=str(status)) as error:
        client.get(url, timeout=PATIENCE)
    assert error.value.status == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_point_21_redirects_are_not_followed(
    idp: IdentityProvider, either_client: HTTPClient, url: str, status: int
) -> None:
    """Where a redirect points to is not asked, and its body is not read."""
    idp.behave(path=PATH, redirect_to=idp.jwks_url, status=status, drip=1)

    fault = fault_of(either_client, url)

    assert "redirects" in fault
    assert idp.count(idp.jwks_path) == 0


def test_a_hook_of_the_session_still_runs(url: str, session: requests.Session) -> None:
    """What a session does with each answer it does with ours."""
    seen: list[int] = []
    session.hooks["response"].append(lambda answer, **_: seen.append(answer.status_code))

    HTTPClient(session, allow_http_on_loopback=True).get(url, timeout=PATIENCE)

    assert seen == [200]


@pytest.mark.parametrize("status", [429, 503])
def test_point_4_a_busy_server_is_asked_later(
    idp: IdentityProvider, url: str, client: HTTPClient, status: int
) -> None:
    """A server that says when to come again makes for that time, others for the usual one."""
    idp.behave(status=status, headers={"Retry-After": "17"})
    with pytest.raises(VerificationUnavailable, match="17 s") as busy:
        client.get(f"{url}?key=hunter2", timeout=PATIENCE)
    assert busy.value.retry_after == 17
    assert "hunter2" not in str(busy.value)

    idp.behave(status=status)
    assert f"the response's status is {status}" in fault_of(client, url)


def test_point_21_304_answers_our_etag(idp: IdentityProvider, url: str, client: HTTPClient) -> None:
    """With the ETag of the document at hand, an unchanged one is not sent again."""
    idp.behave(etag=True, headers={"Cache-Control": "max-age=600"})
    first = client.get(url, timeout=PATIENCE)
    assert first.etag is not None

    second = client.get(url, timeout=PATIENCE, etag=first.etag)
    assert second == Document(None, lifetime=600, etag=first.etag)

    idp.documents[PATH] = {"changed": True}
    third = client.get(url, timeout=PATIENCE, etag=first.etag)
    assert third.content == {"changed": True}


def test_point_21_304_without_an_etag_is_no_answer(
    idp: IdentityProvider, url: str, client: HTTPClient
) -> None:
    """A server that spares us a document that we don't have has failed."""
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
def test_only_an_etag_is_sent_back(
    idp: IdentityProvider, url: str, client: HTTPClient, etag: str, kept: str | None
) -> None:
    """What is none, and might break the next request, is forgotten."""
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
def test_point_21_a_body_is_one_strict_json_object(
    idp: IdentityProvider, url: str, client: HTTPClient, body: bytes
) -> None:
    """Anything else is a failure, whose text quotes nothing of it."""
    idp.documents[PATH] = body
    assert re.fullmatch(rf"GET {url}: the body is [a-zA-Z0-9 (),-]+", fault_of(client, url))


@pytest.mark.parametrize(
    ("body", "content"),
    [
        pytest.param(b'\xef\xbb\xbf{"a": 1}', {"a": 1}, id="byte order mark"),
        pytest.param(b' \r\n{"a": 1}\n', {"a": 1}, id="white space"),
        pytest.param(b'{"a":' * 32 + b"1" + b"}" * 32, ..., id="32 levels"),
        pytest.param(b'{"a": "' + b"x" * (MIB - 9) + b'"}', ..., id="1 MiB"),
    ],
)
def test_point_21_a_body_may_be_so_large(
    idp: IdentityProvider, url: str, client: HTTPClient, body: bytes, content: Any
) -> None:
    """Within the bounds it is read, whatever its content type."""
    idp.documents[PATH] = body
    idp.behave(headers={"Content-Type": "text/html"})
    got = client.get(url, timeout=PATIENCE).content
    assert got == (json.loads(body) if content is ... else content)


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate", "raw deflate"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
@pytest.mark.parametrize("size", [200, 1], ids=["200 MiB", "1 MiB and some"])
def test_point_21_a_large_body_takes_little_memory(
    idp: IdentityProvider,
    either_client: HTTPClient,
    url: str,
    encoding: str | None,
    size: int,
    *,
    chunked: bool,
) -> None:
    """What is larger than 1 MiB, sent or decompressed, fails, and less than 5 MB were taken for it."""
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
def test_point_21_a_compressed_body_is_read_all_the_same(
    idp: IdentityProvider, url: str, client: HTTPClient, encoding: str
) -> None:
    """Some servers compress whether they were asked to or not."""
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
def test_point_21_an_odd_encoding_fails(
    idp: IdentityProvider, url: str, client: HTTPClient, encoding: str, fault: str
) -> None:
    """An encoding that was not asked for, or that is not what it says, is a failure."""
    idp.behave(headers={"Content-Encoding": encoding})
    said = fault_of(client, url)
    assert fault in said
    assert "hunter2" not in said


def test_the_identity_encoding_is_none(idp: IdentityProvider, url: str, client: HTTPClient) -> None:
    """A server may say that it does not compress."""
    idp.behave(headers={"Content-Encoding": " Identity"})
    assert client.get(url, timeout=PATIENCE).content == {}


@pytest.mark.parametrize("tail", [b"", b"more"], ids=["cut", "more"])
def test_a_compressed_body_ends_where_it_ends(
    idp: IdentityProvider, url: str, client: HTTPClient, tail: bytes
) -> None:
    """Half a compressed stream is none, and neither is one with something behind it."""
    whole = bytes.fromhex("1f8b08000000000002ffabae050043bfa6a302000000")
    idp.behave(headers={"Content-Encoding": "gzip"}, body=whole)
    assert client.get(url, timeout=PATIENCE).content == {}
    idp.behave(headers={"Content-Encoding": "gzip"}, body=whole + tail if tail else whole[:-3])
    assert "not gzip" in fault_of(client, url)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_half_a_body_is_none(
    idp: IdentityProvider, client: HTTPClient, url: str, *, chunked: bool
) -> None:
    """A connection that ends before the body does is a failure."""
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
def test_point_21_a_fetch_ends_in_time(
    idp: IdentityProvider, either_client: HTTPClient, url: str, how: dict[str, Any]
) -> None:
    """However slowly a body comes, the whole fetch takes no longer than it is given."""
    idp.documents[PATH] = {"a": list(range(1000))}
    idp.behave(**how)
    began = time.monotonic()

    fault = fault_of(either_client, url, timeout=SHORT)

    assert fault == f"GET {url}: not answered within 0.5 s"
    assert SHORT <= time.monotonic() - began < PATIENCE


def test_point_21_dripping_headers_end_in_time(
    idp: IdentityProvider, url: str, client: HTTPClient
) -> None:
    """Nor does a server that sends its headers byte by byte keep a fetch for longer."""
    idp.behave(drip_headers=20, headers={"X-Long": "x" * 1000})
    began = time.monotonic()
    assert "not answered within 0.5 s" in fault_of(client, url, timeout=SHORT)
    assert time.monotonic() - began < PATIENCE


def test_nothing_is_read_after_the_deadline(url: str, session: requests.Session) -> None:
    """Not even what has come already."""
    session.mount("http://", DeadlineAdapter(time.monotonic() - 1))
    with pytest.raises(requests.ReadTimeout):
        session.get(url)


def test_each_wait_ends_at_the_deadline() -> None:
    """However much time the waits before it took."""
    ours, theirs = socket.socketpair()
    with ours, theirs, _Reader(ours, time.monotonic() + 1000) as reader:
        theirs.sendall(b"x")
        assert reader.read(1) == b"x"
        assert 1000 - PATIENCE < (ours.gettimeout() or 0) <= 1000


def test_a_fetch_may_have_all_the_time_that_there_is(url: str, client: HTTPClient) -> None:
    """An endless timeout is none that a socket minds."""
    assert client.get(url, timeout=float("inf")).content == {}


@pytest.fixture
def dripping_proxy() -> Iterator[str]:
    """A server that answers each connection with the beginning of a status line, byte by byte."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 ")
            while not ended.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            thread.join(PATIENCE)


def test_point_21_a_dripping_proxy_ends_in_time(
    dripping_proxy: str, client: HTTPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy is no excuse: its answer belongs to the fetch."""
    monkeypatch.setenv("https_proxy", dripping_proxy)
    began = time.monotonic()
    fault = fault_of(client, "https://issuer.example/jwks", timeout=SHORT)
    assert "not answered within 0.5 s" in fault
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
def test_point_12_errors_show_no_query(
    idp: IdentityProvider, url: str, client: HTTPClient, how: dict[str, Any], cause: type
) -> None:
    """An error names the URL without its query, and so does its cause, which is the system's own."""
    idp.behave(**how)
    with pytest.raises(DocumentError) as error:
        client.get(f"{url}?key=hunter2#hunter2", timeout=SHORT)

    assert f"GET {url}: " in str(error.value)
    assert type(error.value.__cause__) is cause
    assert error.value.__suppress_context__
    assert "hunter2" not in f"{error.value!r} {error.value.__cause__!r}"
    assert idp.requests[0].query == "key=hunter2"


def test_point_12_nobody_listening_is_an_error_of_the_system(
    idp: IdentityProvider, url: str, client: HTTPClient
) -> None:
    """A refused connection is named as such."""
    idp.stop()
    with pytest.raises(DocumentError, match=r"failed \(ConnectionRefusedError\)") as error:
        client.get(url, timeout=PATIENCE)
    assert isinstance(error.value.__cause__, ConnectionRefusedError)


def test_point_12_what_a_session_raises_is_not_repeated(
    url: str, session: requests.Session
) -> None:
    """A session that puts the URL into its errors, also into the system's, gives nothing away."""

    def fail(answer: requests.Response, **_: Any) -> None:
        raise OSError(f"I don't like {answer.url}")

    session.hooks["response"].append(fail)
    session.params = {"key": "hunter2"}
    client = HTTPClient(session, allow_http_on_loopback=True)

    with pytest.raises(DocumentError, match=r"failed \(OSError\)") as error:
        client.get(url, timeout=PATIENCE)
    assert error.value.__cause__ is None
    assert "hunter2" not in str(error.value)
