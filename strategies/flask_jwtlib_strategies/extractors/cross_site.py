"""A check that no other site made the browser send a request with the caller's credentials (CSRF).

The headers ``Sec-Fetch-Site`` (W3C Fetch Metadata) and ``Origin`` (RFC 6454 §7) decide: the browser sets
them, and no page can change them. ``Referer`` and ``Host`` decide nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from attrs import Attribute, field, frozen

from flask_jwtlib import BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import CrossSiteError
from flask_jwtlib.evidence import CrossSiteCheck
from flask_jwtlib.interfaces import challenges_of, vary_of
from flask_jwtlib.log_text import quoted

if TYPE_CHECKING:
    from flask import Request

__all__ = ["CrossSiteCheckedTokenExtractor", "check_cross_site"]

# As browsers write an origin: in lower case, and without a path.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")
_DEFAULT_PORT = re.compile(r"(?:http|ws)://.*:80|(?:https|wss)://.*:443")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_MAY_BE_SAFE = _SAFE_METHODS | {"QUERY"}
# From a page of the request's own origin; and from the user, by a bookmark or an address that was typed.
_TRUSTED_SITES = frozenset({"same-origin", "none"})
_SITE = re.compile(r"[a-z-]+")


def _strings(name: str, given: Any, example: str) -> frozenset[str]:
    several = isinstance(given, Iterable) and not isinstance(given, str)
    members = tuple(cast("Iterable[Any]", given)) if several else ()
    if not several or not all(isinstance(member, str) for member in members):
        raise ConfigurationError(
            f"{name} is {given!r}, expected a tuple of strings, such as {example}"
        )
    return frozenset(members)


def _as_origins(given: Any) -> frozenset[str]:
    origins = _strings("origins", given, "('https://app.example',)")
    for origin in origins:
        if not _ORIGIN.fullmatch(origin) or _DEFAULT_PORT.fullmatch(origin):
            raise ConfigurationError(
                f"the origin {origin!r} is not written as browsers send it, such as 'https://app.example' or "
                "'http://localhost:8080': in lower case, without a path, a slash at the end or a default "
                "port. Patterns and 'null' are not accepted"
            )
    return origins


def _as_methods(given: Any) -> frozenset[str]:
    methods = _strings("safe_methods", given, "('GET', 'HEAD', 'OPTIONS')")
    if not methods <= _MAY_BE_SAFE:
        raise ConfigurationError(
            f"safe_methods has {', '.join(sorted(methods - _MAY_BE_SAFE))}, expected some of "
            f"{', '.join(sorted(_MAY_BE_SAFE))}: other methods change something (RFC 9110 §9.2.1)"
        )
    return methods


def _check_extractor(_: object, __: Attribute[Any], value: object) -> None:
    if isinstance(value, type) or not isinstance(value, TokenExtractor):
        raise ConfigurationError(
            f"CrossSiteCheckedTokenExtractor wraps a TokenExtractor object, not {value!r}"
        )
    challenges_of(value)
    vary_of(value)


def _check_flag(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{attribute.name} is {value!r}, expected True or False")


@frozen
class CrossSiteCheckedTokenExtractor(TokenExtractor):
    """Checks the ambient tokens that another extractor finds, such as that of a cookie.

    ::

        Authenticator(
            keys=…,
            extractor=CrossSiteCheckedTokenExtractor(
                SessionExtractor(), origins=["https://app.example"]
            ),
        )

    Tokens that a browser doesn't send by itself aren't checked, so you may also wrap a composite. A request
    whose method changes something, or that opens a WebSocket, passes if the browser says that a page of this
    origin or the user sent it (``Sec-Fetch-Site: same-origin`` or ``none``), or if its ``Origin`` is among
    ``origins``. Any other is refused by a ``CrossSiteError``.

    Browsers send ``Sec-Fetch-Site`` only over HTTPS and to localhost. Where the site is served over plain
    HTTP, also name its own origin.

    Args:
        extractor: The extractor. Its tokens are ``ambient``.
        origins: Origins whose pages may send requests, exactly as browsers write them.
        allow_non_browsers: Accept a request with neither of the two headers. No present-day browser sends
            such a request for a page, but some programs that send cookies do.
        safe_methods: Methods that change nothing in this app. Pass ``("GET", "HEAD", "OPTIONS", "QUERY")``
            if that holds for ``QUERY``, and fewer if some views change something by ``GET``.

    Raises:
        ConfigurationError: ``extractor`` isn't a ``TokenExtractor``, an origin isn't written as browsers send
            it, or another option is wrong.
    """

    extractor: TokenExtractor = field(validator=_check_extractor)
    origins: frozenset[str] = field(default=frozenset[str](), converter=_as_origins, kw_only=True)
    allow_non_browsers: bool = field(default=False, validator=_check_flag, kw_only=True)
    safe_methods: frozenset[str] = field(default=_SAFE_METHODS, converter=_as_methods, kw_only=True)

    @property
    def challenges(self) -> tuple[Challenge, ...]:
        """The challenges of the extractor."""
        return challenges_of(self.extractor)

    @property
    def vary(self) -> tuple[str, ...]:
        """The headers that the extractor reads, and those of the check: the refusal depends on them."""
        # Read for each response, since the extractor may change it. It was checked when this object was made.
        names: Any = getattr(self.extractor, "vary", None)
        return (*(("Authorization",) if names is None else names), "Sec-Fetch-Site", "Origin")

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token, and attach the outcome of the check to an ambient one.

        Raises:
            AuthenticationError: The extractor refuses the request.
            CrossSiteError: Another site may have made the browser send it.
        """
        token = self.extractor.extract(request)
        if not getattr(token, "ambient", False):
            return token
        outcome = _outcome(request, self.origins, self.allow_non_browsers, self.safe_methods)
        return cast("BearerToken", token).with_evidence(outcome)


