"""Runs what fetches keys: once at a time, in a thread of its own, and for so long only."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from attrs import Factory, field, frozen
from flask import Flask

from .._flask.state import current_app_or_none
from ..errors import ConfigurationError
from ..keys import KeySet
from ._deferred_calls import start_thread
from ._fetch_attempt import Fetch, Reason
from ._fetched_keys import FetchedKeys
from ._key_cache import KeyCache, Snapshot
from ._key_events import report_context_error
from ._refresh import Refresh

__all__ = ["KeyFetcher", "as_fetch"]

# Seconds after which a caller that waits for a fetch runs it, if no thread has taken it up: some servers
# run no threads of their application's.
_THREAD_PATIENCE = 1


def as_fetch(value: Callable[..., object]) -> Callable[..., object]:
    """Return a function that fetches keys, after checking that it can be called as one.

    Raises:
        ConfigurationError: It can't.
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
        # A callable without a signature, such as a builtin, shows its arity when it is called.
        return {}


def _takes_kid(fetch: Callable[..., object]) -> bool:
    kid = _parameters(fetch).get("kid")
    unnamed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    return kid is not None and kid.kind not in unnamed


@frozen(eq=False)
class KeyFetcher:
    """Fetches for one provider.

    Args:
        owner: The provider, for the log.
        cache: Its state.
        fetch: What returns keys.
        refresh: How long a fetch may take, and the clock.
        app_context: Whether a background fetch runs within a context of the app that caused it.

    Attributes:
        takes_kid: Whether ``fetch`` can be told which key ID is wanted.
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
    ) -> tuple[Fetch | None, bool]:
        """Return the fetch that is under way, or a new one and True if one may be made."""
        now = self.refresh.clock()
        wanted = kid if self.takes_kid else None
        fetch, begun = self.cache.begin(reason, seen, now, self.refresh.fetch_timeout, wanted)
        if fetch is not None and (begun or fetch.needs_thread(now)):
            app = current_app_or_none() if self.app_context else None
            started = start_thread(partial(self._run_aside, fetch, app), "flask_jwtlib-keys")
            fetch.unattended_since = None if started else now
        return fetch, begun

    def wait(self, fetch: Fetch, patience: float) -> None:
        """Wait until a fetch has ended, or is ``patience`` seconds old. Run it if nobody else does.

        It is run in the context that the caller has, and none is pushed or popped: that would call the
        app's teardown functions in the middle of a request.
        """
        if fetch.unattended_since is not None:
            self._run(fetch)
        for seconds in (min(patience, _THREAD_PATIENCE), patience):
            left = fetch.started + seconds - self.refresh.clock()
            if fetch.done.wait(min(max(left, 0), threading.TIMEOUT_MAX)):
                return
            if self.refresh.clock() - fetch.started >= _THREAD_PATIENCE:
                self._run(fetch)
        self.cache.give_up(fetch, self.refresh.clock())

    def proves(self, fetch: Fetch, kid: str, arrived: float) -> bool:
        """Whether a fetch shows that a key ID is unknown to the source, if its keys lack it.

        Args:
            fetch: A fetch that was waited for.
            kid: The key ID.
            arrived: When the token came. A fetch that began before that may have been answered before the
                key was published.
        """
        asked = not self.takes_kid or fetch.kid == kid
        succeeded = fetch.done.is_set() and fetch.error is None
        return succeeded and asked and fetch.started >= arrived

    def _run_aside(self, fetch: Fetch, app: Flask | None) -> None:
        """Fetch in a thread of its own, which ends here, whatever is raised."""
        with suppress(BaseException):
            if app is not None:
                self._run_within(app, fetch)
            self._run(fetch)
        with suppress(BaseException):
            self.cache.calls.run()

    def _run_within(self, app: Flask, fetch: Fetch) -> None:
        """Fetch within a context of an app. Its teardown functions run when the result is there."""
        try:
            with app.app_context():
                self._run(fetch)
        except BaseException as error:  # noqa: BLE001 - what the app's functions raise changes no key
            if error is not fetch.error:
                self.cache.calls.add(report_context_error, self.owner, error)

    def _run(self, fetch: Fetch) -> None:
        """Fetch, unless somebody does."""
        if not fetch.claim(self.refresh.clock()):
            return
        try:
            answer = self.fetch(kid=fetch.kid) if self.takes_kid else self.fetch()
            fetched = answer if isinstance(answer, FetchedKeys) else FetchedKeys(answer)
            self.cache.succeed(
                fetch,
                KeySet.of(fetched.keys),
                fetched.ttl,
                self.refresh.clock(),
                partial=fetched.partial,
            )
        except BaseException as error:
            self.cache.fail(fetch, error, self.refresh.clock())
            if not isinstance(error, Exception):
                raise
        finally:
            # Also where not even the failure could be noted, for want of memory.
            fetch.done.set()
