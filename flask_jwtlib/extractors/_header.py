"""The token in a request header."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from attrs import Factory, field, frozen

from .._options import check_flag, overridable
from ..challenges import BEARER, Challenge
from ..cross_site import outcome_by_browser
from ..errors import ConfigurationError, InvalidRequestError
from ..interfaces import TokenExtractor
from ..values import BearerToken
from ._syntax import as_http_token, is_b64token

if TYPE_CHECKING:
    from flask import Request

__all__ = ["HeaderTokenExtractor"]

# WSGI passes the first two on under other names, and the browser sets the others.
_NOT_FOR_TOKENS = frozenset({"content-type", "content-length", "cookie", "host", "origin"})
# Once the user has logged in, browsers add these credentials to each request (RFC 7617 §2.2).
_SENT_BY_BROWSERS = frozenset(
    {"basic", "digest", "hoba", "kerberos", "mutual", "negotiate", "ntlm"}
)


def _as_header(name: Any) -> str:
    as_http_token("the header's name", name, "X-Goog-IAP-JWT-Assertion")
    if name.lower() in _NOT_FOR_TOKENS:
        raise ConfigurationError(
            f"the header {name} can't have a token: a cookie needs an extractor of its own"
        )
    return cast("str", name)


def _as_scheme(scheme: Any) -> str | None:
    return None if scheme is None else as_http_token("scheme", scheme, "Bearer")


def _is_authorization(extractor: HeaderTokenExtractor) -> bool:
    return extractor.name.lower() == "authorization"


def _default_scheme(extractor: HeaderTokenExtractor) -> str | None:
    return "Bearer" if _is_authorization(extractor) else None


def _default_ambient(extractor: HeaderTokenExtractor) -> bool:
    return not _is_authorization(extractor) or (extractor.scheme or "").lower() in _SENT_BY_BROWSERS


def _key(extractor: HeaderTokenExtractor) -> str:
    return "HTTP_" + extractor.name.upper().replace("-", "_")


def _scheme_pattern(extractor: HeaderTokenExtractor) -> re.Pattern[str]:
    # The scheme, unless the next character belongs to the scheme's name, too (RFC 9110 §5.6.2).
    scheme = re.escape(extractor.scheme or "")
    return re.compile(rf"{scheme}(?![!#$%&'*+.^_`|~0-9a-z-])", re.IGNORECASE)


def _scheme_of_tokens(extractor: HeaderTokenExtractor) -> str:
    if extractor.scheme is not None:
        return extractor.scheme
    return "Bearer" if _is_authorization(extractor) else extractor.name


def _details(extractor: HeaderTokenExtractor) -> dict[str, Any]:
    """Return the arguments of ``BearerToken`` that aren't the default ones."""
    details: dict[str, Any] = {}
    if not _is_authorization(extractor):
        details["source"] = extractor.name
    scheme = _scheme_of_tokens(extractor)
    if scheme.lower() != "bearer":
        details["scheme"] = scheme
    if extractor.ambient:
        details["ambient"] = True
    return details


@frozen
class HeaderTokenExtractor(TokenExtractor):
    """Reads the token from a header, by default ``Authorization: Bearer …`` (RFC 6750 §2.1).

    ::

        HeaderTokenExtractor()  # Authorization: Bearer eyJhbGci…
        HeaderTokenExtractor(scheme="JWT")  # Authorization: JWT eyJhbGci…
        HeaderTokenExtractor("Cf-Access-Jwt-Assertion")  # Cf-Access-Jwt-Assertion: eyJhbGci…

    It ignores ``Authorization`` headers with another scheme.

    A proxy may set any other header because of a cookie of its own, so that a browser in effect sends the
    token by itself. Such a token is ``ambient``, and so is one of a scheme whose credentials browsers keep,
    such as ``Basic``. It is accepted if the request changes nothing, or if the browser says by
    ``Sec-Fetch-Site`` that a page of the same origin or the user sent it. Put the extractor into the
    catalogue's ``CrossSiteCheckedTokenExtractor`` to accept requests of programs and other origins, too.

    Args:
        name: The header's name. Its case doesn't matter.
        scheme: The authentication scheme before the token (RFC 9110 §11.1). None if the header has only
            the token. By default ``Bearer`` in ``Authorization``, and None in other headers. A token without
            a scheme has the header's name as its ``scheme``.
        ambient: Whether a browser may send the token by itself. Pass False for a header that only programs
            and scripts set, such as one for API keys.

    Raises:
        ConfigurationError: The name or the scheme isn't one (RFC 9110 §5.6.2), or ``ambient`` isn't a bool.
    """

    name: str = field(default="Authorization", converter=_as_header)
    scheme: str | None = field(
        default=Factory(_default_scheme, takes_self=True), converter=_as_scheme, kw_only=True
    )
    ambient: bool = field(
        default=Factory(_default_ambient, takes_self=True), validator=check_flag, kw_only=True
    )
    _key: str = field(init=False, repr=False, eq=False, default=Factory(_key, takes_self=True))
    _lower_scheme: str = field(
        init=False,
        repr=False,
        eq=False,
        default=Factory(lambda self: (self.scheme or "").lower(), takes_self=True),
    )
    _scheme_pattern: re.Pattern[str] = field(
        init=False, repr=False, eq=False, default=Factory(_scheme_pattern, takes_self=True)
    )
    _details: dict[str, Any] = field(
        init=False, repr=False, eq=False, default=Factory(_details, takes_self=True)
    )

    @overridable
    def challenges(self) -> tuple[Challenge, ...]:
        """The challenge of the scheme. A token without a scheme has the header's name instead."""
        scheme = _scheme_of_tokens(self)
        return BEARER if scheme.lower() == "bearer" else (Challenge(scheme),)

    @overridable
    def vary(self) -> tuple[str, ...]:
        """The header's name, and that of the header which decides about ambient tokens."""
        return (self.name, "Sec-Fetch-Site") if self.ambient else (self.name,)

    def request_with(self, token: str) -> dict[str, Any]:
        """Return what a request needs to have a token in this header."""
        value = token if self.scheme is None else f"{self.scheme} {token}"
        # As for a request of a page of the same origin, if that matters.
        return {
            "headers": {
                self.name: value,
                **({"Sec-Fetch-Site": "same-origin"} if self.ambient else {}),
            }
        }

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the header.

        Raises:
            InvalidRequestError: The header has the scheme, but not one token.
        """
        credentials: str | None = request.environ.get(self._key)
        if not credentials:
            return None
        if self.scheme is None:
            # A space separates a scheme from its credentials.
            if " " in credentials and _is_authorization(self):
                return None
            if is_b64token(credentials):
                return self._found(credentials, request)
        else:
            scheme, _, token = credentials.partition(" ")
            if scheme.lower() == self._lower_scheme:
                token = token.lstrip(" ")
                if is_b64token(token):
                    return self._found(token, request)
            elif not self._scheme_pattern.match(credentials):
                return None
        expected = "one token" if self.scheme is None else f"{self.scheme!r} followed by one token"
        raise InvalidRequestError(
            f"the {self.name} header must be {expected}",
            description=f"The {self.name} header is malformed",
        )

    def _found(self, value: str, request: Request) -> BearerToken:
        token = BearerToken(value, **self._details)
        if not self.ambient:
            return token
        outcome = outcome_by_browser(request)
        # Without an outcome, the Authenticator refuses the token.
        return token if outcome is None else token.with_evidence(outcome)
