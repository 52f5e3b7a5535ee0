"""Finds the cause of a refusal.

A package adds causes of its own by an entry point in the group ``flask_jwtlib.causes``, which names a list of
functions that ``recognises`` decorates.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from logging import getLogger

from attrs import evolve

from ..errors import (
    AlgorithmError,
    BadSignatureError,
    Refusal,
    TokenKindError,
    UnknownKeyError,
    VerificationUnavailable,
    WrongIssuerError,
)
from ..log_text import library_logger, one_line
from ._facts import Facts
from ._finders import CauseFinder
from ._general_causes import GENERAL_CAUSES
from ._values import Cause

__all__ = ["catalogue", "find_causes"]

_ENTRY_POINTS = "flask_jwtlib.causes"
_logger = library_logger("flask_jwtlib")
# It also logs while a token is only explained, and nothing about the token.
_always = getLogger("flask_jwtlib.causes")

_LONGEST = 600
_MOST_REFUSALS = 20


def find_causes(facts: Facts) -> tuple[Cause, ...]:
    """Return the causes that fit, the most likely one first. There is always at least one."""
    causes: dict[str, Cause] = {}
    for error in _refusals(facts):
        cause = _cause(evolve(facts, error=error))
        causes.setdefault(cause.name, cause)
    return tuple(causes.values())


@lru_cache(maxsize=1)
def catalogue() -> tuple[CauseFinder, ...]:
    """Return what recognises causes, in the order in which it is tried.

    First come those of all installed packages, with an application's own before the ones of this project,
    and last the general ones.
    """
    found = sorted(entry_points(group=_ENTRY_POINTS), key=_is_ours)
    return (*(finder for each in found for finder in _loaded(each)), *GENERAL_CAUSES)


def _is_ours(found: EntryPoint) -> bool:
    return found.value.startswith("flask_jwtlib_strategies.")


def _loaded(found: EntryPoint) -> tuple[CauseFinder, ...]:
    try:
        finders = tuple(found.load())
        if all(isinstance(finder, CauseFinder) for finder in finders):
            return finders
        why = "it isn't a list of CauseFinder objects"
    except Exception as error:  # noqa: BLE001 - it is another package's code
        why = f"it raised {type(error).__name__} when it was loaded"
    _logger.warning("the causes of %s (%s) are left out: %s", found.name, found.value, why)
    return ()


def _refusals(facts: Facts) -> Iterator[Refusal]:
    """Yield what refuses the token: first what explains the refusal, and then everything else."""
    others = facts.refusals[:_MOST_REFUSALS]
    # A token of another issuer or kind has another key or algorithm, too.
    if isinstance(facts.error, UnknownKeyError | BadSignatureError) and facts.issuers:
        yield from (each for each in others if isinstance(each, WrongIssuerError))
    if isinstance(facts.error, UnknownKeyError | BadSignatureError | AlgorithmError):
        yield from (each for each in others if isinstance(each, TokenKindError))
    yield facts.error
    # The walk asks for the keys once more, and gets the same refusal without its cause.
    yield from (each for each in others if not isinstance(each, VerificationUnavailable))


def _cause(facts: Facts) -> Cause:
    """Return the first cause that fits a refusal. The last of the catalogue fits all."""
    return next(filter(None, (_found(finder, facts) for finder in catalogue())))


def _found(finder: CauseFinder, facts: Facts) -> Cause | None:
    try:
        cause = finder(facts)
        if cause is None:
            return None
        return Cause(cause.name, one_line(cause.text, _LONGEST), one_line(cause.cure, _LONGEST))
    except Exception as error:  # noqa: BLE001 - it may be another package's code
        name = one_line(finder.name)
        _always.warning("the cause %s is left out: it raised %s", name, type(error).__name__)
        return None
