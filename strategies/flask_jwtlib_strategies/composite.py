"""Several strategies of one kind that act as one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from flask_jwtlib import (
    AuthenticationError,
    BearerToken,
    ConfigurationError,
    InvalidRequestError,
    KeyProvider,
    TokenExtractor,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)

if TYPE_CHECKING:
    from flask import Request

__all__ = ["ChainKeyProvider", "FirstOfTokenExtractor"]

_logger = logging.getLogger("flask_jwtlib_strategies")


def _check_members(owner: str, members: tuple[Any, ...], interface: type) -> None:
    if not members:
        raise ConfigurationError(f"{owner} needs a {interface.__name__} at least")
    for member in members:
        if isinstance(member, type) or not isinstance(member, interface):
            raise ConfigurationError(f"{owner} takes {interface.__name__} objects, not {member!r}")


@frozen(init=False)
class FirstOfTokenExtractor(TokenExtractor):
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
        _check_members("FirstOfTokenExtractor", extractors, TokenExtractor)
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


@frozen(init=False, eq=False)
class ChainKeyProvider(KeyProvider):
    """Asks several providers for keys, and answers what they have together, the first one's first.

    It suits one issuer whose keys are in several places: in an old key server and its successor, or
    fetched and at hand for an emergency. **All keys are trusted alike**: whoever holds one can issue
    tokens in the name of the others' issuers. Tokens of issuers that don't trust each other need an
    ``Authenticator`` for each issuer.

    While one provider's keys can't be had, the others' keys of the very ``kid`` that a token names
    still serve, and a warning is logged. For any other token nobody knows whether the missing keys
    would have verified it: that is 503, not 401.

    Args:
        *providers: Which to ask, in this order.
        limit: How many keys to answer at most: each may cost a signature check.

    Raises:
        ConfigurationError: There are none, one is no ``KeyProvider``, or the limit is no positive
            number.
    """

    providers: tuple[KeyProvider, ...]
    limit: int = field(default=4, kw_only=True)

    def __init__(self, *providers: KeyProvider, limit: int = 4) -> None:
        _check_members("ChainKeyProvider", providers, KeyProvider)
        if limit < 1:
            raise ConfigurationError(f"limit is a number of keys, 1 or more, not {limit!r}")
        object.__setattr__(self, "providers", providers)
        object.__setattr__(self, "limit", limit)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Collect the keys."""
        keys: list[VerificationKey] = []
        missing: Exception | None = None
        for provider in self.providers:
            try:
                keys += provider.keys_for(header)
            except AuthenticationError:
                raise
            except Exception as error:  # noqa: BLE001 - the interface counts any as unavailable
                missing = missing or error
        if missing is not None:
            keys = [key for key in keys if key.kid is not None and key.kid == header.kid]
            if not keys:
                raise _as_unavailable(missing)
            _logger.warning("some keys can't be had, going on with others", exc_info=missing)
        return tuple(keys[: self.limit])


def _as_unavailable(error: Exception) -> VerificationUnavailable:
    if isinstance(error, VerificationUnavailable):
        return error
    unavailable = VerificationUnavailable(f"a key provider raised {type(error).__name__}")
    unavailable.__cause__ = error
    return unavailable
