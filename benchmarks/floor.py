"""The least that a request can cost: each check written out by hand, and nothing else.

It verifies what the other contenders verify, through a prepared key, and has none of a framework's
duties. It reads one header, trusts ``json`` and ``base64`` where they are lenient, tells nobody why
it refuses, and knows one algorithm, one issuer and one audience.
"""

from __future__ import annotations

import time
from binascii import a2b_base64
from collections.abc import Callable
from functools import wraps
from json import loads
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from flask import Response, g, request

from .scenarios import Service

__all__ = ["hand_written"]

_TO_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")


def hand_written(service: Service) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make the decorator."""
    algorithm, issuer, audience = service.algorithm, service.issuer, service.audience
    keys = {service.kid: _signature_check(service)}

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            credentials = request.environ.get("HTTP_AUTHORIZATION")
            if credentials is None:
                return _refusal()
            try:
                scheme, token = credentials.split(" ")
                signing_input, signature = token.encode().rsplit(b".", 1)
                encoded_header, encoded_claims = signing_input.split(b".")
                header = loads(_decode(encoded_header))
                if scheme.lower() != "bearer" or header["alg"] != algorithm:
                    return _refusal()
                check_signature = keys[header["kid"]]
                check_signature(_decode(signature), signing_input)
                claims = loads(_decode(encoded_claims))
                now = time.time()
                if claims["exp"] <= now or claims["nbf"] > now or claims["iss"] != issuer:
                    return _refusal()
                theirs = claims["aud"]
                if theirs != audience and not (type(theirs) is list and audience in theirs):
                    return _refusal()
            except (InvalidSignature, KeyError, TypeError, ValueError):
                return _refusal()
            target = g._get_current_object()
            target.raw_token = token
            target.json_token = claims
            target.authenticated = True
            return view(*args, **kwargs)

        return guarded

    return decorator


def _refusal() -> Response:
    response = Response(status=401)
    # Given to the constructor, it would cost a microsecond more.
    response.headers.add("WWW-Authenticate", "Bearer")
    return response


def _decode(segment: bytes) -> bytes:
    return a2b_base64(segment.translate(_TO_STANDARD_ALPHABET) + b"==")


def _signature_check(service: Service) -> Callable[[bytes, bytes], object]:
    """Prepare ``(signature, signing_input)``, which raises where they don't belong together."""
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
