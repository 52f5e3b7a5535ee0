"""Tells whether a request without a token gets through to a view, by what will dispatch the request.

Only code that is known to call what it wraps is looked through: our decorators, Flask's view classes,
and the parts of Flask-RESTful, Flask-RESTX and Flask-CORS that stand around a view. Everything else
may call something else, or nothing: where a decorator of ours is somewhere in it, what happens is
unknown.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, Literal

from attrs import frozen
from flask.views import MethodView, View

from ._marks import copied_mark, mark_of
from ._wrappers import cells, reachable
from .authenticator import Authenticator

__all__ = ["Access", "name_of", "resource_authenticators", "view_access"]

_DECORATORS = {"requires_authentication": "required", "optional_authentication": "optional"}
# Where a wrapper is made that calls what it wraps, and by which name it knows that.
_TRANSPARENT = (
    ("flask_restful", "Api.output", "resource"),
    ("flask_restx.api", "Api.output", "resource"),
    ("flask_cors.decorator", "cross_origin", "f"),
)
# Where the `Resource` is that puts `method_decorators` around its methods.
_RESOURCE_MODULES = ("flask_restful", "flask_restx.resource")
_BINDING_KINDS = frozenset({FunctionType, MethodType, partial})
_WRITING_NAMES = frozenset({"setattr", "__setattr__", "vars", "__dict__", "__class__"})


@frozen
class Access:
    """Who gets through to a view.

    Attributes:
        word: ``"required"`` or ``"optional"`` authentication, ``"open"``, or ``"unknown"``.
        by: What makes it so, empty where nothing does.
    """

    word: Literal["required", "optional", "open", "unknown"]
    by: str = ""


_REQUIRED, _OPTIONAL, _OPEN = Access("required"), Access("optional"), Access("open")


@frozen
class _Owner:
    """The view class whose instance handles a request.

    Attributes:
        kind: The class.
        instance: The instance, None where each request has its own.
    """

    kind: type
    instance: Any = None

    def attribute(self, name: str) -> Any:
        """Return what an instance has under a name, before it is bound; None if there is nothing."""
        found = vars(self.instance).get(name) if self.instance is not None else None
        if found is None:
            found = inspect.getattr_static(self.kind, name, None)
        return found.__func__ if isinstance(found, staticmethod | classmethod) else found

    def is_predictable(self, *names: str) -> bool:
        """Whether an instance certainly has the attributes that ``attribute`` returns."""
        if inspect.getattr_static(self.kind, "__getattribute__") is not object.__getattribute__:
            return False
        return self.instance is not None or (
            inspect.getattr_static(type(self.kind), "__call__") is vars(type)["__call__"]
            and inspect.getattr_static(self.kind, "__new__") is vars(object)["__new__"]
            and not any(_sets(base, names) for base in self.kind.__mro__)
        )


def view_access(view: Any, method: str) -> Access:
    """Tell who gets through to a registered view with a request method. Guards are left aside."""
    return _access(view, method, None)


def resource_authenticators(found: Any) -> Iterator[Any]:
    """Yield the authenticators in the ``method_decorators`` of a Flask-RESTful or Flask-RESTX resource."""
    if isinstance(found, type) and issubclass(found, MethodView):
        owner = _Owner(found)
        if _reads_method_decorators(owner.attribute("dispatch_request")):
            yield from (by for _, by in filter(None, map(_ours, _method_decorators(owner))))


def name_of(found: Any) -> str:
    """Name what is called for a person, and not what it claims to be by ``functools.wraps``."""
    if isinstance(found, MethodType):
        return name_of(found.__func__)
    if isinstance(found, FunctionType):
        return f"{found.__code__.co_name} in {found.__globals__.get('__name__')}"
    kind = found if isinstance(found, type) else type(found)
    return f"{kind.__qualname__} in {kind.__module__}"


def _access(called: Any, method: str, owner: _Owner | None) -> Access:
    """Tell who gets through where something is called.

    Args:
        called: What is called.
        method: The request's method.
        owner: Set where the call's first argument is an instance of a view class.
    """
    mark = mark_of(called)
    if mark is not None and mark.kind == "required":
        return _REQUIRED
    if mark is not None and mark.kind == "optional":
        return _within_optional(_access(mark.view, method, owner))
    kind = type(called)
    if kind is MethodType:
        bound = called.__self__
        owner = _Owner(type(bound), bound) if isinstance(bound, View) else None
        return _access(called.__func__, method, owner)
    if kind is staticmethod:
        return _access(called.__func__, method, None)
    if kind is partial:
        return _access(called.func, method, None)
    if kind is FunctionType:
        return _access_of_function(called, method, owner)
    call = inspect.getattr_static(kind, "__call__", None)
    return _access(call, method, None) if type(call) is FunctionType else _opaque(called)


def _access_of_function(called: FunctionType, method: str, owner: _Owner | None) -> Access:
    for module, maker, variable in _TRANSPARENT:
        if _is_made_by(_library(module, maker), called) and variable in cells(called):
            return _access(cells(called)[variable], method, None)
    if _is_made_by(View.as_view, called):
        return _access_of_class(_owner_of(called), method)
    if owner is not None and called is MethodView.dispatch_request:
        access = _access_of_method(owner, method)
        if access.word == "open" and any(map(_ours, _method_decorators(owner))):
            return Access("open", f"{name_of(owner.kind)} does not use its method_decorators")
        return access
    if owner is not None and _reads_method_decorators(called):
        return _access_of_resource(owner, method)
    return _opaque(called, owner)


def _owner_of(view: FunctionType) -> _Owner:
    """Tell which class handles requests to a function that ``as_view`` made."""
    held = cells(view)
    if "self" in held:
        return _Owner(type(held["self"]), held["self"])
    # For each request Flask looks the class up on what the class's decorators returned.
    return _Owner(held["view"].view_class)


def _access_of_class(owner: _Owner, method: str) -> Access:
    if not owner.is_predictable("dispatch_request"):
        return _opaque(owner.kind, owner)
    return _access_of_attribute(owner, "dispatch_request", method, owner)


def _access_of_method(owner: _Owner, method: str) -> Access:
    """Tell who gets through where a ``MethodView`` chooses one of its methods."""
    names = ("head", "get") if method == "HEAD" else (method.lower(),)
    if not owner.is_predictable(*names):
        return _opaque(owner.kind, owner)
    name = next((name for name in names if owner.attribute(name) is not None), None)
    return _OPEN if name is None else _access_of_attribute(owner, name, method, None)


def _access_of_attribute(owner: _Owner, name: str, method: str, passed: _Owner | None) -> Access:
    found = owner.attribute(name)
    if type(found) in _BINDING_KINDS or not hasattr(type(found), "__get__"):
        return _access(found, method, passed)
    # A property, or another descriptor, may return anything.
    return _opaque(found, owner)


def _access_of_resource(owner: _Owner, method: str) -> Access:
    """Tell who gets through where a resource's ``method_decorators`` are put around its methods."""
    decorators = owner.attribute("method_decorators")
    if isinstance(decorators, Mapping):
        decorators = decorators.get(method.lower(), ())
    if not isinstance(decorators, list | tuple) or not owner.is_predictable("method_decorators"):
        return _unknown(owner.kind)
    access = _access_of_method(owner, method)
    for decorator in decorators:
        ours = _ours(decorator)
        if ours is None:
            access = _unknown(decorator)
        else:
            access = _REQUIRED if ours[0] == "required" else _within_optional(access)
    return access


