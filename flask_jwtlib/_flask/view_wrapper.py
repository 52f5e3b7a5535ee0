"""Wraps views, sync and async, so that they run only where a request is let in."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

__all__ = ["wrap_view"]

Enter = Callable[[], "tuple[ResponseReturnValue | None, Callable[[], None] | None]"]


def wrap_view(view: Any, enter: Enter) -> Callable[..., Any]:
    """Wrap a view function or method.

    Args:
        view: The function. A wrapper of an async one is async.
        enter: Decides about the request: it answers the refusal, or None, and what is to be done when
            the view has ended, or None.

    Raises:
        ConfigurationError: It is no function.
    """
    if not callable(view) or isinstance(view, type):
        raise ConfigurationError(
            f"this decorates view functions, not {view!r}; rules are given as rules=[…], and a "
            "view class takes the decorator in its `decorators` or on its methods"
        )
    if inspect.iscoroutinefunction(view):

        @wraps(view)
        async def guarded_async(*args: Any, **kwargs: Any) -> Any:
            refusal, leave = enter()
            try:
                return await view(*args, **kwargs) if refusal is None else refusal
            finally:
                if leave is not None:
                    leave()

        return guarded_async

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        refusal, leave = enter()
        try:
            return view(*args, **kwargs) if refusal is None else refusal
        finally:
            if leave is not None:
                leave()

    return guarded
