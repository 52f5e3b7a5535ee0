"""Keys that a ``fetch`` function returns, with their lifetime."""

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
    """Return it from a ``fetch`` function instead of the keys, to say how long they are fresh.

    Args:
        keys: The keys, in any form that ``KeySet.of`` takes. Return the same ``KeySet`` object as the last
            time if nothing has changed.
        ttl: Seconds that they are fresh. None, the default, means the provider's own ``ttl``.
        partial: For a source with one key per ``kid`` and no list. Of ``keys``, only the key with the ``kid``
            that ``fetch`` was called with was fetched. The others must be those of the last fetch, and their
            age continues. No keys mean that there is no key with this ``kid``. If ``fetch`` is called with
            ``kid=None``, it must fetch all keys that it returned before.

    Raises:
        ConfigurationError: The number is out of range.
    """

    keys: Any
    ttl: float | None = field(default=None, validator=_check_ttl, kw_only=True)
    partial: bool = field(default=False, kw_only=True)
