"""Causes in the roles, groups and other permissions of a caller whose token is valid."""

from __future__ import annotations

from collections.abc import Iterator

from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.log_text import one_line, quoted
from flask_jwtlib.policies import AnyScope, Call, ClaimAbsent, ClaimEquals, Role, Scope, Verdict
from flask_jwtlib.values import Claims

from ._policies import listed, parts_of

__all__ = ["FINDERS", "GROUPS"]

_MOST = 10
_KNOWN = (Scope, AnyScope, Role, ClaimEquals, ClaimAbsent)
_ROLE_CLAIMS = (
    *(
        ("roles",),
        ("realm_access", "roles"),
        ("groups",),
        ("permissions",),
        ("cognito:groups",),
        ("role",),
    ),
    ("wids",),
)
# The claims of these policies are compared without looking at the call.
_ANY_CALL = Call(None, "GET")


def _strings_anywhere(facts: Facts) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield the paths where providers put roles, with the roles there."""
    paths = [*_ROLE_CLAIMS]
    clients = list(facts.members("resource_access"))[:_MOST]
    paths += [("resource_access", client, "roles") for client in clients]
    # Auth0 has roles in claims whose names are URLs.
    paths += [
        (name,) for name in list(facts.claims)[:100] if "://" in name and name.endswith("roles")
    ]
    for path in paths:
        found = facts.strings(*path)
        if found:
            yield path, found


def _as_argument(path: tuple[str, ...]) -> str:
    """Return the ``at=`` of a path, as a program has it."""
    plain = all(word.isidentifier() for word in path)
    return (
        quoted(".".join(path))
        if plain
        else f"({', '.join(map(quoted, path))}{',' * (len(path) == 1)})"
    )


def _unmet_roles(facts: Facts) -> list[Role]:
    if not isinstance(facts.error, ForbiddenError):
        return []
    claims = Claims(facts.claims, checked_at=facts.now)
    return [
        policy
        for policy in parts_of(facts.policies)
        if type(policy) is Role and policy.verdict(claims, _ANY_CALL) is not Verdict.SATISFIED
    ]


@recognises("entra-group-overage")
def overage(facts: Facts) -> Found | None:
    """The user is in more groups than Entra ID puts into a token, so it has none."""
    elsewhere = "groups" in facts.members("_claim_names")
    if (
        not (elsewhere or facts.claims.get("hasgroups") in (True, "true"))
        or "groups" in facts.claims
    ):
        return None
    if not any(role.at[0] == "groups" for role in _unmet_roles(facts)):
        return None
    return Found(
        "The user is in more groups than Entra ID puts into a token (200), so the token has no "
        "groups at all.",
        "In the API's app registration, under Token configuration, edit the groups claim to "
        "'Groups assigned to the application', or use app roles and Role('NAME'), which have no "
        "such limit.",
    )


@recognises("role-in-other-claim")
def role_elsewhere(facts: Facts) -> Found | None:
    """The token has the role, in another claim than the one that the app reads."""
    for role in _unmet_roles(facts):
        for path, roles in _strings_anywhere(facts):
            if role.role in roles and path != role.at:
                return Found(
                    f"The token has {quoted(role.role)} in {one_line('.'.join(path), 100)}, and "
                    f"the app looks for it in {'.'.join(role.at)}.",
                    "If your provider puts this API's roles there, write "
                    f"Role({quoted(role.role)}, at={_as_argument(path)}); roles of other clients, "
                    "scopes and groups aren't roles of this API.",
                )
    return None


@recognises("missing-role")
def missing_role(facts: Facts) -> Found | None:
    """The token lacks a role."""
    roles = _unmet_roles(facts)
    if not roles:
        return None
    role = roles[0]
    at = ".".join(role.at)
    return Found(
        f"The token lacks the role {quoted(role.role)} in {at}; it has "
        f"{listed(facts.strings(*role.at))} there{_elsewhere(facts, role)}.",
        f"Assign the role {quoted(role.role)} to the user or the client at the provider, let it "
        "put roles into access tokens, and get a new token.",
    )


def _elsewhere(facts: Facts, role: Role) -> str:
    found = [(path, roles) for path, roles in _strings_anywhere(facts) if path != role.at]
    shown = (f"{listed(roles)} in {one_line('.'.join(path), 60)}" for path, roles in found[:3])
    return "".join(f", and {each}" for each in shown)


@recognises("policy-needs-endpoint")
def needs_call(facts: Facts) -> Found | None:
    """A policy of the application may need the view that is called, and no endpoint was given."""
    own = [
        policy
        for policy in parts_of(facts.policies, negated=True)
        if not isinstance(policy, _KNOWN)
    ]
    if not (isinstance(facts.error, ForbiddenError) and facts.endpoint is None and own):
        return None
    return Found(
        f"A policy of the application refuses the caller: {one_line(str(own[0]), 100)}; it may "
        "need the view and its arguments, and none was given.",
        "Explain with the view: `flask jwtlib explain --endpoint NAME --method METHOD --arg "
        "NAME=VALUE -`.",
    )


@recognises("policy-not-satisfied")
def not_satisfied(facts: Facts) -> Found | None:
    """A policy refuses the caller, whose token is valid."""
    if facts.error.reason != "forbidden":
        return None
    return Found(
        "The token is valid, and its caller lacks a permission: "
        f"{one_line(facts.error.log_message, 200)}.",
        "Give the caller what the policy requires at the provider, and get a new token; another "
        "token with the same rights will not help.",
    )


GROUPS = (overage,)
FINDERS = (role_elsewhere, missing_role, needs_call, not_satisfied)
