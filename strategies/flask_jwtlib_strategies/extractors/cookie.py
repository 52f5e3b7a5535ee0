"""Tokens in a cookie: reads it from requests, and sets and clears it in the views for log-in and log-out."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from attrs import field, frozen
from werkzeug.http import dump_cookie
from werkzeug.wrappers import Response

from flask_jwtlib import BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import InvalidRequestError, MalformedTokenError
from flask_jwtlib.jws import CompactJWS

from .._options import check_flag
from ._cookie_header import cookie_values
from ._cross_site_rules import SAME_ORIGIN, BuiltInCrossSiteCheck

if TYPE_CHECKING:
    from flask import Request

__all__ = ["CookieTokenExtractor", "clear_token_cookie", "set_token_cookie"]

# RFC 6265 §4.1.1: a name is a token, and a value has no quotes, commas, semicolons or backslashes.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21\x23-\x2B\x2D-\x3A\x3C-\x5B\x5D-\x7E]+")
# The characters that Werkzeug doesn't escape.
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,/:=@%-]*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# RFC 6265bis §4.1.3. All browsers know the first two, and some the third.
_PREFIXES = ("__Host-", "__Secure-", "__Http-")
_PREFIX = re.compile("|".join(_PREFIXES), re.IGNORECASE)
_SAME_SITE = ("Lax", "Strict", "None")
_LARGEST_COOKIE = 4096
_Response = TypeVar("_Response", bound=Response)
_LONGEST = 400 * 86_400


def _check(value: Any, pattern: re.Pattern[str], option: str, wanted: str) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ConfigurationError(f"the cookie's {option} is {value!r}, expected {wanted}")


@frozen
class CookieTokenExtractor(BuiltInCrossSiteCheck, TokenExtractor):
    """Reads the token from a cookie, and refuses requests that another site may have caused (CSRF).

    ::

        cookie = CookieTokenExtractor()
        auth = Authenticator(keys=…, extractor=cookie)

        @app.post("/login")
        def login():
            check_cross_site(request)
            return set_token_cookie(redirect("/"), token_of_the_user(), cookie)

    A request whose method changes something, or that opens a WebSocket, passes if the browser says that a
    page of this origin or the user sent it (``Sec-Fetch-Site: same-origin`` or ``none``), or if its
    ``Origin`` is among ``origins``. Any other is refused by a ``CrossSiteError``. Two cookies of this name
    are refused, since a page of a sibling domain can plant the second one.

    By default, browsers accept the cookie from this host only, and only over HTTPS: that is what the prefix
    ``__Host-`` means. Some browsers refuse it from ``http://localhost``, too. For development over plain
    HTTP, use ``CookieTokenExtractor("access_token", secure=False)``, and name the origin in ``origins``
    unless it is localhost.

    Args:
        name: The cookie's name. With the prefix ``__Host-`` it must be ``secure``, have the path ``/`` and no
            domain; with ``__Secure-`` or ``__Http-`` it must be ``secure``.
        path: The path below which browsers send the cookie.
        domain: The domain whose hosts get the cookie, too. By default it is sent only to this host.
        secure: Whether browsers send the cookie only over HTTPS.
        same_site: With ``"Lax"``, browsers send the cookie with requests of other sites only if the user
            follows a link; with ``"Strict"`` with none of them; with ``"None"`` with all of them.
        origins: Origins whose pages may send requests, exactly as browsers write them.
        allow_non_browsers: Accept a request with neither ``Sec-Fetch-Site`` nor ``Origin``, as programs send
            that have cookies.
        safe_methods: Methods that change nothing in this app. By default GET, HEAD and OPTIONS.
        cross_site_check: False switches the check off. Then every site can use this app in the name of its
            users, unless something else prevents it.

    Raises:
        ConfigurationError: An option is wrong, or two of them contradict each other.
    """

    challenges: ClassVar[tuple[Challenge, ...]] = (Challenge("Cookie"),)
    vary: ClassVar[tuple[str, ...]] = ("Cookie", "Sec-Fetch-Site", "Origin")

    name: str = field(default="__Host-access_token")
    path: str = field(default="/", kw_only=True)
    domain: str | None = field(default=None, kw_only=True)
    secure: bool = field(default=True, validator=check_flag, kw_only=True)
    same_site: str = field(default="Lax", kw_only=True)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        _check(self.name, _NAME, "name", "letters, digits, '-', '_' and the like (RFC 6265 §4.1.1)")
        _check(self.path, _PATH, "path", "a path that begins with '/', in ASCII")
        if self.domain is not None:
            _check(
                self.domain, _DOMAIN, "domain", "a host's name in lower case, such as 'app.example'"
            )
        if self.same_site not in _SAME_SITE:
            raise ConfigurationError(
                f"the cookie's same_site is {self.same_site!r}, expected 'Lax', 'Strict' or 'None'"
            )
        if fault := self._contradiction():
            raise ConfigurationError(f"browsers refuse the cookie {self.name}: {fault}")

    def _contradiction(self) -> str | None:
        prefix = _PREFIX.match(self.name)
        if prefix is not None and prefix[0] not in _PREFIXES:
            return f"its prefix is written {prefix[0]}, expected __Host-, __Secure- or __Http-"
        if not self.secure:
            if prefix is not None:
                return f"its prefix {prefix[0]} needs secure=True; choose a name without it for plain HTTP"
            if self.same_site == "None":
                return "same_site='None' needs secure=True"
        if prefix is not None and prefix[0] == "__Host-" and (self.domain or self.path != "/"):
            return "its prefix __Host- needs path='/' and no domain; use __Secure- instead"
        return None

    def request_with(self, token: str) -> dict[str, Any]:
        """Return what a request of a page of this origin needs to have a token in this cookie."""
        return {"headers": {"Cookie": f"{self.name}={token}", **SAME_ORIGIN}}

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the cookie.

        Raises:
            InvalidRequestError: There are two cookies of this name.
            CrossSiteError: Another site may have made the browser send the request.
        """
        values = cookie_values(request, self.name)
        if len(values) > 1:
            raise InvalidRequestError(
                f"there are {len(values)} cookies with the name {self.name}, expected one: a page of another "
                "host of this domain may have planted one of them",
                description="The cookie with the access token is repeated",
            )
        if not values or not values[0]:
            return None
        evidence = self.evidence_for(request)
        return BearerToken(
            values[0], source="cookie", scheme="Cookie", ambient=True, evidence=evidence
        )


