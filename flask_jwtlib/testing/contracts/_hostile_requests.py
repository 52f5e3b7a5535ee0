"""Requests that an attacker might send."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from typing import Any

from flask import Request
from werkzeug.test import create_environ

__all__ = ["hostile_requests"]


def hostile_requests() -> Iterator[tuple[str, Request]]:
    """Yield the requests, each with a description."""
    for what, environ, body in _environs():
        yield what, Request({**environ, "wsgi.input": BytesIO(body)})


@lru_cache(maxsize=1)
def _environs() -> list[tuple[str, dict[str, Any], bytes]]:
    """Return the WSGI environments, which take long to make, with their bodies."""
    found: list[tuple[str, dict[str, Any], bytes]] = []
    for value in _HOSTILE_VALUES:
        shown = repr(value if len(value) < 40 else f"{value[:40]}…")
        for name in _VARIABLES:
            environ = create_environ(environ_overrides={name: value})
            found.append((f"{name} {shown}", environ, b""))
        body = value.encode("latin-1")
        for content_type in _CONTENT_TYPES:
            environ = create_environ(method="POST", data=body, content_type=content_type)
            found.append((f"{content_type!r} body {shown}", environ, body))
    return found


_VARIABLES = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_DPOP", "HTTP_X_API_KEY", "QUERY_STRING")

_CONTENT_TYPES = (
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-16",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/json",
    "\xff; =;",
)

# An application gets header values as Latin-1 text (PEP 3333).
_HOSTILE_VALUES = (
    "",
    " ",
    "Bearer",
    "Bearer ",
    "bearer\t\x0b",
    "Bearer a b",
    "Bearer a, Bearer b",
    "Bearer \xe9",
    "Bearer \x00",
    "Bearer a\r\nX-Injected: b",
    "Bearer " + "a" * 100_000,
    "Basic",
    "Basic \xff",
    "Basic dXNlcg==",
    'Digest username="',
    "DPoP a.b.c",
    "=",
    ";;;",
    'a="; b',
    "access_token",
    "access_token=",
    "access_token=&access_token=",
    "access_token[]=a",
    "access_token=%",
    "access_token=%zz%ff%00",
    "&" * 900,
    "access_token=" + "a" * 100_000,
    '--x\r\nContent-Disposition: form-data; name="access_token"\r\n\r\na',
    '{"access_token": {"a": [',
)
