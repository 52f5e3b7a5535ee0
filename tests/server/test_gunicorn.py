from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import PATIENCE

CLIENTS = 16


@pytest.fixture
def get(server: Any) -> Callable[..., requests.Response]:
    """Send a GET request to the server."""

    def ask(path: str, **values: Any) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{server.port}{path}", timeout=PATIENCE, **values)

    return ask


@pytest.fixture
def tokens(issuer: TokenIssuer, other_issuer: TokenIssuer) -> dict[str, str]:
    """One token of each kind."""
    ours = {"aud": "server-tests"}
    return {
        "good": issuer.token("alice", **ours),
        "expired": issuer.token("alice", exp=1_000_000_000, **ours),
        "forged": other_issuer.token("alice", **ours),
        "foreign": issuer.token("alice", aud="somebody else"),
    }


def ask_raw(server: Any, head: bytes) -> tuple[int, dict[str, str]]:
    """Send raw bytes, and return status and headers.

    A server that refuses a request by its size may close before all was sent.
    """
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        try:
            connection.sendall(head)
        except OSError:
            return 0, {}
        response = http.client.HTTPResponse(connection)
        try:
            response.begin()
        except (OSError, http.client.HTTPException):
            return 0, {}
        return response.status, dict(response.getheaders())


def test_the_caller_is_known(get: Callable[..., Any], tokens: dict[str, str]) -> None:
    """Behind gunicorn, a valid token's caller is published in the view."""
    response = get("/needed", headers=bearer(tokens["good"]))

    assert response.status_code == 200
    assert response.json()["subject"] == "alice"
    assert response.json()["g"] == [True, tokens["good"], "alice"]
    assert response.headers["Vary"] == "Authorization"


@pytest.mark.parametrize("path", ["/needed", "/async", "/documented"])
@pytest.mark.parametrize(
    ("sent", "status", "challenge"),
    [
        pytest.param(None, 401, "Bearer", id="missing"),
        pytest.param("expired", 401, 'error_description="The access token expired"', id="expired"),
        pytest.param("forged", 401, "signature is invalid", id="forged"),
        pytest.param("foreign", 401, "meant for another audience", id="audience"),
        pytest.param("garbage", 401, 'error="invalid_token"', id="garbage"),
        pytest.param("a.b.c", 401, 'error="invalid_token"', id="three parts"),
        pytest.param("two words", 400, 'error="invalid_request"', id="malformed"),
    ],
)
def test_bad_tokens_are_refused(
    get: Callable[..., Any],
    tokens: dict[str, str],
    path: str,
    sent: str | None,
    status: int,
    challenge: str,
) -> None:
    """Each kind of bad token gets its status and challenge over the wire."""
    headers = {} if sent is None else bearer(tokens.get(sent, sent))

    response = get(path, headers=headers)

    # The documented API promises 401 for all refusals.
    assert response.status_code == (401 if path == "/documented" else status)
    assert challenge in response.headers["WWW-Authenticate"]
    if sent is None:
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_an_optional_route_serves_all_requests(
    get: Callable[..., Any], tokens: dict[str, str]
) -> None:
    """A request without a token is anonymous, and Alice's has Alice as its caller."""
    assert get("/optional").json()["g"] == [False, None, None]
    assert get("/optional", headers=bearer(tokens["expired"])).json()["subject"] is None
    assert get("/optional", headers=bearer(tokens["good"])).json()["subject"] == "alice"


def test_a_missing_scope_is_403(get: Callable[..., Any], tokens: dict[str, str]) -> None:
    """Over the wire, too, an optional route refuses a missing scope."""
    response = get("/scoped", headers=bearer(tokens["good"]))

    assert response.status_code == 403
    assert 'scope="reports:read"' in response.headers["WWW-Authenticate"]


def test_an_outage_is_503(server: Any, get: Callable[..., Any], tokens: dict[str, str]) -> None:
    """Unavailable keys are a server fault, and the server's log names the cause."""
    response = get("/outage", headers=bearer(tokens["good"]))

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert get("/outage").status_code == 200
    assert "the key server is down" in server.log


