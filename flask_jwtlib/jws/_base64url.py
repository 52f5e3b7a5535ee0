"""Strict base64url: of all spellings of the same bytes, only the canonical one is accepted."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64

from ..errors import MalformedTokenError

__all__ = ["decode_base64url"]

_BASE64URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# Translates to base64's own alphabet (RFC 4648 §4, §5). Any other character becomes one that the decoder
# skips, so the decoded bytes are fewer than they should be.
_SKIPPED = b"!"
_TO_BASE64 = bytes.maketrans(
    _BASE64URL + bytes(set(range(256)).difference(_BASE64URL)),
    _BASE64URL[:-2] + b"+/" + _SKIPPED * (256 - len(_BASE64URL)),
)
# A segment's last character may carry only the bits that its last byte still needs (RFC 4648 §3.5).
_CANONICAL_TAILS = {2: b"AQgw", 3: b"AEIMQUYcgkosw048"}


def decode_base64url(segment: bytes, what: str) -> bytes:
    """Decode one segment of a token.

    Args:
        segment: The segment.
        what: Its name in the error message, such as ``"header"``.

    Raises:
        MalformedTokenError: It is not canonical base64url without padding.
    """
    data = segment.translate(_TO_BASE64)
    size = len(segment)
    remainder = size % 4
    if remainder:
        tail = _CANONICAL_TAILS.get(remainder, b"")
        if segment[-1] not in tail:
            raise _not_canonical(what)
        data += b"=="[remainder - 2 :]
    try:
        decoded = a2b_base64(data)
    except Base64Error:
        decoded = b""
    if len(decoded) != size * 3 // 4:
        raise _not_canonical(what)
    return decoded


def _not_canonical(what: str) -> MalformedTokenError:
    return MalformedTokenError(f"the token's {what} is not canonical base64url")
