"""Credentials and permissions checked by hand: what each strategy checks, and nothing else.

Each function makes a decorator. As at the floor, a refusal has no reason, and neither ``Vary`` nor
``Cache-Control`` is added.
"""

from __future__ import annotations

import hmac
import json
import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import wraps
from hashlib import sha256
from typing import Any
from zlib import crc32

from flask import Response, g, request, session

from flask_jwtlib_strategies.validators.api_keys import APIKeyRecord

from ..floor import BEARER, MAX_SIZE, refusal, token_check
from ..scenarios import Service

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
Environ = dict[str, Any]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_TRUSTED_SITES = frozenset({"same-origin", "none"})
_SITE = re.compile("[a-z-]+")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TWO_DIGITS = [first + second for first in _DIGITS for second in _DIGITS]


def _decorator(caller: Callable[[], tuple[str, Any] | Response]) -> Decorator:
    """Make a decorator, given a function that returns the credential and the claims, or a refusal."""

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            found = caller()
            if type(found) is not tuple:
                return found
            target = g._get_current_object()
            target.raw_token, target.json_token = found
            target.authenticated = True
            return view(*args, **kwargs)

        return guarded

    return decorator


def cookie_by_hand(service: Service, name: str, origins: frozenset[str]) -> Decorator:
    """Accept the token in a cookie."""
    check_token = token_check(service)

    def caller() -> tuple[str, Any] | Response:
        environ = request.environ
        values = _cookie_values(environ, name)
        if len(values) > 1:
            return refusal(400)
        if not values or not 0 < len(values[0]) <= MAX_SIZE:
            return refusal()
        if not _is_safe(environ) and _is_cross_site(environ, origins):
            return refusal(403)
        claims = check_token(values[0])
        return refusal() if claims is None else (values[0], claims)

    return _decorator(caller)


def session_by_hand(service: Service, cookie: str, origins: frozenset[str]) -> Decorator:
    """Accept the token in the session whose ID is in a cookie."""
    check_token = token_check(service)

    def caller() -> tuple[str, Any] | Response:
        environ = request.environ
        token = session.get("access_token")
        if type(token) is not str or not 0 < len(token) <= MAX_SIZE:
            return refusal()
        if len(_cookie_values(environ, cookie)) > 1:
            return refusal(400)
        if not _is_safe(environ) and _is_cross_site(environ, origins):
            return refusal(403)
        claims = check_token(token)
        return refusal() if claims is None else (token, claims)

    return _decorator(caller)


def double_submit_by_hand(
    service: Service, name: str, origins: frozenset[str], signing_key: bytes, max_age: int
) -> Decorator:
    """Accept the token in a cookie, and demand a signed double-submit token that is made for its user.

    Args:
        service: The configuration.
        name: The cookie's name.
        origins: Other origins that may send requests.
        signing_key: The key that itsdangerous derives.
        max_age: How long a double-submit token is valid, in seconds.
    """
    check_token = token_check(service)

    is_forged = _forgery_check(signing_key, max_age)

    def caller() -> tuple[str, Any] | Response:
        environ = request.environ
        values = _cookie_values(environ, name)
        if len(values) > 1:
            return refusal(400)
        if not values or not 0 < len(values[0]) <= MAX_SIZE:
            return refusal()
        is_safe = _is_safe(environ)
        if not is_safe and _is_cross_site(environ, origins):
            return refusal(403)
        claims = check_token(values[0])
        if claims is None:
            return refusal()
        if not is_safe and is_forged(environ.get("HTTP_X_CSRF_TOKEN"), claims):
            return refusal(403)
        return values[0], claims

    return _decorator(caller)


