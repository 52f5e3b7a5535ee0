"""Strict parsing of a JWS in compact form (RFC 7515 §5.2), before anything in it is trusted.

Of all the spellings that a lenient decoder accepts for one token, exactly one is accepted here: no padding,
no white space, no characters outside the alphabet, no stray bits at a segment's end, no duplicate members.
Any other text raises ``MalformedTokenError``.
"""

from __future__ import annotations

from ._compact import DEFAULT_MAX_SIZE, CompactJWS
from ._strict_json import MAX_JSON_DEPTH, read_json_object

__all__ = ["DEFAULT_MAX_SIZE", "MAX_JSON_DEPTH", "CompactJWS", "read_json_object"]
