"""What makes a token believable: the checks of a signed JWT."""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import field, frozen

from ._known_kids import known_kids, list_of_kids
from ._options import as_clock, as_count, check_leeway
from .claim_rules import Audience, ClaimRule, ClaimTypes, Expiry, NotBefore, apply_rules, as_rules
from .errors import AlgorithmError, BadSignatureError, UnknownKeyError
from .interfaces import KeyProvider, TokenValidator
from .jws import DEFAULT_MAX_SIZE, CompactJWS
from .keys import algorithm_names
from .log_text import quoted
from .values import BearerToken, Claims, UnverifiedHeader

__all__ = ["JWTValidator"]


@frozen(eq=False)
class JWTValidator(TokenValidator):
    """Verifies signed JWTs (RFC 7519 §7.2) and holds their claims against rules.

    Four rules always apply: ``ClaimTypes``, ``Expiry``, ``NotBefore`` and ``Audience`` (RFC 7519 §4.1).
    A rule of one of these classes in ``rules`` replaces it, in its place: ``Audience("me")`` replaces
    the ``Audience()`` that refuses every token for somebody. All other rules are applied after them.

    To subclass, override ``validate``, ``verify`` or ``judge``, call ``super()``, and raise
    ``InvalidTokenError`` to refuse.

    Args:
        algorithms: The accepted JWS algorithms, one or several. The key must permit the token's too.
        rules: Claim rules. Those that replace none of the four are applied last, in the given order.
        leeway: Seconds by which the issuer's clock and ours may differ, for ``Expiry`` and
            ``NotBefore``. A rule that replaces one of them has its own leeway.
        clock: Returns the time in seconds since the epoch.
        max_size: Longest accepted token, in characters.

    Raises:
        ConfigurationError: An algorithm isn't known (``none`` isn't), a rule isn't a callable, or
            another option is of a wrong type.
    """

    algorithms: tuple[str, ...] = field(default=("RS256",), converter=algorithm_names, kw_only=True)
    rules: tuple[ClaimRule, ...] = field(default=(), converter=as_rules, kw_only=True)
    leeway: float = field(default=0, validator=check_leeway, kw_only=True)
    clock: Callable[[], float] = field(
        default=time.time, converter=as_clock, kw_only=True, repr=False
    )
    max_size: int = field(default=DEFAULT_MAX_SIZE, converter=as_count, kw_only=True)
    _all_rules: tuple[ClaimRule, ...] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_all_rules", self._with_standing_rules())

    def _with_standing_rules(self) -> tuple[ClaimRule, ...]:
        standing: tuple[ClaimRule, ...] = (
            ClaimTypes(),
            Expiry(self.leeway),
            NotBefore(self.leeway),
            Audience(),
        )
        others = list(self.rules)
        first: list[ClaimRule] = []
        for rule in standing:
            instead = [given for given in others if isinstance(given, type(rule))]
            others = [given for given in others if not isinstance(given, type(rule))]
            first.extend(instead or [rule])
        return (*first, *others)

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Verify the token's signature, then judge its claims.

        Raises:
            InvalidTokenError: It is refused; the kind says why.
            VerificationUnavailable: The keys could not be had.
        """
        claims = self.verify(token, keys)
        self.judge(claims)
        return claims

    def verify(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Verify form, algorithm and signature, in this order, and answer the claims, not yet judged.

        Raises:
            InvalidTokenError: It is malformed, or not signed by one of our keys.
            VerificationUnavailable: The keys could not be had.
        """
        jws = CompactJWS.of(token, self.max_size)
        header = jws.header
        algorithm = header.alg
        if algorithm not in self.algorithms:
            raise AlgorithmError(
                f"alg is {quoted(algorithm)}, accepted is {' or '.join(self.algorithms)}"
            )
        candidates = keys.keys_for(header)
        if not candidates:
            raise UnknownKeyError(_unknown_key(header, keys))
        signature = jws.signature
        for key in candidates:
            if key.verify(algorithm, jws.signing_input, signature):
                return Claims(jws.claims(), checked_at=self.clock(), header=header.parameters)
        raise BadSignatureError(f"the signature is not by the key of kid {quoted(header.kid)}")

    def judge(self, claims: Claims) -> None:
        """Hold verified claims against the rules.

        Raises:
            AuthenticationError: A rule refuses them.
        """
        apply_rules(claims, self._all_rules)


def _unknown_key(header: UnverifiedHeader, keys: KeyProvider) -> str:
    """Say for the log which key a token needs, and which ones are known."""
    if header.kid is None:
        text = f"the token has no kid, and there isn't exactly one key for {header.alg}"
    else:
        text = f"no key has the kid {quoted(header.kid)} and is for {header.alg}"
    kids = known_kids(keys)
    return text if kids is None else f"{text}; known kids: {list_of_kids(kids)}"
