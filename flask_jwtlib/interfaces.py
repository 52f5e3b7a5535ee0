"""The interfaces of the four strategies of an ``Authenticator``.

Subclass an interface, so that a missing method is an error when the object is made; or write any class
with the same methods. Several threads call a strategy at the same time, so it must not store anything
about a request.

``explain`` shows a strategy by what its class's own ``__str__`` returns, or else by the name of the class.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from .challenges import BEARER, Challenge
from .errors import ConfigurationError

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue

    from .errors import AuthenticationError, VerificationUnavailable
    from .keys import VerificationKey
    from .values import BearerToken, Claims, UnverifiedHeader

__all__ = [
    "FailureHandler",
    "KeyProvider",
    "TokenExtractor",
    "TokenValidator",
    "challenges_of",
    "request_arguments_of",
    "vary_of",
]

# A name of a scheme, a parameter or a header (RFC 9110 §5.6.2).
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@runtime_checkable
class TokenExtractor(Protocol):
    """**Protocol:** finds the token in a request.

    An extractor may also have these attributes. An extractor that has other extractors returns the union of
    theirs (``challenges_of`` and ``vary_of``).

    - ``challenges``: one ``Challenge`` for each scheme that it accepts, in a tuple. Refusals have them in
      ``WWW-Authenticate``. By default ``(Challenge("Bearer"),)``.
    - ``vary``: the names of the request headers that it reads, in a tuple. Responses vary by them. All but
      ``Authorization`` make responses ``private``, too. An extractor that doesn't say makes them ``private``.

    A token that a browser sends by itself, such as that of a cookie, must be marked: ``BearerToken(…,
    ambient=True)``. The ``Authenticator`` then refuses it without the outcome of a cross-site check in its
    evidence. Whatever else the request offers, such as a proof of possession, is attached to the token by
    ``token.with_evidence``.

    - ``request_with(token)``: returns what a request needs to have a token where the extractor looks for it,
      as arguments of Werkzeug's ``EnvironBuilder``: ``headers``, ``query_string``, ``data`` or ``json``, and
      ``method`` if that matters; or ``session`` for items of ``flask.session``. None if it can't tell.
      ``explain`` uses it. A wrapper passes it on by ``request_arguments_of``.
    """

    @abstractmethod
    def extract(self, request: Request) -> BearerToken | None:
        """Find the token.

        Returns:
            The token as sent, or None if the request has no token for this extractor.

        Raises:
            InvalidRequestError: The credentials are malformed, or there are two tokens.
            CrossSiteError: Another site may have made the browser send the request.
        """
        ...


@runtime_checkable
class KeyProvider(Protocol):
    """**Protocol:** provides the keys that verify tokens.

    A provider may also have the method ``current_keys()``. It returns all keys that the provider has now,
    without fetching. ``explain`` lists them, and doesn't ask a provider without this method unless it may
    fetch keys. A subclass that overrides ``keys_for`` needs its own ``current_keys``.
    """

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
    """**Protocol:** decides whether a token is valid.

    A validator that passes tokens to another one may also have the method ``passes_to(token, keys)``. It
    returns the other validator and the keys for it, or None if it decides itself. It raises what ``validate``
    raises before it passes the token on. ``explain`` follows it.
    """

    @abstractmethod
    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Verify a token and return its claims.

        A token may be bound to a key or certificate by its ``cnf`` (RFC 7800). A validator that checks the
        request's proof reads it from ``token.evidence``, and returns ``claims.confirming("jkt")`` for what it
        has checked. The ``Authenticator`` refuses the token unless every member of ``cnf`` is confirmed, so a
        validator that knows nothing of it accepts no bound token.

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

        Choose only the body, and use ``error.status`` as the status: the ``Authenticator`` adds the headers
        of the refusal that are missing. ``challenges.refusal_headers(error)`` returns them.

        Args:
            error: The reason. ``error.reason`` is its name for programs, ``str(error)`` the text for the
                client, and ``log_message`` that for the log. ``error.error_code`` is the code of the
                challenge, or None. ``error.context`` has what only the ``Authenticator`` knows: the accepted
                schemes, the scopes that the route needs, and the caller who lacks a permission.
        """
        ...

    @abstractmethod
    def anonymous(self, error: AuthenticationError) -> None:
        """Note that an optional route accepted a request without a valid token."""
        ...


def challenges_of(extractor: object) -> tuple[Challenge, ...]:
    """Return the challenges that an extractor states as ``challenges``; that of ``Bearer`` if it states none.

    Use it in an extractor that wraps another one.

    Raises:
        ConfigurationError: They aren't well-formed ``Challenge`` objects in a tuple, one for each scheme.
    """
    stated: object = getattr(extractor, "challenges", None)
    if stated is None:
        return BEARER
    challenges = cast("tuple[Challenge, ...]", _stated(stated, Challenge))
    schemes = {challenge.scheme.lower() for challenge in challenges if _is_well_formed(challenge)}
    if not challenges or len(schemes) != len(challenges):
        raise ConfigurationError(
            f"{type(extractor).__name__}.challenges is {stated!r}, expected one or several Challenge objects "
            "in a tuple, each with another scheme, such as (Challenge('Bearer'),)"
        )
    return challenges


def vary_of(extractor: object) -> tuple[str, ...] | None:
    """Return the request headers that an extractor reads, as it states by ``vary``; None if it doesn't.

    Use it in an extractor that wraps another one.

    Raises:
        ConfigurationError: They aren't names of headers in a tuple.
    """
    stated: object = getattr(extractor, "vary", None)
    if stated is None:
        return None
    names = cast("tuple[str, ...]", _stated(stated, str))
    if (not names and stated) or not all(map(_NAME.fullmatch, names)):
        raise ConfigurationError(
            f"{type(extractor).__name__}.vary is {stated!r}, expected the names of request headers in a "
            "tuple, such as ('Cookie',)"
        )
    return names


def request_arguments_of(extractor: object, token: str) -> dict[str, Any] | None:
    """Return what a request needs to have a token where an extractor looks for it, by its ``request_with``.

    Use it in an extractor that wraps another one.

    Returns:
        Arguments of Werkzeug's ``EnvironBuilder``. None if the extractor doesn't say.
    """
    describe: Any = getattr(extractor, "request_with", None)
    described: object = describe(token) if callable(describe) else None
    return dict(cast("Mapping[str, Any]", described)) if isinstance(described, Mapping) else None


def _stated(stated: object, kind: type) -> tuple[object, ...]:
    """Return the members of a list or tuple, if all have this type. Otherwise return nothing."""
    members = cast("list[object]", stated) if isinstance(stated, list | tuple) else ()
    return tuple(members) if all(isinstance(member, kind) for member in members) else ()


def _is_well_formed(challenge: Challenge) -> bool:
    named: list[tuple[object, object]] = [(challenge.scheme, ""), *challenge.parameters]
    return all(
        isinstance(name, str) and _NAME.fullmatch(name) and isinstance(value, str)
        for name, value in named
    )
