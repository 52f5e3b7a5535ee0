"""An HTTP client for small documents, with limits on time and size."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import Any

from attrs import Factory, field, frozen

from flask_jwtlib import VerificationUnavailable
from flask_jwtlib.log_text import error_text, one_line

from .body import check_size, parse_object, read_body
from .client_library import Timeout, requests
from .errors import FetchError, loggable_cause, system_error_behind
from .freshness import lifetime, retry_after
from .library_logs import safe_library_logs
from .request_settings import (
    Route,
    hooks_of,
    proxies_for,
    route_of,
    user_agent_of,
    verify_of,
)
from .sessions import SessionKeeper
from .urls import PlainHTTP, without_secrets

__all__ = ["FetchedDocument", "HTTPClient"]

_HEADERS = {
    "Accept": "application/json, application/jwk-set+json, */*;q=0.1",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
# Seconds. Sockets refuse timeouts of more than a few weeks.
_LONGEST_TIMEOUT = 86_400
# RFC 9110 §8.8.3. Any other text is not sent back.
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,256}"')


@frozen
class FetchedDocument:
    """A fetched document.

    Attributes:
        content: The JSON object, or what ``parse`` returned. None if the document with the given ``etag``
            hasn't changed.
        lifetime: How long the document is fresh, in seconds; None if its headers don't say.
        etag: Pass this when fetching the document again; None if the server sent none.
    """

    content: Any = field(repr=False)
    lifetime: float | None = field(default=None, kw_only=True)
    etag: str | None = field(default=None, kw_only=True)


@frozen(eq=False)
class HTTPClient:
    """Fetches JSON documents of at most 1 MiB.

    The client uses the environment's proxies and CA bundles unless the session has its own. It ignores
    ``.netrc`` files, doesn't follow redirects, and doesn't retry.

    Args:
        session: The application's session, for a private CA, a proxy or mutual TLS. By default each fetch
            has a new session.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.
        allow_http: Other hosts to accept plain HTTP from, each as ``"host"`` or ``"host:port"``.

    Attributes:
        plain_http: The hosts that plain HTTP is accepted from.

    Raises:
        ConfigurationError: ``session`` isn't a ``requests.Session``, or ``allow_http`` isn't a list of hosts.
    """

    _session: requests.Session | None = None
    allow_http_on_loopback: bool = field(default=False, kw_only=True)
    allow_http: Iterable[str] = field(default=(), kw_only=True)
    plain_http: PlainHTTP = field(
        init=False,
        repr=False,
        default=Factory(
            lambda self: PlainHTTP(self.allow_http_on_loopback, self.allow_http), takes_self=True
        ),
    )
    _sessions: SessionKeeper = field(
        init=False,
        repr=False,
        default=Factory(lambda self: SessionKeeper(self._session), takes_self=True),
    )

    def check(self, url: Any) -> str:
        """Return the URL if this client may fetch it.

        Raises:
            ConfigurationError: The client may not fetch it.
        """
        return self.plain_http.check(url)

    def route_to(self, url: str) -> Route:
        """Return how this client connects to a URL's host. Connects to nothing."""
        if self._session is not None:
            return route_of(self._session, url)
        with requests.Session() as session:
            return route_of(session, url)

    def get(
        self,
        url: str,
        *,
        timeout: float,
        etag: str | None = None,
        credentials: bool = True,
        parse: Callable[[bytes], Any] = parse_object,
        observe: Callable[[requests.Response], object] | None = None,
    ) -> FetchedDocument:
        """Fetch a document.

        Args:
            url: The document's URL.
            timeout: Longest that the whole fetch may take, from connecting to the last byte, in seconds.
            etag: The ``etag`` of the caller's copy of the document, if there is one.
            credentials: Whether to send the host what the session sends: its credentials, parameters,
                cookies, headers and client certificate. Its ``User-Agent`` is sent to every host.
            parse: Parses the body. Raises ``FetchError`` for a body that it can't parse.
            observe: Called with the response when its headers are there, before anything is refused. It may
                read the headers and the connection, but not the body.

        Raises:
            ConfigurationError: This client may not fetch the URL.
            FetchError: The document can't be fetched, or ``parse`` can't parse it.
            VerificationUnavailable: The server is busy, and says when to retry.
        """
        shown = f"GET {one_line(without_secrets(self.check(url)), 300)}"
        timeout = min(timeout, _LONGEST_TIMEOUT)
        deadline = time.monotonic() + timeout
        headers = {**_HEADERS, "User-Agent": user_agent_of(self._session)}
        if etag is not None:
            headers["If-None-Match"] = etag
        session_for = self._sessions.session_for
        try:
            with (
                safe_library_logs(url),
                session_for(url, deadline, credentials=credentials) as session,
                ExitStack() as responses,
            ):
                response = session.get(
                    url,
                    headers=headers,
                    auth=session.auth or _no_credentials,
                    proxies=proxies_for(url, session),
                    verify=verify_of(session),
                    timeout=_as_one(timeout),
                    allow_redirects=False,
                    hooks={"response": [partial(_take, responses, observe), *hooks_of(session)]},
                    stream=True,
                )
                wait = _wait_asked_for(response)
                if wait is None:
                    return _document(response, deadline, parse, asked_with_etag=etag is not None)
        except FetchError as error:
            raise FetchError(f"{shown}: {error_text(error)}", status=error.status) from None
        except Exception as error:  # noqa: BLE001 - any error of a session may show the query
            origin = system_error_behind(error)
            is_late = time.monotonic() >= deadline
            name = type(origin or error).__name__
            fault = f"no complete response within {timeout:g} s" if is_late else f"failed ({name})"
            raise FetchError(f"{shown}: {fault}") from loggable_cause(origin)
        raise VerificationUnavailable(
            f"{shown}: the server is busy and asks to retry after {wait} s", retry_after=wait
        )


