"""The compact form of a JWS: header, payload and signature, in text with two dots."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from ..errors import MalformedTokenError
from ..values import BearerToken, UnverifiedHeader
from ._base64url import decode_base64url
from ._strict_json import read_json_object

__all__ = ["DEFAULT_MAX_SIZE", "CompactJWS"]

DEFAULT_MAX_SIZE = 8192
"""Longest accepted token, in characters. Common servers accept a header line of this length."""


class CompactJWS:
    """A parsed token whose signature hasn't been checked yet.

    Use it in a validator of your own. Parsing is lazy: the constructor reads the size, the parts and the
    header; the payload and the signature are decoded on first use.

    Args:
        text: The token as sent.
        max_size: Longest accepted token, in characters.

    Attributes:
        header: The parsed header.
        signing_input: The bytes that were signed.

    Raises:
        MalformedTokenError: The text is not a signed JWS in compact form.
    """

    __slots__ = ("_claims", "_payload", "_signature", "header", "signing_input")

    def __init__(self, text: str, max_size: int = DEFAULT_MAX_SIZE) -> None:
        if len(text) > max_size:
            raise MalformedTokenError(
                f"the token is too large: it has {len(text)} characters, and max_size is {max_size}",
                description="The access token is too large",
            )
        dots = text.count(".")
        if dots != 2:
            raise MalformedTokenError(
                "the token is encrypted (five parts, RFC 7516), which is not accepted"
                if dots == 4
                else f"the token has {dots + 1} parts, a signed JWT has three"
            )
        # A character outside ASCII becomes a question mark, which isn't a base64url character either.
        self.signing_input, _, self._signature = text.encode("ascii", "replace").rpartition(b".")
        if not self._signature:
            raise MalformedTokenError("the token has no signature")
        header, _, self._payload = self.signing_input.partition(b".")
        self.header = _kept_headers.get(header) or _header(header)
        self._claims: dict[str, Any] | None = None

    @property
    def payload(self) -> bytes:
        """The decoded payload.

        Raises:
            MalformedTokenError: It is not canonical base64url.
        """
        return decode_base64url(self._payload, "payload")

    @property
    def signature(self) -> bytes:
        """The decoded signature.

        Raises:
            MalformedTokenError: It is not canonical base64url.
        """
        return decode_base64url(self._signature, "signature")

    @classmethod
    def of(cls, token: BearerToken, max_size: int = DEFAULT_MAX_SIZE) -> CompactJWS:
        """Parse a token, or return the result of an earlier call: several strategies may parse one token.

        Raises:
            MalformedTokenError: The token is not a signed JWS in compact form.
        """
        jws: CompactJWS | None = token.parsed
        if jws is None or len(token.value) > max_size:
            jws = cls(token.value, max_size)
            jws.keep_with(token)
        return jws

    def keep_with(self, token: BearerToken) -> None:
        """Make ``of`` return this object for a token, from whose text it was parsed."""
        object.__setattr__(token, "parsed", self)

    def unverified(self, claim: str) -> str | None:
        """Return a string claim before the signature is checked; None if it is absent or not a string.

        Use it only to choose among configured alternatives, such as an issuer's keys and rules by ``iss``.
        Then verify the token by them.

        Raises:
            MalformedTokenError: The payload is not one strict JSON object.
        """
        if self._claims is None:
            self._claims = read_json_object(self.payload, "claims set")
        value = self._claims.get(claim)
        return value if isinstance(value, str) else None

    def claims(self) -> dict[str, Any]:
        """Return the payload as a JWT claims set (RFC 7519 §7.2), a new ``dict`` at each call.

        Raises:
            MalformedTokenError: The payload is not one strict JSON object.
        """
        claims = self._claims
        if claims is None:
            return read_json_object(self.payload, "claims set")
        self._claims = None
        return claims


# Tokens of one key have the same header, so parsed headers are kept. Only small headers with immutable
# values are kept, and only so many, since a client can send any number of different ones.
_MAX_KEPT_HEADERS = 512
_MAX_KEPT_LENGTH = 512
_kept_headers: dict[bytes, UnverifiedHeader] = {}


def _header(segment: bytes) -> UnverifiedHeader:
    header = _read_header(segment)
    if len(segment) <= _MAX_KEPT_LENGTH and not any(
        isinstance(value, dict | list) for value in header.parameters.values()
    ):
        if len(_kept_headers) >= _MAX_KEPT_HEADERS:
            _kept_headers.clear()
        _kept_headers[segment] = header
    return header


def _read_header(segment: bytes) -> UnverifiedHeader:
    parameters = read_json_object(decode_base64url(segment, "header"), "header")
    alg = parameters.get("alg")
    kid = parameters.get("kid")
    typ = parameters.get("typ")
    if type(alg) is not str:
        raise MalformedTokenError("the header's alg is not a string")
    if type(kid) is not str and "kid" in parameters:
        raise MalformedTokenError("the header's kid is not a string")
    if type(typ) is not str and "typ" in parameters:
        raise MalformedTokenError("the header's typ is not a string")
    if not _UNSUPPORTED.isdisjoint(parameters):
        raise MalformedTokenError(
            "the header has a parameter that is not supported: crit, b64, zip or enc"
        )
    return UnverifiedHeader(alg, kid, typ, parameters=MappingProxyType(parameters))


# RFC 7515 §4.1.11: every extension that crit names must be understood, and none is here. The others change
# what is signed or how it is read (RFC 7797; RFC 8725 §3.6; RFC 7516).
_UNSUPPORTED = frozenset({"b64", "crit", "enc", "zip"})
