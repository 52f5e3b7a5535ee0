"""Rules about the claims of a token. A rule accepts the claims, or raises the error that refuses the token.

A rule of your own is a function that takes ``Claims`` and returns True or None to accept the token, False to
refuse it. To say why, raise ``ClaimError`` or another ``AuthenticationError`` instead.
"""

from __future__ import annotations

from ._claim_types import ClaimTypes
from ._parties import Audience, Client, Issuer, Subject
from ._required_claims import RequiredClaims
from ._rules import ClaimRule, apply_rules, as_rules
from ._times import Expiry, IssuedAt, MaxLifetime, NotBefore
from ._token_kinds import AccessToken, TokenType, TokenUse

__all__ = [
    "AccessToken",
    "Audience",
    "ClaimRule",
    "ClaimTypes",
    "Client",
    "Expiry",
    "IssuedAt",
    "Issuer",
    "MaxLifetime",
    "NotBefore",
    "RequiredClaims",
    "Subject",
    "TokenType",
    "TokenUse",
    "apply_rules",
    "as_rules",
]
