"""Gets small documents over HTTP, within bounds of time and size."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import Any

from attrs import field, frozen

from flask_jwtlib import VerificationUnavailable
from flask_jwtlib.errors import JWTLibError
from flask_jwtlib.log_text import one_line

from .body import Fault, check_size, parse_object, read_body
from .client_library import Timeout, requests
from .freshness import lifetime, retry_after
from .library_logs import safe_library_logs
from .request_settings import hooks_of, proxies_for, user_agent_of, verify_of
from .sessions import SessionKeeper
from .urls import PlainHTTP, without_secrets

__all__ = ["Document", "DocumentError", "HTTPClient"]

_HEADERS = {
    "Accept": "application/json, application/jwk-set+json, */*;q=0.1",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
# Seconds. A socket waits no longer than some weeks.
_LONGEST_TIMEOUT = 86_400
# RFC 9110 §8.8.3. Anything else is not sent back.
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,256}"')
_LONGEST_CAUSE = 300


class DocumentError(JWTLibError):
    """A document could not be had, or isn't what it should be. The text shows no query of its URL.

    Attributes:
        status: The HTTP status, where that is what is wrong.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@frozen
class Document:
    """A document as it was received.

    Attributes:
        content: The JSON object, or what ``parse`` made of the body. None says that the one whose ``etag``
            was given is still right.
        lifetime: Seconds that it is fresh by its headers, None if they don't say.
        etag: What to give when it is fetched again, None if it has none.
    """

    content: Any = field(repr=False)
    lifetime: float | None = field(default=None, kw_only=True)
    etag: str | None = field(default=None, kw_only=True)


@frozen(eq=False)
class HTTPClient:
    """Gets JSON documents of at most 1 MiB.

    Proxies and CA bundles of the environment are used unless the session has its own; credentials in a
    ``.netrc`` file are not. Redirects are not followed. Nothing is tried twice.

    Args:
        session: The application's session, for an own CA, a proxy or mutual TLS. By default each fetch has a
            new one.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.
        allow_http: Other hosts to accept plain HTTP from, each as ``"host"`` or ``"host:port"``.

    Raises:
        ConfigurationError: The session isn't one, or a host isn't one.
    """

    _session: requests.Session | None = None
    allow_http_on_loopback: bool = field(default=False, kw_only=True)
    allow_http: Iterable[str] = field(default=(), kw_only=True)
    plain_http: PlainHTTP = field(init=False, repr=False)
    _sessions: SessionKeeper = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        plain_http = PlainHTTP(self.allow_http_on_loopback, self.allow_http)
        object.__setattr__(self, "plain_http", plain_http)
        object.__setattr__(self, "_sessions", SessionKeeper(self._session))

    def check(self, url: Any) -> str:
        """Return a URL that may be asked.

        Raises:
            ConfigurationError: It may not.
        """
        return self.plain_http.check(url)

    def get(
        self,
        url: str,
        *,
        timeout: float,
        etag: str | None = None,
        credentials: bool = True,
        parse: Callable[[bytes], Any] = parse_object,
    ) -> Document:
        """Get a document.

        Args:
            url: Where it is.
            timeout: Seconds that all of it may take, from the connection to the last byte.
            etag: The ``etag`` of the document that the caller has, if it has one.
            credentials: Whether the host may see what the session sends: its credentials, parameters,
                cookies, headers and client certificate. Its ``User-Agent`` is for every host.
            parse: Reads the body, which it raises ``Fault`` for if it can't.

        Raises:
            ConfigurationError: The URL may not be asked.
            DocumentError: The document could not be had, or isn't a JSON object.
            VerificationUnavailable: The server is busy, and says for how long.
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
                    hooks={"response": [partial(_take, responses), *hooks_of(session)]},
                    stream=True,
                )
                wait = _wait_asked_for(response)
                if wait is None:
                    return _document(response, deadline, parse, asked_with_etag=etag is not None)
        except Fault as fault:
            raise DocumentError(f"{shown}: {fault}", status=fault.status) from None
        except Exception as error:  # noqa: BLE001 - whatever a session raises may show the query
            origin = _origin(error)
            late = time.monotonic() >= deadline
            name = type(origin or error).__name__
            what = f"not answered within {timeout:g} s" if late else f"failed ({name})"
            raise DocumentError(f"{shown}: {what}") from _shown_cause(origin)
        raise VerificationUnavailable(
            f"{shown}: the server asks to be left alone for {wait} s", retry_after=wait
        )


def _as_one(timeout: float) -> Any:
    """A timeout for connecting and the first wait together, in the form that ``urllib3`` takes."""
    return Timeout(total=timeout)


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add none: where no other is given, ``requests`` adds those of ``.netrc``."""
    return request


def _take(responses: ExitStack, response: requests.Response, **_: Any) -> None:
    """Make sure that a response is closed, whatever becomes of it, and refuse a redirect."""
    responses.callback(response.close)
    _take_socket(responses, response)
    if response.is_redirect:
        # requests would not follow it, but read it to its end.
        raise Fault("it redirects elsewhere, which is not followed", status=response.status_code)


def _take_socket(responses: ExitStack, response: requests.Response) -> None:
    """Make sure that a connection which we asked to close isn't used again (RFC 9112 §9.6).

    The server closes it at any time, without saying so, and a later request on it would be lost. A connection
    without a socket is opened anew; this response goes on over the one that it came by.
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
) -> Document:
    headers = response.headers
    status = response.status_code
    etag = headers.get("ETag", "")
    if status == 304 and asked_with_etag:
        content = None
    elif status == 200:
        content = parse(_body_of(response, deadline))
    else:
        raise Fault(f"the response's status is {status}", status=status)
    return Document(
        content, lifetime=lifetime(headers), etag=etag if _ETAG.fullmatch(etag) else None
    )


def _body_of(response: requests.Response, deadline: float) -> bytes:
    if getattr(response, "_content_consumed", False):
        # A hook of the session's has read it, and requests keeps it.
        check_size(response.content)
        return response.content
    return read_body(response.raw, response.headers.get("Content-Encoding", ""), deadline)


def _origin(error: BaseException | None) -> OSError | None:
    """The operating system's or TLS's own error behind one of ``requests``, whose text shows the URL."""
    while error is not None:
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
            return error
        error = error.__cause__ or error.__context__
    return None


def _shown_cause(error: OSError | None) -> OSError | None:
    """What of an error may be logged as our error's cause.

    A text with a query is not repeated. One that repeats what a proxy said is, on one line and shortened.
    """
    text = str(error)
    if error is None or "?" in text:
        return None
    safe = one_line(text, _LONGEST_CAUSE)
    return error if safe == text else OSError(safe)
