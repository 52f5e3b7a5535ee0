"""Which behaviour applies to each request."""

from __future__ import annotations

from attrs import define, field

from ._behaviour import Behaviour

__all__ = ["BehaviourSchedule"]

_ByPath = dict["str | None", Behaviour]
_ListsByPath = dict["str | None", list[Behaviour]]


@define
class BehaviourSchedule:
    """The behaviours that were set for single paths and for all paths, which have None as their path."""

    _permanent: _ByPath = field(init=False, factory=_ByPath)
    _temporary: _ListsByPath = field(init=False, factory=_ListsByPath)

    def add(self, behaviour: Behaviour, path: str | None, times: int | None) -> None:
        """Set a behaviour, for a number of requests or for all that follow."""
        if times is not None:
            self._temporary.setdefault(path, []).extend([behaviour] * times)
            return
        if path is None:
            self._temporary.clear()
            self._permanent.clear()
        self._temporary.pop(path, None)
        self._permanent[path] = behaviour

    def next_for(self, path: str) -> Behaviour:
        """Return the behaviour for the next request."""
        for scope in (path, None):
            temporary = self._temporary.get(scope)
            if temporary:
                return temporary.pop(0)
        return self._permanent.get(path) or self._permanent.get(None) or Behaviour()
