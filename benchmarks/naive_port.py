"""The documented module API as a straightforward port to python-jose would implement it.

Nothing in it is slower or faster than in such a port: ``check_token()`` decodes the token to see whether it
is valid, and ``get_json_token()`` gets it and decodes it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import abort, g, request
from jose import jwt
from jose.exceptions import JOSEError

from .scenarios import Service

_KEY_CACHE_TIMEOUT = 300


def naive_port(  # noqa: C901 - these functions are a module's, and each is simple
    service: Service,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make its ``requires_authentication``."""
    pem = service.key_text
    cached_key, cached_until = "", 0.0

    def retrieve_verification_key() -> str:
        return pem

    def get_token() -> str | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return token
        if "access_token" in request.form:
            return request.form["access_token"]
        return request.args.get("access_token")

    def verification_key() -> str:
        nonlocal cached_key, cached_until
        now = time.time()
        if now >= cached_until:
            cached_key, cached_until = retrieve_verification_key(), now + _KEY_CACHE_TIMEOUT
        return cached_key

    def decode(token: str) -> dict[str, Any]:
        return jwt.decode(
            token,
            verification_key(),
            algorithms=service.algorithm,
            audience=service.audience,
            issuer=service.issuer,
        )

    def check_token(token: str) -> bool:
        try:
            decode(token)
        except JOSEError:
            return False
        return True

    def get_json_token() -> dict[str, Any]:
        return decode(get_token() or "")

    def requires_authentication(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            token = get_token()
            if token is None or not check_token(token):
                abort(401)
            g.authenticated = True
            g.raw_token = token
            g.json_token = get_json_token()
            return view(*args, **kwargs)

        return guarded

    return requires_authentication
