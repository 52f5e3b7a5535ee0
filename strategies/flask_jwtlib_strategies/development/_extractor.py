"""Attaches to a development token where the request came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import Attribute, field, frozen

from flask_jwtlib import BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.interfaces import challenges_of, request_arguments_of, vary_of

from ..extractors._wrapping import check_wrapped
from ._key import is_development_token
from ._request_origin import RequestOrigin

if TYPE_CHECKING:
    from flask import Request

__all__ = ["DevelopmentTokenExtractor"]


def _check_extractor(instance: object, attribute: Attribute[Any], value: object) -> None:
    check_wrapped(instance, attribute, value)
    if isinstance(value, DevelopmentTokenExtractor):
        raise ConfigurationError("the extractor has DevelopmentTokens already")
    schemes = [challenge.scheme for challenge in challenges_of(value)]
    if "bearer" not in map(str.lower, schemes):
        raise ConfigurationError(
            f"development tokens are sent as Authorization: Bearer, and the extractor reads only "
            f"{', '.join(schemes)}: put yours and HeaderTokenExtractor() into a CompositeTokenExtractor"
        )


@frozen
class DevelopmentTokenExtractor(TokenExtractor):
    """Attaches a ``RequestOrigin`` to the development token that another extractor finds.

    Other tokens are returned as they are.

    Args:
        extractor: The extractor.
    """

    extractor: TokenExtractor = field(validator=_check_extractor)

    @property
    def challenges(self) -> tuple[Challenge, ...]:
        """The challenges of the extractor."""
        return challenges_of(self.extractor)

    @property
    def vary(self) -> tuple[str, ...] | None:
        """The headers that the extractor reads. None if it doesn't say."""
        return vary_of(self.extractor)

    def request_with(self, token: str) -> dict[str, Any] | None:
        """Return what a local request needs to have a token; None if the extractor doesn't say."""
        described = request_arguments_of(self.extractor, token)
        local = {"environ_base": {"REMOTE_ADDR": "127.0.0.1"}}
        return None if described is None else {**described, **local}

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token, and attach to a development token where the request came from.

        Raises:
            AuthenticationError: The extractor refuses the request.
        """
        token = self.extractor.extract(request)
        found: Any = token
        # The Authenticator refuses anything but a token with text, or None.
        if not isinstance(found, BearerToken) or type(found.value) is not str:
            return token
        if not is_development_token(found):
            return token
        return found.with_evidence(RequestOrigin.of(request.environ))
