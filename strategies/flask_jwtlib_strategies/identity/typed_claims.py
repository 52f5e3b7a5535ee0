"""A caller's claims as an object of the application's own class."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeVar

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

from ._checks import check_callable, check_refusal, is_async, name_of
from ._identity import Identity
from ._outcomes import Outcome

__all__ = ["TypedClaims"]

_Caller = TypeVar("_Caller")


def _check_make(_: object, __: Attribute[Any], make: object) -> None:
    check_callable(make, ("claims",), "a function")
    if is_async(make):
        raise ConfigurationError(f"{name_of(make)} is async, expected a plain function")


@frozen(eq=False)
class TypedClaims(Identity[_Caller]):
    """Makes an object of the application's own class from a caller's claims, when it is first asked for.

    ::

        callers = TypedClaims(lambda claims: Caller(claims["sub"], claims["tenant"]))
        ...
        callers.current().tenant

    It is made once for each principal. The claims stay as they are.

    Args:
        make: Takes a copy of the claims, and returns the object. It refuses the caller by raising any
            exception or by returning None, so claims that don't fit the class refuse the token.
        refusal: What refuses such a caller: a class of refusals, which is called with a text for the log. By
            default ``ForbiddenError``, a 403. With ``InvalidTokenError`` it is a 401.

    Raises:
        ConfigurationError: ``make`` is async or doesn't take one argument, or ``refusal`` can't be used as
            such.
    """

    make: Callable[[Claims], _Caller | None] = field(validator=_check_make)
    refusal: Callable[[str], AuthenticationError] = field(
        default=ForbiddenError, kw_only=True, validator=check_refusal
    )

    @property
    def name(self) -> str:
        """The name of ``make``."""
        return name_of(self.make)

    def find(self, claims: Claims) -> Outcome[_Caller]:
        """Make an object anew."""
        try:
            return Outcome(self.make(deepcopy(claims)))
        except (AuthenticationError, VerificationUnavailable) as error:
            return Outcome(error=error.with_traceback(None))
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the claims are, they must not cause a 500
            refused = self.refusal(
                f"{quoted(self.name)} can't be made of the claims of {_who(claims)}: {type(error).__name__}"
            )
            refused.__cause__ = error
            return Outcome(error=refused)

    def unknown(self, claims: Claims) -> AuthenticationError:
        """Return the refusal of a caller whose claims made no object."""
        return self.refusal(f"{quoted(self.name)} returned None for {_who(claims)}")


def _who(claims: Claims) -> str:
    return f"{quoted(claims.get('sub'))} of {quoted(claims.get('iss'))}"
