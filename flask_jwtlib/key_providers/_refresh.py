"""When fetched keys are refreshed, and how long that may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import attrs
from attrs import Attribute, field, frozen

from .._options import as_clock, check_seconds
from ..errors import ConfigurationError
from ..log_text import quoted

__all__ = ["AHEAD", "Refresh", "RefreshTimes"]

AHEAD = (0.7, 0.8)
"""The parts of their lifetime between which keys are refreshed in the background, before they expire."""

_USUAL_TTL = 300
_LONGEST_TTL = 86_400


class RefreshTimes(TypedDict, total=False):
    """The fields of ``Refresh`` as keyword arguments, which providers take along with ``refresh``."""

    min_ttl: float
    max_ttl: float
    max_stale: float
    max_wait: float
    fetch_timeout: float
    clock: Callable[[], float]


def _check_ttl(_: object, attribute: Attribute[Any], value: Any) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 1 <= value <= _LONGEST_TTL:
        raise ConfigurationError(
            f"{attribute.name} must be a number of seconds from 1 to {_LONGEST_TTL}, not {quoted(value)}"
        )


@frozen(kw_only=True)
class Refresh:
    """Sets how long fetched keys may be used, and how long requests wait for new ones.

    Share one among providers::

        strict = Refresh(max_stale=0, fetch_timeout=10)
        keys = JWKSKeyProvider("https://login.example/keys", refresh=strict)

    A provider also takes single fields as keyword arguments, which replace those of ``refresh``:
    ``JWKSKeyProvider(url, max_stale=0)``.

    Args:
        min_ttl: The shortest time that keys are fresh, in seconds, even if a response's headers say less.
        max_ttl: The longest time that keys are fresh, in seconds, up to 86,400. A withdrawn key may be
            accepted for this time.
        max_stale: Seconds that expired keys may be used while no fetch succeeds. 0 means never.
        max_wait: Longest a request waits for a refresh when recently expired keys could be used instead, in
            seconds.
        fetch_timeout: Seconds that a fetch may take, from the connection to the last byte.
        clock: Returns seconds, and never jumps.

    Raises:
        ConfigurationError: A number is out of range, or ``min_ttl`` is larger than ``max_ttl``.
    """

    min_ttl: float = field(default=60, validator=_check_ttl)
    max_ttl: float = field(default=3600, validator=_check_ttl)
    max_stale: float = field(default=14400, validator=check_seconds)
    max_wait: float = field(default=2, validator=check_seconds)
    fetch_timeout: float = field(default=5, validator=check_seconds)
    clock: Callable[[], float] = field(default=time.monotonic, converter=as_clock, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.min_ttl > self.max_ttl:
            raise ConfigurationError(
                f"min_ttl is {self.min_ttl:g} s and max_ttl {self.max_ttl:g} s; min_ttl can't be larger"
            )

    @classmethod
    def of(
        cls, refresh: Refresh | None, times: Mapping[str, Any], *, ttl_bounds: bool = True
    ) -> Refresh:
        """Return ``refresh``, or ``Refresh()`` if it is None, with some fields replaced by ``times``.

        Args:
            refresh: The value that several providers may share.
            times: The keyword arguments of one provider.
            ttl_bounds: Whether ``min_ttl`` and ``max_ttl`` apply to the provider.

        Raises:
            ConfigurationError: ``refresh`` isn't a ``Refresh``, or a number is out of range.
            TypeError: ``times`` has a name that isn't a field, or one that doesn't apply.
        """
        for name in () if ttl_bounds else ("min_ttl", "max_ttl"):
            if name in times:
                # Ignoring it would accept withdrawn keys for longer than the caller expects.
                raise TypeError(f"{name} doesn't apply to this provider")
        given: object = cls() if refresh is None else refresh
        if not isinstance(given, Refresh):
            raise ConfigurationError(f"refresh must be a Refresh, not {quoted(given)}")
        return attrs.evolve(given, **times)

    def ttl(self, lifetime: float | None) -> float:
        """Return how many seconds keys are fresh, by the lifetime in their response's headers.

        Args:
            lifetime: The lifetime in seconds, or None if the headers don't have one, which means 300.
        """
        seconds = _USUAL_TTL if lifetime is None else lifetime
        return min(max(seconds, self.min_ttl), self.max_ttl)

    @staticmethod
    def ttl_for(interval: float) -> float:
        """Return the lifetime of keys that should be fetched again after ``interval`` seconds or later."""
        return interval / AHEAD[0]
