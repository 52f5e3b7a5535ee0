"""What validators have in common that put something around another validator."""

from __future__ import annotations

from typing import Any, cast

from attrs import Attribute

from flask_jwtlib import ConfigurationError, TokenValidator
from flask_jwtlib.jws import DEFAULT_MAX_SIZE

__all__ = ["WrapsValidator", "check_wrapped"]


def check_wrapped(instance: object, _: Attribute[Any], value: object) -> None:
    """Check the validator within another one. It is a validator of attrs.

    Raises:
        ConfigurationError: It isn't a ``TokenValidator``.
    """
    if isinstance(value, type) or not isinstance(value, TokenValidator):
        raise ConfigurationError(
            f"{type(instance).__name__} wraps a TokenValidator object, not {value!r}"
        )


class WrapsValidator(TokenValidator):
    """The base class of a validator with another one as its ``validator``, whose properties it has."""

    __slots__ = ()
    validator: TokenValidator

    @property
    def max_size(self) -> int:
        """Longest accepted token, in characters: the validator's own ``max_size``, or else 8192."""
        return getattr(self.validator, "max_size", DEFAULT_MAX_SIZE)

    @property
    def status(self) -> Any:
        """The validator's ``status``, by which key health sees keys of its own.

        Raises:
            AttributeError: The validator has none.
        """
        return cast("Any", self.validator).status

    @property
    def warm_up(self) -> Any:
        """The validator's ``warm_up``.

        Raises:
            AttributeError: The validator has none.
        """
        return cast("Any", self.validator).warm_up
