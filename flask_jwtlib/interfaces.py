"""The four strategies that an ``Authenticator`` is composed of.

Inherit from one, and a subclass that lacks its method fails when it is made; or write any class of
the right shape. All of them are called from several threads at once, and must not keep state about
a request.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue

    from .errors import AuthenticationError, VerificationUnavailable
    from .keys import VerificationKey
    from .values import BearerToken, Claims, UnverifiedHeader

__all__ = ["FailureHandler", "KeyProvider", "TokenExtractor", "TokenValidator"]


@runtime_checkable
class TokenExtractor(Protocol):
    """**Protocol:** finds the token in a request."""

    @abstractmethod
    def extract(self, request: Request) -> BearerToken | None:
        """Find the token.

        Returns:
            The token as it was sent, or None: there is nothing here for this extractor.

        Raises:
            InvalidRequestError: The credentials are malformed, or there are two.
        """
        ...


@runtime_checkable
class KeyProvider(Protocol):
    """**Protocol:** knows the keys that verify tokens."""

    @abstractmethod
    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Choose the few keys that may verify a token.

        Args:
            header: The token's header, which the sender may have invented.

        Returns:
            The keys to try, in that order. None at all, an empty sequence, means that no key of
            ours fits: 401.

        Raises:
            VerificationUnavailable: The keys could not be had: 503. Any other exception counts as
                this one.
        """
        ...


@runtime_checkable
class TokenValidator(Protocol):
    """**Protocol:** decides whether a token is to be believed."""

    @abstractmethod
    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Verify a token and answer what it claims.

        Args:
            token: The token as sent.
            keys: Where to find the keys.

        Raises:
            AuthenticationError: It is refused; ``InvalidTokenError`` or one of its kinds, as a
                rule.
            VerificationUnavailable: It could not be decided: 503.
        """
        ...


@runtime_checkable
class FailureHandler(Protocol):
    """**Protocol:** answers the requests that are refused."""

    @abstractmethod
    def deny(self, error: AuthenticationError | VerificationUnavailable) -> ResponseReturnValue:
        """Make the refusal's response: anything that a Flask view may return. It must not be None."""
        ...

    @abstractmethod
    def anonymous(self, error: AuthenticationError) -> None:
        """Take note that a request to an optional route goes on without a caller."""
        ...
