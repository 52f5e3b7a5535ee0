"""The validator of signed JWTs: form, algorithm, signature, claims."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from attrs import Factory, field, frozen

from ._known_kids import known_kids, list_of_kids
from ._options import as_clock, as_count, check_leeway
from .claim_rules import Audience, ClaimRule, ClaimTypes, Expiry, NotBefore, apply_rules
from .errors import AlgorithmError, BadSignatureError, ConfigurationError, UnknownKeyError
from .interfaces import KeyProvider, TokenValidator
from .jws import DEFAULT_MAX_SIZE, CompactJWS
from .keys import algorithm_names
from .log_text import quoted
from .policies import split_rules
from .values import BearerToken, Claims, UnverifiedHeader

__all__ = ["JWTValidator"]


def _as_claim_rules(given: Iterable[ClaimRule]) -> tuple[ClaimRule, ...]:
    rules, policies = split_rules(given)
    if policies:
        raise ConfigurationError(
            f"rules has {policies[0]}, which is a policy: pass policies=[…] to the Authenticator, or "
            "rules=[…] to a decorator, so that challenges can name it"
        )
    return rules


def _all_rules(validator: JWTValidator) -> tuple[ClaimRule, ...]:
    """Return the default rules, each replaced by those of its class in ``rules``, and then the others."""
    defaults: tuple[ClaimRule, ...] = (
        ClaimTypes(),
        Expiry(validator.leeway),
        NotBefore(validator.leeway),
        Audience(),
    )
    others = list(validator.rules)
    first: list[ClaimRule] = []
    for rule in defaults:
        replacements = [given for given in others if isinstance(given, type(rule))]
        others = [given for given in others if not isinstance(given, type(rule))]
        first.extend(replacements or [rule])
    return (*first, *others)


@frozen(eq=False)
class JWTValidator(TokenValidator):
    """Verifies signed JWTs (RFC 7519 §7.2) and checks their claims.

    Four rules always apply: ``ClaimTypes``, ``Expiry``, ``NotBefore`` and ``Audience`` (RFC 7519 §4.1). The
    default ``Audience()`` refuses every token that has an audience. A rule of the same class in ``rules``
    replaces the default in its place: pass ``rules=[Audience("api")]`` to accept tokens for ``"api"``. All
    other rules are applied after these four.

    To subclass, override ``validate``, ``verify_signature`` or ``check_claims``, call ``super()``, and raise
    ``InvalidTokenError`` to refuse a token.

    Args:
        algorithms: One or several accepted JWS algorithms. The key must permit the token's algorithm, too.
        rules: Claim rules. Those that replace none of the four are applied last, in the given order.
        leeway: Accepted difference between the issuer's clock and this server's, in seconds, for ``Expiry``
            and ``NotBefore``. A rule that replaces one of them has its own leeway.
        clock: Returns the time, in seconds since the epoch.
        max_size: Longest accepted token, in characters.

    Attributes:
        all_rules: All rules that are applied, in order: the four, or what replaces them, and the others.

    Raises:
        ConfigurationError: An algorithm is unknown (``none`` counts as unknown), a rule isn't callable, or
            another option has a wrong type.
    """

    algorithms: tuple[str, ...] = field(default=("RS256",), converter=algorithm_names, kw_only=True)
    rules: tuple[ClaimRule, ...] = field(default=(), converter=_as_claim_rules, kw_only=True)
    leeway: float = field(default=0, validator=check_leeway, kw_only=True)
    clock: Callable[[], float] = field(
        default=time.time, converter=as_clock, kw_only=True, repr=False
    )
    max_size: int = field(default=DEFAULT_MAX_SIZE, converter=as_count, kw_only=True)
    all_rules: tuple[ClaimRule, ...] = field(
        init=False, repr=False, default=Factory(_all_rules, takes_self=True)
    )

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Verify the token's signature, then check its claims.

        Raises:
            InvalidTokenError: The token is refused; the subclass says why.
            VerificationUnavailable: The keys are unavailable.
        """
        claims = self.verify_signature(token, keys)
        self.check_claims(claims)
        return claims

    def verify_signature(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Check form, algorithm and signature, in this order. Return the claims, which are still unchecked.

        Raises:
            InvalidTokenError: The token is malformed, or not signed by one of the keys.
            VerificationUnavailable: The keys are unavailable.
        """
        jws = CompactJWS.of(token, self.max_size)
        header = jws.header
        algorithm = header.alg
        if algorithm not in self.algorithms:
            raise AlgorithmError(
                f"alg is {quoted(algorithm)}, expected {' or '.join(self.algorithms)}"
            )
        candidates = keys.keys_for(header)
        if not candidates:
            raise UnknownKeyError(_unknown_key(header, keys))
        signature = jws.signature
        for key in candidates:
            if key.verify(algorithm, jws.signing_input, signature):
                return Claims(jws.claims(), checked_at=self.clock(), header=header.parameters)
        raise BadSignatureError(
            f"the signature does not match the key with the kid {quoted(header.kid)}"
        )

    def check_claims(self, claims: Claims) -> None:
        """Apply the rules to verified claims.

        Raises:
            AuthenticationError: A rule refuses the token.
        """
        apply_rules(claims, self.all_rules)


def _unknown_key(header: UnverifiedHeader, keys: KeyProvider) -> str:
    """Describe for the log which key the token needs, and which key IDs are known."""
    if header.kid is None:
        text = f"the token has no kid, and there isn't exactly one key for {header.alg}"
    else:
        text = f"no key has the kid {quoted(header.kid)} and is for {header.alg}"
    kids = known_kids(keys)
    return text if kids is None else f"{text}; known kids: {list_of_kids(kids)}"
