"""``ActedBy`` and ``NoDelegation``: who may act for a caller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_jwtlib import ConfigurationError, Scope
from flask_jwtlib.errors import ClaimError, ForbiddenError
from flask_jwtlib.policies import ActedBy, NoDelegation, Policy, Verdict, judge
from tests.core.test_actors import MALFORMED, chain

from .kit import REFUSED, SATISFIED, UNKNOWN, claims_of, verdict

HERE, THERE = "https://issuer.example", "https://other.example"

# For each token: ActedBy("svc"), ActedBy("svc", issuer=THERE), NoDelegation().
TABLE: dict[str, tuple[dict[str, Any], Verdict, Verdict, Verdict]] = {
    "no act": ({"iss": HERE}, UNKNOWN, UNKNOWN, SATISFIED),
    "no claims": ({}, UNKNOWN, UNKNOWN, SATISFIED),
    "may_act": ({"iss": HERE, "may_act": {"sub": "svc"}}, UNKNOWN, UNKNOWN, SATISFIED),
    "the actor": ({"iss": HERE, "act": {"sub": "svc"}}, SATISFIED, REFUSED, REFUSED),
    "the same issuer by name": (
        {"iss": HERE, "act": {"sub": "svc", "iss": HERE}},
        SATISFIED,
        REFUSED,
        REFUSED,
    ),
    "another issuer": (
        {"iss": HERE, "act": {"sub": "svc", "iss": THERE}},
        REFUSED,
        SATISFIED,
        REFUSED,
    ),
    "a token of the other issuer": (
        {"iss": THERE, "act": {"sub": "svc"}},
        SATISFIED,
        SATISFIED,
        REFUSED,
    ),
    "a slash more": (
        {"iss": HERE, "act": {"sub": "svc", "iss": f"{THERE}/"}},
        REFUSED,
        REFUSED,
        REFUSED,
    ),
    "another actor": ({"iss": HERE, "act": {"sub": "other"}}, REFUSED, REFUSED, REFUSED),
    "another case": ({"iss": HERE, "act": {"sub": "SVC"}}, REFUSED, REFUSED, REFUSED),
    "an actor before": (
        {"iss": HERE, "act": {"sub": "other", "act": {"sub": "svc", "iss": THERE}}},
        REFUSED,
        REFUSED,
        REFUSED,
    ),
    "another actor before": (
        {"iss": HERE, "act": {"sub": "svc", "act": {"sub": "other"}}},
        SATISFIED,
        REFUSED,
        REFUSED,
    ),
    "no issuer": ({"act": {"sub": "svc"}}, SATISFIED, UNKNOWN, REFUSED),
    "only the actor's issuer": ({"act": {"sub": "svc", "iss": THERE}}, UNKNOWN, SATISFIED, REFUSED),
    "the issuer is a number": ({"iss": 1, "act": {"sub": "svc"}}, UNKNOWN, UNKNOWN, REFUSED),
    "the subject is no actor": ({"iss": HERE, "sub": "svc"}, UNKNOWN, UNKNOWN, SATISFIED),
    **{
        name: ({"iss": HERE, "act": act}, UNKNOWN, UNKNOWN, UNKNOWN)
        for name, act in MALFORMED.items()
    },
}
NEGATION = {SATISFIED: REFUSED, REFUSED: SATISFIED, UNKNOWN: UNKNOWN}


@pytest.mark.parametrize(("members", "by", "by_other", "nobody"), TABLE.values(), ids=TABLE)
def test_the_verdict_about_an_actor(
    members: dict[str, Any], by: Verdict, by_other: Verdict, nobody: Verdict
) -> None:
    """Only the current actor counts, with its issuer. What is absent or malformed satisfies no negation."""
    found = claims_of(members)
    expected = {ActedBy("svc"): by, ActedBy("svc", issuer=THERE): by_other, NoDelegation(): nobody}

    for policy, each in expected.items():
        assert verdict(policy, found) is each, policy
        assert verdict(~policy, found) is NEGATION[each], ~policy


def test_a_route_for_callers_and_one_service() -> None:
    """``|`` with ``NoDelegation`` lets callers in themselves, or through one service."""
    both = NoDelegation() | ActedBy("svc")
    others = NoDelegation() | ~ActedBy("svc")
    own, through, other = ({}, {"act": {"sub": "svc"}}, {"act": {"sub": "other"}})

    assert [verdict(both, claims_of(each)) for each in (own, through, other)] == [
        SATISFIED,
        SATISFIED,
        REFUSED,
    ]
    assert [verdict(others, claims_of(each)) for each in (own, through, other)] == [
        SATISFIED,
        REFUSED,
        SATISFIED,
    ]


@pytest.mark.parametrize("policy", [ActedBy("svc"), NoDelegation()], ids=str)
def test_a_refusal_has_no_challenge(policy: Policy) -> None:
    """No scope would cure it: it is a 403 that says in the log what was required."""
    found = claims_of({"act": {"sub": "other"}})
    refusal = judge(policy & Scope("a"), found).refusals[0]

    assert type(refusal) is ForbiddenError
    assert refusal.log_message == f"required: {policy}"
    assert policy.scopes == ()


@pytest.mark.parametrize("policy", [ActedBy("svc"), NoDelegation()], ids=str)
def test_claims_that_nothing_checked(policy: Policy) -> None:
    """For claims from elsewhere, the refusal says that ``act`` is malformed."""
    (refusal,) = judge(policy, claims_of({"act": "svc"})).refusals

    assert type(refusal) is ClaimError


@pytest.mark.parametrize("given_name", ["", None, 1, ["svc"], {"sub": "svc"}], ids=repr)
def test_an_actor_is_named_by_strings(given_name: Any) -> None:
    """A wrong subject or issuer is an error when the policy is made."""
    with pytest.raises(ConfigurationError, match="ActedBy takes non-empty strings"):
        ActedBy(given_name)
    if given_name is not None:
        with pytest.raises(ConfigurationError, match="ActedBy takes non-empty strings"):
            ActedBy("svc", issuer=given_name)


NAMES = st.sampled_from(["svc", "other", "", 1, None])
ISSUERS = st.sampled_from([HERE, THERE, "", None])
ACTS: Any = st.recursive(
    st.sampled_from([None, "svc", {}, []]),
    lambda inner: st.fixed_dictionaries({}, optional={"sub": NAMES, "iss": ISSUERS, "act": inner}),
    max_leaves=4,
)
TOKENS = st.fixed_dictionaries({}, optional={"iss": ISSUERS, "sub": NAMES, "act": ACTS})
LEAVES: st.SearchStrategy[Policy] = st.sampled_from(
    [ActedBy("svc"), ActedBy("svc", issuer=HERE), ActedBy("svc", issuer=THERE), ActedBy("other")]
)
POLICIES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda one, other: one & other, inner, inner),
        st.builds(lambda one, other: one | other, inner, inner),
        st.builds(lambda part: ~part, inner),
    ),
    max_leaves=4,
)


def less_of_act(act: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield copies of ``act`` without its ``sub``, and with less of the actors before.

    Without its ``iss``, an actor is another party: one of the token's issuer.
    """
    yield {name: kept for name, kept in act.items() if name != "sub"}
    if isinstance(act.get("act"), dict) and act["act"]:
        yield from ({**act, "act": less} for less in less_of_act(act["act"]))


