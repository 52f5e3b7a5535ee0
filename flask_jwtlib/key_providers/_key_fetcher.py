"""Runs a provider's fetch function in a background thread, one call at a time and with a timeout."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from attrs import Factory, field, frozen
from flask import Flask

from .._flask.proxies import current_app_or_none
from ..errors import ConfigurationError
from ..keys import KeySet
from ._deferred_calls import start_thread
from ._fetch_attempt import FetchAttempt, Reason
from ._fetched_keys import FetchedKeys
from ._key_cache import KeyCache
from ._key_events import log_context_error
from ._refresh import Refresh
from ._snapshot import Snapshot

__all__ = ["KeyFetcher", "as_fetch"]

# Seconds after which a waiting caller runs the fetch itself, if no thread has started it. Some servers
# don't run their applications' threads.
_THREAD_PATIENCE = 1


def as_fetch(value: Callable[..., object]) -> Callable[..., object]:
    """Return a fetch function, after checking that it can be called without arguments or with ``kid=``.

    Raises:
        ConfigurationError: It can't, or it is async.
    """
    given: object = value
    if not callable(given):
        raise ConfigurationError(
            f"fetch must be a function that returns the keys, not {type(given).__name__}"
        )
    if inspect.iscoroutinefunction(value):
        raise ConfigurationError(
            "fetch is async; it must be a plain function that returns the keys"
        )
    needed = [
        name
        for name, parameter in _parameters(value).items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and not (name == "kid" and parameter.kind is not parameter.POSITIONAL_ONLY)
    ]
    if needed:
        raise ConfigurationError(
            f"fetch needs {', '.join(needed)}: it is called without arguments, "
            "or with kid=… if it has such a parameter"
        )
    return value


def _parameters(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except ValueError:
        # Some builtins have no signature. Calling them shows whether they need arguments.
        return {}


def _takes_kid(fetch: Callable[..., object]) -> bool:
    kid = _parameters(fetch).get("kid")
    unnamed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    return kid is not None and kid.kind not in unnamed


@frozen(eq=False)
class KeyFetcher:
    """Runs the attempts of one provider.

    Args:
        owner: The provider, for the log.
        cache: Its state.
        fetch: The function that returns keys.
        refresh: How long a fetch may take, and the clock.
        app_context: Whether a background fetch runs within a context of the app that caused it.

    Attributes:
        takes_kid: Whether ``fetch`` has a parameter ``kid``, for the key ID to fetch.
    """

    owner: object
    cache: KeyCache
    fetch: Callable[..., object]
    refresh: Refresh
    app_context: bool
    takes_kid: bool = field(
        init=False, default=Factory(lambda self: _takes_kid(self.fetch), takes_self=True)
    )

    def begin(
        self, reason: Reason, seen: Snapshot | None, kid: str | None = None
    ) -> tuple[FetchAttempt | None, bool]:
        """Return the running attempt and False, or a new one and True, or None if none may be made."""
        now = self.refresh.clock()
        kid = kid if self.takes_kid else None
        attempt, begun = self.cache.begin(reason, seen, now, self.refresh.fetch_timeout, kid)
        if attempt is not None and (begun or attempt.needs_thread(now)):
            app = current_app_or_none() if self.app_context else None
            started = start_thread(partial(self._run_in_thread, attempt, app), "flask_jwtlib-keys")
            attempt.unattended_since = None if started else now
        return attempt, begun

    def wait(self, attempt: FetchAttempt, patience: float) -> None:
        """Wait until an attempt has ended or is ``patience`` seconds old. Run it if no thread does.

        It runs in the caller's context. Pushing another one would call the app's teardown functions in the
        middle of a request.
        """
        if attempt.unattended_since is not None:
            self._run(attempt)
        for seconds in (min(patience, _THREAD_PATIENCE), patience):
            left = attempt.started + seconds - self.refresh.clock()
            if attempt.done.wait(min(max(left, 0), threading.TIMEOUT_MAX)):
                return
            if self.refresh.clock() - attempt.started >= _THREAD_PATIENCE:
                self._run(attempt)
        self.cache.give_up(attempt, self.refresh.clock())

    def proves(self, attempt: FetchAttempt, kid: str, arrived: float) -> bool:
        """Return whether an attempt shows that the source has no key with an ID, if it isn't in the keys.

        Args:
            attempt: An attempt that was waited for.
            kid: The key ID.
            arrived: When the token came. An attempt that began earlier may have received its response before
                the key was published.
        """
        fetched = not self.takes_kid or attempt.kid == kid
        succeeded = attempt.done.is_set() and attempt.error is None
        return succeeded and fetched and attempt.started >= arrived

    def _run_in_thread(self, attempt: FetchAttempt, app: Flask | None) -> None:
        """Fetch in a thread of its own. Whatever is raised, the thread ends quietly."""
        with suppress(BaseException):
            if app is not None:
                self._run_within(app, attempt)
            self._run(attempt)
        with suppress(BaseException):
            self.cache.calls.run()

    def _run_within(self, app: Flask, attempt: FetchAttempt) -> None:
        """Fetch within an application context. Its teardown functions run when the result is available."""
        try:
            with app.app_context():
                self._run(attempt)
        except BaseException as error:  # noqa: BLE001 - the app's errors don't affect keys
            if error is not attempt.error:
                self.cache.calls.add(log_context_error, self.owner, error)

    def _run(self, attempt: FetchAttempt) -> None:
        """Fetch, unless another thread does."""
        if not attempt.claim(self.refresh.clock()):
            return
        try:
            returned = self.fetch(kid=attempt.kid) if self.takes_kid else self.fetch()
            fetched = returned if isinstance(returned, FetchedKeys) else FetchedKeys(returned)
            self.cache.succeed(
                attempt,
                KeySet.of(fetched.keys),
                fetched.ttl,
                self.refresh.clock(),
                partial=fetched.partial,
            )
        except BaseException as error:
            self.cache.fail(attempt, error, self.refresh.clock())
            if not isinstance(error, Exception):
                raise
        finally:
            # Also if even recording the failure failed, for lack of memory.
            attempt.done.set()
