"""Redirects browsers to a log-in page, and brings them back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote, urlencode

from attrs import Attribute, field, frozen
from flask import Request, Response, after_this_request, url_for
from werkzeug.http import parse_set_header
from werkzeug.routing import BuildError
from werkzeug.utils import redirect

from flask_jwtlib import (
    AuthenticationError,
    ConfigurationError,
    FailureHandler,
    VerificationUnavailable,
)
from flask_jwtlib.log_text import library_logger, quoted

from ._local_urls import local_url, url_of
from ._wrapped import check_handler, current_request, realm_of
from .problem_details import ProblemDetailsHandler

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

__all__ = ["LoginRedirectHandler", "safe_next"]

_logger = library_logger("flask_jwtlib")

_ENDPOINT = re.compile(r"\w+(?:[.-]\w+)*")
_NAME = re.compile(r"[\w.-]+")
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_VARY = ("Accept", "Sec-Fetch-Mode")
# The parameter of RFC 6750 §2.3. It never becomes a part of another URL.
_TOKEN_PARAMETER = "access_token"  # noqa: S105 - a parameter's name


def _check_login(login: str) -> str:
    given: object = login
    if isinstance(given, str):
        if _ENDPOINT.fullmatch(login):
            return login
        path = None if {"?", "#"}.intersection(login) else local_url(login)
        if path is not None:
            return path
    raise ConfigurationError(
        f"the log-in page is {login!r}, expected a path of this app, such as '/login', or an endpoint, "
        "such as 'auth.login'"
    )


def _check_otherwise(_: object, __: Attribute[Any], value: object) -> None:
    check_handler("LoginRedirectHandler(…, otherwise=…)", value)


def _check_parameter(parameter: str) -> str:
    given: object = parameter
    if not isinstance(given, str) or not _NAME.fullmatch(parameter):
        raise ConfigurationError(
            f"parameter is {parameter!r}, expected a parameter's name, such as 'next'"
        )
    return parameter


def _check_drop(drop: Iterable[str]) -> tuple[str, ...]:
    given: object = drop
    names: tuple[object, ...] = tuple(drop) if isinstance(given, Iterable) else (None,)
    if isinstance(given, str) or not all(isinstance(name, str) and name for name in names):
        raise ConfigurationError(
            f"drop is {drop!r}, expected names of parameters in a tuple, such as ('token',)"
        )
    return tuple(dict.fromkeys((_TOKEN_PARAMETER, *cast("tuple[str, ...]", names))))


@frozen
class LoginRedirectHandler(FailureHandler):
    """Redirects a user who opens a page without a valid token to the log-in page (302).

    ::

        LoginRedirectHandler("auth.login")

    Only a 401 of a GET or HEAD is redirected, and only if a browser opens a page: its ``Sec-Fetch-Mode`` is
    ``navigate``, or absent as in browsers on plain HTTP, and its ``Accept`` lists HTML. Programs such as curl
    and axios, ``fetch`` in a page, other methods and other statuses get the response of ``otherwise``.

    The log-in page is told where the user was, in ``next``: a path and a query, which ``safe_next`` checks
    after the log-in. ``next`` is left out if it would have more than 1,024 characters, or isn't safe.

    The log-in page must need no token: name it in ``protect(app, public=[…])``. If it is refused itself, that
    is logged as an error, and the user gets the response of ``otherwise``, not another redirect.

    Args:
        login: The log-in page: a path of this app, or an endpoint, for which ``url_for`` makes the URL. It
            must be on the same host.
        otherwise: Responds to all other requests, and is told of anonymous ones.
        parameter: The name of the parameter that says where the user was.
        drop: Names of parameters that ``next`` must not contain because they may be secret. ``access_token``
            never is in it.

    Raises:
        ConfigurationError: ``login`` is neither a path nor an endpoint, or another argument is wrong.
    """

    login: str = field(converter=_check_login)
    otherwise: FailureHandler = field(
        factory=ProblemDetailsHandler, validator=_check_otherwise, kw_only=True
    )
    parameter: str = field(default="next", converter=_check_parameter, kw_only=True)
    drop: tuple[str, ...] = field(default=(), converter=_check_drop, kw_only=True)

    @property
    def realm(self) -> str | None:
        """The realm of ``otherwise``."""
        return realm_of(self.otherwise)

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> ResponseReturnValue:
        """Return the redirect, or the response of ``otherwise``."""
        request = current_request()
        if request is None or error.status != 401:
            return self.otherwise.deny(error)
        location = self._location(request) if request.method in _SAFE_METHODS else None
        if location is None or not _opens_page(request):
            # The other handler may raise the error, and then its response is made later.
            after_this_request(_vary)
            return self.otherwise.deny(error)
        after_this_request(_without_location)
        response = cast("Response", redirect(location, 302, Response))
        response.headers["Cache-Control"] = "no-store"
        for name, value in error.headers:
            response.headers.add(name, value)
        return _vary(response)

    def anonymous(self, error: AuthenticationError) -> None:
        """Pass it on."""
        self.otherwise.anonymous(error)

    def _location(self, request: Request) -> str | None:
        """Return the URL of the log-in page; None if it can't be redirected to, which is logged."""
        is_path = self.login.startswith("/")
        try:
            given = quote(request.script_root) + self.login if is_path else url_for(self.login)
        except BuildError as error:
            _logger.error("no redirect to the log-in page: %s", error)  # noqa: TRY400 - it says everything
            return None
        login = local_url(given)
        if login is None:
            _logger.error(
                "no redirect to the log-in page: its URL is %s, expected one on this host",
                quoted(given),
            )
            return None
        here = (request.script_root + request.path).rstrip("/")
        path, _, query = login.partition("?")
        if request.endpoint == self.login or unquote(path).rstrip("/") == here:
            _logger.error(
                "the log-in page %s is refused itself, so nobody can log in: name its endpoint in "
                "protect(app, public=[…]), or mark its view by @public",
                quoted(self.login),
            )
            return None
        before = local_url(url_of(request), self.drop)
        if before is None:
            return login
        return f"{login}{'&' if query else '?'}{urlencode({self.parameter: before}, safe='/')}"


