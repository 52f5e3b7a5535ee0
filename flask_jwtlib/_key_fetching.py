"""Runs what fetches keys: once at a time, in a thread of its own, and for so long only."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import Any

from attrs import Attribute, field, frozen
from flask import Flask

from ._key_cache import Fetch, KeyCache, Reason, Snapshot
from ._key_report import deliver, log_news, tell_listeners
from ._options import is_seconds
from ._state import app_at_hand
from .errors import ConfigurationError
from .key_set import KeySet

__all__ = ["FetchedKeys", "KeyFetcher", "check_fetch"]

# Seconds after which whoever waits for a fetch runs it, if no thread has taken it up: some servers run
# no threads of their application's.
_THREAD_PATIENCE = 1


def _check_ttl(_: object, __: Attribute[Any], value: object) -> None:
    if value is not None and not is_seconds(value):
        raise ConfigurationError(f"ttl is a number of seconds, 0 or more, not {value!r}")


@frozen(eq=False)
class FetchedKeys:
    """What a ``fetch`` may answer instead of bare keys: keys, and how long they are fresh.

    Args:
        keys: The keys, in any form that ``KeySet.of`` takes. The ``KeySet`` object of the answer
            before says that nothing has changed.
        ttl: Seconds that they are fresh, None for what the provider says.

    Raises:
        ConfigurationError: The number is out of range.
    """

    keys: Any
    ttl: float | None = field(default=None, validator=_check_ttl, kw_only=True)


def check_fetch(_: object, __: Attribute[Any], value: object) -> None:
    """Check an attribute that is a function which fetches keys.

    Raises:
        ConfigurationError: It can't be called as one.
    """
    if not callable(value):
        raise ConfigurationError(
            f"fetch is a function that answers the keys, not {type(value).__name__}"
        )
    if inspect.iscoroutinefunction(value):
        raise ConfigurationError(
            "fetch is async; it must be a plain function that answers the keys"
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


def _parameters(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except ValueError:
        # A callable without a signature, such as a builtin, shows its arity when it is called.
        return {}


@frozen(eq=False)
class KeyFetcher:
    """Fetches for one provider.

    Args:
        owner: The provider, for the log and the listeners.
        cache: Its state.
        fetch: What answers keys.
        timeout: Seconds that a fetch may take.
        clock: The provider's clock.
    """

    owner: object
    cache: KeyCache
    fetch: Callable[..., object]
    timeout: float
    clock: Callable[[], float]
    _with_kid: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        kid = _parameters(self.fetch).get("kid")
        unnamed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
        object.__setattr__(self, "_with_kid", kid is not None and kid.kind not in unnamed)

    def begin(
        self, reason: Reason, seen: Snapshot | None, kid: str | None = None
    ) -> tuple[Fetch | None, bool]:
        """Answer the fetch that is under way, or a new one and True, if one may be made."""
        fetch, begun = self.cache.begin(reason, seen, self.clock(), self.timeout, kid)
        if fetch is not None and begun:
            thread = threading.Thread(
                target=self._run_aside,
                args=(fetch, app_at_hand()),
                name="flask_jwtlib-keys",
                daemon=True,
            )
            # Where no thread can be had, whoever waits for the fetch runs it.
            with suppress(RuntimeError):
                thread.start()
        deliver(self.owner, self.cache)
        return fetch, begun

    def wait(self, fetch: Fetch, patience: float) -> None:
        """Wait until a fetch has ended, or is so many seconds old. Run it if nobody does."""
        for seconds in (min(patience, _THREAD_PATIENCE), patience):
            left = fetch.started + seconds - self.clock()
            if fetch.done.wait(min(max(left, 0), threading.TIMEOUT_MAX)):
                return
            if self.clock() - fetch.started >= _THREAD_PATIENCE:
                self._run(fetch, app_at_hand())
        self.cache.give_up(fetch, self.clock())
        deliver(self.owner, self.cache)

    def _run_aside(self, fetch: Fetch, app: Flask | None) -> None:
        """Fetch in a thread of its own, which ends here, whatever was raised: it was told by then."""
        with suppress(BaseException):
            self._run(fetch, app)

    def _run(self, fetch: Fetch, app: Flask | None) -> None:
        """Fetch, unless somebody does."""
        if not fetch.claim():
            return
        try:
            with nullcontext() if app is None else app.app_context():
                answer = self.fetch(kid=fetch.kid) if self._with_kid else self.fetch()
            fetched = answer if isinstance(answer, FetchedKeys) else FetchedKeys(answer)
            self.cache.succeed(fetch, KeySet.of(fetched.keys), fetched.ttl, self.clock())
        except BaseException as error:
            self.cache.fail(fetch, error, self.clock())
            if not isinstance(error, Exception):
                raise
        finally:
            news = log_news(self.owner, self.cache)
            # It is logged by now, and its frames would keep the fetch, which keeps it.
            _forget_frames(fetch.error)
            fetch.done.set()
            # Nobody waits for them.
            tell_listeners(self.owner, news)


def _forget_frames(error: BaseException | None) -> None:
    """Cut an exception, and those that it came of, off what was running when they were raised."""
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
