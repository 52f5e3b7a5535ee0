"""Each check of ``TokenValidatorContract`` fails for a validator that breaks it."""

# ruff: noqa: D103 - each function is named after what it breaks

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import frozen

from flask_jwtlib import (
    BearerToken,
    Claims,
    InvalidTokenError,
    JWTValidator,
    StaticKeyProvider,
    UnverifiedHeader,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.contracts import TokenValidatorContract

Failures = Callable[[object], dict[str, Exception]]

ISSUER = TokenIssuer()
FORGER = TokenIssuer()
KEYS = StaticKeyProvider(ISSUER.verification_key)


class Validation:
    """A validator made of a function."""

    def __init__(self, validate: Callable[..., Any]) -> None:
        self.validate = validate


class ValidatorContract(TokenValidatorContract):
    """The contract on a validator of the issuer's tokens."""

    def __init__(self, validator: Any) -> None:
        self.validator = validator

    def make_validator(self) -> Any:
        return self.validator

    def make_keys(self) -> Any:
        return KEYS

    def good_token(self, subject: str) -> str:
        return ISSUER.token(subject)

    def expired_token(self) -> str:
        return ISSUER.token(exp=1)

    def forged_token(self) -> str:
        return FORGER.token()


@frozen
class Thumbprint:
    """A certificate's thumbprint."""

    value: str


class BoundTokenContract(ValidatorContract):
    """The contract on a validator of tokens that are bound to a certificate."""

    def good_token(self, subject: str) -> BearerToken:
        token = BearerToken(ISSUER.token(subject, cnf={"x5t#S256": "a"}))
        return token.with_evidence(Thumbprint("a"))

    def expired_token(self) -> BearerToken:
        return BearerToken(ISSUER.token(exp=1)).with_evidence(Thumbprint("a"))


GOOD = JWTValidator()


def decoded(token: BearerToken, part: int) -> dict[str, Any]:
    """Decode a part of a token leniently and unverified, as a validator must not."""
    segment = token.value.split(".")[part]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(segment + "=="))
    return found


def as_dict(token: BearerToken, keys: Any) -> dict[str, Any]:
    return dict(GOOD.validate(token, keys))


def of_nobody(token: BearerToken, keys: Any) -> Claims:
    claims = GOOD.validate(token, keys)
    del claims["sub"]
    return claims


def at_no_time(token: BearerToken, keys: Any) -> Claims:
    claims = GOOD.validate(token, keys)
    claims.checked_at = 0
    return claims


class Caching:
    """Returns one claims object to all requests with a token."""

    def __init__(self) -> None:
        self.known: dict[BearerToken, Claims] = {}

    def validate(self, token: BearerToken, keys: Any) -> Claims:
        if token not in self.known:
            self.known[token] = GOOD.validate(token, keys)
        return self.known[token]


class CachingByText:
    """Confirms by evidence once, and then returns the same claims by the token's text."""

    def __init__(self) -> None:
        self.known: dict[str, Claims] = {}

    def validate(self, token: BearerToken, keys: Any) -> Claims:
        if token.value not in self.known:
            claims = GOOD.validate(token, keys)
            shown = token.evidence.get(Thumbprint)
            self.known[token.value] = claims if shown is None else claims.confirming("x5t#S256")
        return self.known[token.value]


def confirming_always(token: BearerToken, keys: Any) -> Claims:
    return GOOD.validate(token, keys).confirming("x5t#S256")


def requiring_a_certificate(token: BearerToken, keys: Any) -> Claims:
    if token.evidence.get(Thumbprint) is None:
        raise InvalidTokenError("there is no certificate")
    return GOOD.validate(token, keys).confirming("x5t#S256")


def unverified(token: BearerToken, keys: Any) -> Claims:
    claims = Claims(decoded(token, 1), checked_at=time.time())
    GOOD.check_claims(claims)
    return claims


def none_accepted(token: BearerToken, keys: Any) -> Claims:
    if token.value.endswith("."):
        return Claims({}, checked_at=time.time())
    return GOOD.validate(token, keys)


def leaking(token: BearerToken, keys: Any) -> Claims:
    decoded(token, 0)
    return GOOD.validate(token, keys)


def lenient(token: BearerToken, keys: Any) -> Claims:
    return GOOD.validate(BearerToken(token.value.strip()), keys)


def talkative(token: BearerToken, keys: Any) -> Claims:
    try:
        return GOOD.validate(token, keys)
    except InvalidTokenError as error:
        raise InvalidTokenError(f"{error}: {token.value}") from error


def echoing(token: BearerToken, keys: Any) -> Claims:
    try:
        return GOOD.validate(token, keys)
    except InvalidTokenError as error:
        raise InvalidTokenError(description=f"{token.value[:30]}… is invalid") from error


def echoing_header(token: BearerToken, keys: Any) -> Claims:
    try:
        return GOOD.validate(token, keys)
    except InvalidTokenError as error:
        try:
            alg = decoded(token, 0)["alg"]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise error from None
        raise InvalidTokenError(description=f"the algorithm {alg} is not accepted") from error