def _as_one(timeout: float) -> Any:
    """Return one timeout for connecting and the first read together, as ``urllib3`` takes it."""
    return Timeout(total=timeout)


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add no credentials: without an ``auth``, ``requests`` would add those of ``.netrc``."""
    return request


def _take(
    responses: ExitStack,
    observe: Callable[[requests.Response], object] | None,
    response: requests.Response,
    **_: Any,
) -> None:
    """Close a response when the fetch ends, and refuse redirects: a hook for ``requests``."""
    responses.callback(response.close)
    if observe is not None:
        observe(response)
    _take_socket(responses, response)
    if response.is_redirect:
        # requests wouldn't follow it, but would read its whole body.
        raise FetchError(
            "the server redirects elsewhere, and redirects are not followed",
            status=response.status_code,
        )


def _take_socket(responses: ExitStack, response: requests.Response) -> None:
    """Keep a connection that was asked to close from being reused (RFC 9112 §9.6).

    The server may close it at any time, and a later request on it would be lost. Without its socket, the
    connection reconnects for the next request. This response keeps the socket until it is closed.
    """
    connection: Any = getattr(response.raw, "connection", None)
    socket = getattr(connection, "sock", None)
    if socket is not None:
        connection.sock = None
        responses.callback(socket.close)


def _wait_asked_for(response: requests.Response) -> int | None:
    return retry_after(response.headers) if response.status_code in (429, 503) else None


def _document(
    response: requests.Response,
    deadline: float,
    parse: Callable[[bytes], Any],
    *,
    asked_with_etag: bool,
) -> FetchedDocument:
    headers = response.headers
    status = response.status_code
    etag = headers.get("ETag", "")
    if status == 304 and asked_with_etag:
        content = None
    elif status == 200:
        content = parse(_body_of(response, deadline))
    else:
        raise FetchError(f"the response's status is {status}", status=status)
    return FetchedDocument(
        content, lifetime=lifetime(headers), etag=etag if _ETAG.fullmatch(etag) else None
    )


def _body_of(response: requests.Response, deadline: float) -> bytes:
    if getattr(response, "_content_consumed", False):
        # One of the session's hooks has read the body, and requests keeps it.
        check_size(response.content)
        return response.content
    return read_body(response.raw, response.headers.get("Content-Encoding", ""), deadline)
