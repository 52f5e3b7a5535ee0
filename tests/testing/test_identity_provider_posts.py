"""POST requests to the identity provider for tests, such as those of introspection (RFC 7662)."""

from __future__ import annotations

import socket

import pytest
import requests

from flask_jwtlib.testing import IdentityProvider
from tests.kit import MIB, PATIENCE


@pytest.fixture(autouse=True)
def session() -> requests.Session:
    """A client that takes nothing from the environment."""
    session = requests.Session()
    session.trust_env = False
    return session


def status_line(idp: IdentityProvider, headers: str, body: bytes = b"") -> str:
    """Send a POST as it is, and return the status line of the response."""
    port = int(idp.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(f"POST /a HTTP/1.1\r\nHost: idp\r\n{headers}\r\n\r\n".encode() + body)
        return connection.makefile("rb").readline().decode().strip()


def test_it_records_what_is_posted(idp: IdentityProvider, session: requests.Session) -> None:
    """It responds as to GET, and records method and body, on one connection."""
    idp.documents["/introspect"] = {"active": True}

    with session:
        form = {"token": "a.b.c", "token_type_hint": "access_token"}
        assert session.post(f"{idp.url}/introspect?a=b", data=form).json() == {"active": True}
        assert session.get(f"{idp.url}/introspect").json() == {"active": True}
        assert session.post(f"{idp.url}/unknown", data=b"\x00\xff").status_code == 404
        assert session.post(f"{idp.url}/introspect").status_code == 200

    seen = [(each.method, each.path, each.query, each.body) for each in idp.requests]
    assert seen == [
        ("POST", "/introspect", "a=b", b"token=a.b.c&token_type_hint=access_token"),
        ("GET", "/introspect", "", b""),
        ("POST", "/unknown", "", b"\x00\xff"),
        ("POST", "/introspect", "", b""),
    ]
    assert idp.requests[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert idp.connections == 1


def test_it_misbehaves_for_posts_as_well(idp: IdentityProvider, session: requests.Session) -> None:
    """A behaviour that was set applies to POST, too."""
    idp.behave(status=503, body="down", path="/introspect", times=1)

    with session:
        assert session.post(f"{idp.url}/introspect", data="token=a").status_code == 503
        assert session.post(f"{idp.url}/introspect", data="token=a").status_code == 404


def test_the_longest_body_is_read(idp: IdentityProvider, session: requests.Session) -> None:
    """It records a body of 1 MiB."""
    with session:
        session.post(f"{idp.url}/a", data=bytes(MIB))

    assert len(idp.requests[0].body) == MIB


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (f"Content-Length: {MIB + 1}", "413"),
        ("Content-Length: " + "9" * 5000, "413"),
        ("Content-Length: -1", "411"),
        ("Content-Length: ten", "411"),
        ("Content-Length: \u0662", "411"),
        ("Content-Length:", "411"),
        ("Transfer-Encoding: chunked", "411"),
        ("X: y", "411"),
    ],
    ids=["longer", "far longer", "negative", "word", "other digits", "empty", "chunked", "absent"],
)
def test_other_bodies_are_refused(idp: IdentityProvider, headers: str, status: str) -> None:
    """A longer body, or one of unknown length, is refused and not recorded."""
    assert status_line(idp, headers).split(" ")[1] == status
    assert idp.requests == ()


def test_a_body_that_ends_early_is_recorded_as_it_came(idp: IdentityProvider) -> None:
    """If the client stops sending, what it sent is recorded."""
    port = int(idp.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(b"POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nfour")
        connection.shutdown(socket.SHUT_WR)
        idp.wait_for(1)

    assert idp.requests[0].body == b"four"
