"""A check of ``Origin`` for every request, whichever credentials it has, as MCP's transport requires it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from flask_jwtlib import BearerToken, TokenExtractor
from flask_jwtlib.authenticator import raise_refusal
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import CrossSiteError
from flask_jwtlib.interfaces import challenges_of, request_arguments_of

from ._origins import as_origins, shown
from ._wrapping import check_wrapped, vary_with

if TYPE_CHECKING:
    from flask import Request

__all__ = ["OriginCheckedTokenExtractor", "check_origin"]


@frozen
class OriginCheckedTokenExtractor(TokenExtractor):
    """Refuses requests whose ``Origin`` isn't listed, before it looks for a token.

    ::

        Authenticator(keys=…, extractor=OriginCheckedTokenExtractor(HeaderTokenExtractor()))

    The Model Context Protocol requires this of a server, against DNS rebinding: a web page can make its own
    host name resolve to the server's address, and then send requests as if it were of the same site. The
    check holds for every method, for guests on optional routes, and whichever token the request has.

    A request without ``Origin`` passes: programs send none. Any other passes only if the header is one of
    ``origins``, so that of the server's own pages must be listed, too. ``Host`` and ``Sec-Fetch-Site``
    decide nothing, since they don't reveal DNS rebinding.

    It doesn't replace the check of ambient tokens: a page's GET may have no ``Origin``.

    Args:
        extractor: The extractor that finds the token.
        origins: Origins whose pages may send requests, exactly as browsers write them. None by default.

    Raises:
        ConfigurationError: ``extractor`` isn't a ``TokenExtractor``, or an origin isn't written as browsers
            send it.
    """

    extractor: TokenExtractor = field(validator=check_wrapped)
    origins: frozenset[str] = field(default=frozenset[str](), converter=as_origins, kw_only=True)

    @property
    def challenges(self) -> tuple[Challenge, ...]:
        """The challenges of the extractor."""
        return challenges_of(self.extractor)

    @property
    def vary(self) -> tuple[str, ...]:
        """The headers that the extractor reads, and ``Origin``."""
        return vary_with(self.extractor, "Origin")

    def request_with(self, token: str) -> dict[str, Any] | None:
        """Return what a request needs to have a token where the extractor looks. It has no ``Origin``."""
        return request_arguments_of(self.extractor, token)

    def extract(self, request: Request) -> BearerToken | None:
        """Check the origin, and find the token.

        Raises:
            CrossSiteError: The origin isn't listed.
            AuthenticationError: The extractor refuses the request.
        """
        _check(request, self.origins)
        return self.extractor.extract(request)


def check_origin(request: Request, *, origins: Iterable[str] = ()) -> None:
    """Check the origin of a request that no ``OriginCheckedTokenExtractor`` sees.

    ::

        @blueprint.before_request
        def only_from_our_pages():
            check_origin(request, origins=["https://app.example"])

    A refusal is logged, and becomes the response if it leaves the function.

    Args:
        request: The request.
        origins: Origins whose pages may send requests, exactly as browsers write them.

    Raises:
        CrossSiteError: The request has an ``Origin`` that isn't listed.
        ConfigurationError: An origin isn't written as browsers send it.
    """
    try:
        _check(request, as_origins(origins))
    except CrossSiteError as error:
        # No extractor raised it, so nothing else would log it.
        raise_refusal(error)


def _check(request: Request, origins: frozenset[str]) -> None:
    # A server joins repeated headers by commas. Such a value is no origin.
    origin = request.headers.get("Origin")
    if origin is not None and origin not in origins:
        raise CrossSiteError(
            f"the Origin of a request is {shown(origin)}, which isn't listed in origins="
        )
