"""How an app's keys are, for a readiness route, a monitor or a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flask import current_app

from .audit import authenticators_of
from .key_providers import DeferredCalls, NoKeyProvider
from .log_text import library_logger

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["combined_state", "has_keys", "key_statuses", "keys_ready", "status_of", "warm_up_keys"]

_logger = library_logger("flask_jwtlib")
# One for all probes: each could leave a thread behind while a log handler hangs.
_calls = DeferredCalls()
_NOT_READY = frozenset({"cold", "dead", "empty"})


def key_statuses(app: Flask | None = None) -> list[dict[str, Any]]:
    """Tell how the keys are that an app's guards and decorators verify tokens by. Nothing is fetched.

    Args:
        app: The app, by default the current one.

    Returns:
        A ``dict`` for each provider, of values that JSON has words for: ``provider``, the name of
        its class, and what its ``status()`` says, as ``TTLKeyProvider.status`` documents it. The
        ``state`` of one that has no such method is ``"unknown"``.
    """
    return [status_of(provider) for provider in _providers(app)]


def keys_ready(app: Flask | None = None) -> bool:
    """Whether an app can verify tokens: every provider has keys that can be used.

    Keys that were never fetched, or are too old, are fetched first, for which a provider takes its
    ``fetch_timeout`` at most. A provider that has no key at all is never ready, also where its source says
    that there is none. Made for a readiness route::

        @app.get("/readyz")
        @public
        def readyz():
            ready = keys_ready()
            return {"ready": ready}, 200 if ready else 503

    Args:
        app: The app, by default the current one.
    """
    # Each is asked, so that none waits for the next probe to be warmed up.
    answers = [_is_ready(provider) for provider in _providers(app)]
    _calls.start()
    return all(answers)


def _providers(app: Flask | None) -> Iterator[Any]:
    """An app's key providers, and the validators that have keys of their own, each once."""
    seen: list[object] = []
    for authenticator in authenticators_of(current_app if app is None else app):
        for strategy in authenticator.keys, authenticator.validator:
            known = isinstance(strategy, NoKeyProvider) or any(strategy is one for one in seen)
            if not known and (strategy is not authenticator.validator or _has_status(strategy)):
                seen.append(strategy)
                yield strategy


def _has_status(strategy: Any) -> bool:
    return callable(getattr(strategy, "status", None))


def warm_up_keys(app: Flask | None = None) -> None:
    """Let all providers of an app fetch what is due, so that the first requests need not wait.

    What can't be had now is logged, and tried again when a token needs it.

    Args:
        app: The app, by default the current one.
    """
    for provider in _providers(app):
        _warm_up(provider)
    _calls.start()


def status_of(provider: Any) -> dict[str, Any]:
    """Tell how one provider's keys are, as ``key_statuses`` does for those of an app."""
    told: dict[str, Any] = {}
    try:
        if _has_status(provider):
            told = dict(provider.status())
    except Exception as error:  # noqa: BLE001 - whoever asks how things are is told, whatever it is
        told = {"last_error": type(error).__name__}
    return {"provider": type(provider).__name__, "state": "unknown", **told}


def has_keys(status: Mapping[str, Any]) -> bool:
    """Whether a provider has keys that can be used, by its status. One that doesn't tell counts as if."""
    return status["state"] not in _NOT_READY and status.get("keys") != 0


def combined_state(states: Iterable[str]) -> str:
    """Name the state of a provider that is made of others.

    Returns:
        ``"cold"``, ``"dead"`` or ``"empty"`` if none of them has keys that can be used, ``"partial"`` if
        some have none. Else the worst of ``"stale"``, ``"fresh"`` and ``"static"``, or ``"unknown"``.
    """
    found = set(states)
    if found <= _NOT_READY:
        return next((state for state in ("cold", "dead") if state in found), "empty")
    if found & {"partial", *_NOT_READY}:
        return "partial"
    return next((state for state in ("stale", "fresh", "static") if state in found), "unknown")


def _is_ready(provider: Any) -> bool:
    if not has_keys(status_of(provider)):
        _warm_up(provider)
    return has_keys(status_of(provider))


def _warm_up(provider: Any) -> None:
    warm_up = getattr(provider, "warm_up", None)
    if warm_up is None:
        return
    try:
        warm_up()
    except Exception as error:  # noqa: BLE001 - whatever it is, the keys are not there
        names = type(provider).__name__, type(error).__name__
        _calls.add(_logger.warning, "%s lacks keys (%s)", *names)
