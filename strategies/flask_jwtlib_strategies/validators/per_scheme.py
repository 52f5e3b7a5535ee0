"""A validator for each authentication scheme, such as ``Bearer`` and ``ApiKey``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, cast

from attrs import Factory, field, frozen

from flask_jwtlib import (
    BearerToken,
    Claims,
    ConfigurationError,
    InvalidTokenError,
    KeyProvider,
    TokenValidator,
    VerificationUnavailable,
)
from flask_jwtlib.jws import DEFAULT_MAX_SIZE
from flask_jwtlib.key_health import combined_state, status_of
from flask_jwtlib.log_text import quoted
from flask_jwtlib.sharing import Shared

from ..key_providers.warm_up import warm_up_all

__all__ = ["PerSchemeValidator"]

# RFC 9110 §11.1.
_SCHEME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _as_validators(given: Any) -> Mapping[str, TokenValidator]:
    is_mapping = isinstance(given, Mapping)
    validators: dict[Any, Any] = dict(cast("Mapping[Any, Any]", given)) if is_mapping else {}
    if not validators:
        raise ConfigurationError(
            f"PerSchemeValidator takes a dict of schemes and validators, not {given!r}: "
            "{'Bearer': JWTValidator(), 'ApiKey': APIKeyValidator(…)}"
        )
    seen: set[str] = set()
    for scheme, validator in validators.items():
        if not isinstance(scheme, str) or not _SCHEME.fullmatch(scheme):
            raise ConfigurationError(
                f"{scheme!r} is not an authentication scheme, such as 'Bearer' (RFC 9110 §11.1)"
            )
        if scheme.lower() in seen:
            raise ConfigurationError(
                f"the scheme {scheme!r} is given twice: schemes are compared without regard to case"
            )
        seen.add(scheme.lower())
        if isinstance(validator, type) or not isinstance(validator, TokenValidator):
            raise ConfigurationError(
                f"the validator of {scheme!r} is {validator!r}, expected a TokenValidator object"
            )
    return MappingProxyType(validators)


def _by_scheme(validator: PerSchemeValidator) -> dict[str, TokenValidator]:
    return {scheme.lower(): each for scheme, each in validator.validators.items()}


def _max_size(validator: PerSchemeValidator) -> int:
    sizes = [getattr(each, "max_size", DEFAULT_MAX_SIZE) for each in validator.validators.values()]
    return max(sizes)


@frozen(eq=False)
class PerSchemeValidator(Shared, TokenValidator):
    """Verifies each token with the validator of the scheme that it was sent with.

    ::

        Authenticator(
            keys=…,
            extractor=CompositeTokenExtractor(BearerTokenExtractor(query=False), APIKeyExtractor()),
            validator=PerSchemeValidator(
                {
                    "Bearer": JWTValidator(rules=[Audience("api")]),
                    "ApiKey": APIKeyValidator(…),
                }
            ),
        )

    So an API key that is sent as a bearer token is refused, and a JWT in the header of API keys. The scheme
    is ``token.scheme``, which the extractor sets: ``Cookie`` for a cookie, ``Bearer`` for a form or a query.
    A token of a scheme that isn't given is refused. ``auth.verify(text)`` takes a text as a ``Bearer`` token.

    Args:
        validators: The validators, by scheme. Case doesn't matter (RFC 9110 §11.1). Each gets the
            ``Authenticator``'s keys.

    Attributes:
        max_size: The longest of the validators' ``max_size``, in characters.

    Raises:
        ConfigurationError: There are none, a scheme isn't one or is given twice, or a validator isn't a
            ``TokenValidator``.
    """

    validators: Mapping[str, TokenValidator] = field(converter=_as_validators)
    max_size: int = field(init=False, repr=False, default=Factory(_max_size, takes_self=True))
    _by_scheme: dict[str, TokenValidator] = field(
        init=False, repr=False, default=Factory(_by_scheme, takes_self=True)
    )

    def passes_to(
        self, token: BearerToken, keys: KeyProvider
    ) -> tuple[TokenValidator, KeyProvider]:
        """Return the validator of the token's scheme, for ``explain``.

        Raises:
            InvalidTokenError: The scheme has none.
        """
        return self._validator_for(token), keys

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Return the claims of a token that the validator of its scheme accepts.

        Raises:
            AuthenticationError: The validator refuses the token, or its scheme has none.
            VerificationUnavailable: The validator can't decide now.
        """
        return self._validator_for(token).validate(token, keys)

    def _validator_for(self, token: BearerToken) -> TokenValidator:
        scheme = token.scheme
        # Some characters outside of ASCII become ASCII letters in lower case.
        validator = self._by_scheme.get(scheme.lower()) if scheme.isascii() else None
        if validator is None:
            raise InvalidTokenError(
                f"the token's scheme is {quoted(scheme)}, and PerSchemeValidator has validators for "
                f"{', '.join(self.validators)}",
                description="Credentials of this scheme are not accepted",
            )
        return validator

    def warm_up(self) -> None:
        """Fetch the keys of validators that have their own, so that the first requests don't wait.

        Raises:
            VerificationUnavailable: Those of some validators can't be fetched. The others' are.
        """
        failed = warm_up_all(
            {scheme: each for scheme, each in self._unique() if hasattr(each, "warm_up")}
        )
        if failed:
            scheme, error = next(iter(failed.items()))
            raise VerificationUnavailable(
                f"the keys of {len(failed)} validators can't be fetched, such as those of {scheme}"
            ) from error

    def status(self) -> dict[str, Any]:
        """Return the status of the validators that have their own keys. Fetches nothing.

        Returns:
            ``members``: the ``status()`` of each validator that has one, with the name of its class as
            ``provider``. ``state``: ``key_health.combined_state`` of these, ``"static"`` if there are none.
        """
        members = [status_of(each) for _, each in self._unique() if hasattr(each, "status")]
        state = combined_state(member["state"] for member in members) if members else "static"
        return {"state": state, "members": members}

    def _unique(self) -> Iterator[tuple[str, Any]]:
        """Yield each validator once, also if it has several schemes."""
        seen: set[int] = set()
        for scheme, each in self.validators.items():
            if id(each) not in seen:
                seen.add(id(each))
                yield scheme, each
