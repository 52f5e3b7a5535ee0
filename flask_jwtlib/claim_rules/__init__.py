"""Rules about the claims of a token: each accepts the claims, or raises the error that refuses them.

A rule of your own is a function that takes ``Claims`` and returns True or None to accept, False to refuse.
It may also raise ``ClaimError`` or another ``AuthenticationError``, which says why.
"""

from __future__ import annotations

from ._claims import Audience, ClaimTypes, Client, Issuer, RequiredClaims, Scope, Subject
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
    "Scope",
    "Subject",
    "TokenType",
    "TokenUse",
    "apply_rules",
    "as_rules",
]
