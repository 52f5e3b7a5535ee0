"""An explanation as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from attrs import asdict

from ..errors import Refusal
from ..log_text import one_line, quoted
from ._values import Explanation

__all__ = ["as_dict"]

# Members of a header that contain a key, or certificates.
_KEYS = frozenset({"jwk", "x5c"})


def as_dict(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as a ``dict`` that ``json.dumps`` accepts.

    It contains the token's header and claims, but neither the token nor its signature, no token that is in a
    claim, no key that is in the header, and no password or query of a URL.
    """
    response, error = explanation.response, explanation.error
    return {
        "outcome": explanation.outcome,
        "endpoint": explanation.endpoint,
        "verified": explanation.verified,
        "header": {
            name: "<key>" if name in _KEYS else _plain(value)
            for name, value in explanation.header.items()
        },
        "claims": _plain(explanation.claims),
        "steps": [asdict(step) for step in explanation.steps],
        "error": None if error is None else _refusal(error),
        "response": None
        if response is None
        else {
            "status": response.status,
            "headers": [list(pair) for pair in response.headers],
            "body": response.body,
        },
        "cause": None if explanation.cause is None else asdict(explanation.cause),
        "other_causes": [asdict(cause) for cause in explanation.other_causes],
    }


def _refusal(error: Refusal) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "reason": error.reason,
        "status": error.status,
        "error_code": error.error_code,
        "description": str(error),
    }


def _plain(value: object) -> Any:
    """Return a value of a token as JSON has it. A validator of the application may add others."""
    if isinstance(value, str):
        # Without passwords and queries of URLs.
        return one_line(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        return {one_line(str(name)): _plain(member) for name, member in members.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in cast("list[object]", value)]
    return quoted(value)
