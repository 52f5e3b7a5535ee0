"""What a ``fetch`` returns: keys, and what is known about them."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

from .._options import is_seconds
from ..errors import ConfigurationError

__all__ = ["FetchedKeys"]


def _check_ttl(_: object, __: Attribute[Any], value: object) -> None:
    if value is not None and not is_seconds(value):
        raise ConfigurationError(f"ttl must be a number of seconds, 0 or more, not {value!r}")


@frozen(eq=False)
class FetchedKeys:
    """What a ``fetch`` may return instead of bare keys: keys, and what is known about them.

    Args:
        keys: The keys, in any form that ``KeySet.of`` takes. Return the same ``KeySet`` object as the last
            time to say that nothing has changed.
        ttl: Seconds that they are fresh. None, the default, means the provider's own ``ttl``.
        partial: For a source that has no list, but one key for each ``kid``: of ``keys``, only the key of the
            ``kid`` that ``fetch`` was called with was looked up. The others are those that the last fetch
            returned, and their age goes on. If there are no keys, that is taken as it is: there is no key of
            that ``kid``. When ``fetch`` is called with ``kid=None``, it has to look up all keys that it
            returned before.

    Raises:
        ConfigurationError: The number is out of range.
    """

    keys: Any
    ttl: float | None = field(default=None, validator=_check_ttl, kw_only=True)
    partial: bool = field(default=False, kw_only=True)