def _check_cookie(cookie: Any, call: str) -> None:
    if not isinstance(cookie, CookieTokenExtractor):
        # Never its value: in the wrong order of arguments, it is the token.
        raise ConfigurationError(
            f"expected a CookieTokenExtractor as the cookie, not a {type(cookie).__name__}: call {call}"
        )


def set_token_cookie(
    response: _Response, token: str, cookie: CookieTokenExtractor, *, max_age: int | None = None
) -> _Response:
    """Let the browser keep a token in the cookie that an extractor reads, out of reach of scripts.

    No cache keeps the response: it gets ``Cache-Control: no-store``.

    Args:
        response: The response of the log-in view, made by ``redirect`` or ``make_response``.
        token: The token. Verify it first if the client sent it.
        cookie: The extractor.
        max_age: How long the browser keeps the cookie, in seconds. By default until the token's ``exp``; if
            there is none, until the browser is closed.

    Returns:
        The response.

    Raises:
        ConfigurationError: The token can't be in a cookie: it is larger than 4,096 bytes together with the
            cookie's name and attributes, it has expired, or it has characters that cookies don't allow. Or an
            argument is of another type.
    """
    _check_cookie(cookie, "set_token_cookie(response, token, cookie)")
    given: Any = token
    if not isinstance(given, str) or not _VALUE.fullmatch(given):
        raise ConfigurationError(
            f"the token for the cookie {cookie.name} is empty, is not a str, or has characters that a cookie "
            "can't have, such as a line break"
        )
    lifetime = _seconds_left(token) if max_age is None else max_age
    if max_age is None and lifetime is not None and lifetime < 1:
        raise ConfigurationError(
            f"the token for the cookie {cookie.name} has expired, so browsers would drop it at once"
        )
    if lifetime is not None and (type(lifetime) is not int or lifetime < 1):
        raise ConfigurationError(
            f"max_age is {max_age!r}, expected a whole number of seconds, 1 or more"
        )
    line = _set_cookie_line(cookie, token, lifetime)
    if len(line) > _LARGEST_COOKIE:
        raise ConfigurationError(
            f"the cookie {cookie.name} has {len(line)} bytes with its attributes, and browsers keep "
            f"{_LARGEST_COOKIE}: ask the issuer for a smaller token, or keep it in a server-side session"
        )
    return _with_cookie(response, line)


def clear_token_cookie(response: _Response, cookie: CookieTokenExtractor) -> _Response:
    """Let the browser forget the token. The token itself stays valid until its ``exp``.

    Args:
        response: The response of the log-out view, made by ``redirect`` or ``make_response``.
        cookie: The extractor that reads the cookie.

    Returns:
        The response.

    Raises:
        ConfigurationError: An argument is of another type.
    """
    _check_cookie(cookie, "clear_token_cookie(response, cookie)")
    return _with_cookie(response, _set_cookie_line(cookie, "", 0))


def _set_cookie_line(cookie: CookieTokenExtractor, value: str, max_age: int | None) -> str:
    return dump_cookie(
        cookie.name,
        value,
        max_age=max_age,
        # Clients whose clock is behind know that a cookie of 1970 is over.
        expires=0 if max_age == 0 else None,
        path=cookie.path,
        domain=cookie.domain,
        secure=cookie.secure,
        httponly=True,
        samesite=cookie.same_site,
        max_size=0,
    )


def _with_cookie(response: _Response, line: str) -> _Response:
    given: Any = response
    if not isinstance(given, Response):
        raise ConfigurationError(
            f"expected a response, not a {type(given).__name__}: make one with make_response"
        )
    response.headers.add("Set-Cookie", line)
    response.cache_control.no_store = True
    return response


def _seconds_left(token: str) -> int | None:
    """Return the seconds until the ``exp`` of a token; None if it isn't a JWT or has no ``exp``."""
    try:
        expires_at: object = CompactJWS(token, max_size=len(token)).claims().get("exp")
    except MalformedTokenError:
        return None
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        return None
    # Browsers keep no cookie longer than 400 days (RFC 6265bis §5.5).
    return min(int(expires_at) - int(time.time()), _LONGEST)
