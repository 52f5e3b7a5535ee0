"""The state of an app's keys, for readiness routes, monitoring and commands."""

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
# Shared by all probes, since each could leave a thread behind while a log handler hangs.
_calls = DeferredCalls()
_NOT_READY = frozenset({"cold", "dead", "empty"})


def key_statuses(app: Flask | None = None) -> list[dict[str, Any]]:
    """Return the status of each key provider of an app's guards and decorators. Nothing is fetched.

    Args:
        app: The app, by default the current one.

    Returns:
        A ``dict`` for each provider, which can be dumped as JSON: the name of its class as ``provider``, and
        the items of its ``status()``, which ``TTLKeyProvider.status`` documents. If a provider has no such
        method, its ``state`` is ``"unknown"``.
    """
    return [status_of(provider) for provider in _providers(app)]


def keys_ready(app: Flask | None = None) -> bool:
    """Return whether an app can verify tokens: whether every provider has usable keys.

    Keys that were never fetched, or are too old, are fetched first. A provider takes at most its
    ``fetch_timeout`` for it. A provider without any key is not ready, even if its source has no keys. Use it
    for a readiness route::

        @app.get("/readyz")
        @public
        def readyz():
            ready = keys_ready()
            return {"ready": ready}, 200 if ready else 503

    Args:
        app: The app, by default the current one.
    """
    # Ask every provider, so that all of them are warmed up by the first probe.
    ready = [_is_ready(provider) for provider in _providers(app)]
    _calls.start()
    return all(ready)


def _providers(app: Flask | None) -> Iterator[Any]:
    """Yield an app's key providers, and the validators that have their own keys, each once."""
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
    """Fetch the keys of all of an app's providers, so that the first requests don't wait for them.

    Failures are logged. Such keys are fetched again when a token needs them.

    Args:
        app: The app, by default the current one.
    """
    for provider in _providers(app):
        _warm_up(provider)
    _calls.start()


def status_of(provider: Any) -> dict[str, Any]:
    """Return the status of one provider, as ``key_statuses`` does for an app."""
    status: dict[str, Any] = {}
    try:
        if _has_status(provider):
            status = dict(provider.status())
    except Exception as error:  # noqa: BLE001 - a provider's failure is a part of its status
        status = {"last_error": type(error).__name__}
    return {"provider": type(provider).__name__, "state": "unknown", **status}


def has_keys(status: Mapping[str, Any]) -> bool:
    """Return whether a provider has usable keys, by its status. True if the state is unknown."""
    return status["state"] not in _NOT_READY and status.get("keys") != 0


def combined_state(states: Iterable[str]) -> str:
    """Return the state of a provider that consists of others.

    Returns:
        ``"cold"``, ``"dead"`` or ``"empty"`` if none of them has usable keys, ``"partial"`` if only some
        have. Otherwise the worst of ``"stale"``, ``"fresh"`` and ``"static"``, or ``"unknown"``.
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
    except Exception as error:  # noqa: BLE001 - a provider may raise anything
        names = type(provider).__name__, type(error).__name__
        _calls.add(_logger.warning, "%s could not fetch keys (%s)", *names)
