"""Whether a token is only being explained. Then nothing is remembered, logged or signalled."""

from __future__ import annotations

from ._dry_run import current_dry_run

__all__ = ["is_dry_run", "may_fetch"]


def is_dry_run() -> bool:
    """Whether a token is only being explained, in this context.

    A strategy of your own that keeps something about tokens, such as which were used, or that sends
    something to another service, leaves it out then.
    """
    return current_dry_run() is not None


def may_fetch() -> bool:
    """Whether a key provider may fetch keys, in this context. ``flask jwtlib explain`` allows it, too."""
    run = current_dry_run()
    return run is None or run.fetch_keys