def test_query_and_form_tokens(
    server: Any, get: Callable[..., Any], tokens: dict[str, str]
) -> None:
    """Query and form tokens work behind a real server; two at once are refused."""
    token = {"access_token": tokens["good"]}
    url = f"http://127.0.0.1:{server.port}/needed"

    by_query = get("/needed", params=token)
    assert (by_query.json()["subject"], by_query.headers["Cache-Control"]) == ("alice", "private")
    assert requests.post(url, data=token, timeout=PATIENCE).json()["subject"] == "alice"
    assert requests.post(url, data=token, params=token, timeout=PATIENCE).status_code == 400


def test_a_large_chunked_upload_with_a_header_token(server: Any, tokens: dict[str, str]) -> None:
    """A body that isn't a form is not read: a megabyte in chunks reaches the view completely."""
    chunks = (b"x" * 10_000 for _ in range(100))
    headers = {**bearer(tokens["good"]), "Content-Type": "application/octet-stream"}

    response = requests.post(
        f"http://127.0.0.1:{server.port}/upload", data=chunks, headers=headers, timeout=PATIENCE
    )

    assert (response.status_code, response.json()["received"]) == (200, 1_000_000)


@pytest.mark.parametrize("size", [10, 10_000, 1_000_000], ids=["short", "10 kB", "1 MB"])
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_the_view_can_read_its_whole_body(
    server: Any, tokens: dict[str, str], size: int, chunked: bool
) -> None:
    """After the search for a token, a form is complete: parsed, as a stream and as bytes."""
    url = f"http://127.0.0.1:{server.port}/body"
    headers = {**bearer(tokens["good"]), "Content-Type": "application/x-www-form-urlencoded"}
    data = b"a=" + b"x" * size

    for way, found in (("form", data[2:]), ("stream", data), ("get_data", data)):
        sent: Any = iter([data[:5], data[5:]]) if chunked else data
        response = requests.post(f"{url}/{way}", data=sent, headers=headers, timeout=PATIENCE)
        assert (response.status_code, response.content) == (200, found)
    upload = requests.post(
        f"{url}/files",
        data={"a": "1"},
        files={"f": b"x" * size},
        headers=bearer(tokens["good"]),
        timeout=PATIENCE,
    )
    assert upload.content == b"x" * size + b"1"


def test_an_incomplete_form_is_refused(server: Any) -> None:
    """A client that sends less than it announced gets the refusal of a malformed request."""
    head = (
        b"POST /needed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 400\r\n\r\na=1&b="
    )

    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        client.sendall(head)
        client.shutdown(socket.SHUT_WR)
        response = client.makefile("rb").read()

    assert response.startswith(b"HTTP/1.1 400 ")
    assert b'error="invalid_request"' in response


def test_a_long_anonymous_form_is_refused_at_once(server: Any) -> None:
    """A client that announces a long form is refused before it has sent one."""
    head = (
        b"POST /needed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 400000\r\n\r\na=1"
    )

    status, _ = ask_raw(server, head)

    assert status == 401


def test_an_oversized_token_is_refused_by_the_app(get: Callable[..., Any]) -> None:
    """A token within the server's limit but beyond ours is a 401."""
    response = get("/needed", headers=bearer("x" * 30_000))

    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("size", [40_000, 1_000_000, 10_000_000], ids=["40 kB", "1 MB", "10 MB"])
def test_an_oversized_header_is_refused_by_the_server(
    server: Any, get: Callable[..., Any], tokens: dict[str, str], size: int
) -> None:
    """A header beyond the server's limit never reaches the app, and doesn't disturb the next request."""
    head = b"GET /needed HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n" % (b"x" * size)

    status, _ = ask_raw(server, head)

    # 0: the connection was closed while the client was still sending.
    assert status == 0 or 400 <= status < 500
    assert get("/needed", headers=bearer(tokens["good"])).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"Bearer \xff\xfe", id="bytes"),
        pytest.param("Bearer t\N{LATIN SMALL LETTER O WITH DIAERESIS}ken".encode(), id="UTF-8"),
        pytest.param(b"Bearer abc\x00def", id="NUL"),
        pytest.param(b"Bearer abc\tdef", id="tab"),
        pytest.param(b"Bearer", id="scheme alone"),
        pytest.param(b"Bearer abc\r\nAuthorization: Bearer def", id="two headers"),
        pytest.param(b"bearer    ", id="spaces"),
    ],
)
def test_unusual_bytes_in_the_header_are_a_4xx(server: Any, value: bytes) -> None:
    """Any bytes in the header are a client error: never a 5xx, never accepted."""
    status, _ = ask_raw(
        server,
        b"GET /needed HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: %s\r\n\r\n"
        % value,
    )

    assert 400 <= status < 500


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "DELETE"])
def test_other_methods(server: Any, method: str) -> None:
    """HEAD and POST are guarded, OPTIONS is Flask's own, and DELETE is not allowed there."""
    response = requests.request(method, f"http://127.0.0.1:{server.port}/needed", timeout=PATIENCE)

    expected = {"HEAD": 401, "OPTIONS": 200, "POST": 401, "DELETE": 405}
    assert response.status_code == expected[method]


