"""Lets apps that use Flask-Login accept tokens: ``current_user`` is the token's user."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from attrs import Factory, field, frozen
from flask import Flask, g, request, session

from flask_jwtlib import (
    AppAuthenticator,
    AuthenticationError,
    Authenticator,
    ConfigurationError,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import ForbiddenError, InvalidRequestError
from flask_jwtlib.log_text import quoted
from flask_jwtlib.policies import principal_of
from flask_jwtlib.signals import request_refused

from ._peers import peer

if TYPE_CHECKING:
    from flask import Request

    from flask_jwtlib import Principal

__all__ = ["TokenLogin"]

_KEY = "flask_jwtlib_strategies.flask_login"
# The attribute of `flask.g`, where Flask-Login keeps the user, too.
_REFUSED = "_flask_jwtlib_login_refused"


def _as_function(given: Any) -> Callable[[Principal], Any]:
    if not callable(given) or inspect.iscoroutinefunction(given):
        raise ConfigurationError(
            f"user_of is {given!r}, expected a plain function that takes a Principal and returns its user"
        )
    return cast("Callable[[Principal], Any]", given)


def _caller() -> Principal | None:
    return principal_of(current_principal.claims) if current_principal else None


def _is_true(attribute: Any) -> bool:
    """Whether a user has this property. In old user classes, it is a method."""
    return bool(attribute() if callable(attribute) else attribute)


def _loader(login: TokenLogin) -> Callable[[], Any]:
    def load() -> Any:
        caller = _caller()
        return None if caller is None else login.user(caller)

    # A decorated function that isn't a view raises its refusals.
    return login.authenticator.optional_authentication(strict=login.strict)(load)


def _comparison(login: TokenLogin) -> Callable[[str, str], None]:
    def compare(user_id: str, id_attribute: str) -> None:
        caller = _caller()
        if caller is not None and str(getattr(login.user(caller), id_attribute)()) != user_id:
            raise InvalidRequestError(
                "the request has a log-in of Flask-Login, by session or remember-me cookie, and a token of "
                "another user",
                description="The request has a token and a log-in of another user",
            )

    return login.authenticator.optional_authentication(strict=login.strict)(compare)


def _refusal_of_stale(login: TokenLogin) -> Callable[[], None]:
    def refuse() -> None:
        raise ForbiddenError(
            "the view has fresh_login_required, and a token is not a fresh log-in",
            description="This needs a fresh log-in, not a token",
        )

    return login.authenticator.requires_authentication(refuse)


@frozen(eq=False)
class TokenLogin:
    """Makes ``current_user`` of Flask-Login the user whom a request's token names.

    ::

        TokenLogin(auth, user_of).init_app(app)

    Without a token, ``current_user`` is anonymous. With one that is not accepted, such as an expired one, it
    is anonymous, too, but ``@login_required`` refuses the request as a decorator of the ``Authenticator``
    does. A caller who lacks a permission is refused with 403 as soon as ``current_user`` is read, and every
    token with 503 while it can't be verified. After a refusal, by any ``Authenticator`` of the app, tokens
    don't count for the rest of the request, so that an error page can be rendered.

    A log-in by Flask-Login's session or remember-me cookie comes first. If the request also has a valid token
    of another user, it is refused with 400.

    Args:
        authenticator: The ``Authenticator`` or ``AppAuthenticator``.
        user_of: Takes the caller, and returns the application's user. The request is refused with 403 if it
            returns None, or a user who isn't active. Look users up by issuer and subject together.
        strict: Also refuse a token that is not accepted wherever ``current_user`` is read, as on public
            pages.
    """

    authenticator: Authenticator | AppAuthenticator
    user_of: Callable[[Principal], Any] = field(converter=_as_function)
    strict: bool = field(default=False, kw_only=True)
    _load: Callable[[], Any] = field(
        init=False, repr=False, default=Factory(_loader, takes_self=True)
    )
    _compare: Callable[[str, str], None] = field(
        init=False, repr=False, default=Factory(_comparison, takes_self=True)
    )
    _refuse_stale: Callable[[], None] = field(
        init=False, repr=False, default=Factory(_refusal_of_stale, takes_self=True)
    )

    def init_app(self, app: Flask) -> None:
        """Register it with the ``LoginManager`` of an app. Initialise that one first.

        Raises:
            ConfigurationError: The app has no ``LoginManager``, or that one has a ``request_loader``.
            ModuleNotFoundError: Flask-Login isn't installed.
        """
        signals = peer("flask_login.signals", "flask-login")
        manager: Any = getattr(app, "login_manager", None)
        if manager is None:
            raise ConfigurationError(
                f"the app {app.name!r} has no LoginManager: call LoginManager(app) before init_app(app)"
            )
        if manager.request_callback is not None:
            raise ConfigurationError(
                "the LoginManager has a request_loader already: set it after init_app(app), and let it "
                "return TokenLogin.load(request) for requests that it doesn't know"
            )
        manager.request_loader(self.load)
        # A signal refers to its receivers only weakly.
        app.extensions[_KEY] = self
        signals.user_accessed.connect(self._check_other_login, app)
        signals.user_unauthorized.connect(self._check_unauthorized, app)
        signals.user_needs_refresh.connect(self._check_stale, app)
        request_refused.connect(self._remember_refusal, app)

    def load(self, request: Request) -> Any:
        """Return the user of the current request's token, or None. It is the ``request_loader``.

        Raises:
            AuthenticationError: The caller is refused.
            VerificationUnavailable: The token can't be verified at the moment.
        """
        return None if g.get(_REFUSED) is _current_request() else self._load()

    def user(self, caller: Principal) -> Any:
        """Return the application's user for a caller.

        Raises:
            ForbiddenError: There is none, or the user isn't active.
        """
        named = f"{quoted(caller.subject)} of {quoted(caller.claims.issuer)}"
        # Some users may have no subject in the database, either.
        user = self.user_of(caller) if caller.subject else None
        if user is None:
            raise ForbiddenError(
                f"there is no user for {named}", description="The caller has no account here"
            )
        if not (_is_true(user.is_active) and _is_true(user.is_authenticated)):
            raise ForbiddenError(
                f"the user for {named} is not active",
                description="The caller's account is disabled",
            )
        return user

    def _finds_token(self, app: Flask) -> bool:
        extractor = self.authenticator.authenticator_in(app).extractor
        try:
            return extractor.extract(_current_request()) is not None
        except (AuthenticationError, VerificationUnavailable):
            return True

    def _check_other_login(self, app: Flask, **_: Any) -> None:
        """Flask-Login is about to look for the user."""
        manager: Any = cast("Any", app).login_manager
        user_id = _login_of_session(app, manager)
        is_refused = g.get(_REFUSED) is _current_request()
        if user_id is not None and not is_refused and self._finds_token(app):
            self._compare(user_id, manager.id_attribute)

    def _check_unauthorized(self, app: Flask, **_: Any) -> None:
        """A view needs a user, and there is none."""
        manager: Any = cast("Any", app).login_manager
        handled = manager.unauthorized_callback or manager.blueprint_login_views.get(
            request.blueprint, manager.login_view
        )
        if not handled or self._finds_token(app):
            self.authenticator.authenticate()

    def _check_stale(self, app: Flask, **_: Any) -> None:
        """A view needs a fresh log-in, and the user has none."""
        manager: Any = cast("Any", app).login_manager
        if _login_of_session(app, manager) is None and self._finds_token(app):
            self._refuse_stale()

    def _remember_refusal(self, app: Flask, *, optional: bool, **_: Any) -> None:
        if not optional:
            setattr(g, _REFUSED, _current_request())


def _current_request() -> Request:
    current: Request = cast("Any", request)._get_current_object()
    return current


def _login_of_session(app: Flask, manager: Any) -> str | None:
    """Return the ID of the user whom Flask-Login finds before it asks for a token; empty if it is invalid."""
    user_id = session.get("_user_id")
    if user_id is not None and manager.user_callback is not None:
        return str(user_id)
    library = peer("flask_login", "flask-login")
    name: str = cast("Any", app.config).get("REMEMBER_COOKIE_NAME", library.COOKIE_NAME)
    cookie = request.cookies.get(name)
    if cookie is None or session.get("_remember") == "clear":
        return None
    return library.decode_cookie(cookie) or ""
