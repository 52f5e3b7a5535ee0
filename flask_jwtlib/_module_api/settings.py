"""Reads the module API's settings, which an application may assign at any time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from attrs import frozen

from ..claim_rules import Audience, ClaimRule, Issuer
from ..errors import ConfigurationError
from ..interfaces import KeyProvider
from ..validators import JWTValidator
from ..values import BearerToken, Claims
from .callbacks import Callbacks

__all__ = ["Settings", "max_size_of", "words_of"]


def words_of(setting: str, value: Any) -> tuple[str, ...]:
    """Read a setting that is one string or several.

    Raises:
        ConfigurationError: It is empty, or it is neither a string nor a list, tuple or set.
    """
    if isinstance(value, str) and value:
        return (value,)
    if not isinstance(value, list | tuple | set | frozenset) or not value:
        raise ConfigurationError(f"{setting} is {value!r}, expected a string or a list of strings")
    return tuple(cast("Collection[str]", value))


def max_size_of(callbacks: Callbacks) -> int:
    """Read ``JWT_MAX_SIZE``.

    Raises:
        ConfigurationError: It isn't a whole number, 1 or more.
    """
    size: Any = callbacks.JWT_MAX_SIZE
    if type(size) is not int or size < 1:
        raise ConfigurationError(
            f"JWT_MAX_SIZE is {size!r}, expected a whole number of characters, such as 16384"
        )
    return size


@frozen
class Settings:
    """The settings that a validator is made from."""

    algorithms: tuple[str, ...]
    audience: tuple[str, ...] | None
    issuer: tuple[str, ...] | None
    leeway: float
    max_size: int
    numeric_subject: bool

    @classmethod
    def of(cls, callbacks: Callbacks) -> Settings:
        """Read the settings as they are now.

        Raises:
            ConfigurationError: One has the wrong type.
        """
        audience, issuer = callbacks.JWT_AUDIENCE, callbacks.JWT_ISSUER
        numeric_subject: Any = callbacks.JWT_NUMERIC_SUBJECT
        if not isinstance(numeric_subject, bool):
            raise ConfigurationError(
                f"JWT_NUMERIC_SUBJECT is {numeric_subject!r}, expected True or False"
            )
        return cls(
            words_of("JWT_ALGO", callbacks.JWT_ALGO),
            None if audience is None else words_of("JWT_AUDIENCE", audience),
            None if issuer is None else words_of("JWT_ISSUER", issuer),
            callbacks.JWT_LEEWAY,
            max_size_of(callbacks),
            numeric_subject,
        )

    def validator(self) -> JWTValidator:
        """Make a validator for these settings.

        Raises:
            ConfigurationError: One has a value that no validator accepts.
        """
        rules: list[ClaimRule] = [Audience(*self.audience or ())]
        if self.issuer is not None:
            rules.append(Issuer(*self.issuer))
        make = _NumericSubjectValidator if self.numeric_subject else JWTValidator
        return make(
            algorithms=self.algorithms, rules=rules, leeway=self.leeway, max_size=self.max_size
        )


class _NumericSubjectValidator(JWTValidator):
    """Turns a numeric subject into a string first, so that the application's ``check_token`` sees it too."""

    def verify_signature(self, token: BearerToken, keys: KeyProvider) -> Claims:
        claims = super().verify_signature(token, keys)
        if type(claims.get("sub")) is int:
            claims["sub"] = str(claims["sub"])
        return claims
