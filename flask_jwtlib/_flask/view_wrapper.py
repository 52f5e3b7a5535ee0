"""Wrappers of views, sync and async, that run a view only if the request may enter."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol
from weakref import ref

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

__all__ = ["Entry", "wrap_view"]


class Entry(Protocol):
    """One request's entry into a view: a context manager that yields None, or the response to a refusal."""

    def __enter__(self) -> ResponseReturnValue | None: ...
    def __exit__(self, kind: object, error: BaseException | None, traceback: object, /) -> None: ...


def wrap_view(view: Any, enter: Callable[[Any], Entry]) -> Callable[..., Any]:
    """Wrap a view function or method.

    Args:
        view: The function. If it is async, the wrapper is async, too.
        enter: Takes the wrapper, and decides about the request when its result is entered.

    Raises:
        ConfigurationError: The view isn't a function.
    """
    # A policy is callable, too.
    if not callable(view) or isinstance(view, type) or hasattr(view, "verdict"):
        raise ConfigurationError(
            f"expected a view function to decorate, not {view!r}: pass rules and policies as rules=[…], and "
            "put the decorator of a view class into its `decorators` or on its methods"
        )
    if inspect.iscoroutinefunction(view):

        @wraps(view)
        async def guarded_async(*args: Any, **kwargs: Any) -> Any:
            with enter(itself()) as refusal:
                return await view(*args, **kwargs) if refusal is None else refusal

        itself = ref(guarded_async)
        return guarded_async

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with enter(itself()) as refusal:
            return view(*args, **kwargs) if refusal is None else refusal

    # A weak reference, so that a function that is decorated in each request is freed at once.
    itself = ref(guarded)
    return guarded
