"""HTTP clients for the tests of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import HTTPClient


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the environment's settings for HTTP."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client() -> HTTPClient:
    """A client without a session, which allows plain HTTP on loopback."""
    return HTTPClient(allow_http_on_loopback=True)


@pytest.fixture
def url(idp: IdentityProvider) -> str:
    """The URL of a document that is an empty object."""
    idp.documents["/document"] = {}
    return f"{idp.url}/document"


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """A session for a client."""
    with requests.Session() as session:
        yield session


@pytest.fixture(params=["own session each time", "session handed in"])
def either_client(request: pytest.FixtureRequest) -> Iterator[HTTPClient]:
    """A client that opens its own sessions, and one that is given a session: the limits apply to both."""
    if request.param == "own session each time":
        yield HTTPClient(allow_http_on_loopback=True)
    else:
        with requests.Session() as session:
            yield HTTPClient(session, allow_http_on_loopback=True)
