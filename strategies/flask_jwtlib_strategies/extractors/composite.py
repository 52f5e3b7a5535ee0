"""Several token extractors that act as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from flask_jwtlib import BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.errors import InvalidRequestError

if TYPE_CHECKING:
    from flask import Request

__all__ = ["CompositeTokenExtractor"]


@frozen(init=False)
class CompositeTokenExtractor(TokenExtractor):
    """Looks for a token with several extractors, and answers what the first one finds.

    By default all of them are asked, and a request is refused in which two find a token: one that
    names two callers, or the same twice, is ambiguous (RFC 6750 §2). Whatever one of them refuses
    is refused.

    Args:
        *extractors: Which to ask, in this order.
        exclusive: Refuse a request with two tokens. With False the first token counts, and nobody
            looks whether there is another. That suits clients that can't help sending one, such as
            a browser its cookie, if what they mean comes first.

    Raises:
        ConfigurationError: There are none, or one is no ``TokenExtractor``.
    """

    extractors: tuple[TokenExtractor, ...]
    exclusive: bool = field(default=True, kw_only=True)

    def __init__(self, *extractors: TokenExtractor, exclusive: bool = True) -> None:
        if not extractors:
            raise ConfigurationError("CompositeTokenExtractor needs a TokenExtractor at least")
        for extractor in extractors:
            if isinstance(extractor, type) or not isinstance(extractor, TokenExtractor):
                raise ConfigurationError(
                    f"CompositeTokenExtractor takes TokenExtractor objects, not {extractor!r}"
                )
        object.__setattr__(self, "extractors", extractors)
        object.__setattr__(self, "exclusive", exclusive)

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token."""
        found: BearerToken | None = None
        for extractor in self.extractors:
            token = extractor.extract(request)
            if token is None:
                continue
            if not self.exclusive:
                return token
            if found is not None:
                raise InvalidRequestError(
                    f"a token in the {found.source} and another in the {token.source}",
                    description="The access token is sent in more than one way",
                )
            found = token
        return found
