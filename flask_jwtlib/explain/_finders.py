"""How a cause is recognised: a function of the facts, with a name."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from attrs import frozen

from ..errors import VerificationUnavailable
from ._facts import Facts
from ._values import Cause

__all__ = ["CauseFinder", "Found", "recognises"]

_UNVERIFIED = "; the token is not verified, so anybody may have written this"


@frozen
class Found:
    """A cause that fits.

    Attributes:
        text: The cause, in one sentence.
        cure: The cure, in one sentence.
    """

    text: str
    cure: str


@frozen
class CauseFinder:
    """Recognises one cause.

    Attributes:
        name: The cause's name for programs. It never changes.
        find: Returns the cause and the cure if the cause fits.
        by_claims: Whether what the token says about itself, which only a signature proves, decides.
    """

    name: str
    find: Callable[[Facts], Found | None]
    by_claims: bool = False

    @property
    def situation(self) -> str:
        """When the cause fits, for the documentation."""
        return inspect.getdoc(self.find) or ""

    def __call__(self, facts: Facts) -> Cause | None:
        """Return the cause if it fits."""
        found = self.find(facts)
        if found is None:
            return None
        text = found.text
        unavailable = isinstance(facts.error, VerificationUnavailable)
        if self.by_claims and facts.claims and not (facts.verified or unavailable):
            text = text.removesuffix(".") + _UNVERIFIED + "."
        return Cause(self.name, text, found.cure)


def recognises(
    name: str, *, by_claims: bool = False
) -> Callable[[Callable[[Facts], Found | None]], CauseFinder]:
    """Make a ``CauseFinder`` of a function. The function's docstring says when the cause fits.

    Args:
        name: The cause's name.
        by_claims: As in ``CauseFinder``.
    """

    def make(find: Callable[[Facts], Found | None]) -> CauseFinder:
        return CauseFinder(name, find, by_claims)

    return make
