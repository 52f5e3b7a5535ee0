"""What makes a token believable: the checks of a signed JWT."""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import field, frozen

from . import _jose
from ._options import as_clock, as_count, check_leeway
from .claim_rules import Audience, ClaimTypes, Expiry, NotBefore
from .errors import AlgorithmError, BadSignatureError, UnknownKeyError
from .interfaces import KeyProvider, TokenValidator
from .judgement import ClaimRule, as_rules, judge_claims
from .jws import DEFAULT_MAX_SIZE, CompactJWS
from .log_text import quoted
from .values import BearerToken, Claims

__all__ = ["JWTValidator"]


@frozen(eq=False)
class JWTValidator(TokenValidator):
    """Verifies signed JWTs (RFC 7519 §7.2) and judges their claims by rules.

    Every token is held against ``ClaimTypes``, ``Expiry``, ``NotBefore`` and ``Audience`` (RFC 7519
    §4.1). A rule of one of these classes among ``rules`` takes that one's place: ``Audience("me")``
    replaces the ``Audience()`` that refuses every token made for somebody. All other rules come on
    top.

    To subclass, override ``validate``, ``verify`` or ``judge``, call ``super()``, and raise
    ``InvalidTokenError`` to refuse.

    Args:
        algorithms: The JWS algorithms that are accepted, one or several. A key must permit the
            token's, too.
        rules: The claim rules, tried in order after the standing ones.
        leeway: Seconds of allowance for clocks that differ, for the standing time rules. A rule that
            takes one's place has its own.
        clock: Answers the time in seconds since the epoch.
        max_size: Characters that a token may have.

    Raises:
        ConfigurationError: An algorithm is unknown (``none`` is), or a rule is no callable.
    """

    algorithms: tuple[str, ...] = field(
        default=("RS256",), converter=_jose.algorithm_names, kw_only=True
    )
    rules: tuple[ClaimRule, ...] = field(default=(), converter=as_rules, kw_only=True)
    leeway: float = field(default=0, validator=check_leeway, kw_only=True)
    clock: Callable[[], float] = field(
        default=time.time, converter=as_clock, kw_only=True, repr=False
    )
    max_size: int = field(default=DEFAULT_MAX_SIZE, converter=as_count, kw_only=True)
    _all_rules: tuple[ClaimRule, ...] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        standing: tuple[ClaimRule, ...] = (
            ClaimTypes(),
            Expiry(self.leeway),
            NotBefore(self.leeway),
            Audience(),
        )
        kept = tuple(
            rule
            for rule in standing
            if not any(isinstance(mine, type(rule)) for mine in self.rules)
        )
        object.__setattr__(self, "_all_rules", kept + self.rules)

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
            raise UnknownKeyError(f"no key of ours is for kid {quoted(header.kid)} and {algorithm}")
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
        judge_claims(claims, self._all_rules)