def _within_optional(access: Access) -> Access:
    return _OPTIONAL if access.word == "open" else access


def _opaque(called: Any, owner: _Owner | None = None) -> Access:
    """Tell what is known of code that may do anything: whether a decorator of ours is somewhere in it."""
    ours = any(copied_mark(found) is not None for found in reachable(called))
    if owner is not None and not ours:
        ours = any(copied_mark(found) is not None for found in reachable(owner.kind)) or any(
            map(_ours, _method_decorators(owner))
        )
    return _unknown(called) if ours else _OPEN


def _unknown(called: Any) -> Access:
    return Access("unknown", f"{name_of(called)} may bypass a decorator")


def _sets(base: type, names: tuple[str, ...]) -> bool:
    """Whether a class's ``__init__`` may give an instance its own attributes of some names."""
    init = vars(base).get("__init__")
    if init is None or base is object:
        return False
    if type(init) is not FunctionType:
        return True
    return bool(_WRITING_NAMES.intersection(init.__code__.co_names)) or any(
        step.opname == "STORE_ATTR" and step.argval in names for step in dis.get_instructions(init)
    )


def _ours(decorator: Any) -> tuple[str, Any] | None:
    """Recognise a decorator of ours: what it asks of callers, and its authenticator."""
    function = decorator.func if type(decorator) is partial else decorator
    if isinstance(function, MethodType) and isinstance(function.__self__, Authenticator):
        for name, kind in _DECORATORS.items():
            if function.__func__ is vars(Authenticator)[name]:
                return kind, function.__self__
        if function.__func__ is vars(Authenticator)["_decorated"]:
            optional = decorator.keywords["optional"]
            return "optional" if optional else "required", function.__self__
    package: Any = sys.modules[__name__.rpartition(".")[0]]
    for name, kind in _DECORATORS.items():
        if function is getattr(package, name):
            return kind, package.default_authenticator
    return None


def _method_decorators(owner: _Owner) -> list[Any]:
    """Everything in a class's ``method_decorators``, for whichever method."""
    decorators = owner.attribute("method_decorators")
    if isinstance(decorators, Mapping):
        return [one for some in decorators.values() for one in some]
    return list(decorators) if isinstance(decorators, list | tuple) else []


def _reads_method_decorators(dispatch: Any) -> bool:
    """Whether a ``dispatch_request`` is one that puts ``method_decorators`` around the methods."""
    return any(
        dispatch is _library(module, "Resource.dispatch_request") for module in _RESOURCE_MODULES
    )


def _library(module: str, path: str) -> Any:
    """Return a library's function; None if the application doesn't import the library."""
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _is_made_by(maker: Any, function: FunctionType) -> bool:
    """Whether a function was defined inside another one."""
    code = getattr(maker, "__code__", None)
    return code is not None and any(found is function.__code__ for found in _nested(code))


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)
