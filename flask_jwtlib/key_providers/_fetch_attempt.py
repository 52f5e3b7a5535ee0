"""One attempt to fetch keys."""

from __future__ import annotations

import threading
from typing import Literal

__all__ = ["FetchAttempt", "Reason"]

Reason = Literal["cold", "ahead", "expired", "unknown_kid"]

# Seconds until starting a thread is tried again, after that failed.
_NEXT_THREAD = 1


class FetchAttempt:
    """One attempt to fetch keys. Callers may wait for it.

    Attributes:
        reason: Why keys are fetched.
        kid: The key ID to fetch, or None for all keys.
        awaited: Whether callers that could use old keys wait for it. They don't after failed attempts.
        started: When it began to run, by the provider's clock. Before that, when it was created.
        deadline: When it is given up if it is still running.
        unattended_since: When starting a thread for it failed, or None.
        done: Set when it has ended or was given up, and its result is available.
        error: Why it failed, or None.
    """

    __slots__ = (
        "_claim",
        "_timeout",
        "awaited",
        "deadline",
        "done",
        "error",
        "kid",
        "reason",
        "started",
        "unattended_since",
    )

    def __init__(
        self, reason: Reason, kid: str | None, started: float, timeout: float, *, awaited: bool
    ) -> None:
        self.reason: Reason = reason
        self.kid = kid
        self.awaited = awaited
        self.started = started
        self.deadline = started + timeout
        self.unattended_since: float | None = None
        self.error: BaseException | None = None
        self.done = threading.Event()
        self._timeout = timeout
        self._claim = threading.Lock()

    def claim(self, now: float) -> bool:
        """Return True to the first caller, which must run it now, and False to all others."""
        if self._claim.locked():
            return False
        # Before the claim, so that an interrupt between the two doesn't leave an attempt that never ends.
        self.started = now
        self.deadline = now + self._timeout
        return self._claim.acquire(blocking=False)

    def is_overdue(self, now: float) -> bool:
        """Return whether it has been running for too long."""
        return now >= self.deadline and self._claim.locked()

    def needs_thread(self, now: float) -> bool:
        """Return whether to try starting a thread for it again."""
        since = self.unattended_since
        return since is not None and now - since >= _NEXT_THREAD and not self._claim.locked()
