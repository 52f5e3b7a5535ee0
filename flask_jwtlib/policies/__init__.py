"""Policies: what a route requires of an authenticated caller.

A policy is used wherever a claim rule is: ``requires_authentication(rules=[Scope("read")])``. Unlike a rule,
it can be combined by ``&``, ``|`` and ``~``, sees which view is called, and describes itself for challenges
and the audit. A refusal by a policy is a 403 on every route.

A policy of your own is a function with the decorator ``policy``, or a subclass of ``Policy``.
"""

from __future__ import annotations

from ._claims import ClaimAbsent, ClaimEquals, Role
from ._combining import policy, split_rules
from ._delegation import ActedBy, NoDelegation
from ._hierarchy import closed_hierarchy
from ._judging import judge, principal_of, refusal_by
from ._policy import NO_CALL, Call, Judgement, Policy, Verdict
from ._scopes import AnyScope, Scope

__all__ = [
    "NO_CALL",
    "ActedBy",
    "AnyScope",
    "Call",
    "ClaimAbsent",
    "ClaimEquals",
    "Judgement",
    "NoDelegation",
    "Policy",
    "Role",
    "Scope",
    "Verdict",
    "closed_hierarchy",
    "judge",
    "policy",
    "principal_of",
    "refusal_by",
    "split_rules",
]
