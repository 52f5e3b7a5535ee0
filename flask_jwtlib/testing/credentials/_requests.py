"""Requests that send a valid token wrongly, or none."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from ._samples import BadCredentials

__all__ = ["BAD_REQUESTS"]


def _header(value: str) -> Callable[[str], dict[str, Any]]:
    return lambda token: {"headers": {"Authorization": value.replace("TOKEN", token)}}


def _basic(token: str) -> str:
    return b64encode(f"alice:{token}".encode()).decode()


def _two_headers(token: str) -> dict[str, Any]:
    return {"headers": [("Authorization", f"Bearer {token}")] * 2}


BAD_REQUESTS = (
    BadCredentials("no-credentials", "it has no credentials", lambda _token: {}, "missing-token"),
    BadCredentials(
        "other-scheme",
        "its scheme is Basic, with the token as the password (RFC 7617)",
        lambda token: {"headers": {"Authorization": f"Basic {_basic(token)}"}},
        "missing-token",
    ),
    BadCredentials(
        "no-scheme", "the token has no scheme before it", _header("TOKEN"), "missing-token"
    ),
    BadCredentials(
        "in-the-query",
        "the token is in the URL (RFC 9700 §4.3.2)",
        lambda token: {"query_string": {"access_token": token}},
        "missing-token",
        rule="BearerTokenExtractor(query=False)",
    ),
    *(
        BadCredentials(name, why, make, "malformed-credentials")
        for name, why, make in (
            ("scheme-only", "there is no token after the scheme", _header("Bearer")),
            ("scheme-twice", "it has Bearer twice", _header("Bearer Bearer TOKEN")),
            ("quoted", "the token is in quotes", _header('Bearer "TOKEN"')),
            ("two-words", "text follows the token", _header("Bearer TOKEN TOKEN")),
            (
                "letter-outside-ascii",
                "a letter follows that tokens don't have",
                _header("Bearer TOKEN\xe9"),
            ),
            ("comma-joined", "one header has two tokens", _header("Bearer TOKEN, Bearer TOKEN")),
            ("two-headers", "there are two Authorization headers (RFC 9110 §5.3)", _two_headers),
        )
    ),
)
"""Requests without a token where the app reads it, or with a malformed Authorization header."""
