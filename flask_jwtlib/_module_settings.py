"""Reads the documented settings, which an application may assign at any time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from attrs import frozen

from ._callbacks import Callbacks
from .claim_rules import Audience, Issuer
from .errors import ConfigurationError
from .judgement import ClaimRule
from .validators import JWTValidator

__all__ = ["Settings", "words_of"]


def words_of(setting: str, value: Any) -> tuple[str, ...]:
    """Read a setting of one string or several.

    Raises:
        ConfigurationError: It is empty, or of a kind that reading uses up: it says nothing then.
    """
    if isinstance(value, str) and value:
        return (value,)
    if not isinstance(value, list | tuple | set | frozenset) or not value:
        raise ConfigurationError(f"{setting} is {value!r}: want a string, or several in a list")
    return tuple(cast("Collection[str]", value))


@frozen
class Settings:
    """The settings that a validator is made by."""

    algorithms: tuple[str, ...]
    audience: tuple[str, ...] | None
    issuer: tuple[str, ...] | None
    leeway: float

    @classmethod
    def of(cls, callbacks: Callbacks) -> Settings:
        """Read them as they are now.

        Raises:
            ConfigurationError: One is of a wrong kind.
        """
        audience, issuer = callbacks.JWT_AUDIENCE, callbacks.JWT_ISSUER
        return cls(
            words_of("JWT_ALGO", callbacks.JWT_ALGO),
            None if audience is None else words_of("JWT_AUDIENCE", audience),
            None if issuer is None else words_of("JWT_ISSUER", issuer),
            callbacks.JWT_LEEWAY,
        )

    def validator(self) -> JWTValidator:
        """Make the validator.

        Raises:
            ConfigurationError: One of them says nothing that a validator could go by.
        """
        rules: list[ClaimRule] = [Audience(*self.audience or ())]
        if self.issuer is not None:
            rules.append(Issuer(*self.issuer))
        return JWTValidator(algorithms=self.algorithms, rules=rules, leeway=self.leeway)