def safe_next(
    request: Request, *, default: str = "/", parameter: str = "next", drop: tuple[str, ...] = ()
) -> str:
    r"""Return where to redirect the user after the log-in: a path on this site, whatever the request says.

    ::

        return redirect(safe_next(request, default=url_for("index")))

    Anybody can send a user a link to the log-in page with a ``next`` of theirs. So it is used only if it
    begins with one ``/``, has no ``\``, control character, ``.`` or ``..`` segment in its path, in any
    encoding, and at most 1,024 characters. The result is percent-encoded.

    Args:
        request: The request, with ``next`` in the query or the form. Two different ones are not used, nor
            that of a query that isn't UTF-8.
        default: Where to go without a safe ``next``.
        parameter: The parameter's name.
        drop: Names of parameters that are removed from ``next``, beside ``access_token``.

    Raises:
        ConfigurationError: ``drop`` isn't a tuple of names.
    """
    dropped = _check_drop(drop)
    try:
        given = set(request.args.getlist(parameter))
    except UnicodeDecodeError:
        return default
    if request.method not in _SAFE_METHODS:
        given.update(request.form.getlist(parameter))
    url = local_url(given.pop(), dropped) if len(given) == 1 else None
    return default if url is None else url


def _opens_page(request: Request) -> bool:
    """Whether a browser opens a page by a GET or HEAD, and not a script or a program such as curl."""
    # Browsers omit the header on plain HTTP, except to localhost. A script's fetch has another mode.
    if request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        return False
    # Browsers list HTML. Programs accept */*, which doesn't count, and may prefer JSON.
    html = json = 0.0
    for name, quality in request.accept_mimetypes:
        kind = name.partition(";")[0].strip().lower()
        if kind in _HTML:
            html = max(html, quality)
        elif kind.endswith("json"):
            json = max(json, quality)
    return html > 0 and html >= json


def _without_location(response: Response) -> Response:
    """Remove ``Location`` from an error response that a framework made with the headers of the redirect."""
    if response.status_code == 401:
        response.headers.pop("Location", None)
    return response


def _vary(response: Response) -> Response:
    """Add the request headers that decide between the redirect and the other response to ``Vary``."""
    lines = response.headers.getlist("Vary")
    present = parse_set_header(", ".join(lines))
    missing = [name for name in _VARY if name not in present]
    if missing and "*" not in present:
        response.headers["Vary"] = ", ".join((*lines, *missing))
    return response
