"""The base of objects that are shared instead of copied."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["Shared"]


class Shared:
    """A base for immutable objects that hold keys, caches or locks of this process.

    ``copy.copy`` and ``copy.deepcopy`` return the object itself, so that a copy of an app's settings
    works and uses the same keys. ``pickle`` raises ``TypeError``, which says why.
    """

    __slots__ = ()

    def __copy__(self) -> Shared:
        """Return the object itself."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Shared:
        """Return the object itself."""
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Raise ``TypeError``."""
        raise TypeError(
            f"{type(self).__name__} can't be pickled: it holds keys, caches or locks of this process. "
            "Make one in each process, with a function that returns it."
        )
