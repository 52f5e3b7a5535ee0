"""Wrappers of views, sync and async, that run a view only if the request may enter."""

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
        view: The function. If it is async, the wrapper is async, too.
        enter: Decides about the request. It returns the response to a refused request, or None to run the
            view; and a function to call after the view, or None.

    Raises:
        ConfigurationError: The view isn't a function.
    """
    if not callable(view) or isinstance(view, type):
        raise ConfigurationError(
            f"expected a view function to decorate, not {view!r}: pass rules as rules=[…], and put "
            "the decorator of a view class into its `decorators` or on its methods"
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