def asking_twice(token: BearerToken, keys: Any) -> Claims:
    GOOD.validate(token, keys)
    return GOOD.validate(token, keys)


def with_own_keys(token: BearerToken, keys: Any) -> Claims:
    keys.keys_for(UnverifiedHeader("RS256"))
    return GOOD.validate(token, KEYS)


def blaming(token: BearerToken, keys: Any) -> Claims:
    try:
        return GOOD.validate(token, keys)
    except VerificationUnavailable as error:
        raise InvalidTokenError from error


def trusting_in_an_outage(token: BearerToken, keys: Any) -> Claims:
    try:
        return GOOD.validate(token, keys)
    except VerificationUnavailable:
        return unverified(token, keys)


def forgetting_when(token: BearerToken, keys: Any) -> Claims:
    try:
        return GOOD.validate(token, keys)
    except VerificationUnavailable as error:
        raise VerificationUnavailable("no keys") from error


class ForgetfulValidator:
    """Keeps the current token where other threads overwrite it."""

    def validate(self, token: BearerToken, keys: Any) -> Claims:
        self.token = token
        time.sleep(0.0001)
        return GOOD.validate(self.token, keys)


def broken_validators() -> Iterator[tuple[str, tuple[object, str]]]:
    def broken(
        name: str, validate: Callable[..., Any], test: str
    ) -> tuple[str, tuple[object, str]]:
        return name, (ValidatorContract(Validation(validate)), test)

    bound = BoundTokenContract(GOOD)
    yield "confirms nothing", (bound, "test_an_authenticator_accepts_a_good_token")
    without = "test_it_confirms_nothing_without_evidence"
    yield "confirms without evidence", (BoundTokenContract(Validation(confirming_always)), without)
    yield "remembers what it confirmed", (BoundTokenContract(CachingByText()), without)
    good = "test_it_accepts_a_good_token"
    yield broken("takes no keys", lambda token: None, "test_it_composes")
    yield broken("returns a dict", as_dict, good)
    yield broken("returns True", lambda token, keys: True, good)
    yield broken("loses the subject", of_nobody, good)
    yield broken("loses the time", at_no_time, good)
    caching = ValidatorContract(Caching())
    yield "shares claims", (caching, "test_it_returns_new_claims_each_time")
    yield broken("ignores exp", GOOD.verify_signature, "test_it_refuses_an_expired_token")
    yield broken("ignores signatures", unverified, "test_it_refuses_a_forged_token")
    yield broken("accepts none", none_accepted, "test_it_refuses_an_unsigned_token")
    yield broken("lets exceptions out", leaking, "test_it_refuses_garbage")
    yield broken("strips", lenient, "test_it_refuses_every_variant_of_a_good_token")
    yield broken("logs tokens", talkative, "test_its_errors_contain_no_token")
    yield broken("sends tokens back", echoing, "test_its_descriptions_repeat_nothing_sent")
    yield broken("sends headers back", echoing_header, "test_its_descriptions_repeat_nothing_sent")
    yield broken("asks twice", asking_twice, "test_it_gets_the_keys_once")
    yield broken("has own keys", with_own_keys, "test_it_uses_only_the_given_keys")
    unavailable = "test_it_raises_if_keys_are_unavailable"
    yield broken("blames the token", blaming, unavailable)
    yield broken("trusts in an outage", trusting_in_an_outage, unavailable)
    yield broken("forgets when to retry", forgetting_when, unavailable)
    forgetful = ValidatorContract(ForgetfulValidator())
    yield "mixes threads' tokens", (forgetful, "test_it_keeps_requests_apart")


BROKEN = dict(broken_validators())


@pytest.mark.parametrize(("contract", "check"), BROKEN.values(), ids=BROKEN)
def test_a_broken_validator_fails(contract: object, check: str) -> None:
    """A validator that breaks the contract fails the matching check, whose message says so."""
    with pytest.raises(Exception) as error:
        getattr(contract, check)()
    assert str(error.value)


@pytest.mark.parametrize(("contract", "check"), BROKEN.values(), ids=BROKEN)
def test_check_finds_it(contract: object, check: str, found_by_check: Failures) -> None:
    """``check`` finds the broken validator, too, and names the promise."""
    assert check in found_by_check(contract)


def test_every_check_can_fail() -> None:
    """For each check of the contract, some broken validator fails it."""
    checks = {name for name in dir(TokenValidatorContract) if name.startswith("test_")}

    # What needs an issuer is in test_missing_checks.py.
    of_issuer = {"test_it_refuses_every_bad_token", "test_it_accepts_all_valid_tokens"}
    assert checks - of_issuer == {check for _, check in BROKEN.values()}


def test_the_base_of_the_broken_validators_passes(failures: Failures) -> None:
    """A correct validator passes, so the broken ones fail only by what they break."""
    assert failures(ValidatorContract(GOOD)) == {}
    assert failures(BoundTokenContract(Validation(requiring_a_certificate))) == {}


def test_an_incomplete_contract_is_an_error() -> None:
    """A subclass without a validator can't be instantiated, so it can't pass by checking nothing."""
    contract: Any = TokenValidatorContract

    with pytest.raises(TypeError, match="abstract"):
        contract()
