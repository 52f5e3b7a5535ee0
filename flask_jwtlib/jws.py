"""Strict reading of a JWS in compact form (RFC 7515 §5.2), before anything in it is believed.

Whatever text comes in, what was read of it or a ``MalformedTokenError`` comes out. Of all the texts
that a lenient decoder takes for one token, exactly one is accepted here: no padding, no white space,
no foreign character, no stray bits at a segment's end, no duplicate member.
"""

from __future__ import annotations

import json
import math
import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from types import MappingProxyType
from typing import Any, NoReturn

from .errors import MalformedTokenError
from .values import BearerToken, UnverifiedHeader

__all__ = ["DEFAULT_MAX_SIZE", "MAX_JSON_DEPTH", "CompactJWS", "read_json_object"]

DEFAULT_MAX_SIZE = 8192
"""Longest accepted token, in characters: what common servers accept as one header line."""

MAX_JSON_DEPTH = 32
"""Levels of objects and arrays that a header or a claims set may have."""

_BASE64URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# To base64's own alphabet (RFC 4648 §4, §5). Any other character becomes one that the decoder drops, and
# that is then missing from the length of what it answers.
_DROPPED = b"!"
_TO_BASE64 = bytes.maketrans(
    _BASE64URL + bytes(set(range(256)).difference(_BASE64URL)),
    _BASE64URL[:-2] + b"+/" + _DROPPED * (256 - len(_BASE64URL)),
)
# A segment's last character may carry only as many bits as are left of its last byte (RFC 4648
# §3.5).
_CANONICAL_TAILS = {2: b"AQgw", 3: b"AEIMQUYcgkosw048"}
_MARKS = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)


class CompactJWS:
    """A signed compact JWS whose signature nobody has checked yet.

    What can tell a token that is not for us, its size, parts and header, is read when it is made; the
    payload and the signature are decoded when they are asked for.

    Args:
        text: The token as sent.
        max_size: Longest accepted token, in characters.

    Attributes:
        header: The parsed header.
        signing_input: The bytes that the signature is made over.

    Raises:
        MalformedTokenError: It is anything else.
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
        # What is not ASCII becomes a question mark, which is no character of base64url either.
        self.signing_input, _, self._signature = text.encode("ascii", "replace").rpartition(b".")
        if not self._signature:
            raise MalformedTokenError("the token has no signature")
        header, _, self._payload = self.signing_input.partition(b".")
        self.header = _kept_headers.get(header) or _header(header)
        self._claims: dict[str, Any] | None = None

    @property
    def payload(self) -> bytes:
        """The decoded bytes between the dots.

        Raises:
            MalformedTokenError: They are not canonical base64url.
        """
        return _decode(self._payload, "payload")

    @property
    def signature(self) -> bytes:
        """The decoded signature.

        Raises:
            MalformedTokenError: It is not canonical base64url.
        """
        return _decode(self._signature, "signature")

    @classmethod
    def of(cls, token: BearerToken, max_size: int = DEFAULT_MAX_SIZE) -> CompactJWS:
        """Read a token, or answer what was read of it before: several strategies may look at one token.

        Raises:
            MalformedTokenError: It is no such text.
        """
        jws: CompactJWS | None = token.parsed
        if jws is None or len(token.value) > max_size:
            jws = cls(token.value, max_size)
            jws.keep_with(token)
        return jws

    def keep_with(self, token: BearerToken) -> None:
        """Let ``of`` answer this for a token, whose text it was read from."""
        object.__setattr__(token, "parsed", self)

    def unverified(self, claim: str) -> str | None:
        """A claim that is a string, None if it is anything else or absent, before its signature is checked.

        Use it to choose among what is configured, as an issuer's keys and rules by ``iss``, and
        verify the token by what was chosen.

        Raises:
            MalformedTokenError: The payload is no claims set.
        """
        if self._claims is None:
            self._claims = read_json_object(self.payload, "claims set")
        value = self._claims.get(claim)
        return value if isinstance(value, str) else None

    def claims(self) -> dict[str, Any]:
        """The payload as a JWT claims set (RFC 7519 §7.2), a new ``dict`` at each call.

        Raises:
            MalformedTokenError: It is not one strict JSON object.
        """
        claims = self._claims
        if claims is None:
            return read_json_object(self.payload, "claims set")
        self._claims = None
        return claims


def read_json_object(data: bytes, what: str) -> dict[str, Any]:
    """Parse a JSON object strictly: UTF-8, no duplicate members, finite numbers, bounded depth.

    Args:
        data: The JSON text.
        what: What it is, for the error's text.

    Raises:
        MalformedTokenError: It is not one strict JSON object.
    """
    if data.count(b"{") + data.count(b"[") > MAX_JSON_DEPTH and _depth(data) > MAX_JSON_DEPTH:
        raise MalformedTokenError(f"the {what} is nested more than {MAX_JSON_DEPTH} levels deep")
    try:
        text = data.decode("utf-8").strip(" \t\n\r")
        value, end = _STRICT_JSON.raw_decode(text)
        if b"\\u" in data:
            # An escape can spell half of a surrogate pair, which is no character (RFC 7493 §2.1).
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except ValueError as error:
        fault = f"not strict JSON ({type(error).__name__})"
    else:
        if text[0] == "{" and end == len(text):
            members: dict[str, Any] = value
            return members
        fault = "not one JSON object"
    # Raised here, it does not carry the decoder's error, which quotes what was read.
    raise MalformedTokenError(f"the {what} is {fault}")


def _decode(segment: bytes, what: str) -> bytes:
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


# The tokens of one key have one header, so the latest ones are kept: small ones, whose values can't be
# altered, and only so many, since senders can invent headers without end.
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
    parameters = read_json_object(_decode(segment, "header"), "header")
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


# RFC 7515 §4.1.11: what crit names must be understood, and nothing is. The others change what is
# signed or how it is read (RFC 7797; RFC 8725 §3.6; RFC 7516).
_UNSUPPORTED = frozenset({"b64", "crit", "enc", "zip"})


def _depth(data: bytes) -> int:
    depth = deepest = 0
    in_string = False
    for match in _MARKS.finditer(data):
        mark = match[0]
        if mark == b'"':
            in_string = not in_string
        elif in_string:
            continue
        elif mark in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in b"]}":
            depth -= 1
    return deepest


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(members)
    if len(unique) != len(members):
        raise ValueError("duplicate member")
    return unique


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_STRICT_JSON = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
)
