"""The look-up of a user by issuer and subject, with or without ``await``."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, ClassVar, Generic, TypeVar

from attrs import Attribute, field, frozen
from werkzeug.exceptions import HTTPException

from flask_jwtlib import (
    AuthenticationError,
    Claims,
    ConfigurationError,
    VerificationUnavailable,
)
from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib.log_text import quoted

from ._checks import check_refusal

__all__ = ["UnknownUserError", "UserRows", "UserUnavailable", "outages_as_unavailable"]

_User = TypeVar("_User")
# Characters that a database can't store, or that end a text there, and so could name another user.
_NOT_STORABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class UnknownUserError(ForbiddenError):
    """The token is valid, but its subject is not an active user of the application: 403."""

    reason: ClassVar[str] = "unknown-user"
    description = "The caller is not an active user here"


class UserUnavailable(VerificationUnavailable):
    """The user can't be looked up at the moment, for example because the database is down: 503."""

    reason: ClassVar[str] = "user-unavailable"
    description = "The caller's user account can't be read at the moment"


def _check_key(_: object, __: Attribute[Any], key: object) -> None:
    if not callable(key):
        raise ConfigurationError(
            f"key is {key!r}, expected a function of a user that returns the issuer and the subject, such "
            "as lambda user: (user.iss, user.sub)"
        )


@frozen(eq=False)
class UserRows(Generic[_User]):
    """Checks the claims before a look-up, and what it finds.

    Attributes:
        refusal: Makes the refusal of an unknown caller, from a text for the log.
        key: Returns a user's issuer and subject.
    """

    refusal: Callable[[str], AuthenticationError] = field(
        default=UnknownUserError, kw_only=True, validator=check_refusal
    )
    key: Callable[[_User], tuple[str, str]] = field(
        default=attrgetter("issuer", "subject"), kw_only=True, validator=_check_key
    )

    def issuer_and_subject(self, claims: Claims) -> tuple[str, str]:
        """Return what identifies the caller.

        Raises:
            AuthenticationError: The token has no such claims, or they aren't plain text.
        """
        return self._text(claims, "iss"), self._text(claims, "sub")

    def _text(self, claims: Claims, name: str) -> str:
        value = claims.get(name)
        if isinstance(value, str) and value and not _NOT_STORABLE.search(value):
            return value
        found = f"is {quoted(value)}" if name in claims else "is missing"
        raise self.refusal(
            f"users are looked up by 'iss' and 'sub', but the claim {name!r} {found}"
        )

    def checked(self, user: _User | None, issuer: str, subject: str) -> _User | None:
        """Return a user, if it is the one who was looked for.

        Raises:
            AuthenticationError: It is another one.
            ConfigurationError: ``key`` can't tell.
        """
        if user is None:
            return None
        try:
            found = tuple(self.key(user))
        except (AttributeError, LookupError, TypeError) as error:
            raise ConfigurationError(
                f"a {type(user).__name__} was loaded, and its issuer and subject can't be compared with the "
                f"token's ({type(error).__name__})",
                advice="pass key=…, a function of a user that returns both, such as "
                "key=lambda user: (user.iss, user.sub), or the name of the only issuer and user.sub",
            ) from error
        if found != (issuer, subject):
            raise self.refusal(
                f"the look-up of the subject {quoted(subject)} of {quoted(issuer)} returned the user of "
                f"{quoted(found)}; look users up by issuer and subject, in columns that compare exactly"
            )
        return user

    def unknown(self, claims: Claims) -> AuthenticationError:
        """Return the refusal of a caller who isn't a user."""
        subject, issuer = claims.get("sub"), claims.get("iss")
        return self.refusal(f"no active user is the subject {quoted(subject)} of {quoted(issuer)}")


@contextmanager
def outages_as_unavailable(issuer: str, subject: str) -> Generator[None, None, None]:
    """Convert the errors of a look-up. Errors that choose a response, such as those of ``abort``, stay.

    Raises:
        UserUnavailable: For any other error.
    """
    try:
        yield
    except (HTTPException, ConfigurationError):
        raise
    except Exception as error:
        raise UserUnavailable(
            f"the user with the subject {quoted(subject)} of {quoted(issuer)} can't be looked up: "
            f"{type(error).__name__}"
        ) from error
