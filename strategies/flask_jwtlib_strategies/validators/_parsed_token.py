"""An accepted token that is already decoded and parsed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, cast

from flask_jwtlib.errors import MalformedTokenError
from flask_jwtlib.jws import CompactJWS

from ._recorded_keys import VerifiedSignature

__all__ = ["ParsedToken"]


class ParsedToken(CompactJWS):
    """A token that requests share, so that it is decoded and parsed once.

    Args:
        text: The token.
        verified: The signature that was verified when the token was accepted.

    Raises:
        MalformedTokenError: The verified signature isn't the token's, its payload isn't a claims set, or
            its header has values that a request could alter for others.
    """

    __slots__ = ("_decoded", "_is_flat", "_known", "_text")

    def __init__(self, text: str, verified: VerifiedSignature) -> None:
        super().__init__(text, len(text))
        if _has_parts(self.header.parameters):
            raise MalformedTokenError("the header has values that could be altered for others")
        _, signing_input, signature = verified
        if (signing_input, signature) != (self.signing_input, super().signature):
            raise MalformedTokenError("the verified signature is not this token's")
        self._decoded = signature
        # Raises for a payload that isn't UTF-8, too.
        self._known = super().claims()
        self._text = self.payload.decode()
        self._is_flat = not _has_parts(self._known)

    @property
    def signature(self) -> bytes:
        return self._decoded

    def unverified(self, claim: str) -> str | None:
        value = self._known.get(claim)
        return value if isinstance(value, str) else None

    def claims(self) -> dict[str, Any]:
        # No request shares its claims with another, nested objects included.
        return (
            dict(self._known) if self._is_flat else cast("dict[str, Any]", json.loads(self._text))
        )

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds until ``exp``: infinity without one, None if it is past or isn't a number."""
        expiry = self._known.get("exp", float("inf"))
        if isinstance(expiry, bool) or not isinstance(expiry, int | float) or not expiry > now:
            return None
        try:
            return expiry - now
        except OverflowError:
            # JSON has integers that are too large for a float.
            return math.inf


def _has_parts(members: Mapping[str, Any]) -> bool:
    """Return whether some values are objects or arrays, which can be altered."""
    return any(isinstance(value, dict | list) for value in members.values())
