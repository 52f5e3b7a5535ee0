"""Follows a token through the validators, up to the one that checks it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from attrs import define, field

from ..claim_rules import ClaimRule
from ..errors import MalformedTokenError, Refusal
from ..interfaces import KeyProvider, TokenValidator
from ..jws import CompactJWS
from ..key_providers import CheckedKeyProvider
from ..keys import VerificationKey
from ..validators import JWTValidator
from ..values import BearerToken, Claims
from ._jwt_steps import JWTSteps
from ._keys import innermost, keys_at_hand
from ._recorder import Recorder
from ._rules import described
from ._values import Stage, Step

__all__ = ["Walk"]

_MOST_VALIDATORS = 20


@define
class Walk:
    """What validators do with a token.

    Attributes:
        token: The token.
        recorder: Has the steps of the rules, if a validator has applied them already. Otherwise it applies
            them.
        validator: The last validator that the token is passed to.
        provider: The keys that it is passed.
        chain: The steps of passing the token on.
        steps: The steps after these.
        refusals: The refusals of the steps, in order.
        header: The token's header; empty if it can't be read.
        claims: The token's claims; empty if they can't be read.
        verified: Whether the signature is valid.
        keys: All keys that the provider has; None if it doesn't list them.
    """

    token: BearerToken
    recorder: Recorder
    validator: TokenValidator
    provider: KeyProvider
    chain: list[Step] = field(factory=list[Step])
    steps: list[Step] = field(factory=list[Step])
    refusals: list[Refusal] = field(factory=list[Refusal])
    header: Mapping[str, Any] = field(factory=dict[str, Any])
    claims: Mapping[str, Any] = field(factory=dict[str, Any])
    verified: bool = False
    keys: tuple[VerificationKey, ...] | None = None

    def go(self) -> None:
        """Follow the token to the validator that checks it, and note the steps."""
        self.provider = CheckedKeyProvider(self.provider)
        try:
            self._pass_on()
        except Refusal as error:
            self._refused(self.chain, "validator", described(self.validator), error)
            self._read_anyway()
            return
        if isinstance(self.validator, JWTValidator):
            self._check_jwt(self.validator)
        else:
            self._read_anyway()

    @property
    def all_refusals(self) -> tuple[Refusal, ...]:
        """What every check refuses, in order, also after the first refusal."""
        return (*self.refusals, *self.recorder.refusals)

    @property
    def rules(self) -> tuple[ClaimRule, ...]:
        """The claim rules that apply to the token."""
        return self.validator.all_rules if isinstance(self.validator, JWTValidator) else ()

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The algorithms that the validator accepts; empty if it doesn't say."""
        return self.validator.algorithms if isinstance(self.validator, JWTValidator) else ()

    @property
    def verified_claims(self) -> Claims | None:
        """The claims, if the signature is valid."""
        if not self.verified:
            return None
        return Claims(self.claims, checked_at=self.now, header=self.header)

    @property
    def now(self) -> float:
        """The validator's time."""
        return self.validator.clock() if isinstance(self.validator, JWTValidator) else time.time()

    def _pass_on(self) -> None:
        for _ in range(_MOST_VALIDATORS):
            passed = self._passed()
            if passed is None:
                return
            after, provider = passed
            found = f"passes the token to its {described(after)}"
            name = described(self.validator)
            self.chain.append(Step(stage="validator", subject=name, outcome="info", found=found))
            self.validator, self.provider = after, provider

    def _passed(self) -> tuple[TokenValidator, KeyProvider] | None:
        """Return the validator and keys that the token is passed to; None if this validator decides."""
        try:
            passes: Any = getattr(self.validator, "passes_to", None)
            passed: Any = passes(self.token, self.provider) if callable(passes) else None
            if passed is None:
                return None
            after, provider = passed
        except Refusal:
            raise
        except Exception:  # noqa: BLE001 - an application's validator may raise anything
            return None
        return after, provider

    def _read_anyway(self) -> None:
        """Read a token that a validator of another kind checks, in case it is a JWT."""
        try:
            jws = CompactJWS(self.token.value)
            self.header = jws.header.parameters
            self.claims = jws.claims()
        except MalformedTokenError:
            return

    def _check_jwt(self, validator: JWTValidator) -> None:
        try:
            jws = CompactJWS.of(self.token, validator.max_size)
        except MalformedTokenError as error:
            self._refused(self.steps, "token", "JWT", error)
            return
        self.header = jws.header.parameters
        checked = JWTSteps(jws, validator, self.provider, self.token)
        checked.go()
        self.steps += checked.steps
        self.refusals += [] if checked.error is None else [checked.error]
        self.verified = checked.verified
        self.keys = keys_at_hand(innermost(self.provider))
        try:
            self.claims = jws.claims()
        except MalformedTokenError as error:
            self._refused(self.steps, "claims", "JSON", error)
            return
        if checked.claims is None:
            claims = Claims(self.claims, checked_at=validator.clock(), header=self.header)
            self.recorder.apply_to_unverified(claims, validator.all_rules)
        elif not self.recorder.steps:
            self._apply_rules(validator, checked.claims)

    def _apply_rules(self, validator: JWTValidator, claims: Claims) -> None:
        """Apply the rules to a token that was refused before."""
        # The recorder notes what they raise.
        with suppress(Exception):
            validator.check_claims(claims)

    def _refused(self, steps: list[Step], stage: Stage, subject: str, error: Refusal) -> None:
        step = Step(stage=stage, subject=subject, outcome="refused", note=error.log_message)
        steps.append(step)
        self.refusals.append(error)