def api_key_by_hand(records: Mapping[str, APIKeyRecord], prefix: str) -> Decorator:
    """Accept an API key whose digest is on record."""
    start, length = f"{prefix}_", len(prefix) + 37

    def caller() -> tuple[str, Any] | Response:
        key = request.environ.get("HTTP_X_API_KEY")
        if key is None or len(key) != length or not key.startswith(start):
            return refusal()
        drawn = key[len(start) : -6]
        if not (drawn.isascii() and drawn.isalnum()) or key[-6:] != _checksum(key[:-6]):
            return refusal()
        digest = sha256(key.encode()).hexdigest()
        record = records.get(digest)
        if record is None or not hmac.compare_digest(record.digest, digest) or record.revoked:
            return refusal()
        claims = {"iss": "api-keys", "sub": record.subject, "scope": " ".join(record.scopes)}
        expiry = record.expires_at
        if expiry is not None:
            if expiry <= time.time():
                return refusal()
            claims["exp"] = expiry
        return key, claims

    return _decorator(caller)


def policy_by_hand(service: Service, needed: str, one_of: frozenset[str], role: str) -> Decorator:
    """Accept a bearer token with a scope, and with one of several other scopes or a role."""
    check_token = token_check(service)

    def caller() -> tuple[str, Any] | Response:
        bearer = BEARER.fullmatch(request.environ.get("HTTP_AUTHORIZATION", ""))
        if bearer is None or len(bearer[0]) > MAX_SIZE:
            return refusal()
        claims = check_token(bearer[1])
        if claims is None:
            return refusal()
        scope, roles = claims.get("scope"), claims.get("roles")
        scopes = scope.split(" ") if type(scope) is str else ()
        if needed not in scopes or (
            one_of.isdisjoint(scopes) and not (type(roles) is list and role in roles)
        ):
            return refusal(403)
        return bearer[1], claims

    return _decorator(caller)


def _cookie_values(environ: Environ, name: str) -> list[str]:
    """Return the values of all cookies of a name: a sibling domain may have planted the second one."""
    pairs = [pair.partition("=") for pair in environ.get("HTTP_COOKIE", "").split(";")]
    return [value.strip(" \t") for own, found, value in pairs if found and own.strip(" \t") == name]


def _forgery_check(signing_key: bytes, max_age: int) -> Callable[[str | None, Any], bool]:
    """Make a function that tells whether a double-submit token isn't that of the user whom claims name."""

    def is_forged(submitted: str | None, claims: Any) -> bool:
        if submitted is None:
            return True
        signed, _, signature = submitted.rpartition(".")
        mac = urlsafe_b64encode(hmac.digest(signing_key, signed.encode(), "sha256")).rstrip(b"=")
        if not hmac.compare_digest(mac, signature.encode()):
            return True
        owner, _, signed_at = signed.rpartition(".")
        seconds = int.from_bytes(urlsafe_b64decode(signed_at + "=="), "big")
        if time.time() - seconds > max_age:
            return True
        kind = "sid" if "sid" in claims else "sub"
        user = json.dumps([claims["iss"], kind, claims[kind]])
        return owner != sha256(user.encode()).hexdigest()

    return is_forged


def _is_safe(environ: Environ) -> bool:
    """Whether the method changes nothing, and no WebSocket is opened."""
    return environ["REQUEST_METHOD"] in _SAFE_METHODS and not (
        "websocket" in environ.get("HTTP_UPGRADE", "").lower()
        or "HTTP_SEC_WEBSOCKET_KEY" in environ
        or environ.get("HTTP_SEC_FETCH_MODE") == "websocket"
    )


def _is_cross_site(environ: Environ, origins: frozenset[str]) -> bool:
    """Whether another site may have made the browser send a request that isn't safe."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site in _TRUSTED_SITES:
        return False
    origin = environ.get("HTTP_ORIGIN")
    return origin not in origins or (site is not None and not _SITE.fullmatch(site))


def _checksum(text: str) -> str:
    """Return the CRC-32 of a text as six digits to the base 62."""
    rest, last = divmod(crc32(text.encode()), 3844)
    first, middle = divmod(rest, 3844)
    return _TWO_DIGITS[first] + _TWO_DIGITS[middle] + _TWO_DIGITS[last]
