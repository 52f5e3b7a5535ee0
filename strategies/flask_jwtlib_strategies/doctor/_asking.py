"""Requests to a provider, with everything that a check may want to know about the response."""

from __future__ import annotations

import time
from collections.abc import Mapping
from ssl import cert_time_to_seconds
from typing import Any

from attrs import define, field, frozen

from flask_jwtlib import VerificationUnavailable

from .._http.body import parse_object
from .._http.client import FetchedDocument, HTTPClient
from .._http.errors import FetchError
from .._http.freshness import server_time
from .._http.request_settings import Route

__all__ = ["Certificate", "Reply", "ask"]

# What is needed of a body to recognise HTML.
_BEGINNING = 200


@frozen
class Certificate:
    """The certificate of a server, with seconds since the epoch."""

    begins: float
    ends: float


@define
class Reply:
    """What came back for one request.

    Attributes:
        url: The requested URL.
        route: How the client connects to its host.
        status: The HTTP status, None if there was no response.
        headers: Its headers.
        asked_at: When it was requested, in seconds since the epoch.
        received_at: When it was received.
        protocol: The TLS version, None without TLS.
        certificate: The server's certificate, None if it isn't known.
        beginning: The beginning of the body.
        document: The fetched document, None after an error.
        error: Why there is no document.
    """

    url: str
    route: Route
    status: int | None = None
    headers: Mapping[str, str] = field(factory=dict[str, str])
    asked_at: float = 0
    received_at: float = 0
    protocol: str | None = None
    certificate: Certificate | None = None
    beginning: bytes = b""
    document: FetchedDocument | None = None
    error: Exception | None = None

    @property
    def content(self) -> dict[str, Any]:
        """The members of the fetched JSON object; none after an error."""
        return {} if self.document is None else self.document.content

    @property
    def clock_difference(self) -> float | None:
        """The seconds by which the server's clock is ahead of this machine's, None if that isn't known.

        The response was sent at some time between the request and its receipt, so this is 0 for any time
        between them.
        """
        server = server_time(self.headers)
        if server is None:
            return None
        if server > self.received_at:
            return server - self.received_at
        # The header has whole seconds.
        return server - self.asked_at if server + 1 < self.asked_at else 0

    def observe(self, response: Any) -> None:
        """Note what the headers and the connection of a response say."""
        self.status = response.status_code
        self.headers = response.headers
        self.received_at = time.time()
        socket: Any = getattr(getattr(response.raw, "connection", None), "sock", None)
        if hasattr(socket, "getpeercert"):
            self.protocol = socket.version()
            self.certificate = _certificate(socket.getpeercert())

    def parse(self, body: bytes) -> dict[str, Any]:
        """Note how a body begins, and parse it."""
        self.beginning = body[:_BEGINNING]
        return parse_object(body)


def ask(client: HTTPClient, url: str, *, timeout: float, credentials: bool = True) -> Reply:
    """Fetch a document as a key provider does.

    Args:
        client: The provider's client.
        url: The document's URL, which the client may fetch.
        timeout: Longest that the fetch may take, in seconds.
        credentials: Whether the provider sends this host what its session sends.
    """
    reply = Reply(url, client.route_to(url), asked_at=time.time())
    try:
        reply.document = client.get(
            url,
            timeout=timeout,
            credentials=credentials,
            parse=reply.parse,
            observe=reply.observe,
        )
    except (FetchError, VerificationUnavailable) as error:
        reply.error = error
    return reply


def _certificate(found: Mapping[str, Any] | None) -> Certificate | None:
    """Read a certificate; it is empty if certificates aren't checked."""
    if not found:
        return None
    begins, ends = (cert_time_to_seconds(found[name]) for name in ("notBefore", "notAfter"))
    return Certificate(begins, ends)
