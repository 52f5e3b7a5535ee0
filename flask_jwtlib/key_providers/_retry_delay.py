"""The delay before the next fetch after a failed one."""

from __future__ import annotations

import random

from .._options import is_seconds
from ..errors import VerificationUnavailable

__all__ = ["LONGEST_DELAY", "retry_delay"]

LONGEST_DELAY = 300
"""The longest delay, in seconds, even if the source asks for more."""

# Seconds after one, two, … failures in a row. Each is varied at random by up to a fifth, so that many
# processes don't fetch at the same moment.
_DELAYS = (1, 2, 4, 8, 16, 30)
_SPREAD = 0.2


def retry_delay(failures: int, error: BaseException) -> float:
    """Return the delay in seconds.

    Args:
        failures: How many attempts had failed in a row before this one.
        error: Why this one failed. A ``VerificationUnavailable`` may ask for a longer delay.
    """
    delay = _DELAYS[min(failures, len(_DELAYS) - 1)] * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311
    if isinstance(error, VerificationUnavailable) and is_seconds(error.retry_after):
        return min(max(delay, error.retry_after), LONGEST_DELAY)
    return delay
