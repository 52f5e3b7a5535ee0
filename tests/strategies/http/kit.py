"""What the tests of fetched documents share."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from flask_jwtlib.testing.identity_provider import ReceivedRequest
from flask_jwtlib_strategies._http.client import HTTPClient
from flask_jwtlib_strategies._http.errors import FetchError
from tests.kit import PATIENCE

# Timeout of a fetch that is expected to exceed it, in seconds.
SHORT = 0.5
HTTPS = "https://issuer.example/jwks"


def fault_of(client: HTTPClient, url: str, *, timeout: float = PATIENCE, **options: Any) -> str:
    """Return the message of the error that fetching a document raises."""
    with pytest.raises(FetchError) as error:
        client.get(url, timeout=timeout, **options)
    return str(error.value)


def get(session: requests.Session | None, url: str, **options: Any) -> Any:
    """Return the content of a document that is fetched with a session."""
    client = HTTPClient(session, allow_http_on_loopback=True)
    return client.get(url, timeout=PATIENCE, **options).content


def sent(request: ReceivedRequest) -> str:
    """Return everything that a request sent to the server."""
    return f"{request.path}?{request.query} {request.headers.items()}"
