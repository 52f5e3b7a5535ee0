"""The tests that every token validator must pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from attrs import evolve

from ...authenticator import Authenticator
from ...errors import AuthenticationError, VerificationUnavailable
from ...evidence import NO_EVIDENCE
from ...interfaces import KeyProvider, TokenValidator
from ...values import BearerToken, Claims
from ..credentials import BAD_TOKENS, GOOD_TOKENS
from ..issuer import TokenIssuer
from ..request import make_request
from ._bad_tokens import MARK, garbage, marked_tokens, unsigned_token, variants
from ._checking import in_threads, require, unchecked
from ._stand_ins import CountedKeys, FixedToken, NoKeys, OtherKeys, UnavailableKeys

__all__ = ["TokenValidatorContract"]


class TokenValidatorContract(ABC):
    """Tests a ``TokenValidator``. Implement how to make it, its keys, and valid and invalid tokens.

    Attributes:
        uses_keys: Whether it verifies tokens with keys. Set it to False if it asks a server instead.
        rules: The rules that it has, of those that a ``BadToken`` names: ``("Issuer", "Audience")``.
    """

    uses_keys: ClassVar[bool] = True
    rules: ClassVar[Sequence[str]] = ()

    @abstractmethod
    def make_validator(self) -> TokenValidator:
        """Make the validator."""

    @abstractmethod
    def make_keys(self) -> KeyProvider:
        """Make a provider of the keys that verify the valid tokens."""

    @abstractmethod
    def good_token(self, subject: str) -> str | BearerToken:
        """Make a valid token for a subject, with all evidence that it needs."""

    @abstractmethod
    def expired_token(self) -> str | BearerToken:
        """Make a token that is expired and otherwise valid."""

    @abstractmethod
    def forged_token(self) -> str | BearerToken:
        """Make a token like the valid ones, but signed with another key."""

    def unsigned_token(self) -> str | BearerToken:
        """Make a token without a signature. By default its ``alg`` is ``none`` (RFC 7519 §6)."""
        return unsigned_token()

    def token_issuer(self) -> TokenIssuer | None:
        """Make the issuer of the valid tokens, to try every bad one. None by default, for no JWTs."""
        return None

    def test_it_composes(self) -> None:
        """An ``Authenticator`` accepts the validator."""
        Authenticator(keys=NoKeys(), validator=self.make_validator())

    def test_it_accepts_a_good_token(self) -> None:
        """For a valid token it returns ``Claims``, with the subject and the time of the check."""
        claims = unchecked(self._validate(self.good_token("alice")))
        require(isinstance(claims, Claims), f"expected Claims, not {type(claims).__name__}")
        require(claims.subject == "alice", f"expected the subject 'alice', not {claims.subject!r}")
        require(claims.checked_at > 0, "the claims have no checked_at")

    def test_an_authenticator_accepts_a_good_token(self) -> None:
        """An ``Authenticator`` with the validator accepts a valid token: what it is bound to is confirmed."""
        self._require_acceptance(self.good_token("alice"), "a valid token")

    def test_it_accepts_all_valid_tokens(self) -> None:
        """An ``Authenticator`` with it accepts each of ``GOOD_TOKENS``, if its tokens are JWTs."""
        issuer = self.token_issuer()
        if issuer is None:
            return
        for good in GOOD_TOKENS:
            token = evolve(_as_token(self.good_token("alice")), value=good.token(issuer))
            self._require_acceptance(token, f"a valid token ({good.name}: {good.why})")

    def test_it_refuses_every_bad_token(self) -> None:
        """An ``Authenticator`` with it refuses each of ``BAD_TOKENS`` that needs no rule but its own."""
        issuer = self.token_issuer()
        if issuer is None:
            return
        for bad in BAD_TOKENS:
            if bad.rule is None or bad.rule in self.rules:
                token = evolve(_as_token(self.good_token("alice")), value=bad.token(issuer))
                what = f"a bad token ({bad.name}: {bad.why})"
                try:
                    refusal = self._refusal_by_authenticator(token)
                except Exception as error:
                    message = f"{what}: expected AuthenticationError, not {type(error).__name__}"
                    raise AssertionError(message) from error
                require(refusal is not None, f"{what}: it was accepted")

    def test_it_confirms_nothing_without_evidence(self) -> None:
        """For a token without its evidence it confirms nothing, also after it accepted the complete one."""
        token = _as_token(self.good_token("alice"))
        validator, keys = self.make_validator(), self.make_keys()
        validator.validate(token, keys)
        try:
            claims = unchecked(validator.validate(evolve(token, evidence=NO_EVIDENCE), keys))
        except AuthenticationError:
            return
        confirmed = sorted(getattr(claims, "confirmed", ()))
        require(not confirmed, f"it confirmed {', '.join(confirmed)} without any evidence")

    def test_it_returns_new_claims_each_time(self) -> None:
        """Two requests with one token don't share a claims object, so a view may change its own."""
        token = _as_token(self.good_token("alice"))
        validator, keys = self.make_validator(), self.make_keys()
        first = validator.validate(token, keys)
        first["sub"] = "mallory"
        second = validator.validate(evolve(token), keys)
        require(second.get("sub") == "alice", "two requests share a claims object")

    def test_it_refuses_an_expired_token(self) -> None:
        """It refuses an expired token (RFC 7519 §4.1.4)."""
        self._require_refusal(self.expired_token(), "an expired token")

    def test_it_refuses_a_forged_token(self) -> None:
        """It refuses a token that was signed with another key."""
        self._require_refusal(self.forged_token(), "a forged token")

    def test_it_refuses_an_unsigned_token(self) -> None:
        """It refuses a token without a signature (RFC 8725 §2.1)."""
        self._require_refusal(self.unsigned_token(), "an unsigned token")

    def test_it_refuses_garbage(self) -> None:
        """For any text that is not a token it raises ``AuthenticationError`` and nothing else."""
        for text in garbage():
            self._require_refusal(text, f"garbage, {text[:60]!r}")

    def test_it_refuses_every_variant_of_a_good_token(self) -> None:
        """It refuses a valid token of which any character was changed."""
        good = _as_token(self.good_token("alice"))
        for variant in variants(good.value):
            self._require_refusal(evolve(good, value=variant), "a good token, changed")

    def test_its_errors_contain_no_token(self) -> None:
        """An error's texts, for the log and for the client, contain no part of the token."""
        for token in (self.expired_token(), self.forged_token(), self.unsigned_token()):
            error = self._refusal(token)
            if error is None:
                continue  # Other tests require a refusal.
            text_of_token = _as_token(token).value
            for text in (str(error), repr(error), error.description or ""):
                for part in (text_of_token, *text_of_token.split(".")[1:]):
                    require(
                        len(part) < 8 or part not in text,
                        f"the error contains a part of the token: {text!r}",
                    )

    def test_its_descriptions_repeat_nothing_sent(self) -> None:
        """An error's text for the client repeats nothing that the client sent."""
        for text in (f"{MARK}.{MARK}.{MARK}", *marked_tokens()):
            error = self._refusal(text)
            sent_back = "" if error is None else error.description or ""
            require(MARK not in sent_back, f"the description is {sent_back!r}")

    def test_it_gets_the_keys_once(self) -> None:
        """For a valid token it calls the key provider once."""
        if self.uses_keys:
            keys = CountedKeys(self.make_keys())
            self.make_validator().validate(_as_token(self.good_token("alice")), keys)
            require(
                len(keys.headers) == 1,
                f"it called the key provider {len(keys.headers)} times, expected once",
            )

    def test_it_uses_only_the_given_keys(self) -> None:
        """It refuses a valid token if the provider has no key for it, or another issuer's key."""
        if self.uses_keys:
            good = self.good_token("alice")
            self._require_refusal(good, "a good token, without any key", NoKeys())
            self._require_refusal(good, "a good token, with another issuer's key", OtherKeys())

    def test_it_raises_if_keys_are_unavailable(self) -> None:
        """If the provider raises ``VerificationUnavailable``, the validator doesn't change it."""
        if not self.uses_keys:
            return
        unavailable = VerificationUnavailable("the contract's keys are unavailable", retry_after=17)
        try:
            self._validate(self.good_token("alice"), UnavailableKeys(unavailable))
        except VerificationUnavailable as error:
            require(error.retry_after == 17, "the error's retry_after was lost")
        except AuthenticationError as error:
            message = f"expected VerificationUnavailable, not {type(error).__name__}"
            raise AssertionError(message) from error
        else:
            raise AssertionError("it accepted a token although the keys were unavailable")

    def test_it_keeps_requests_apart(self) -> None:
        """Threads that share a validator each get the claims of their own token."""
        validator, keys = self.make_validator(), self.make_keys()

        def job(subject: str) -> Callable[[], str | None]:
            token = _as_token(self.good_token(subject))
            return lambda: validator.validate(token, keys).subject

        subjects = [f"subject-{number}" for number in range(8)]
        found = in_threads([job(subject) for subject in subjects])
        for subject, results in zip(subjects, found, strict=True):
            require(
                {subject} == set(results),
                f"the token of {subject} returned the subjects {set(results)!r}",
            )

    def _validate(self, token: str | BearerToken, keys: KeyProvider | None = None) -> Claims:
        return self.make_validator().validate(_as_token(token), keys or self.make_keys())

    def _require_acceptance(self, token: str | BearerToken, what: str) -> None:
        error = self._refusal_by_authenticator(_as_token(token))
        if error is not None:
            message = f"the Authenticator refused {what}: {error.log_message}"
            raise AssertionError(message) from error

    def _refusal_by_authenticator(self, token: BearerToken) -> AuthenticationError | None:
        """Return the error by which an ``Authenticator`` refuses a token, or None if it is accepted."""
        # Its own cross-site check isn't the validator's matter.
        extractor = FixedToken(evolve(token, ambient=False))
        authenticator = Authenticator(
            keys=self.make_keys(), extractor=extractor, validator=self.make_validator()
        )
        try:
            authenticator.authenticate(make_request())
        except AuthenticationError as error:
            return error
        return None

    def _refusal(
        self, token: str | BearerToken, keys: KeyProvider | None = None
    ) -> AuthenticationError | None:
        """Return the error that refuses a token, or None if it is accepted."""
        try:
            self._validate(token, keys)
        except AuthenticationError as error:
            return error
        return None

    def _require_refusal(
        self, token: str | BearerToken, what: str, keys: KeyProvider | None = None
    ) -> None:
        try:
            refusal = self._refusal(token, keys)
        except Exception as error:
            message = f"{what}: expected AuthenticationError, not {type(error).__name__}"
            raise AssertionError(message) from error
        require(refusal is not None, f"{what}: it was accepted")


def _as_token(token: str | BearerToken) -> BearerToken:
    return token if isinstance(token, BearerToken) else BearerToken(token)
