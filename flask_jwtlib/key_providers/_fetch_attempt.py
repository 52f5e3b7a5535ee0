"""One attempt to fetch keys."""

from __future__ import annotations

import threading
from typing import Literal

__all__ = ["Fetch", "Reason"]

Reason = Literal["cold", "ahead", "expired", "unknown_kid"]

# Seconds until a thread is asked for again, after none could be started.
_NEXT_THREAD = 1


class Fetch:
    """One attempt to fetch keys. Callers may wait for it.

    Attributes:
        reason: What it is for.
        kid: The key ID that is wanted, None if all keys are.
        awaited: Whether callers that have old keys wait for it. They don't while attempts fail one after the
            other.
        started: When it began to run, by the provider's clock; before that, when it was asked for.
        deadline: When it is given up, if it runs by then.
        unattended_since: When no thread could be started for it, None if one was.
        done: Set when it has ended or was given up, and its result is there for everyone.
        error: Why it failed, None if it didn't.
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
        """Return True to the first caller, who has to run it now, and False to all others."""
        if self._claim.locked():
            return False
        # Before the claim, so that no caller who is interrupted in between leaves one without an end.
        self.started = now
        self.deadline = now + self._timeout
        return self._claim.acquire(blocking=False)

    def is_overdue(self, now: float) -> bool:
        """Whether it runs for too long."""
        return now >= self.deadline and self._claim.locked()

    def needs_thread(self, now: float) -> bool:
        """Whether it is time to ask for a thread again, since none could be started before."""
        since = self.unattended_since
        return since is not None and now - since >= _NEXT_THREAD and not self._claim.locked()
