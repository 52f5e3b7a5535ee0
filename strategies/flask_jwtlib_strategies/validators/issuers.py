"""A validator for several issuers, each with its own keys and rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, cast

from attrs import field, frozen

from flask_jwtlib import (
    BearerToken,
    Claims,
    ConfigurationError,
    KeyProvider,
    TokenValidator,
    VerificationUnavailable,
)
from flask_jwtlib.errors import WrongIssuerError
from flask_jwtlib.jws import DEFAULT_MAX_SIZE, CompactJWS
from flask_jwtlib.key_health import combined_state, status_of
from flask_jwtlib.key_providers import NoKeyProvider
from flask_jwtlib.sharing import Shared

from ..key_providers.warm_up import warm_up_all
from ._trusted_issuer import TrustedIssuer

__all__ = ["IssuerRouter", "TrustedIssuer"]


@frozen(init=False, eq=False)
class IssuerRouter(Shared, TokenValidator):
    """Verifies the tokens of several issuers, each only with its own issuer's keys and rules.

    Each ``TrustedIssuer`` has its own keys. ``keys=`` of the ``Authenticator`` isn't needed, and is ignored::

        Authenticator(
            validator=IssuerRouter(
                TrustedIssuer("https://a.example", keys=a_keys, audience="api"),
                TrustedIssuer("https://b.example/", keys=b_keys, audience="reports-api"),
            )
        )

    The token's ``iss`` is read before the token is verified. It only selects one of the given issuers: a
    token with another ``iss``, or without one, is refused without looking up keys. This costs the same for
    one issuer and for thousands.

    Args:
        *issuers: The issuers whose tokens are accepted.
        max_size: Longest token that is read to find its issuer, in characters. The issuer's own
            ``max_size`` applies, too. By default the largest of the issuers'. Set it if a validator of your
            own accepts more than 8192 characters and has no ``max_size``.

    Attributes:
        issuers: The issuers by their ``iss``.
        max_size: The longest token that is read.

    Raises:
        ConfigurationError: There is no issuer, an issuer isn't a ``TrustedIssuer``, two have the same
            ``iss``, or ``max_size`` isn't a whole number of 1 or more.
    """

    issuers: Mapping[str, TrustedIssuer] = field(repr=lambda issuers: f"<{len(issuers)} issuers>")
    max_size: int

    def __init__(self, *issuers: TrustedIssuer, max_size: int | None = None) -> None:
        if not issuers:
            raise ConfigurationError("IssuerRouter needs at least one TrustedIssuer")
        by_name: dict[str, TrustedIssuer] = {}
        for trusted in issuers:
            if not isinstance(trusted, TrustedIssuer):
                raise ConfigurationError(
                    f"IssuerRouter takes TrustedIssuer objects, not {trusted!r}"
                )
            if by_name.setdefault(trusted.issuer, trusted) is not trusted:
                raise ConfigurationError(
                    f"the issuer {trusted.issuer!r} is given twice; expected one TrustedIssuer for each "
                    "issuer. To combine several sources of its keys, use a CompositeKeyProvider"
                )
        size = max_size
        if size is None:
            size = max(getattr(one.validator, "max_size", DEFAULT_MAX_SIZE) for one in issuers)
        if type(size) is not int or size < 1:
            raise ConfigurationError(
                f"max_size must be a whole number of characters, 1 or more, not {size!r}"
            )
        cast("Any", self).__attrs_init__(MappingProxyType(by_name), size)

    def passes_to(
        self, token: BearerToken, keys: KeyProvider
    ) -> tuple[TokenValidator, KeyProvider]:
        """Return the validator and the keys of the token's issuer, for ``explain``.

        Raises:
            InvalidTokenError: Its ``iss`` isn't one of the issuers', or can't be read.
        """
        trusted = self._trusted(token)
        return trusted.validator, trusted.checked_keys

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Return the claims of a token that its issuer's keys and rules accept.

        Raises:
            InvalidTokenError: The token is refused; the class of the error says why.
            VerificationUnavailable: The token can't be verified at the moment.
        """
        return self._trusted(token).verify(token)

    def _trusted(self, token: BearerToken) -> TrustedIssuer:
        name = CompactJWS.of(token, self.max_size).unverified("iss")
        trusted = None if name is None else self.issuers.get(name)
        if trusted is None:
            found = "missing or not a string" if name is None else f"{name!a:.120}"
            raise WrongIssuerError(
                "iss",
                f"iss is {found}, expected one of {len(self.issuers)} trusted issuers",
            )
        return trusted

    def warm_up(self) -> None:
        """Fetch the keys of all issuers that are due, so that the first requests don't wait.

        Raises:
            VerificationUnavailable: The keys of some issuers can't be fetched. Those of the others are.
        """
        sources = {id(source): (name, source) for name, source in self._sources()}
        failed = warm_up_all(
            {name: source for name, source in sources.values() if hasattr(source, "warm_up")}
        )
        if failed:
            name, error = next(iter(failed.items()))
            raise VerificationUnavailable(
                f"the keys of {len(failed)} of {len(self.issuers)} issuers can't be fetched, "
                f"such as those of {name!r}"
            ) from error

    @property
    def generation(self) -> int:
        """A number that grows when the keys of an issuer change.

        Reading it asks the keys of every issuer. With thousands of issuers, wrap each one's validator in a
        ``CachingValidator`` instead of the router.

        Raises:
            AttributeError: The keys of an issuer have no such number.
        """
        return sum(source.generation for _, source in self._sources())

    def status(self) -> dict[str, Any]:
        """Return the status of all issuers' keys, in values that JSON can represent. Fetches nothing.

        Returns:
            ``issuers``: a ``dict`` for each issuer, by its ``iss``: ``provider``, the name of the class that
            has its keys, and the items of that provider's ``status()``. ``states``: the number of issuers in
            each state. ``state``: ``key_health.combined_state`` of these.
        """
        issuers = {name: status_of(source) for name, source in self._sources()}
        states = Counter(status["state"] for status in issuers.values())
        return {"state": combined_state(states), "states": dict(states), "issuers": issuers}

    def _sources(self) -> Iterable[tuple[str, Any]]:
        """Return what has the keys of each issuer: its provider, or a validator that needs none."""
        for name, trusted in self.issuers.items():
            has_own_keys = isinstance(trusted.keys, NoKeyProvider)
            yield name, trusted.validator if has_own_keys else trusted.keys
