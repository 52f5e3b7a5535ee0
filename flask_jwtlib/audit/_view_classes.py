"""View classes: the class that handles a request, and the attributes of its instances."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import FunctionType
from typing import Any, cast

from attrs import frozen

from .._flask.introspection import closure_variables
from ._view_init import init_may_set

__all__ = ["Owner", "method_decorators", "owner_of"]


@frozen
class Owner:
    """The view class whose instance handles a request.

    Attributes:
        kind: The class.
        instance: The instance; None if each request has its own.
    """

    kind: type
    instance: Any = None

    def attribute(self, name: str) -> Any:
        """Return an attribute of an instance, before it is bound, or None if it doesn't exist."""
        own: Any = {} if self.instance is None else vars(cast("object", self.instance))
        found: Any = own.get(name)
        if found is None:
            found = inspect.getattr_static(self.kind, name, None)
        if isinstance(found, staticmethod | classmethod):
            return cast("Any", found).__func__
        return found

    def is_predictable(self, *names: str) -> bool:
        """Whether the attributes of an instance are certainly those that ``attribute`` returns."""
        if inspect.getattr_static(self.kind, "__getattribute__") is not object.__getattribute__:
            return False
        # `__getattr__` may return a missing attribute, such as a `head` that is called instead of `get`.
        if inspect.getattr_static(self.kind, "__getattr__", None) is not None and any(
            self.attribute(name) is None for name in names
        ):
            return False
        return self.instance is not None or (
            inspect.getattr_static(type(self.kind), "__call__") is vars(type)["__call__"]
            and inspect.getattr_static(self.kind, "__new__") is vars(object)["__new__"]
            and not init_may_set(self.kind, names)
        )


def owner_of(view: FunctionType) -> Owner:
    """Return the class that handles the requests to a function that ``as_view`` made."""
    held = closure_variables(view)
    if "self" in held:
        kind = cast("Any", type(held["self"]))
        return Owner(kind, held["self"])
    # For each request, Flask gets the class from the function that the class's decorators returned.
    return Owner(held["view"].view_class)


def method_decorators(owner: Owner) -> list[Any]:
    """Return all of a class's ``method_decorators``, for any method."""
    decorators: Any = owner.attribute("method_decorators")
    if isinstance(decorators, Mapping):
        return [one for some in cast("Any", decorators).values() for one in some]
    return list(cast("Any", decorators)) if isinstance(decorators, list | tuple) else []
