"""What an application asks about the current caller."""

from __future__ import annotations

from typing import cast

from werkzeug.local import LocalProxy

from ..values import Principal
from .state import published_now

__all__ = ["current_principal", "is_authenticated"]


def is_authenticated() -> bool:
    """Return whether the current request's caller is authenticated."""
    published = published_now()
    return published is not None and published.principal is not None


def _principal() -> Principal:
    published = published_now()
    if published is None or published.principal is None:
        raise RuntimeError(
            "This request has no authenticated caller. Protect the view with an Authenticator's "
            "requires_authentication or guard. On an optional route, check `if current_principal:` first."
        )
    return published.principal


class _CurrentPrincipal(LocalProxy[Principal]):
    """The current request's caller, a ``Principal``. Falsy if there isn't one."""

    __slots__ = ()
    # pydoc reads this attribute. Without it, pydoc would look for a caller, which raises an error.
    __origin__ = Principal


current_principal: Principal = cast("Principal", _CurrentPrincipal(_principal))
"""The current request's caller. Without one it is falsy, and any other use raises ``RuntimeError``."""
