"""Claim rules that read what a token doesn't have, and rules that can't be applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib import Audience, Claims, ConfigurationError, Issuer, JWTValidator, Scope
from flask_jwtlib.claim_rules import (
    ClaimRule,
    RequiredClaims,
    Subject,
    TokenUse,
    apply_rules,
    as_rules,
)
from flask_jwtlib.errors import ClaimError, MissingClaimError
from flask_jwtlib.policies import AnyScope, ClaimAbsent, Policy
from tests.kit import raises

from .kit import claims


def of_tenant(claims: Claims) -> bool:
    """Accept one tenant."""
    return bool(claims["tenant"]["id"] == "a")


@pytest.mark.parametrize(
    ("rule", "claim"),
    [
        (Issuer("https://a.example"), "iss"),
        (Audience("api"), "aud"),
        (Subject("alice"), "sub"),
        (TokenUse("access"), "token_use"),
        (RequiredClaims("iat", "jti"), "jti"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_rule_refuses_a_token_without_its_claim(rule: ClaimRule, claim: str) -> None:
    """Called by an application or applied by a validator, a rule refuses; it raises no plain KeyError."""
    for apply in (rule, lambda found: apply_rules(found, [rule])):
        with pytest.raises(MissingClaimError) as refusal:
            apply(claims(iat=1))
        assert refusal.value.claim == claim
        assert refusal.value.__cause__ is None


def test_an_own_rule_that_reads_an_absent_claim_refuses() -> None:
    """``claims["tenant"]`` in a rule refuses a token without the claim, and names the claim."""
    with raises(MissingClaimError, match="the claim 'tenant' is missing"):
        apply_rules(claims(), [of_tenant])


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        pytest.param(of_tenant, "the rule 'of_tenant' found no 'id'", id="member"),
        pytest.param(
            lambda claims: {}[claims["tenant"]["name"]], "found no 'name'", id="without a name"
        ),
    ],
)
def test_a_rule_that_finds_no_member_refuses(rule: Callable[[Claims], Any], text: str) -> None:
    """A member that is missing within a claim is the token's fault, too."""
    with raises(ClaimError, match=text):
        apply_rules(claims(tenant={}), [rule])


def test_a_key_error_without_a_key_refuses() -> None:
    """Whatever a rule raises as a ``KeyError``, the token isn't accepted."""

    def rule(_: Claims) -> None:
        raise KeyError

    with raises(ClaimError, match="the rule 'rule' found no None"):
        apply_rules(claims(), [rule])


async def asynchronous(_: Claims) -> bool:
    """Ask a service."""
    return True


class Asynchronous:
    """A rule whose call is async."""

    async def __call__(self, _: Claims) -> bool:
        """Ask a service."""
        return True


@pytest.mark.parametrize(
    ("rule", "name"), [(asynchronous, "asynchronous"), (Asynchronous(), "Asynchronous")]
)
def test_an_async_rule_is_refused(rule: Any, name: str) -> None:
    """A coroutine would never run: composing raises, and says where to ask other services."""
    with pytest.raises(ConfigurationError, match=f"the claim rule {name} is async.*in the view"):
        as_rules([rule])
    with pytest.raises(ConfigurationError, match="is async"):
        JWTValidator(rules=[rule])


@pytest.mark.parametrize(
    "policy",
    [Scope("read"), AnyScope("read", "write"), ClaimAbsent("act"), ~Scope("guest")],
    ids=["scope", "any scope", "absent claim", "not"],
)
def test_a_validator_takes_no_policy(policy: Policy) -> None:
    """A policy in a validator couldn't be advertised, so the error says where it belongs."""
    with pytest.raises(
        ConfigurationError,
        match=r"is a policy: pass policies=\[…\] to the Authenticator, or rules=",
    ):
        JWTValidator(rules=[Issuer("https://a.example"), policy])
