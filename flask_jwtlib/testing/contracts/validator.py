"""What every token validator must keep."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from attrs import field, frozen

from ...authenticator import Authenticator
from ...errors import AuthenticationError, VerificationUnavailable
from ...interfaces import KeyProvider, TokenValidator
from ...keys import VerificationKey
from ...values import BearerToken, Claims, UnverifiedHeader
from ..issuer import TokenIssuer
from ._bad_tokens import MARK, garbage, marked_tokens, unsigned_token, variants
from ._checking import NoKeys, in_threads, require, unchecked

__all__ = ["TokenValidatorContract"]


class TokenValidatorContract(ABC):
    """Checks a ``TokenValidator``. Give it the validator, the keys, and tokens good and bad.

    Attributes:
        uses_keys: Whether it verifies tokens by keys. False for one that asks a server about them.
    """

    uses_keys: ClassVar[bool] = True

    @abstractmethod
    def make_validator(self) -> TokenValidator:
        """Make the validator."""

    @abstractmethod
    def make_keys(self) -> KeyProvider:
        """Make the provider of the keys that verify the good tokens."""

    @abstractmethod
    def good_token(self, subject: str) -> str:
        """Make a token that is to be accepted, about a subject."""

    @abstractmethod
    def expired_token(self) -> str:
        """Make a token that was good once."""

    @abstractmethod
    def forged_token(self) -> str:
        """Make a token like the good ones, by somebody who is not their issuer."""

    def unsigned_token(self) -> str:
        """Make a token that nobody signed: by default, one whose ``alg`` is ``none`` (RFC 7519 §6)."""
        return unsigned_token()

    def test_it_composes(self) -> None:
        """An ``Authenticator`` takes the validator."""
        Authenticator(keys=NoKeys(), validator=self.make_validator())

    def test_it_accepts_a_good_token(self) -> None:
        """A good token's claims come out as ``Claims``, with its subject and the time of the check."""
        claims = unchecked(self._validate(self.good_token("alice")))
        require(isinstance(claims, Claims), f"want Claims, not {type(claims).__name__}")
        require(claims.subject == "alice", f"the subject is 'alice', not {claims.subject!r}")
        require(claims.checked_at > 0, "the claims don't say when they were checked")

    def test_it_answers_claims_that_nobody_else_has(self) -> None:
        """Two requests with one token don't share a claims object: a view may change its own."""
        token = self.good_token("alice")
        validator, keys = self.make_validator(), self.make_keys()
        first = validator.validate(BearerToken(token), keys)
        first["sub"] = "mallory"
        second = validator.validate(BearerToken(token), keys)
        require(
            second.get("sub") == "alice", "what one request wrote to its claims, another one got"
        )

    def test_it_refuses_an_expired_token(self) -> None:
        """A token whose time is over is refused (RFC 7519 §4.1.4)."""
        self._require_refusal(self.expired_token(), "an expired token")

    def test_it_refuses_a_forged_token(self) -> None:
        """A token of somebody else is refused."""
        self._require_refusal(self.forged_token(), "a forged token")

    def test_it_refuses_an_unsigned_token(self) -> None:
        """A token that nobody signed is refused (RFC 8725 §2.1)."""
        self._require_refusal(self.unsigned_token(), "an unsigned token")

    def test_it_refuses_garbage(self) -> None:
        """Whatever the text, it raises ``AuthenticationError`` and nothing else."""
        for text in garbage():
            self._require_refusal(text, f"garbage, {text[:60]!r}")

    def test_it_refuses_every_variant_of_a_good_token(self) -> None:
        """One token has one spelling: none that differs from a good one in a character passes."""
        good = self.good_token("alice")
        for variant in variants(good):
            self._require_refusal(variant, "a good token, changed")

    def test_it_tells_no_token(self) -> None:
        """Neither text of a refusal, for the log and for the wire, holds the token or a part of it."""
        for token in (self.expired_token(), self.forged_token(), self.unsigned_token()):
            error = self._refusal(token)
            if error is None:
                continue  # Other tests refuse it.
            for text in (str(error), repr(error), error.description or ""):
                for part in (token, *token.split(".")[1:]):
                    require(len(part) < 8 or part not in text, f"a token is in the text {text!r}")

    def test_it_sends_nothing_back(self) -> None:
        """The text for the wire repeats nothing that the client sent."""
        for text in (f"{MARK}.{MARK}.{MARK}", *marked_tokens()):
            error = self._refusal(text)
            sent_back = "" if error is None else error.description or ""
            require(MARK not in sent_back, f"the description is {sent_back!r}")

    def test_it_asks_for_the_keys_once(self) -> None:
        """A good token costs one look-up of keys."""
        if self.uses_keys:
            keys = _CountedKeys(self.make_keys())
            self.make_validator().validate(BearerToken(self.good_token("alice")), keys)
            require(len(keys.asked) == 1, f"it asked for keys {len(keys.asked)} times")

    def test_it_knows_no_keys_of_its_own(self) -> None:
        """Without a key of the provider's, or with a stranger's, no token is accepted."""
        if self.uses_keys:
            good = self.good_token("alice")
            self._require_refusal(good, "a good token, without any key", NoKeys())
            self._require_refusal(good, "a good token, with a stranger's key", _StrangersKeys())

    def test_it_passes_on_that_keys_are_unavailable(self) -> None:
        """``VerificationUnavailable`` of the provider goes through: it is not the caller's fault."""
        if not self.uses_keys:
            return
        unavailable = VerificationUnavailable("the contract's keys are unavailable", retry_after=17)
        try:
            self._validate(self.good_token("alice"), _UnavailableKeys(unavailable))
        except VerificationUnavailable as error:
            require(error.retry_after == 17, "the time after which to ask again was lost")
        except AuthenticationError as error:
            message = f"it blames the caller for missing keys: {type(error).__name__}"
            raise AssertionError(message) from error
        else:
            raise AssertionError("it accepted a token though the keys were unavailable")

    def test_it_keeps_requests_apart(self) -> None:
        """Threads that share one validator get each the claims of its own token."""
        validator, keys = self.make_validator(), self.make_keys()

        def job(subject: str) -> Callable[[], str | None]:
            token = BearerToken(self.good_token(subject))
            return lambda: validator.validate(token, keys).subject

        subjects = [f"subject-{number}" for number in range(8)]
        found = in_threads([job(subject) for subject in subjects])
        for subject, answers in zip(subjects, found, strict=True):
            require({subject} == set(answers), f"the token of {subject} came to {set(answers)!r}")

    def _validate(self, token: str, keys: KeyProvider | None = None) -> Claims:
        return self.make_validator().validate(BearerToken(token), keys or self.make_keys())

    def _refusal(self, token: str, keys: KeyProvider | None = None) -> AuthenticationError | None:
        """The error that refuses a token, None if it is accepted."""
        try:
            self._validate(token, keys)
        except AuthenticationError as error:
            return error
        return None

    def _require_refusal(self, token: str, what: str, keys: KeyProvider | None = None) -> None:
        try:
            refusal = self._refusal(token, keys)
        except Exception as error:
            message = f"{what}: want AuthenticationError, not {type(error).__name__}"
            raise AssertionError(message) from error
        require(refusal is not None, f"{what}: it was accepted")


@frozen
class _CountedKeys:
    """Keys of somebody, and what was asked of them."""

    keys: KeyProvider
    asked: list[UnverifiedHeader] = field(factory=list[UnverifiedHeader], init=False)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        self.asked.append(header)
        return self.keys.keys_for(header)


class _StrangersKeys:
    """A new key for each token, of its algorithm, that never signed anything."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        if header.alg.startswith("HS"):
            secret = os.urandom(64)
            return (VerificationKey.from_secret(secret, algorithms=header.alg, kid=header.kid),)
        return (TokenIssuer(algorithm=header.alg, kid=header.kid).verification_key,)


@frozen
class _UnavailableKeys:
    """Keys that can't be had."""

    error: VerificationUnavailable

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        raise self.error
