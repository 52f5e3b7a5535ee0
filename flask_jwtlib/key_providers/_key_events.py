"""Reports what happens to a provider's keys: to the log, and to the receivers of ``key_event``."""

from __future__ import annotations

import logging
from contextlib import suppress

from ..log_text import library_logger
from ..signals import key_event
from ._key_cache import News

__all__ = ["report_context_error", "report_news"]

_logger = library_logger("flask_jwtlib")
_LEVELS = {
    "dead": logging.ERROR,
    "key_skipped": logging.WARNING,
    "recovered": logging.WARNING,
    "serving_stale": logging.WARNING,
}


def report_news(provider: object, news: News) -> None:
    """Log some news, and send them to the receivers of ``key_event``.

    This runs code that isn't ours, which may raise anything and take any time: only ``DeferredCalls`` may
    call it. What a receiver raises is logged, and the next one is called.
    """
    # A filter that raises, maybe because there is no request, keeps no receiver from its event.
    with suppress(BaseException):
        _log(provider, news)
    _forget_frames(news.error)
    for receiver in tuple(key_event.receivers_for(provider)):
        try:
            receiver(provider, event=news.event, **news.details)
        except BaseException:
            with suppress(BaseException):
                _logger.exception("a listener of key_event failed on %s", news.event)


def report_context_error(provider: object, error: BaseException) -> None:
    """Log what an application context raised that was pushed for a fetch."""
    _logger.error(
        "%s: the application context of a fetch raised %s; the fetch is not affected",
        type(provider).__name__,
        type(error).__name__,
        exc_info=error,
    )


def _log(provider: object, news: News) -> None:
    name = type(provider).__name__
    if news.error is not None:
        _logger.error(
            "%s: fetching the keys failed, next attempt in %.1f s",
            name,
            news.details["next_attempt"],
            exc_info=news.error,
        )
    elif news.event != "unknown_kid":
        # An unknown kid is logged where its token is refused.
        _logger.log(
            _LEVELS.get(news.event, logging.INFO), "%s: %s %s", name, news.event, news.details
        )


def _forget_frames(error: BaseException | None) -> None:
    """Cut an exception and its causes off from what was running when they were raised.

    The frames would keep the fetch alive, which keeps the exception.
    """
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
