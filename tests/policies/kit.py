"""Claims and policies for the tests of policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from flask_jwtlib import Claims
from flask_jwtlib.policies import Call, Policy, Verdict, closed_hierarchy, judge

SATISFIED, REFUSED, UNKNOWN = Verdict.SATISFIED, Verdict.REFUSED, Verdict.UNKNOWN


@frozen
class Fixed(Policy):
    """A policy with a fixed verdict."""

    fixed: Verdict

    def verdict(self, claims: Claims, call: Call) -> Verdict:
        return self.fixed


def claims_of(members: Mapping[str, Any], hierarchy: Mapping[str, Any] | None = None) -> Claims:
    """Make verified claims, whose scopes imply others by a hierarchy."""
    made = Claims(members, checked_at=1000)
    return made if hierarchy is None else made.implying(closed_hierarchy(hierarchy))


def claims(**members: Any) -> Claims:
    """Make verified claims."""
    return claims_of(members)


def verdict(policy: Policy, found: Claims, call: Call | None = None) -> Verdict:
    """Return a policy's verdict about claims."""
    return (judge(policy, found) if call is None else judge(policy, found, call)).verdict
