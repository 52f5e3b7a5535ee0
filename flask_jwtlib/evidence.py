"""Evidence: what a request offers in addition to the token, such as a client certificate."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from enum import Enum
from typing import Any, TypeVar, cast

from attrs import frozen

from .errors import ConfigurationError

__all__ = ["NO_EVIDENCE", "CrossSiteCheck", "Evidence", "MustBeConfirmed"]

_Value = TypeVar("_Value")


@frozen(init=False)
class Evidence:
    """The values that extractors attached to a token, at most one of each type.

    Two objects with the same values are equal and have the same hash, in whichever order the values were
    attached. Evidence can be pickled if its values can.

    Args:
        *values: The values.

    Raises:
        ConfigurationError: Two values have the same type, or one isn't hashable.
    """

    # With their types: values of two types may be equal, as named tuples are.
    _values: frozenset[tuple[type, object]]

    def __init__(self, *values: object) -> None:
        kinds: set[type] = set()
        for value in values:
            kind = type(value)
            if kind in kinds:
                raise ConfigurationError(
                    f"the token has evidence of the type {kind.__name__} already: use one extractor for it"
                )
            kinds.add(kind)
            try:
                hash(value)
            except TypeError:
                raise ConfigurationError(
                    f"evidence must be hashable, such as an attrs.frozen object, and a {kind.__name__} isn't"
                ) from None
        cast("Any", self).__attrs_init__(frozenset((type(value), value) for value in values))

    def get(self, kind: type[_Value]) -> _Value | None:
        """Return the value of exactly this type; None without one."""
        for known, value in self._values:
            if known is kind:
                return cast("_Value", value)
        return None

    def adding(self, value: object) -> Evidence:
        """Return evidence with one more value.

        Raises:
            ConfigurationError: There is a value of this type already, so that one extractor can't overwrite
                what another saw; or the value isn't hashable.
        """
        return Evidence(*self, value)

    def __iter__(self) -> Iterator[object]:
        return (value for _, value in self._values)

    def __len__(self) -> int:
        return len(self._values)


NO_EVIDENCE = Evidence()

offered_evidence: ContextVar[Evidence] = ContextVar(
    "flask_jwtlib_offered_evidence", default=NO_EVIDENCE
)
"""Used by the ``Authenticator``: the evidence of the token that is being validated."""


class MustBeConfirmed:
    """The base class of evidence that a validator must check before the token is accepted.

    Use it if an extractor and a validator are useless apart: if an app has the extractor and forgets the
    validator, its requests are refused instead of accepted without the check. After ``validate`` returns, the
    ``Authenticator`` responds with 503 unless the claims confirm the evidence by its type::

        @frozen
        class SubmittedForm(MustBeConfirmed):
            digest: str

        # in the validator, after comparing
        return claims.confirming(SubmittedForm)
    """

    __slots__ = ()


class CrossSiteCheck(Enum):
    """The outcome of checking whether another site made the browser send a request.

    An extractor of ambient tokens, which a browser sends by itself, attaches it:
    ``token.with_evidence(CrossSiteCheck.PASSED)``. If the check fails, it raises ``CrossSiteError`` instead.
    The ``Authenticator`` refuses an ambient token without an outcome.
    """

    PASSED = "passed"
    """The request comes from this site, or from an origin that the application trusts."""
    SAFE_METHOD = "safe method"
    """The request's method changes nothing (RFC 9110 §9.2.1), and it opens no WebSocket."""
    DISABLED = "disabled"
    """The extractor's check was switched off by name."""
