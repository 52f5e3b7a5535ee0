"""What the tests of fetched keys share: an identity provider, its clients, a clock moved by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._documents import DocumentClient


class Clock:
    """A clock that stands still until it is moved.

    Attributes:
        step: Seconds by which it goes on whenever it is read. A wait is over then after a few readings,
            maybe before another thread had its turn.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    """A clock at second 1000."""
    return Clock()


@pytest.fixture
def idp() -> Iterator[IdentityProvider]:
    """An identity provider without keys, that behaves well until it is told otherwise."""
    with IdentityProvider() as idp:
        yield idp


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the machine's environment says about HTTP out of the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client() -> DocumentClient:
    """A client without a session of its own, that may ask the identity provider."""
    return DocumentClient(allow_http_on_loopback=True)


@pytest.fixture
def url(idp: IdentityProvider) -> str:
    """The URL of a document that is an empty object."""
    idp.documents["/document"] = {}
    return f"{idp.url}/document"


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """A session to hand in."""
    with requests.Session() as session:
        yield session


@pytest.fixture(params=["own session each time", "session handed in"])
def either_client(request: pytest.FixtureRequest) -> Iterator[DocumentClient]:
    """A client that opens sessions, and one that is given one: what is bounded is so with both."""
    if request.param == "own session each time":
        yield DocumentClient(allow_http_on_loopback=True)
    else:
        with requests.Session() as session:
            yield DocumentClient(session, allow_http_on_loopback=True)
