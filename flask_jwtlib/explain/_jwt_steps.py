"""The steps of verifying a signature: header, algorithm, keys and signature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field

from ..errors import AlgorithmError, MalformedTokenError, Refusal
from ..interfaces import KeyProvider
from ..jws import CompactJWS
from ..keys import VerificationKey
from ..log_text import one_line, quoted
from ..validators import JWTValidator
from ..values import BearerToken, Claims
from ._keys import AskedKeys, key_name, key_steps, keys_at_hand, provider_name
from ._values import Outcome, Stage, Step

__all__ = ["JWTSteps"]

_MOST_SHOWN = 20
# Members of a header that have a key, or certificates. They are never used.
_KEYS = frozenset({"jwk", "x5c"})
_LONGEST = 1000


@define
class JWTSteps:
    """Verifies a token's signature by a validator, and notes the steps.

    Attributes:
        jws: The token, parsed.
        validator: The validator.
        provider: Has the keys.
        token: The token.
        steps: The steps.
        claims: The verified claims; None if the token is refused.
        error: The refusal.
        verified: Whether a key verifies the signature.
    """

    jws: CompactJWS
    validator: JWTValidator
    provider: KeyProvider
    token: BearerToken
    steps: list[Step] = field(factory=list[Step])
    claims: Claims | None = None
    error: Refusal | None = None
    verified: bool = False

    def go(self) -> None:
        """Verify the signature, and note the steps."""
        asked = AskedKeys(self.provider)
        try:
            self.claims = self.validator.verify_signature(self.token, asked)
        except Refusal as error:
            self.error = error
        except Exception:  # noqa: BLE001, S110 - a subclass may raise anything, and the decision has shown it
            pass
        header = self.jws.header
        self._add("token", "header", "passed", found=_listed(header.parameters))
        if self._note_algorithm():
            self._note_keys(asked)
        else:
            self._add(
                "keys", provider_name(self.provider), "skipped", note="the algorithm is refused"
            )
            self.steps += key_steps(keys_at_hand(self.provider) or (), (), header)
        self._note_signature(asked.keys or ())

    def _note_algorithm(self) -> bool:
        """Note whether the algorithm is accepted, and return it."""
        algorithm = self.jws.header.alg
        is_accepted = algorithm in self.validator.algorithms
        expected = one_line(" or ".join(self.validator.algorithms), _LONGEST)
        refusal = self.error if isinstance(self.error, AlgorithmError) else None
        self._add(
            "algorithm",
            "alg",
            "passed" if is_accepted and refusal is None else "refused",
            expected=expected,
            found=quoted(algorithm),
            note="" if refusal is None else refusal.log_message,
        )
        return is_accepted

    def _note_keys(self, asked: AskedKeys) -> None:
        header, provider = self.jws.header, self.provider
        wanted = f"kid {quoted(header.kid)}, alg {quoted(header.alg)}"
        at_hand = keys_at_hand(provider)
        tried = asked.keys or ()
        if at_hand is None:
            found = f"{_keys(len(tried))} for this token"
        else:
            found = f"{_keys(len(at_hand))}, {len(tried)} of them for this token"
        refused = not tried and self.error is not None
        note = self.error.log_message if refused and self.error is not None else ""
        name = provider_name(provider)
        outcome: Outcome = "refused" if refused else "passed"
        self._add("keys", name, outcome, expected=wanted, found=found, note=note)
        self.steps += key_steps(at_hand or (), tried, header)

    def _note_signature(self, tried: tuple[VerificationKey, ...]) -> None:
        try:
            signature = self.jws.signature
        except MalformedTokenError as error:
            self._add("signature", "encoding", "refused", note=error.log_message)
            return
        if not tried:
            self._add("signature", "signature", "skipped", note="no key can verify it")
            return
        verifying = next(self._verifying(tried, signature), None)
        self.verified = verifying is not None
        if verifying is None:
            note = "" if self.error is None else self.error.log_message
            for key in tried[:_MOST_SHOWN]:
                found = "does not verify"
                self._add("signature", key_name(key), "refused", found=found, note=note)
            return
        for key in tried[: min(tried.index(verifying), _MOST_SHOWN)]:
            self._add("signature", key_name(key), "skipped", found="does not verify")
        self._add("signature", key_name(verifying), "passed", found="verifies")

    def _verifying(
        self, tried: tuple[VerificationKey, ...], signature: bytes
    ) -> Iterator[VerificationKey]:
        """Yield the keys that verify the signature."""
        algorithm, signed = self.jws.header.alg, self.jws.signing_input
        return (key for key in tried if key.verify(algorithm, signed, signature))

    def _add(
        self,
        stage: Stage,
        subject: str,
        outcome: Outcome,
        *,
        expected: str = "",
        found: str = "",
        note: str = "",
    ) -> None:
        step = Step(
            stage=stage,
            subject=subject,
            outcome=outcome,
            expected=expected,
            found=found,
            note=note,
        )
        self.steps.append(step)


def _listed(members: Mapping[str, Any]) -> str:
    return one_line(
        ", ".join(
            f"{one_line(name, 120)} = {'a key' if name in _KEYS else quoted(value)}"
            for name, value in members.items()
        ),
        _LONGEST,
    )


def _keys(number: int) -> str:
    return "1 key" if number == 1 else f"{number} keys"
