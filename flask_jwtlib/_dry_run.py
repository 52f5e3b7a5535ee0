"""A decision that is made only to explain it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from attrs import define, field

__all__ = ["DryRun", "Observer", "current_dry_run", "dry_run"]


class Observer(Protocol):
    """Sees each rule and policy that decides."""

    def apply_rules(self, claims: Any, rules: Any) -> None:
        """Apply rules in place of ``claim_rules.apply_rules``."""

    def judge(
        self, judge: Callable[[Any, Any, Any], Any], policy: Any, claims: Any, call: Any
    ) -> Any:
        """Return what ``judge(policy, claims, call)`` returns."""


@define(eq=False)
class DryRun:
    """A decision that is made only to explain it.

    Attributes:
        fetch_keys: Whether keys may be fetched.
        refusals: The refusals that would have been logged.
        observer: Sees each rule and policy.
        is_over: Whether the decision has been made. What was started meanwhile may still refer to it.
    """

    fetch_keys: bool = False
    refusals: list[Any] = field(factory=list[Any])
    observer: Observer | None = None
    is_over: bool = False

    @contextmanager
    def unobserved(self) -> Generator[None, None, None]:
        """Apply rules and judge policies in a ``with`` block without the observer."""
        observer, self.observer = self.observer, None
        try:
            yield
        finally:
            self.observer = observer


_current: ContextVar[DryRun | None] = ContextVar("flask_jwtlib_dry_run", default=None)


def current_dry_run() -> DryRun | None:
    """Return the dry run of this context. A task that begins in one has a copy of its context."""
    run = _current.get()
    return None if run is None or run.is_over else run


@contextmanager
def dry_run(*, fetch_keys: bool) -> Generator[DryRun, None, None]:
    """Make the decisions in a ``with`` block dry runs."""
    run = DryRun(fetch_keys)
    token = _current.set(run)
    try:
        yield run
    finally:
        run.is_over = True
        _current.reset(token)
