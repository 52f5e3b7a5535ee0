"""Tokens of several issuers, each verified by its own keys and rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    ConfigurationError,
    InvalidTokenError,
    Issuer,
    KeyProvider,
    TokenValidator,
    VerificationUnavailable,
)
from flask_jwtlib.claim_rules import ClaimRule
from flask_jwtlib.errors import ClaimError
from flask_jwtlib.jws import DEFAULT_MAX_SIZE, CompactJWS
from flask_jwtlib.key_health import combined_state, status_of
from flask_jwtlib.key_providers import CheckedKeyProvider, NoKeyProvider
from flask_jwtlib.sharing import Shared

from ..key_providers.warm_up import warm_up_all
from .access_tokens import issuer_validator

__all__ = ["IssuerRouter", "TrustedIssuer"]

_FROM_ANOTHER = "The access token is from another issuer"


@frozen(init=False, eq=False)
class TrustedIssuer(Shared):
    """An issuer whose tokens are accepted, and what verifies them.

    Tokens without ``exp`` and tokens that aren't access tokens are refused, unless ``rules`` has an
    ``Expiry`` or an ``AccessToken`` of its own.

    Args:
        issuer: The ``iss`` of its tokens, letter for letter: ``https://a`` and ``https://a/`` are
            different.
        keys: Its keys, in any form that ``Authenticator`` takes.
        audience: Our name in its tokens' ``aud``, or several. Leave it out only where they have no
            ``aud``, and a ``Client`` in ``rules`` says whose tokens to accept.
        algorithms: The accepted JWS algorithms, one or several. RS256 by default.
        rules: Claim rules for its tokens, after those for ``iss`` and ``aud``.
        leeway: Seconds by which its clock and ours may differ.
        max_size: Its longest accepted token, in characters. 8192 by default.
        validator: Verifies its tokens in place of the five options above. Their ``iss`` is compared
            all the same. The validator's own ``max_size``, if it has one, counts.

    Attributes:
        keys: The provider of its keys.
        validator: What verifies its tokens.

    Raises:
        ConfigurationError: There is neither an audience nor a ``Client``, or the options can't work
            together.
    """

    issuer: str
    keys: KeyProvider
    validator: TokenValidator
    _checked_keys: KeyProvider = field(init=False, repr=False)

    def __init__(
        self,
        issuer: str,
        *,
        keys: Any = None,
        audience: str | Iterable[str] | None = None,
        algorithms: str | Iterable[str] | None = None,
        rules: Iterable[ClaimRule] | None = None,
        leeway: float | None = None,
        max_size: int | None = None,
        validator: TokenValidator | None = None,
    ) -> None:
        options = {
            "audience": audience,
            "algorithms": algorithms,
            "rules": rules,
            "leeway": leeway,
            "max_size": max_size,
        }
        given = {name: value for name, value in options.items() if value is not None}
        try:
            composed = _compose(issuer, keys, validator, given)
        except ConfigurationError as error:
            raise ConfigurationError(f"the trusted issuer {issuer!r}: {error}") from error
        object.__setattr__(self, "issuer", issuer)
        object.__setattr__(self, "keys", composed.keys)
        object.__setattr__(self, "validator", composed.validator)
        object.__setattr__(self, "_checked_keys", CheckedKeyProvider(composed.keys))

    def verify(self, token: BearerToken) -> Claims:
        """Verify a token by the keys and rules of this issuer.

        Raises:
            InvalidTokenError: It is refused; the kind says why.
            VerificationUnavailable: It could not be decided.
        """
        claims = self.validator.validate(token, self._checked_keys)
        given: object = claims
        if type(given) is not Claims and not isinstance(given, Mapping):
            raise VerificationUnavailable(
                f"the validator answered {type(given).__name__}, not claims"
            )
        issuer: object = claims.get("iss")
        if issuer != self.issuer:
            raise ClaimError(
                "iss",
                f"iss is {issuer!a:.120} in what was verified for {self.issuer!r}",
                description=_FROM_ANOTHER,
            )
        return claims


@frozen(init=False, eq=False)
class IssuerRouter(Shared, TokenValidator):
    """Verifies the tokens of several issuers, each by the keys and rules of its own issuer alone.

    It has all keys that are needed, so the ``Authenticator`` goes without; those that it is handed
    are not used::

        Authenticator(
            validator=IssuerRouter(
                TrustedIssuer("https://a.example", keys=a_keys, audience="api"),
                TrustedIssuer("https://b.example/", keys=b_keys, audience="b-knows-us-as-this"),
            )
        )

    What a token says of its issuer, before anything of it is verified, chooses among those given
    here and does nothing else: one that names no issuer, or another, is refused with no lookup of
    keys. That costs the same for one issuer and for thousands.

    Args:
        *issuers: The issuers whose tokens are accepted.
        max_size: Longest token, in characters, that is read to find its issuer, whose own ``max_size``
            holds besides. By default the largest of these. Give it where a validator of your own
            accepts more than 8192 characters and has no ``max_size``.

    Attributes:
        issuers: The issuers, by their ``iss``.
        max_size: The longest token that is read.

    Raises:
        ConfigurationError: There is no issuer, one isn't a ``TrustedIssuer``, two have the same ``iss``,
            or ``max_size`` isn't a whole number of 1 or more.
    """

    issuers: Mapping[str, TrustedIssuer] = field(repr=lambda issuers: f"<{len(issuers)} issuers>")
    max_size: int

    def __init__(self, *issuers: TrustedIssuer, max_size: int | None = None) -> None:
        if not issuers:
            raise ConfigurationError("IssuerRouter needs a TrustedIssuer at least")
        by_name: dict[str, TrustedIssuer] = {}
        for trusted in issuers:
            if not isinstance(trusted, TrustedIssuer):
                raise ConfigurationError(
                    f"IssuerRouter takes TrustedIssuer objects, not {trusted!r}"
                )
            if by_name.setdefault(trusted.issuer, trusted) is not trusted:
                raise ConfigurationError(
                    f"the issuer {trusted.issuer!r} is given twice: nobody could say by which "
                    "its tokens are verified. Several sources of one issuer's keys are for a "
                    "CompositeKeyProvider"
                )
        size = max_size
        if size is None:
            size = max(getattr(one.validator, "max_size", DEFAULT_MAX_SIZE) for one in issuers)
        if type(size) is not int or size < 1:
            raise ConfigurationError(
                f"max_size is {size!r}, expected a whole number of characters, 1 or more"
            )
        object.__setattr__(self, "issuers", MappingProxyType(by_name))
        object.__setattr__(self, "max_size", size)

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Verify a token by what is configured for its issuer.

        Raises:
            InvalidTokenError: It is refused; the kind says why.
            VerificationUnavailable: It could not be decided.
        """
        name = CompactJWS.of(token, self.max_size).unverified("iss")
        trusted = None if name is None else self.issuers.get(name)
        if trusted is None:
            found = "absent, or no string" if name is None else f"{name!a:.120}"
            raise InvalidTokenError(
                f"iss is {found}, want one of {len(self.issuers)} that are trusted",
                description=_FROM_ANOTHER,
            )
        return trusted.verify(token)

    def warm_up(self) -> None:
        """Let all issuers' keys be fetched that are due, so that the first requests need not wait.

        Raises:
            VerificationUnavailable: Those of some issuers could not be had. The others' are there
                all the same.
        """
        sources = {id(source): (name, source) for name, source in self._sources()}
        failed = warm_up_all(
            {name: source for name, source in sources.values() if hasattr(source, "warm_up")}
        )
        if failed:
            name, error = next(iter(failed.items()))
            raise VerificationUnavailable(
                f"the keys of {len(failed)} of {len(self.issuers)} issuers could not be had, "
                f"such as those of {name!r}"
            ) from error

    @property
    def generation(self) -> int:
        """A number that grows when the keys of an issuer change.

        It asks all of them: with thousands, remember verified tokens in a validator of each issuer.

        Raises:
            AttributeError: Some keys have no such number: nobody can tell.
        """
        return sum(source.generation for _, source in self._sources())

    def status(self) -> dict[str, Any]:
        """Tell how the keys are, in values that JSON has words for. Nobody waits, and nothing is fetched.

        Returns:
            ``issuers``: for each, by its ``iss``, ``provider``, the name of the class that has its
            keys, and what its ``status()`` says. ``states``: how many are in each state.
            ``state``: what ``key_health.combined_state`` makes of theirs: one issuer's trouble, or a
            token of its that never came, is not the others' matter.
        """
        issuers = {name: status_of(source) for name, source in self._sources()}
        states = Counter(status["state"] for status in issuers.values())
        return {"state": combined_state(states), "states": dict(states), "issuers": issuers}

    def _sources(self) -> Iterable[tuple[str, Any]]:
        """What has the keys of each issuer: its provider, or a validator that goes without one."""
        for name, trusted in self.issuers.items():
            own = isinstance(trusted.keys, NoKeyProvider)
            yield name, trusted.validator if own else trusted.keys


def _compose(issuer: str, keys: Any, validator: Any, options: dict[str, Any]) -> Authenticator:
    """Check an issuer's options as those of an ``Authenticator`` are, and answer one."""
    # For its check: an issuer is a name, also where another validator looks at it.
    Issuer(issuer)
    if validator is None:
        validator = issuer_validator(issuer, **options)
    elif options:
        raise ConfigurationError(
            f"a validator= decides by itself: {', '.join(options)} beside it would do nothing"
        )
    return Authenticator(keys=keys, validator=validator)
