"""Tokens that a developer makes with ``flask jwtlib token``, for an app in debug mode on the same machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from flask_jwtlib import (
    Authenticator,
    ConfigurationError,
    Issuer,
    JWTValidator,
    TokenExtractor,
    TokenValidator,
    default_authenticator,
)
from flask_jwtlib.claim_rules import AccessToken, ClaimRule, MaxLifetime, as_rules
from flask_jwtlib.log_text import library_logger

from ..validators.caching import CachingValidator
from ._extractor import DevelopmentTokenExtractor
from ._key import ALGORITHM, LONGEST_LIFETIME
from ._validator import DevelopmentTokenValidator

__all__ = ["DevelopmentTokens"]

_logger = library_logger("flask_jwtlib_strategies")


def _as_rules(given: Iterable[ClaimRule] | None) -> tuple[ClaimRule, ...] | None:
    return None if given is None else as_rules(given)


@frozen
class DevelopmentTokens:
    """Accepts the tokens of ``flask jwtlib token``, in debug mode and from the same machine only.

    ::

        auth = DevelopmentTokens().added_to(auth)

    These tokens are signed by a key that the command makes on first use, in a file that only its owner can
    read. Without this file, or with ``app.debug`` off, none is accepted. They have an ``iss`` of their own,
    so that neither key verifies the other's tokens.

    **The key is what protects the app.** A request must come from a loopback address, to a local ``Host``,
    with no header that a proxy adds. But a proxy on the same machine may look exactly like that.

    Args:
        rules: Claim rules for development tokens. By default those of the ``Authenticator``'s
            ``JWTValidator``. An ``Issuer`` among them is left out. Policies apply to every caller.

    Raises:
        ConfigurationError: A rule isn't callable.
    """

    rules: tuple[ClaimRule, ...] | None = field(default=None, converter=_as_rules)

    def added_to(self, authenticator: Authenticator) -> Authenticator:
        """Return a copy of an ``Authenticator`` that accepts development tokens, too.

        A line in the log says so.

        Args:
            authenticator: The ``Authenticator``.

        Raises:
            ConfigurationError: It isn't an ``Authenticator``, it is that of the module's decorators, it has
                them already, it doesn't read ``Authorization: Bearer``, or ``rules`` is needed.
        """
        given: Any = authenticator
        if not isinstance(given, Authenticator):
            raise ConfigurationError(
                f"DevelopmentTokens is added to an Authenticator, not to {given!r}. For an AppAuthenticator, "
                "do that in the function that it calls"
            )
        if given is default_authenticator:
            raise ConfigurationError(
                "the module's decorators always use default_authenticator, which can't be replaced: make an "
                "Authenticator, and use its decorators"
            )
        composed = given.evolve(
            extractor=self.extractor(given.extractor), validator=self.validator(given.validator)
        )
        _logger.warning(
            "DEVELOPMENT TOKENS are accepted by an Authenticator of this process while app.debug is on"
        )
        return composed

    def extractor(self, extractor: TokenExtractor) -> TokenExtractor:
        """Return an extractor that attaches where a development token came from. Use it with ``validator``.

        Without the validator, development tokens get a 503 or are refused.

        Raises:
            ConfigurationError: ``extractor`` isn't a ``TokenExtractor``, or reads no bearer tokens.
        """
        return DevelopmentTokenExtractor(extractor)

    def validator(self, validator: TokenValidator) -> TokenValidator:
        """Return a validator that accepts development tokens, too. Use it with ``extractor``.

        A ``CachingValidator`` may be around it, or within. Without the extractor, development tokens are
        refused.

        Raises:
            ConfigurationError: ``validator`` isn't a ``TokenValidator``, or its rules aren't known.
        """
        return DevelopmentTokenValidator(validator, self._rules_for(validator))

    def _rules_for(self, validator: TokenValidator) -> JWTValidator:
        inner = validator
        while isinstance(inner, CachingValidator):
            inner = inner.validator
        # A subclass may check more than its rules say.
        known = inner if type(inner) is JWTValidator else None
        rules = self.rules
        if rules is None:
            if known is None:
                raise ConfigurationError(
                    f"the rules for development tokens can't be read from {type(inner).__name__}: pass "
                    "them, such as DevelopmentTokens(rules=[Audience('https://api.example')])"
                )
            rules = known.rules
        options: dict[str, Any] = {}
        if known is not None:
            options = {"clock": known.clock, "leeway": known.leeway, "max_size": known.max_size}
        kept = [rule for rule in rules if not isinstance(rule, Issuer)]
        if not any(isinstance(rule, AccessToken) for rule in kept):
            kept.append(AccessToken())
        return JWTValidator(
            algorithms=ALGORITHM,
            rules=[MaxLifetime(LONGEST_LIFETIME), *kept],
            **options,
        )
