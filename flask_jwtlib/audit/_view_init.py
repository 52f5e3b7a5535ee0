"""Determines whether the ``__init__`` of a view class may replace a view's methods on its instances.

It analyses bytecode and calls nothing. Code that isn't certainly harmless counts as if it could do anything.
"""

from __future__ import annotations

import dis
import inspect
from itertools import pairwise
from types import FunctionType, MemberDescriptorType
from typing import Any, cast

__all__ = ["init_may_set"]

# With these names code can set any attribute.
_WRITING_NAMES = frozenset({"setattr", "__setattr__", "vars", "__dict__", "__class__", "locals"})
_READS = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"})
_CALLS = frozenset({"CALL", "CALL_FUNCTION", "PRECALL"})
_COPIES = frozenset({"COPY", "DUP_TOP"})
_UNBOUND = (staticmethod, classmethod, MemberDescriptorType)


def init_may_set(kind: type, names: tuple[str, ...]) -> bool:
    """Whether the instances of a class may have attributes of the given names that the class doesn't have.

    They can't if each ``__init__``, and each method and property that it uses, only reads attributes of the
    instance and sets attributes of other names.
    """
    if inspect.getattr_static(kind, "__setattr__") is not object.__setattr__:
        return True
    seen: set[str] = set()
    waiting = {"__init__"}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for base in kind.__mro__:
            found = vars(base).get(name) if base is not object else None
            if isinstance(found, property):
                found = found.fget
            if type(found) is FunctionType:
                read = _read_by(found, kind, names)
                if read is None:
                    return True
                waiting |= read - seen
            elif name == "__init__" and found is not None:
                return True
            elif hasattr(cast("Any", type(found)), "__get__") and not isinstance(found, _UNBOUND):
                # Such a descriptor gets the instance.
                return True
    return False


def _read_by(method: FunctionType, kind: type, names: tuple[str, ...]) -> set[str] | None:
    """Return the names of the attributes that a method reads; None if it may do anything to the instance."""
    code = method.__code__
    if not code.co_argcount or not _WRITING_NAMES.isdisjoint(code.co_names):
        return None
    this = code.co_varnames[0]
    read: set[str] = set()
    steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
    for place, step in enumerate(steps):
        after = steps[place + 1 : place + 7]
        if step.opname == "LOAD_CONST":
            continue
        used = _values_of(step)
        if step.opname == "STORE_ATTR" and (step.argval in names or _has_setter(kind, step.argval)):
            return None
        if step.argval == "super":
            name = _read_of_super(after)
        elif this not in used:
            continue
        elif "LOAD_FAST" in step.opname and used[-1] == this and after:
            name = _use(after, is_super=steps[place - 2].argval == "super")
        else:
            return None
        if name is None:
            return None
        read.add(name)
    return read - {""}


def _values_of(step: dis.Instruction) -> tuple[Any, ...]:
    """Return the arguments of an instruction: one, or since Python 3.13 several."""
    value: Any = step.argval
    return tuple(cast("Any", value)) if isinstance(value, tuple) else (value,)


def _use(after: list[dis.Instruction], *, is_super: bool) -> str | None:
    """Return the name of the attribute that is read, "" if one is set, or None for any other use."""
    if after[0].opname in _COPIES:  # as in `self.count += 1`
        after = after[1:]
        return after[0].argval if after[0].opname in _READS else None
    if after[0].opname in _READS:
        return cast("str", after[0].argval)
    if after[0].opname == "STORE_ATTR" or (is_super and after[0].opname in _CALLS):
        return ""
    return None


def _read_of_super(after: list[dis.Instruction]) -> str | None:
    """Return the name of the attribute that is read from ``super(…)``; None for any other use."""
    for before, step in pairwise(after):
        if step.opname == "LOAD_SUPER_ATTR" or (before.opname in _CALLS and step.opname in _READS):
            return cast("str", step.argval)
    return None


def _has_setter(kind: type, name: str) -> bool:
    """Whether setting an attribute of an instance runs a ``__set__`` of the class."""
    found = inspect.getattr_static(kind, name, None)
    return not isinstance(found, MemberDescriptorType) and hasattr(
        cast("Any", type(found)), "__set__"
    )
