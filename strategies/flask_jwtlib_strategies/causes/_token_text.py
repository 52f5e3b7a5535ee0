"""The parts of a text that should be a token, also of one that isn't accepted as a JWT."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from typing import Any

from flask_jwtlib.errors import MalformedTokenError
from flask_jwtlib.explain import Facts
from flask_jwtlib.jws import read_json_object

__all__ = ["header_of", "is_malformed", "object_in", "parts_of_text"]


def parts_of_text(facts: Facts) -> list[str]:
    """Return the parts between the dots."""
    return facts.token.strip().split(".")


def header_of(facts: Facts) -> dict[str, Any]:
    """Return the header, also of a token that isn't accepted as a JWT; empty if it can't be read."""
    return object_in(parts_of_text(facts)[0])


def object_in(segment: str) -> dict[str, Any]:
    """Return the JSON object in a part; empty if there is none."""
    try:
        return read_json_object(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)), "segment")
    except (MalformedTokenError, Base64Error, ValueError):
        return {}


def is_malformed(facts: Facts) -> bool:
    """Whether the form of the text is why it is refused."""
    return facts.error.reason in {"malformed-token", "malformed-credentials"}
