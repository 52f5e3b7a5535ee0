"""Generated policies, with tokens that lack some of their claims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flask_jwtlib import InvalidTokenError
from flask_jwtlib.policies import AnyScope, ClaimEquals, Policy, Role, Scope, policy

from .kit import SATISFIED, claims_of, verdict

HIERARCHY = {"admin": ["write"], "write": ["read"]}
SCOPES = st.sampled_from(["read", "write", "admin", "other"])
PATHS = st.sampled_from(
    ["roles", "realm.roles", "realm.admin", ("realm",), "https://api.example/roles", "level", "sub"]
)
SCALARS = st.sampled_from(["read", "admin", "true", "", True, False, 0, 1, 1.0])
VALUES: Any = st.recursive(
    st.one_of(SCALARS, st.none()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["roles", "admin"]), inner, max_size=2)
    ),
    max_leaves=5,
)
TOKENS = st.fixed_dictionaries(
    {},
    optional={
        "roles": VALUES,
        "realm": VALUES,
        "https://api.example/roles": VALUES,
        "level": VALUES,
        "sub": VALUES,
    },
)
SCOPE_CLAIMS = st.dictionaries(
    st.sampled_from(["scope", "scp"]),
    st.lists(SCOPES, max_size=3).flatmap(lambda words: st.sampled_from([words, " ".join(words)]))
    | VALUES,
    max_size=1,
)


@policy
def is_self(claims: Any, call: Any) -> bool:
    """Read an absent claim, as policies do."""
    return bool(claims["sub"] == "admin")


@policy
def raises(claims: Any, call: Any) -> bool:
    """Refuse by raising, even if the claim is absent."""
    if claims.get("level") != 1:
        raise InvalidTokenError("log in again")
    return True


@policy
def for_one_view(claims: Any, call: Any) -> bool:
    """Need a call."""
    return bool(call.endpoint == claims["sub"])


def rule(claims: Any) -> bool:
    """Refuse as a claim rule."""
    return bool(claims["roles"] == "admin")


LEAVES: st.SearchStrategy[Policy] = st.one_of(
    st.builds(Scope, SCOPES),
    st.builds(Scope, SCOPES, SCOPES),
    st.builds(AnyScope, SCOPES, SCOPES),
    st.builds(lambda role, at: Role(role, at=at), st.sampled_from(["admin", "read"]), PATHS),
    st.builds(ClaimEquals, PATHS, SCALARS),
    st.sampled_from([is_self, raises, for_one_view]),
)


def _combined(inner: st.SearchStrategy[Policy]) -> st.SearchStrategy[Policy]:
    return st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda part: ~part if part.negatable else part, inner),
        st.builds(lambda part: part & rule, inner),
        st.builds(lambda part: rule | part, inner),
    )


POLICIES = st.recursive(LEAVES, _combined, max_leaves=6)


def with_less(value: Any) -> Iterator[Any]:
    """Yield copies of nested objects, each without one of the members."""
    if isinstance(value, dict):
        for name, member in value.items():
            rest = {other: kept for other, kept in value.items() if other != name}
            yield rest
            yield from ({**rest, name: less} for less in with_less(member))


@settings(max_examples=300)
@given(POLICIES, TOKENS, SCOPE_CLAIMS)
def test_a_removed_claim_lets_nobody_in(
    required: Policy, members: dict[str, Any], scopes: dict[str, Any]
) -> None:
    """A token that is refused is still refused without one of its claims, or without a member within one."""
    full = {**members, **scopes}
    if verdict(required, claims_of(full, HIERARCHY)) is not SATISFIED:
        for less in with_less(full):
            assert verdict(required, claims_of(less, HIERARCHY)) is not SATISFIED, less


@given(POLICIES)
def test_an_empty_token_satisfies_nothing(required: Policy) -> None:
    """No policy lets a token in that has no claims at all."""
    assert verdict(required, claims_of({}, HIERARCHY)) is not SATISFIED


@given(POLICIES, TOKENS, SCOPE_CLAIMS)
def test_a_policy_and_its_negation_never_both_accept(
    required: Policy, members: dict[str, Any], scopes: dict[str, Any]
) -> None:
    """A caller satisfies at most one of a policy and its negation; a double negation is the policy itself."""
    if not required.negatable:
        return
    found = claims_of({**members, **scopes}, HIERARCHY)
    satisfied = [each for each in (required, ~required) if verdict(each, found) is SATISFIED]

    assert len(satisfied) <= 1
    assert ~~required == required
    assert verdict(~~required, found) is verdict(required, found)
