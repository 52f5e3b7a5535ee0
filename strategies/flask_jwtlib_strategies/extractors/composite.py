"""A token extractor that combines several others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen

from flask_jwtlib import BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.errors import InvalidRequestError

if TYPE_CHECKING:
    from flask import Request

__all__ = ["CompositeTokenExtractor"]


@frozen(init=False)
class CompositeTokenExtractor(TokenExtractor):
    """Accepts a token in one of several places, each with an extractor.

    By default all extractors are called, and a request in which two of them find a token is refused, because
    it may name two callers (RFC 6750 §2). A request that one of the extractors refuses is refused.

    Args:
        *extractors: The extractors, in the order in which they are called.
        exclusive: Refuse a request with two tokens. With False the first token is used, and the remaining
            extractors aren't called. Use that for clients that can't avoid sending another token, such as a
            browser with a cookie, and put the extractor of the intended token first.

    Raises:
        ConfigurationError: There is no extractor, or an argument isn't a ``TokenExtractor`` object.
    """

    extractors: tuple[TokenExtractor, ...]
    exclusive: bool = field(default=True, kw_only=True)

    def __init__(self, *extractors: TokenExtractor, exclusive: bool = True) -> None:
        if not extractors:
            raise ConfigurationError("CompositeTokenExtractor needs at least one TokenExtractor")
        for extractor in extractors:
            if isinstance(extractor, type) or not isinstance(extractor, TokenExtractor):
                raise ConfigurationError(
                    f"CompositeTokenExtractor takes TokenExtractor objects, not {extractor!r}: "
                    "pass each one as an argument"
                )
        cast("Any", self).__attrs_init__(extractors, exclusive=exclusive)

    def extract(self, request: Request) -> BearerToken | None:
        """Return the token, None if no extractor finds one.

        Raises:
            AuthenticationError: An extractor refuses the request, or two of them find a token.
        """
        found: BearerToken | None = None
        for extractor in self.extractors:
            token = extractor.extract(request)
            if token is None:
                continue
            if not self.exclusive:
                return token
            if found is not None:
                raise InvalidRequestError(
                    f"there is a token in the {found.source} and another in the {token.source}",
                    description="The access token is sent in more than one way",
                )
            found = token
        return found
