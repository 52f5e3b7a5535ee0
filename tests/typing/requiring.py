"""Policies of an application: code that must type-check, and never runs."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from attrs import frozen
from flask import Flask
from typing_extensions import assert_type

from flask_jwtlib import AppAuthenticator, Authenticator, Claims, Policy, Role, Scope, policy
from flask_jwtlib.audit import RouteAccess, authenticators_of, route_accesses
from flask_jwtlib.claim_rules import Client
from flask_jwtlib.errors import AuthenticationError, ForbiddenError
from flask_jwtlib.policies import (
    ActedBy,
    AnyScope,
    Call,
    ClaimAbsent,
    ClaimEquals,
    Judgement,
    NoDelegation,
    Verdict,
    judge,
    refusal_by,
    split_rules,
)


@policy
def owner(claims: Claims, call: Call) -> bool:
    """A policy of three lines."""
    return bool(claims["sub"] == call.view_args["user_id"])


@policy
def in_the_office(claims: Claims, call: Call) -> Verdict:
    """A policy that returns a verdict."""
    return Verdict.SATISFIED if claims.get("office") else Verdict.UNKNOWN


@frozen
class InGroup(Policy):
    """A policy with a setting."""

    group: str

    def verdict(self, claims: Claims, call: Call) -> bool:
        return self.group in claims.strings("groups")

    def refusal(self, claims: Claims) -> ForbiddenError:
        return ForbiddenError(f"not in {self.group}")


def is_human(claims: Claims) -> bool:
    """A claim rule."""
    return bool(claims.get("human"))


assert_type(owner, Policy)
assert_type(owner & Scope("a"), Policy)
assert_type(is_human & Scope("a"), Policy)
assert_type(Scope("a", advertise="api/a") | is_human, Policy)
assert_type(~ClaimEquals("blocked", True), Policy)
assert_type(~Role("guest", at=("realm", "roles")), Policy)

assert_type(NoDelegation() | ActedBy("svc", issuer="https://issuer.example"), Policy)

auth = Authenticator(keys="…", policies=[ClaimAbsent("act"), InGroup("staff") | AnyScope("a", "b")])
late = AppAuthenticator(lambda app: auth.evolve(policies=[Scope(app.name)]))
app = Flask(__name__)


@app.get("/<user_id>")
@auth.requires_authentication(rules=[Scope("a"), is_human, Client("web"), owner | Role("editor")])
def one(user_id: str) -> str:
    """A view."""
    return user_id


@app.get("/")
@late.optional_authentication(rules=(in_the_office, is_human), strict=True)
def two() -> str:
    """Another view."""
    return ""


app.before_request(auth.guard(rules=[owner]))
auth.protect(app, rules=[owner, is_human])
late.protect(app, public=["static"], rules=[Scope("a")])


def looking(claims: Claims) -> None:
    """Looks at policies from outside."""
    assert_type(judge(owner, claims, Call("it", "GET", {"user_id": "alice"})), Judgement)
    assert_type(refusal_by([owner], claims), AuthenticationError | None)
    rules, policies = split_rules([owner, is_human])
    assert_type(policies, tuple[Policy, ...])
    assert_type(rules[0](claims), bool | None)
    for access in route_accesses(app):
        assert_type(access, RouteAccess)
        assert_type(access.policies, tuple[Policy, ...])
        assert_type(access.authenticators, tuple[Authenticator, ...])
        assert_type(access.policies[0].scopes, tuple[str, ...])
    assert_type(authenticators_of(app), list[Authenticator])


# A claim rule isn't a policy, and a policy isn't a view.
Authenticator(keys="…", policies=[is_human])  # type: ignore[list-item]
auth.requires_authentication(Scope("a"), rules=[])  # type: ignore[call-overload]
auth.requires_authentication(rules=[1])  # type: ignore[list-item]
policy(is_human)  # type: ignore[arg-type]
