"""An extractor of API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import Factory, field, frozen

from flask_jwtlib import BearerToken, HeaderTokenExtractor, TokenExtractor
from flask_jwtlib.challenges import Challenge

if TYPE_CHECKING:
    from flask import Request

__all__ = ["APIKeyExtractor"]

_SCHEME = "ApiKey"


def _as_header(name: Any) -> str:
    return HeaderTokenExtractor(name).name


def _header(extractor: APIKeyExtractor) -> HeaderTokenExtractor:
    scheme = _SCHEME if extractor.name.lower() == "authorization" else None
    return HeaderTokenExtractor(extractor.name, scheme=scheme, ambient=False)


def _vary(extractor: APIKeyExtractor) -> tuple[str, ...]:
    return (extractor.name,)


@frozen
class APIKeyExtractor(TokenExtractor):
    """Reads an API key from a header, by default ``X-API-Key``.

    The token's ``scheme`` is ``ApiKey``, and so is the challenge. Use it together with an
    ``APIKeyValidator``, or with a validator of your own. A key is never read from a URL, which is kept in
    histories and logs.

    ``APIKeyExtractor("Authorization")`` reads ``Authorization: ApiKey …``. To accept both, put both into a
    ``CompositeTokenExtractor``.

    Args:
        name: The header's name. Its case doesn't matter.

    Attributes:
        vary: The header's name: responses depend on it.

    Raises:
        ConfigurationError: It isn't the name of a header that can have a key.
    """

    challenges: ClassVar[tuple[Challenge, ...]] = (Challenge(_SCHEME),)

    name: str = field(default="X-API-Key", converter=_as_header)
    vary: tuple[str, ...] = field(
        init=False, repr=False, eq=False, default=Factory(_vary, takes_self=True)
    )
    _header: HeaderTokenExtractor = field(
        init=False, repr=False, eq=False, default=Factory(_header, takes_self=True)
    )

    def request_with(self, token: str) -> dict[str, Any]:
        """Return what a request needs to have a key in this header."""
        return self._header.request_with(token)

    def extract(self, request: Request) -> BearerToken | None:
        """Find the key in the header.

        Raises:
            InvalidRequestError: The header isn't one key. A server joins two headers by a comma.
        """
        key = self._header.extract(request)
        return None if key is None else BearerToken(key.value, source=key.source, scheme=_SCHEME)
