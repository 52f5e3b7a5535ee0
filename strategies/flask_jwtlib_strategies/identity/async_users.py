"""The row of the application's database for a caller, loaded with ``await``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from attrs import Attribute, field, frozen

from flask_jwtlib import (
    AuthenticationError,
    Claims,
    ConfigurationError,
    Principal,
    VerificationUnavailable,
    current_principal,
)

from ._checks import check_callable, is_async, name_of
from ._identity import current_caller
from ._outcomes import Memory, Outcome, found_or_refused
from ._rows import UserRows, outages_as_unavailable

__all__ = ["AsyncUserLoader"]

_User = TypeVar("_User")


def _check_load(_: object, __: Attribute[Any], load: object) -> None:
    check_callable(load, ("issuer", "subject"), "an async function")
    if not is_async(load):
        raise ConfigurationError(
            f"{name_of(load)} isn't async",
            advice="pass it to UserLoader of flask_jwtlib_strategies.identity.users, which async views can "
            "use, too",
        )


class _Turn:
    """Lets one task at a time load a user. A task that already does so gets an error, and doesn't wait."""

    __slots__ = ("_holder", "_lock")

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder: object = None

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        if task is self._holder:
            raise RuntimeError("the function that loads the user asks for the same user")
        await self._lock.acquire()
        self._holder = task

    async def __aexit__(self, *_: object) -> None:
        self._holder = None
        self._lock.release()


@frozen(eq=False)
class AsyncUserLoader(UserRows[_User]):
    """Loads the user of a caller in async views: like ``UserLoader``, but with an async function.

    ::

        user = await users.current()

    Policies are not async, so it has no ``required``. To require a user for all routes, use a ``UserLoader``.

    Args:
        load: Takes the token's issuer and subject, and returns the user or None.
        refusal: What refuses unknown callers, as for ``UserLoader``.
        key: Returns a user's issuer and subject, as for ``UserLoader``.

    Raises:
        ConfigurationError: ``load`` isn't async or doesn't take two arguments, or ``refusal`` or ``key``
            can't be used as such.
    """

    load: Callable[[str, str], Awaitable[_User | None]] = field(validator=_check_load)

    async def current(self) -> _User:
        """Return the user of the current request's caller, as ``UserLoader.current``.

        Raises:
            RuntimeError: The request has no authenticated caller.
            AuthenticationError: The caller isn't a user.
            VerificationUnavailable: The user can't be looked up at the moment.
        """
        return await self.of(current_caller())

    async def current_or_none(self) -> _User | None:
        """Return the user of the current request's caller; None for a guest of an optional route.

        Raises:
            AuthenticationError: The caller isn't a user.
            VerificationUnavailable: The user can't be looked up at the moment.
        """
        return await self.current() if current_principal else None

    async def of(self, caller: Principal) -> _User:
        """Return the user of a caller, such as that of ``auth.verify(text)``.

        Raises:
            AuthenticationError: The caller isn't a user.
            VerificationUnavailable: The user can't be looked up at the moment.
        """
        return found_or_refused(await self._remembered(caller), caller.claims, self.unknown)

    async def _remembered(self, principal: Principal) -> Outcome[_User]:
        memory: Memory[_User] = principal.memory.setdefault(self, Memory())
        if memory.outcome is None:
            # A lock belongs to one event loop, and another thread may have another one.
            turn: _Turn = principal.memory.setdefault((self, asyncio.get_running_loop()), _Turn())
            async with turn:
                # Another task may have found it meanwhile.
                if memory.outcome is None:
                    outcome = await self._find(principal.claims)
                    memory.outcome = outcome.to_remember()
                    return outcome
        return memory.outcome

    async def _find(self, claims: Claims) -> Outcome[_User]:
        try:
            issuer, subject = self.issuer_and_subject(claims)
            with outages_as_unavailable(issuer, subject):
                return Outcome(self.checked(await self.load(issuer, subject), issuer, subject))
        except (AuthenticationError, VerificationUnavailable) as error:
            return Outcome(error=error.with_traceback(None))
