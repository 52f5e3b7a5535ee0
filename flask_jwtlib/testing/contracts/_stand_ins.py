"""Strategies that stand in for those beside the checked one."""

from __future__ import annotations

import os
from collections.abc import Sequence

from attrs import field, frozen
from flask import Request

from ...errors import VerificationUnavailable
from ...interfaces import KeyProvider
from ...keys import VerificationKey
from ...values import BearerToken, UnverifiedHeader
from ..issuer import TokenIssuer

__all__ = ["CountedKeys", "FixedToken", "NoKeys", "OtherKeys", "UnavailableKeys"]


class NoKeys:
    """A key provider without keys."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return no keys."""
        return ()


@frozen
class CountedKeys:
    """Another provider's keys. It records the headers that it is called with."""

    keys: KeyProvider
    headers: list[UnverifiedHeader] = field(factory=list[UnverifiedHeader], init=False)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the other provider's keys."""
        self.headers.append(header)
        return self.keys.keys_for(header)


@frozen
class FixedToken:
    """An extractor that finds the same token in every request."""

    token: BearerToken

    def extract(self, request: Request) -> BearerToken | None:
        """Return it."""
        return self.token


class OtherKeys:
    """A new key for each token, for its algorithm."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return a new key."""
        if header.alg.startswith("HS"):
            secret = os.urandom(64)
            return (VerificationKey.from_secret(secret, algorithms=header.alg, kid=header.kid),)
        return (TokenIssuer(algorithm=header.alg, kid=header.kid).verification_key,)


@frozen
class UnavailableKeys:
    """A provider that raises an error."""

    error: VerificationUnavailable

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Raise the error."""
        raise self.error
