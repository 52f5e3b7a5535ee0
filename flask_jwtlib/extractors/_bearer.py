"""The token in any of the three places of RFC 6750 §2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import Factory, field, frozen

from .._options import as_count, overridable
from ..challenges import BEARER, Challenge
from ..errors import ConfigurationError, InvalidRequestError
from ..interfaces import TokenExtractor, request_arguments_of
from ..jws import DEFAULT_MAX_SIZE
from ..values import BearerToken
from ._form import FormTokenExtractor
from ._header import HeaderTokenExtractor
from ._query import QueryTokenExtractor

if TYPE_CHECKING:
    from flask import Request

__all__ = ["BearerTokenExtractor"]


def _places(extractor: BearerTokenExtractor) -> tuple[tuple[TokenExtractor, str], ...]:
    """Return the extractors to try, each with the key of ``environ`` without which it finds nothing."""
    places: list[tuple[TokenExtractor, str]] = []
    if extractor.header:
        places.append((HeaderTokenExtractor(), "HTTP_AUTHORIZATION"))
    if extractor.form:
        places.append((FormTokenExtractor(max_size=extractor.max_size), "CONTENT_TYPE"))
    if extractor.query:
        places.append((QueryTokenExtractor(), "QUERY_STRING"))
    if not places:
        raise ConfigurationError(
            "BearerTokenExtractor needs at least one of header, form and query"
        )
    return tuple(places)


@frozen
class BearerTokenExtractor(TokenExtractor):
    """Reads the token from the three places of RFC 6750 §2, and refuses a request with two tokens.

    Args:
        header: Read the ``Authorization`` header (§2.1).
        form: Read the form parameter ``access_token`` (§2.2).
        query: Read the query parameter ``access_token`` (§2.3). The default is True because the documented
            module API reads it. Pass False if no client needs it: URLs are kept in histories and logs (RFC
            9700 §4.3.2).
        max_size: Longest token, in characters. Pass the validator's ``max_size``. A form of more than twice
            as many bytes is ignored.

    Raises:
        ConfigurationError: All three are off, or ``max_size`` isn't a whole number of 1 or more.
    """

    challenges: ClassVar[tuple[Challenge, ...]] = BEARER

    header: bool = field(default=True, kw_only=True)
    form: bool = field(default=True, kw_only=True)
    query: bool = field(default=True, kw_only=True)
    max_size: int = field(default=DEFAULT_MAX_SIZE, converter=as_count, kw_only=True)
    _places: tuple[tuple[TokenExtractor, str], ...] = field(
        init=False, repr=False, eq=False, default=Factory(_places, takes_self=True)
    )

    @overridable
    def vary(self) -> tuple[str, ...]:
        """``Authorization``, if it is read.

        A query is a part of the URL, and no cache keeps the response to a form.
        """
        return ("Authorization",) if self.header else ()

    def request_with(self, token: str) -> dict[str, Any] | None:
        """Return what a request needs to have a token in the first of these places."""
        return request_arguments_of(self._places[0][0], token)

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in any of the places."""
        environ = request.environ
        found: BearerToken | None = None
        for extractor, key in self._places:
            if not environ.get(key):
                continue
            token = extractor.extract(request)
            if token is not None:
                if found is not None:
                    raise InvalidRequestError(
                        f"there is a token in the {found.source} and another in the {token.source}",
                        description="The access token is sent in more than one way",
                    )
                found = token
        return found
