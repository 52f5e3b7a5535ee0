"""Checks whether a source has usable keys, after fetching them as the app does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_jwtlib import ConfigurationError
from flask_jwtlib.errors import JWTLibError
from flask_jwtlib.key_health import has_keys, status_of
from flask_jwtlib.log_text import error_text, one_line, quoted

from ._context import Context

__all__ = ["check_readiness"]

_MOST_SHOWN = 5
_LONGEST_REASON = 300
_LONG_FETCH = 30


def check_readiness(context: Context) -> bool:
    """Fetch the keys, and check whether there are any. Return whether there are."""
    report, keys = context.report, context.source.keys
    _check_patience(context)
    error = _warm_up(keys)
    status = status_of(keys)
    if error is None and has_keys(status):
        report.ok("readiness", _described(status))
        return True
    why = _reason(error, status)
    report.fail(
        "readiness", f"there are no usable keys ({status['state']}){why}", _cure(error, status)
    )
    return False


def _warm_up(keys: Any) -> Exception | None:
    warm_up: Any = getattr(keys, "warm_up", None)
    if warm_up is None:
        return None
    try:
        warm_up()
    except Exception as error:  # noqa: BLE001 - a provider may raise anything
        return error
    return None


def _check_patience(context: Context) -> None:
    refresh: Any = getattr(context.source.keys, "refresh", None)
    timeout: Any = getattr(refresh, "fetch_timeout", 0)
    if timeout > _LONG_FETCH:
        context.report.warn(
            "fetch_timeout",
            f"a request may wait {timeout:g} s for keys, longer than most servers let it (gunicorn: 30 s)",
            "Lower fetch_timeout to a few seconds.",
        )


def _described(status: Mapping[str, Any]) -> str:
    state, count = status["state"], status.get("keys")
    if state == "unknown":
        return "the provider doesn't tell its state"
    return f"{state}" if count is None else f"{state}, {count} {'key' if count == 1 else 'keys'}"


def _reason(error: BaseException | None, status: Mapping[str, Any]) -> str:
    """Say why there are no keys, in texts that show no secret: those of this package's own errors."""
    reasons: list[str] = []
    while error is not None and len(reasons) < _MOST_SHOWN:
        own = isinstance(error, JWTLibError)
        reasons.append(error_text(error) if own else f"{type(error).__name__} was raised")
        error = error.__cause__ if own else None
    reasons = reasons or [str(status.get("last_error") or "")]
    reasons += [f"skipped: {quoted(why, _LONGEST_REASON)}" for why in status.get("skipped") or ()][
        :_MOST_SHOWN
    ]
    text = ": ".join(one_line(reason, _LONGEST_REASON) for reason in reasons if reason)
    return f": {text}" if text else ""


def _cure(error: BaseException | None, status: Mapping[str, Any]) -> str:
    if status["provider"] == "AppAuthenticator":
        return "Call its init_app(app) in the function that creates the app."
    while error is not None:
        if isinstance(error, ConfigurationError):
            return "Correct the key or the setting that the text names."
        if isinstance(error, NotImplementedError) and status["provider"] == "CallbackKeyProvider":
            return (
                "Call flask_jwtlib.set_permanent_verification_key(key), or assign a function that returns "
                "the key to flask_jwtlib.retrieve_verification_key."
            )
        error = error.__cause__
    return "Make the source of the keys available; the log has the exception."
