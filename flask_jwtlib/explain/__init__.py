"""Explains why an ``Authenticator`` accepts or refuses a token."""

from __future__ import annotations

from ._explaining import explain
from ._facts import Facts
from ._finders import CauseFinder, Found, recognises
from ._json import as_dict
from ._values import Cause, Explanation, Outcome, Response, Stage, Step

__all__ = [
    "Cause",
    "CauseFinder",
    "Explanation",
    "Facts",
    "Found",
    "Outcome",
    "Response",
    "Stage",
    "Step",
    "as_dict",
    "explain",
    "recognises",
]
