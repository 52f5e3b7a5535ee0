"""Claims for the tests of claim rules."""

from __future__ import annotations

from typing import Any

from flask_jwtlib import AuthenticationError, Claims
from flask_jwtlib.claim_rules import ClaimRule, apply_rules

NOW = 1_700_000_000


def claims(header: dict[str, Any] | None = None, /, **members: Any) -> Claims:
    """Make claims whose time of the check is NOW."""
    return Claims(members, checked_at=NOW, header=header or {})


def accepts(rule: ClaimRule, found: Claims) -> bool:
    """Return whether a rule accepts claims; it must refuse by an AuthenticationError."""
    try:
        apply_rules(found, [rule])
    except AuthenticationError:
        return False
    return True