@given(POLICIES, TOKENS)
def test_a_removed_claim_lets_nobody_in(required: Policy, members: dict[str, Any]) -> None:
    """A token that ``ActedBy``, or a combination of it, refuses is refused without one of its claims, too."""
    if verdict(required, claims_of(members)) is SATISFIED:
        return
    for name in members:
        less = {other: kept for other, kept in members.items() if other != name}
        assert verdict(required, claims_of(less)) is not SATISFIED, less
    if isinstance(members.get("act"), dict):
        for act in less_of_act(members["act"]):
            assert verdict(required, claims_of({**members, "act": act})) is not SATISFIED, act


@given(POLICIES)
def test_a_token_without_an_actor_satisfies_only_no_delegation(required: Policy) -> None:
    """No combination of ``ActedBy`` accepts a caller's own token."""
    assert verdict(required, claims_of({"iss": HERE, "sub": "svc"})) is UNKNOWN


@pytest.mark.parametrize("length", [1, 3, 8])
def test_the_history_decides_nothing(length: int) -> None:
    """However many actors there were before, the verdict is about the current one."""
    found = claims_of({"iss": HERE, "act": chain(length)})

    assert verdict(ActedBy("actor-1"), found) is SATISFIED
    assert all(
        verdict(ActedBy(f"actor-{number}"), found) is REFUSED for number in range(2, length + 1)
    )
