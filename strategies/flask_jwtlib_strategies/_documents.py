"""Small JSON documents, got over HTTP within bounds."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
from attrs import field, frozen
from urllib3 import Timeout

from flask_jwtlib import JWTLibError, VerificationUnavailable

from ._bodies import Fault, read_document
from ._freshness import freshness, retry_after
from ._sessions import SessionKeeper
from ._urls import check_url, without_secrets

__all__ = ["Document", "DocumentClient", "DocumentError", "check_url", "without_secrets"]

_HEADERS = {
    "Accept": "application/json, application/jwk-set+json, */*;q=0.1",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
# Of a session's headers, those that it has by itself.
_HARMLESS = frozenset({"Accept", "Accept-Encoding", "Connection", "User-Agent"})
# Seconds. A socket waits no longer than some weeks.
_LONGEST_TIMEOUT = 86_400
# RFC 9110 §8.8.3. What is none is not sent back.
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,256}"')


class DocumentError(JWTLibError):
    """A document could not be had, or is not what it should be. The text shows no query of its URL.

    Attributes:
        status: The HTTP status, where that is what is wrong.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@frozen
class Document:
    """A document as it was got.

    Attributes:
        content: The JSON object. None says that the one whose ``etag`` was given is still right.
        ttl: Seconds that it is fresh, 60 to 3600.
        etag: What to give when it is got again, None if it has none.
    """

    content: dict[str, Any] | None = field(repr=False)
    ttl: float = field(kw_only=True)
    etag: str | None = field(default=None, kw_only=True)


@frozen(eq=False)
class DocumentClient:
    """Gets JSON documents of at most 1 MiB.

    Proxies and CA bundles are those of the environment, as ever with ``requests``; credentials in a
    ``.netrc`` file are not used. Redirects are not followed. Nothing is tried twice.

    Args:
        session: What to get them with, for an own CA, a proxy or mutual TLS. By default each has a
            session of its own.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.

    Raises:
        ConfigurationError: The session is none.
    """

    _sessions: SessionKeeper = field(
        default=None, converter=SessionKeeper, alias="session", repr=False
    )
    allow_http_on_loopback: bool = field(default=False, kw_only=True)

    def check(self, url: Any) -> str:
        """Answer a URL that may be asked.

        Raises:
            ConfigurationError: It may not.
        """
        return check_url(url, allow_http_on_loopback=self.allow_http_on_loopback)

    def get(
        self, url: str, *, timeout: float, etag: str | None = None, credentials: bool = True
    ) -> Document:
        """Get a document.

        Args:
            url: Where it is.
            timeout: Seconds that all of it may take, from the connection to the last byte.
            etag: The ``etag`` of the document that is at hand, if it has one.
            credentials: Send the session's credentials and headers along.

        Raises:
            ConfigurationError: The URL may not be asked.
            DocumentError: It could not be had, or is no JSON object.
            VerificationUnavailable: The server is busy, and says for how long.
        """
        shown = f"GET {without_secrets(self.check(url))}"
        timeout = min(timeout, _LONGEST_TIMEOUT)
        deadline = time.monotonic() + timeout
        headers: dict[str, str | None] = {**_HEADERS}
        if etag is not None:
            headers["If-None-Match"] = etag
        try:
            with self._sessions.session_until(deadline) as session, ExitStack() as answers:
                if not credentials:
                    # None takes a header of the session's away.
                    own = set(session.headers) - _HARMLESS
                    headers = {**dict.fromkeys(own), **headers}
                response = session.get(
                    url,
                    headers=headers,
                    auth=(session.auth if credentials else None) or _no_credentials,
                    proxies=_proxies_for(url),
                    timeout=_as_one(timeout),
                    allow_redirects=False,
                    hooks={"response": [partial(_take, answers), *session.hooks["response"]]},
                    stream=True,
                )
                wait = _wait_asked_for(response)
                if wait is None:
                    return _document(response, deadline, asked_with_etag=etag is not None)
        except Fault as fault:
            raise DocumentError(f"{shown}: {fault}", status=fault.status) from None
        except Exception as error:  # noqa: BLE001 - whatever a session raises may show the query
            origin = _origin(error)
            late = time.monotonic() >= deadline
            name = type(origin or error).__name__
            what = f"not answered within {timeout:g} s" if late else f"failed ({name})"
            raise DocumentError(f"{shown}: {what}") from origin
        raise VerificationUnavailable(f"{shown}: to be asked again in {wait} s", retry_after=wait)


def _as_one(timeout: float) -> Any:
    """A timeout for connecting and the first wait together, which ``requests`` takes from ``urllib3``."""
    return Timeout(total=timeout)


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add none: where no other is given, ``requests`` adds those of ``.netrc``."""
    return request


def _proxies_for(url: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme == "https":
        return None
    # This machine's loopback is not the proxy's.
    names = ("http", "all", f"http://{parts.hostname}", f"all://{parts.hostname}")
    return dict.fromkeys(names)


def _take(answers: ExitStack, response: requests.Response, **_: Any) -> None:
    """See to it that an answer is closed, whatever becomes of it, and that none is a redirect."""
    answers.callback(response.close)
    _take_socket(answers, response)
    if response.is_redirect:
        # It is not followed, but would be read all the same, and to its end.
        raise Fault("it redirects elsewhere, which is not followed", status=response.status_code)


def _take_socket(answers: ExitStack, response: requests.Response) -> None:
    """See to it that nobody asks again over a connection that was announced to close (RFC 9112 §9.6).

    The server closes it when it likes, and need not say so: whoever has it from a pool meanwhile, loses
    the request. A connection without a socket is opened anew; the answer goes on over the one it came by.
    """
    connection: Any = getattr(response.raw, "connection", None)
    socket = getattr(connection, "sock", None)
    if socket is not None:
        connection.sock = None
        answers.callback(socket.close)


def _wait_asked_for(response: requests.Response) -> int | None:
    return retry_after(response.headers) if response.status_code in (429, 503) else None


def _document(response: requests.Response, deadline: float, *, asked_with_etag: bool) -> Document:
    headers = response.headers
    status = response.status_code
    etag = headers.get("ETag", "")
    if status == 304 and asked_with_etag:
        content = None
    elif status == 200:
        content = read_document(response.raw, headers.get("Content-Encoding", ""), deadline)
    else:
        raise Fault(f"the answer's status is {status}", status=status)
    return Document(content, ttl=freshness(headers), etag=etag if _ETAG.fullmatch(etag) else None)


def _origin(error: BaseException | None) -> OSError | None:
    """The operating system's or TLS's own error behind one of ``requests``, whose text shows the URL."""
    while error is not None:
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
            return None if "?" in str(error) else error
        error = error.__cause__ or error.__context__
    return None
