"""A token extractor that combines several others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen

from flask_jwtlib import AuthenticationError, BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib.interfaces import challenges_of, request_arguments_of, vary_of

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
            extractors aren't called, also if the token turns out to have expired. Use that for clients that
            can't avoid sending another token, such as a browser with a cookie, and put the extractor of the
            intended token first.

    Raises:
        ConfigurationError: There is no extractor, or an argument isn't a ``TokenExtractor`` object, or its
            ``challenges`` or ``vary`` are wrong.
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
            challenges_of(extractor)
            vary_of(extractor)
        cast("Any", self).__attrs_init__(extractors, exclusive=exclusive)

    @property
    def challenges(self) -> tuple[Challenge, ...]:
        """The challenges of all extractors, each scheme once."""
        found: dict[str, Challenge] = {}
        for extractor in self.extractors:
            for challenge in challenges_of(extractor):
                found.setdefault(challenge.scheme.lower(), challenge)
        return tuple(found.values())

    @property
    def vary(self) -> tuple[str, ...] | None:
        """The request headers that the extractors read.

        An extractor that doesn't say counts as one of ``Authorization``, and makes responses ``private``. If
        no other header does that, this is None.
        """
        # Read for each response, since an extractor may change it. It was checked when this object was made.
        stated: list[Any] = [getattr(extractor, "vary", None) for extractor in self.extractors]
        names = {name.lower(): name for each in stated for name in each or ()}
        if None in stated:
            names.setdefault("authorization", "Authorization")
            if len(names) == 1:
                return None
        return tuple(names.values())

    def request_with(self, token: str) -> dict[str, Any] | None:
        """Return what a request needs to have a token where the first extractor looks that can tell."""
        described = (request_arguments_of(each, token) for each in self.extractors)
        return next((each for each in described if each is not None), None)

    def extract(self, request: Request) -> BearerToken | None:
        """Return the token, None if no extractor finds one.

        Raises:
            AuthenticationError: An extractor refuses the request, or two of them find a token.
        """
        found: BearerToken | None = None
        for extractor in self.extractors:
            try:
                token = extractor.extract(request)
            except AuthenticationError as error:
                if error.scheme is not None:
                    raise
                # A copy, since an extractor may raise the same error for several requests.
                refusal = error.in_context(error.context)
                refusal.scheme = challenges_of(extractor)[0].scheme
                error.__traceback__ = None
                raise refusal from error.__cause__
            if token is None:
                continue
            if not self.exclusive:
                return token
            if found is not None:
                raise InvalidRequestError(
                    f"two places have a token: {found.source} and {token.source}",
                    description="The access token is sent in more than one way",
                )
            found = token
        return found
