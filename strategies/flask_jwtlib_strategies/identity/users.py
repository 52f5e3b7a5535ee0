"""The row of the application's database for a caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import Attribute, field, frozen

from flask_jwtlib import AuthenticationError, Claims, ConfigurationError, VerificationUnavailable

from ._checks import check_callable, is_async, name_of
from ._identity import Identity
from ._outcomes import Outcome
from ._rows import UnknownUserError, UserRows, UserUnavailable, outages_as_unavailable

__all__ = ["UnknownUserError", "UserLoader", "UserUnavailable"]

_User = TypeVar("_User")


def _check_load(_: object, __: Attribute[Any], load: object) -> None:
    check_callable(load, ("issuer", "subject"), "a function")
    if is_async(load):
        raise ConfigurationError(
            f"{name_of(load)} is async, expected a plain function",
            advice="pass it to AsyncUserLoader of flask_jwtlib_strategies.identity.async_users",
        )


@frozen(eq=False)
class UserLoader(UserRows[_User], Identity[_User]):
    """Loads the user of a caller from the application's database, when it is first asked for.

    ::

        users = UserLoader(load_user)


        @app.get("/me")
        @auth.requires_authentication
        def me():
            return {"name": users.current().name}

    A user is loaded once for each principal: a guard, a policy, the view and what it calls get the same
    object. A refusal is remembered for the principal, too; an outage is not. The claims stay as they are.

    Args:
        load: Takes the token's issuer and subject (RFC 7519 §4.1.1 and §4.1.2), and returns the user. It
            returns None for one who doesn't exist or isn't active, or raises a refusal of its own. What
            Werkzeug's ``abort`` raises is the response; for any other exception, the response is a 503.
        refusal: What refuses the others: a class of refusals, which is called with a text for the log. By
            default ``UnknownUserError``, a 403. With ``InvalidTokenError`` it is a 401.
        key: Returns a user's issuer and subject, which must equal the token's: a database may compare
            without regard to case or spaces, and a look-up by e-mail address may find another's row. By
            default these are the user's attributes ``issuer`` and ``subject``.

    Raises:
        ConfigurationError: ``load`` is async or doesn't take two arguments, or ``refusal`` or ``key`` can't
            be used as such.
    """

    load: Callable[[str, str], _User | None] = field(validator=_check_load)

    @property
    def name(self) -> str:
        """The name of ``load``."""
        return name_of(self.load)

    def find(self, claims: Claims) -> Outcome[_User]:
        """Load a user anew.

        Raises:
            ConfigurationError: ``key`` can't tell whose user it is.
        """
        try:
            issuer, subject = self.issuer_and_subject(claims)
            with outages_as_unavailable(issuer, subject):
                return Outcome(self.checked(self.load(issuer, subject), issuer, subject))
        except (AuthenticationError, VerificationUnavailable) as error:
            return Outcome(error=error.with_traceback(None))
