"""The issuers that should be equal: the token's, or that of the metadata, and the app's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from attrs import frozen

from flask_jwtlib.errors import WrongIssuerError
from flask_jwtlib.explain import Facts
from flask_jwtlib.log_text import quoted

from ._places import Place, place_of

__all__ = ["Comparison", "compared", "first", "first_places"]

_METADATA = re.compile(r"these are the metadata of '([^']*)', not of our issuer '([^']*)'")


@frozen
class Comparison:
    """The issuer that was found, and the one that the app has.

    Attributes:
        found: The token's ``iss``, or the issuer in the provider's metadata.
        ours: The app's.
        source: Where ``found`` stands.
    """

    found: str
    ours: str
    source: str

    @property
    def places(self) -> tuple[Place, Place] | None:
        """The parts of both; None if one isn't a URL."""
        found, ours = place_of(self.found), place_of(self.ours)
        return None if found is None or ours is None else (found, ours)

    @property
    def differing(self) -> str:
        """Both, as the beginning of a sentence."""
        return f"{self.source} is {quoted(self.found)} and the app expects {quoted(self.ours)}"


def compared(facts: Facts) -> Iterator[Comparison]:
    """Yield each pair of issuers that should be equal and isn't."""
    found = _METADATA.search(facts.fault)
    if found:
        yield Comparison(found[1], found[2], "The issuer in the provider's metadata")
    elif isinstance(facts.error, WrongIssuerError) and facts.text("iss"):
        for ours in facts.issuers:
            yield Comparison(facts.text("iss"), ours, "iss")


def first(facts: Facts, fits: Callable[[Comparison], object]) -> Comparison | None:
    return next(filter(fits, compared(facts)), None)


def first_places(facts: Facts, fits: Callable[[Place, Place], object]) -> Comparison | None:
    return first(facts, lambda pair: pair.places is not None and fits(*pair.places))
