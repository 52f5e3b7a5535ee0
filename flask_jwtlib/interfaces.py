"""The interfaces of the four strategies of an ``Authenticator``.

Subclass an interface, so that a missing method is an error when the object is made; or write any class
with the same methods. Several threads call a strategy at the same time, so it must not store anything
about a request.
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
            The token as sent, or None if the request has no token for this extractor.

        Raises:
            InvalidRequestError: The credentials are malformed, or there are two tokens.
        """
        ...


@runtime_checkable
class KeyProvider(Protocol):
    """**Protocol:** provides the keys that verify tokens."""

    @abstractmethod
    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the keys that may verify a token.

        Args:
            header: The token's header. It is unverified: the client may have invented it.

        Returns:
            A few keys, in the order to try them. An empty sequence means that no key fits: 401.

        Raises:
            VerificationUnavailable: The keys are unavailable: 503. Any other exception is converted to
                this one.
        """
        ...


@runtime_checkable
class TokenValidator(Protocol):
    """**Protocol:** decides whether a token is valid."""

    @abstractmethod
    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Verify a token and return its claims.

        Args:
            token: The token as sent.
            keys: Provides the keys.

        Raises:
            AuthenticationError: The token is refused, usually by ``InvalidTokenError`` or a subclass of it.
            VerificationUnavailable: The token can't be verified at the moment: 503.
        """
        ...


@runtime_checkable
class FailureHandler(Protocol):
    """**Protocol:** makes the responses to refused requests."""

    @abstractmethod
    def deny(self, error: AuthenticationError | VerificationUnavailable) -> ResponseReturnValue:
        """Return the response to a refused request: anything that a Flask view may return, but not None.

        Args:
            error: The reason. A ``VerificationUnavailable`` has no ``code``, and no challenge is sent for it.
        """
        ...

    @abstractmethod
    def anonymous(self, error: AuthenticationError) -> None:
        """Note that an optional route accepted a request without a valid token."""
        ...