@pytest.mark.parametrize("path", ["/needed", "/meeting", "/async", "/optional", "/documented"])
def test_parallel_callers_see_themselves(
    server: Any, issuer: TokenIssuer, tokens: dict[str, str], path: str
) -> None:
    """Many concurrent callers, over kept-alive connections, each get their own response."""
    bad = {"expired": 401, "forged": 401, "garbage": 401, "two words": 400, "": 401}
    if path == "/documented":
        bad["two words"] = 401

    def call(client: int) -> tuple[list[str], set[int]]:
        wrong: list[str] = []
        workers: set[int] = set()
        with requests.Session() as session:
            for number in range(10):
                name = f"user-{client}-{number}"
                token = issuer.token(name, aud="server-tests")
                response = session.get(
                    f"http://127.0.0.1:{server.port}{path}",
                    headers=bearer(token),
                    timeout=PATIENCE,
                )
                seen = response.json() if response.status_code == 200 else {}
                workers.add(seen.get("pid", 0))
                if (
                    seen.get("subject") != name
                    or seen["g"] != [True, token, name]
                    or seen.get("claims", name) != name
                    or not seen.get("unchanged", True)
                ):
                    wrong.append(f"{name}: {response.status_code} {response.text}")
                sent, status = list(bad.items())[number % len(bad)]
                headers = bearer(tokens.get(sent, sent)) if sent else {}
                response = session.get(
                    f"http://127.0.0.1:{server.port}{path}", headers=headers, timeout=PATIENCE
                )
                if path == "/optional":
                    if response.json()["g"] != [False, None, None]:
                        wrong.append(f"{sent}: {response.text}")
                elif (
                    response.status_code != status
                    or "Bearer" not in response.headers["WWW-Authenticate"]
                ):
                    wrong.append(f"{sent}: {response.status_code} {response.headers}")
        return wrong, workers

    with ThreadPoolExecutor(CLIENTS) as pool:
        results = list(pool.map(call, range(CLIENTS)))

    assert [wrong for found, _ in results for wrong in found] == []
    assert 0 not in set().union(*(workers for _, workers in results))


def test_public_views_need_no_token(get: Callable[..., Any]) -> None:
    """An open view is open, whatever is sent along."""
    for headers in ({}, bearer("garbage"), {"Authorization": "Bearer two words"}):
        assert get("/health", headers=headers).text == "well"


def test_the_servers_log_has_no_token(
    server: Any, get: Callable[..., Any], tokens: dict[str, str]
) -> None:
    """After refusals and outages of all kinds, no token is in the log."""
    for token in tokens.values():
        get("/needed", headers=bearer(token))
        get("/outage", headers=bearer(token))

    assert server.is_running()
    for token in tokens.values():
        assert token not in server.log
        assert token.rpartition(".")[2] not in server.log


def test_the_server_had_no_error(server: Any, get: Callable[..., Any]) -> None:
    """No request so far ended in an unhandled exception, and no worker died."""
    assert get("/health").text == "well"
    assert "Exception on" not in server.log
    assert "Error handling request" not in server.log
    assert "Worker exiting" not in server.log


def test_refusals_have_a_readable_body(get: Callable[..., Any]) -> None:
    """A refusal's body has the challenge's description, and nothing of the app's internals."""
    response = get("/needed")

    assert response.text == "Authentication is required\n"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.text)