def check_cross_site(
    request: Request, *, origins: Iterable[str] = (), allow_non_browsers: bool = False
) -> CrossSiteCheck:
    """Check a request to a view that logs a user in or out, or renews a session, before there is a token.

    ::

        @app.post("/login")
        def login():
            check_cross_site(request, origins=["https://app.example"])

    A refusal that leaves the view becomes the response. Let such a view accept only POST: a GET passes,
    except for one that opens a WebSocket.

    Args:
        request: The request.
        origins: Origins whose pages may send requests, exactly as browsers write them.
        allow_non_browsers: Accept a request with neither of the two headers.

    Raises:
        CrossSiteError: Another site may have made the browser send the request.
        ConfigurationError: An origin isn't written as browsers send it.
    """
    return _outcome(request, _as_origins(origins), allow_non_browsers, _SAFE_METHODS)


def _outcome(
    request: Request,
    origins: frozenset[str],
    allow_non_browsers: bool,
    safe_methods: frozenset[str],
) -> CrossSiteCheck:
    method, headers = request.method, request.headers
    if method in safe_methods and not _opens_websocket(request):
        return CrossSiteCheck.SAFE_METHOD
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    # A server joins repeated headers by commas. No browser sends such a value.
    is_malformed = site is not None and not _SITE.fullmatch(site)
    if site in _TRUSTED_SITES or (origin in origins and not is_malformed):
        return CrossSiteCheck.PASSED
    if site is None and origin is None:
        if allow_non_browsers:
            return CrossSiteCheck.PASSED
        raise CrossSiteError(
            f"a {quoted(method)} request has neither Sec-Fetch-Site nor Origin, so it doesn't come from a "
            "page in a browser; pass allow_non_browsers=True if it should be accepted"
        )
    raise CrossSiteError(
        f"another site may have sent a {quoted(method)} request: its Sec-Fetch-Site is {_shown(site)}, and "
        f"its Origin is {_shown(origin)}, which is not among origins"
    )


def _opens_websocket(request: Request) -> bool:
    """Whether a request may open a WebSocket (RFC 6455 §4.1), which a browser lets every site do."""
    headers = request.headers
    return (
        "websocket" in headers.get("Upgrade", "").lower()
        or "Sec-WebSocket-Key" in headers
        or headers.get("Sec-Fetch-Mode") == "websocket"
    )


def _shown(value: str | None) -> str:
    return "absent" if value is None else quoted(value)
