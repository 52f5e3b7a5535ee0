"""Events about a provider's keys, for the log and the receivers of ``key_event``."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from attrs import field, frozen

from ..log_text import library_logger
from ..signals import key_event

__all__ = ["KeyEvent", "log_context_error", "send_event"]

_logger = library_logger("flask_jwtlib")
_LEVELS = {
    "dead": logging.ERROR,
    "key_skipped": logging.WARNING,
    "recovered": logging.WARNING,
    "serving_stale": logging.WARNING,
}


@frozen(eq=False)
class KeyEvent:
    """An event to log and to send.

    Attributes:
        name: The event's name, as ``signals.key_event`` documents it.
        details: Its details.
        error: The exception to log.
    """

    name: str
    details: dict[str, Any] = field(factory=dict[str, Any])
    error: BaseException | None = None


def send_event(provider: object, event: KeyEvent) -> None:
    """Log an event, and send it to the receivers of ``key_event``.

    It runs code of applications, which may raise anything and take any time, so only ``DeferredCalls`` may
    call it. If a receiver raises, that is logged and the next one is called.
    """
    # The log may have a filter that raises, for example without a request. The receivers are called anyway.
    with suppress(BaseException):
        _log(provider, event)
    _forget_frames(event.error)
    for receiver in tuple(key_event.receivers_for(provider)):
        try:
            receiver(provider, event=event.name, **event.details)
        except BaseException:
            with suppress(BaseException):
                _logger.exception("a receiver of key_event raised on %s", event.name)


def log_context_error(provider: object, error: BaseException) -> None:
    """Log an error of the application context in which a fetch ran."""
    _logger.error(
        "%s: the application context of a fetch raised %s; the fetch is not affected",
        type(provider).__name__,
        type(error).__name__,
        exc_info=error,
    )


def _log(provider: object, event: KeyEvent) -> None:
    name = type(provider).__name__
    if event.error is not None:
        _logger.error(
            "%s: fetching the keys failed, next attempt in %.1f s",
            name,
            event.details["next_attempt"],
            exc_info=event.error,
        )
    elif event.name != "unknown_kid":
        # An unknown kid is logged when its token is refused.
        _logger.log(
            _LEVELS.get(event.name, logging.INFO), "%s: %s %s", name, event.name, event.details
        )


def _forget_frames(error: BaseException | None) -> None:
    """Remove the tracebacks of an exception and its causes.

    Their frames would keep the attempt alive, which keeps the exception.
    """
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
