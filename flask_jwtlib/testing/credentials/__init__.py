"""Every way in which a token or a request can be wrong, as parameters of your own tests."""

from __future__ import annotations

from ._algorithms import ALGORITHM_ATTACKS
from ._claims import REFUSED_CLAIMS
from ._forgeries import FORGERIES
from ._good import GOOD_TOKENS
from ._kinds import OTHER_KINDS
from ._malformed import MALFORMED_TOKENS
from ._requests import BAD_REQUESTS
from ._samples import BadCredentials, BadToken, GoodToken

__all__ = [
    "BAD_CREDENTIALS",
    "BAD_TOKENS",
    "GOOD_TOKENS",
    "BadCredentials",
    "BadToken",
    "GoodToken",
]

BAD_TOKENS: tuple[BadToken, ...] = (
    *FORGERIES,
    *ALGORITHM_ATTACKS,
    *MALFORMED_TOKENS,
    *REFUSED_CLAIMS,
    *OTHER_KINDS,
)
"""Tokens that an app must refuse."""

BAD_CREDENTIALS: tuple[BadToken | BadCredentials, ...] = (*BAD_REQUESTS, *BAD_TOKENS)
"""Requests that an app must refuse: without a token, with a token sent wrongly, and with a bad token."""
