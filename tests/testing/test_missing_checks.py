"""``TokenValidatorContract`` finds a validator that lacks one check of a JWT, by the bad tokens."""

# ruff: noqa: D103 - each function is named after what it breaks

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from flask_jwtlib import (
    Audience,
    Claims,
    Issuer,
    StaticKeyProvider,
)
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.contracts import ContractError, TokenValidatorContract, check

from . import faulty

Failures = Callable[[object], dict[str, Exception]]

pytestmark = pytest.mark.usefixtures("few_rounds")
ISSUER = faulty.make_issuer()
FORGER = faulty.make_issuer()


class ValidatorContract(TokenValidatorContract):
    """The contract on a validator of access tokens."""

    def __init__(self, validator: Any, rules: Sequence[str]) -> None:
        self.validator = validator
        self.rules = rules  # type: ignore[misc]

    def make_validator(self) -> Any:
        return self.validator

    def make_keys(self) -> Any:
        return StaticKeyProvider(ISSUER.verification_key)

    def good_token(self, subject: str) -> str:
        return ISSUER.token(subject)

    def expired_token(self) -> str:
        return ISSUER.token(exp=1)

    def forged_token(self) -> str:
        return FORGER.token()

    def token_issuer(self) -> TokenIssuer:
        return ISSUER


def refusing_lists(claims: Claims) -> bool:
    return isinstance(claims["aud"], str)


def refusing_other_letters(claims: Claims) -> bool:
    return str(claims["sub"]).isascii()


BAD = "test_it_refuses_every_bad_token"
GOOD = "test_it_accepts_all_valid_tokens"
ALL_RULES = ("Issuer", "Audience", "Expiry", "AccessToken", "ClaimTypes")
_EMPTY_AUDIENCE = faulty.OptionalAudience(faulty.AUDIENCE)

BROKEN: dict[str, tuple[Any, Sequence[str], str, str]] = {
    "no nbf": (faulty.validator_of(faulty.NoStart()), (), BAD, "not-yet-valid"),
    "no aud": (faulty.without(Audience, faulty.AnyAudience()), (), BAD, "other-audience"),
    "aud if any": (faulty.without(Audience, _EMPTY_AUDIENCE), (), BAD, "empty-audience"),
    "no types": (faulty.validator_of(faulty.AnyTypes()), (), BAD, "subject-in-a-list"),
    "no iss": (faulty.without(Issuer), ("Issuer",), BAD, "other-issuer"),
    "any kind": (faulty.validator_of(faulty.AnyKind()), ("AccessToken",), BAD, "id-token"),
    "reads leniently": (faulty.Validation(faulty.reads_leniently), (), BAD, "no-alg"),
    "skips none": (faulty.Validation(faulty.skips_alg_none), (), BAD, "alg-none"),
    "takes jwk": (faulty.Validation(faulty.takes_key_in_header), (), BAD, "key-in-header"),
    "fetches jku": (faulty.Validation(faulty.trusts_url("jku")), (), BAD, "key-set-url"),
    "file as secret": (
        faulty.Validation(faulty.uses_secret(b"")),
        (),
        BAD,
        "key-id-is-a-path",
    ),
    "PEM as secret": (
        faulty.Validation(faulty.uses_secret(ISSUER.public_pem.encode())),
        (),
        BAD,
        "hmac-with-public-key",
    ),
    "no unknown keys": (faulty.Validation(faulty.skips_unknown_keys), (), BAD, "other-key-id"),
    "raises": (faulty.Validation(faulty.unpacks), (), BAD, "two-parts"),
    "one audience": (faulty.validator_of(refusing_lists), (), GOOD, "for-several"),
    "one alphabet": (faulty.validator_of(refusing_other_letters), (), GOOD, "any-letters"),
}


@pytest.mark.parametrize(("validator", "rules", "test", "named"), BROKEN.values(), ids=BROKEN)
def test_a_missing_check_is_found(
    validator: Any, rules: Sequence[str], test: str, named: str
) -> None:
    """The contract's test fails, and names the token; ``check`` finds it with the issuer alone."""
    with pytest.raises(AssertionError, match=f"{named}: ") as failed:
        getattr(ValidatorContract(validator, rules), test)()

    with pytest.raises(ContractError, match=f"{named}: ") as error:
        check(validator, issuer=ISSUER, rules=rules)
    assert str(error.value.failures[test]) == str(failed.value)


def test_a_correct_validator_passes(failures: Failures) -> None:
    """With all rules, the validator passes. Bad tokens of other rules aren't tried."""
    assert failures(ValidatorContract(faulty.CHECKED, ALL_RULES)) == {}
    assert failures(ValidatorContract(faulty.without(Issuer), ("AccessToken",))) == {}


def test_an_unexpected_exception_is_named() -> None:
    """An exception that isn't a refusal is a failure, which names the token and the exception."""
    contract = ValidatorContract(faulty.Validation(faulty.unpacks), ())
    with pytest.raises(
        AssertionError, match="expected AuthenticationError, not ValueError"
    ) as error:
        contract.test_it_refuses_every_bad_token()
    assert isinstance(error.value.__cause__, ValueError)
