"""Causes in the scopes of a valid token."""

from __future__ import annotations

from flask_jwtlib.errors import InsufficientScopeError
from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.log_text import quoted
from flask_jwtlib.policies import AnyScope, Scope
from flask_jwtlib.values import Claims

from ._policies import listed, parts_of

__all__ = ["FINDERS"]

_MOST = 10


def _scopes(facts: Facts) -> frozenset[str]:
    return Claims(facts.claims, checked_at=facts.now).scopes


def _missing(facts: Facts) -> tuple[str, ...]:
    """Return the scopes that the app looks for and the token doesn't have."""
    if not isinstance(facts.error, InsufficientScopeError):
        return ()
    needed: dict[str, None] = {}
    for policy in parts_of(facts.policies):
        if isinstance(policy, Scope):
            needed |= dict.fromkeys(policy.needed)
        elif isinstance(policy, AnyScope):
            needed |= dict.fromkeys(policy.accepted)
    has = _scopes(facts)
    return tuple(scope for scope in needed or facts.error.scope.split() if scope not in has)


@recognises("entra-app-only-token")
def app_only(facts: Facts) -> Found | None:
    """The token of Entra ID is an application's, without a user: it has ``roles`` and no ``scp``."""
    if not (_missing(facts) and "scp" not in facts.claims and "scope" not in facts.claims):
        return None
    if not (
        facts.claims.get("idtyp") == "app" or ("roles" in facts.claims and "tid" in facts.claims)
    ):
        return None
    return Found(
        "The token is an application's, not a user's: Entra ID puts no scopes (scp) into it but "
        f"app roles, and it has the roles {listed(facts.strings('roles'))}.",
        "For background jobs, define an app role in the API's app registration, grant it to the "
        f"application, and accept it on this route by AnyScope({quoted(_missing(facts)[0])}) | "
        "Role('NAME'); otherwise let a user log in.",
    )


@recognises("scope-in-scp")
def in_scp(facts: Facts) -> Found | None:
    """The token has the needed scope in ``scp``, and it isn't looked at since there is a ``scope``."""
    found = _in(facts, "scp") if "scope" in facts.claims else None
    if found is None:
        return None
    return Found(
        f"The token has {quoted(found)} in scp, but it has a scope claim, too, and then only that "
        "one counts.",
        "Let the provider put the API's scopes into one claim, scope (RFC 8693 §4.2) or scp.",
    )


def _in(facts: Facts, claim: str) -> str | None:
    """Return a missing scope that is in another claim."""
    words = [word for text in facts.strings(claim) for word in text.split()]
    return next((scope for scope in _missing(facts) if scope in words), None)


@recognises("scope-in-permissions")
def in_permissions(facts: Facts) -> Found | None:
    """The token of Auth0 has the needed scope in ``permissions``, where RBAC puts it."""
    found = _in(facts, "permissions")
    if found is None:
        return None
    return Found(
        f"The token has {quoted(found)} in permissions, where Auth0's RBAC puts it, and not in "
        "scope.",
        f"Require Role({quoted(found)}, at='permissions') in place of Scope({quoted(found)}), or "
        "let the client request the scope, too.",
    )


@recognises("scope-prefix")
def prefix(facts: Facts) -> Found | None:
    """The token has the scope with or without the API's name in front of it."""
    has = _scopes(facts)
    for scope in _missing(facts):
        for granted in has:
            if scope.rpartition("/")[2] == granted.rpartition("/")[2]:
                return Found(
                    f"The token has {quoted(granted)}, and the app looks for {quoted(scope)}: one "
                    "has the API's name in front.",
                    "Write the scope as this provider's tokens have it: Entra ID's have the name "
                    "alone, so use Scope('read', advertise='api://API/read'), and Amazon "
                    "Cognito's have RESOURCE-SERVER/NAME.",
                )
    return None


@recognises("scope-case")
def scope_case(facts: Facts) -> Found | None:
    """The token has the scope in another case."""
    has = {scope.lower(): scope for scope in _scopes(facts)}
    found = next((scope for scope in _missing(facts) if scope.lower() in has), None)
    if found is None:
        return None
    return Found(
        f"The token has {quoted(has[found.lower()])}, and the app looks for {quoted(found)}: "
        "upper and lower case count.",
        "Spell the scope in Scope(…) as the provider defines it.",
    )


@recognises("scopes-joined")
def joined(facts: Facts) -> Found | None:
    """The scopes are separated by commas or other characters, where the standard says spaces."""
    missing = set(_missing(facts))
    separators = ",;|"
    for granted in _scopes(facts):
        for separator in separators:
            if missing.intersection(word.strip() for word in granted.split(separator)):
                return Found(
                    f"The scopes in the token are separated by {quoted(separator)}, and spaces "
                    f"are expected: {quoted(granted)}.",
                    "In the program that issues the token, join scopes by spaces (RFC 6749 §3.3) "
                    "or use an array.",
                )
    return None


@recognises("missing-scope")
def missing_scope(facts: Facts) -> Found | None:
    """The token lacks a scope."""
    if not isinstance(facts.error, InsufficientScopeError):
        return None
    needed = " ".join(facts.error.scope.split()[:_MOST])
    return Found(
        f"The token lacks the scope {quoted(needed)}; it has {listed(_scopes(facts))}.",
        f"Let the client request {quoted(needed)} when it gets a token, and the provider grant it "
        "to this client and user: it may need consent or a role.",
    )


FINDERS = (app_only, in_scp, in_permissions, prefix, scope_case, joined, missing_scope)
