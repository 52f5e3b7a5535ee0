"""Which sets of scopes policies name for documentation."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from flask_jwtlib.policies import AnyScope, Policy, Role, Scope

from .kit import SATISFIED, claims, verdict

A, B, C, EDITOR = Scope("a"), Scope("b"), Scope("c"), Role("editor")


@frozen
class Own(Policy):
    """A policy of an application that names scopes."""

    @property
    def scopes(self) -> tuple[str, ...]:
        return ("own",)


ALTERNATIVES: dict[str, tuple[Policy, list[str]]] = {
    "a scope": (A, ["a"]),
    "several scopes": (Scope("a", "b"), ["a b"]),
    "another name": (Scope("a", advertise="api://a"), ["api://a"]),
    "any scope": (AnyScope("a b", "a"), ["a", "b"]),
    "any scope by another name": (AnyScope("a", "b", advertise="api://ab"), ["api://ab"]),
    "no scope": (EDITOR, [""]),
    "a policy of an application": (Own(), ["own"]),
    "and": (A & B, ["a b"]),
    "and, with a scope twice": (A & Scope("b", "a"), ["a b"]),
    "and, with a role": (A & EDITOR, ["a"]),
    "or": (A | B, ["a", "b"]),
    "or, with the same scopes": (A | (A & EDITOR), ["a"]),
    "or, with the same scopes in another order": (Scope("a", "b") | (B & A), ["a b"]),
    "or, with a role": (A | EDITOR, ["a", ""]),
    "or, with a role first": (EDITOR | A, ["", "a"]),
    "and of or": ((A | B) & C, ["a c", "b c"]),
    "and of several or": ((A | B) & (C | EDITOR), ["a c", "a", "b c", "b"]),
    "or of and": ((A & B) | C, ["a b", "c"]),
    "not": (~A, [""]),
    "not, in or": (A | ~B, ["a", ""]),
    "not not": (~~A, ["a"]),
}


@pytest.mark.parametrize(("policy", "expected"), ALTERNATIVES.values(), ids=ALTERNATIVES)
def test_each_alternative_is_named(policy: Policy, expected: list[str]) -> None:
    """``scope_alternatives`` has each set of scopes that may satisfy a policy, once, in order."""
    assert [" ".join(scopes) for scopes in policy.scope_alternatives] == expected
    assert policy.scope_alternatives[0] == policy.scopes


def test_too_many_alternatives_become_one() -> None:
    """A combination with more alternatives than a reader can use names ``scopes`` only."""
    policy = A | B
    for number in range(40):
        policy = policy & (Scope(f"{number}") | Scope(f"or-{number}"))
    assert policy.scope_alternatives == (policy.scopes,)


NAMES = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3)
LEAVES = NAMES.map(lambda names: Scope(*names)) | NAMES.map(lambda names: AnyScope(*names))


def combined(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Combine policies."""
    return st.builds(
        reduce,
        st.sampled_from([and_, or_]),
        st.lists(parts, min_size=2, max_size=3),
    )


@given(
    policy=st.recursive(LEAVES, combined, max_leaves=6), granted=st.sets(st.sampled_from("abcd"))
)
def test_they_are_what_is_enforced(policy: Policy, granted: set[str]) -> None:
    """A token satisfies policies about scopes if, and only if, it has those of an alternative."""
    alternatives = policy.scope_alternatives
    documented = any(granted.issuperset(scopes) for scopes in alternatives)
    assert (verdict(policy, claims(scope=" ".join(sorted(granted)))) is SATISFIED) is documented
    assert alternatives[0] == policy.scopes
