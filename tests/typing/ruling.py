"""Claim rules, errors and signals of an application: code that must type-check, and never runs."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from typing import Any

from attrs import frozen
from flask import Flask
from typing_extensions import assert_type

from flask_jwtlib import (
    AuthenticationError,
    Claims,
    InvalidTokenError,
    JWTValidator,
    VerificationUnavailable,
)
from flask_jwtlib.claim_rules import (
    AccessToken,
    ClaimRule,
    ClaimTypes,
    Client,
    IssuedAt,
    MaxLifetime,
    NotBefore,
    RequiredClaims,
    Subject,
    TokenType,
    TokenUse,
)
from flask_jwtlib.errors import ClaimError, InsufficientScopeError, MissingClaimError
from flask_jwtlib.signals import request_accepted, request_refused


def of_tenant(claims: Claims) -> None:
    """A rule that raises."""
    if claims["tenant"] != "acme":
        raise ClaimError("tenant")


def is_human(claims: Claims) -> bool:
    """A rule that returns a bool."""
    return bool(claims.get("human"))


def either(claims: Claims) -> bool | None:
    """A rule that does both."""
    return None if claims.subject else False


@frozen
class Department:
    """A rule with a setting."""

    name: str

    def __call__(self, claims: Claims) -> None:
        """Check the claim."""
        if claims.get("department") != self.name:
            raise InsufficientScopeError(f"department:{self.name}")


rules: list[ClaimRule] = [of_tenant, is_human, either, Department("sales")]
JWTValidator(rules=rules)
JWTValidator(
    rules=[
        of_tenant,
        is_human,
        lambda claims: "a" in claims.scopes,
        AccessToken(),
        AccessToken(types=["service+jwt"]),
        ClaimTypes(numeric_subject=True),
        Client("spa", "jobs"),
        IssuedAt(60, leeway=1),
        MaxLifetime(3600, leeway=10),
        NotBefore(1),
        RequiredClaims("jti", "client_id"),
        Subject("alice"),
        TokenType("at+jwt"),
        TokenUse("access"),
    ]
)


def errors_have_their_attributes(error: AuthenticationError) -> None:
    """The attributes of errors, for a handler or a listener, have their types."""
    assert_type(error.error_code, "str | None")
    assert_type(error.status, int)
    description: str | None = error.description
    assert description
    assert_type(error.allows_anonymous, bool)
    if isinstance(error, ClaimError):
        assert_type(error.claim, str)
    if isinstance(error, InsufficientScopeError):
        assert_type(error.scope, str)
    assert_type(VerificationUnavailable("down", retry_after=10).retry_after, int)
    MissingClaimError("tenant")


class Blocked(InvalidTokenError):
    """An application's own kind of refusal."""

    description = "The account is blocked"


def on_refusal(sender: Flask, *, error: AuthenticationError, **_: Any) -> None:
    """Receive a refusal."""
    sender.logger.info("%s", error.error_code)


request_refused.connect(on_refusal)


@request_accepted.connect
def on_acceptance(sender: Flask, **_: Any) -> None:
    """Receive a caller."""


def wrong_rule(claims: Claims, now: float) -> None:
    """A function with too many parameters for a rule."""


def mistakes() -> None:
    """Mistakes that a type checker finds."""
    JWTValidator(rules=[wrong_rule])  # type: ignore[list-item]
    JWTValidator(rules=[Subject])  # type: ignore[list-item]
    Subject(["a"])  # type: ignore[arg-type]
    ClaimError()  # type: ignore[call-arg]
    Claims({"sub": "alice"})  # type: ignore[call-arg]
