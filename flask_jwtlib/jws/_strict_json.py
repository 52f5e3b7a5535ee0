"""Strict JSON: objects that every parser reads the same way."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from ..errors import MalformedTokenError

__all__ = ["MAX_JSON_DEPTH", "read_json_object"]

MAX_JSON_DEPTH = 32
"""Maximum depth of objects and arrays in a header or a claims set."""

_MARKS = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)


def read_json_object(data: bytes, what: str) -> dict[str, Any]:
    """Parse a JSON object strictly: UTF-8, no duplicate members, finite numbers, bounded depth.

    Args:
        data: The JSON text.
        what: Its name in the error message, such as ``"header"``.

    Raises:
        MalformedTokenError: It is not one strict JSON object.
    """
    if data.count(b"{") + data.count(b"[") > MAX_JSON_DEPTH and _depth(data) > MAX_JSON_DEPTH:
        raise MalformedTokenError(f"the {what} is nested more than {MAX_JSON_DEPTH} levels deep")
    try:
        text = data.decode("utf-8").strip(" \t\n\r")
        value, end = _STRICT_JSON.raw_decode(text)
        if b"\\u" in data:
            # An escape can spell half of a surrogate pair, which is not a character (RFC 7493 §2.1).
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except _LooseJSON as error:
        fault = f"not strict JSON: {error}"
    except ValueError as error:
        fault = f"not strict JSON ({type(error).__name__})"
    else:
        if text[0] == "{" and end == len(text):
            members: dict[str, Any] = value
            return members
        fault = "not one JSON object"
    # Raised outside the `except` block, so that it doesn't carry the decoder's error, which quotes the text.
    raise MalformedTokenError(f"the {what} is {fault}")


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


class _LooseJSON(ValueError):
    """JSON that parsers read differently. The error's text has nothing of it."""


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(members)
    if len(unique) != len(members):
        raise _LooseJSON("a member is repeated")
    return unique


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _LooseJSON("a number is out of range")
    return number


def _no_constant(name: str) -> NoReturn:
    raise _LooseJSON(f"{name} is not a number of JSON")


_STRICT_JSON = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
)
