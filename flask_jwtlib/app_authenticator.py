"""An authenticator that is made at import, and configured for each app later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from flask import Flask

from ._authenticator.doors import Doors
from ._authenticator.pipeline import Pipeline
from ._flask.app_extension import AppExtension
from ._flask.proxies import current_app_or_none, current_flask_app
from .authenticator import Authenticator
from .errors import ConfigurationError, VerificationUnavailable
from .sharing import Shared

if TYPE_CHECKING:
    from flask import Request

    from ._authenticator.decorators import PipelineSource
    from .interfaces import KeyProvider
    from .values import BearerToken, Claims, Principal

__all__ = ["AppAuthenticator"]


class NotInitialised:
    """Refuses every request, as the extractor and the validator of an app without an ``Authenticator``."""

    def extract(self, request: Request) -> BearerToken | None:
        raise VerificationUnavailable(_UNCONFIGURED)

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        raise VerificationUnavailable(_UNCONFIGURED)

    def status(self) -> dict[str, Any]:
        """Tell readiness routes and ``flask jwtlib keys`` that this app can't verify tokens."""
        return {"provider": "AppAuthenticator", "state": "dead", "last_error": _UNCONFIGURED}


_UNCONFIGURED = (
    "the AppAuthenticator of this view has no Authenticator in this app: call auth.init_app(app) in the "
    "function that makes the app"
)
_unconfigured = Authenticator(extractor=NotInitialised(), validator=NotInitialised())


@frozen
class _AppSource:
    """Has the pipeline of the current app."""

    app_authenticator: AppAuthenticator

    def current(self) -> Pipeline:
        extension: AppExtension | None = current_flask_app().extensions.get("flask_jwtlib")
        known = {} if extension is None else extension.late_configured
        found: Authenticator = known.get(self.app_authenticator, _unconfigured)
        return found.pipeline_source().current()


@frozen(eq=False)
class AppAuthenticator(Doors, Shared):
    """Decorates views when their module is imported, and gets its settings from the app that serves them.

    ::

        auth = AppAuthenticator(configured_authenticator)

        @blueprint.get("/reports")
        @auth.requires_authentication
        def reports(): ...

        def create_app():
            app = Flask(__name__)
            auth.init_app(app)

    It has the decorators and methods of an ``Authenticator``. Several apps may use one
    ``AppAuthenticator``, each with its own ``Authenticator``, and one app may use several. Until
    ``init_app`` is called for an app, the status of its responses is 503, and the log says what to call.

    Args:
        make: Makes the ``Authenticator`` for an app. It is called once by each ``init_app``.
    """

    make: Callable[[Flask], Authenticator] = field()

    def __attrs_post_init__(self) -> None:
        if not callable(self.make):
            raise ConfigurationError(
                f"AppAuthenticator takes a function that makes an Authenticator for an app, not {self.make!r}"
            )

    def init_app(self, app: Flask) -> None:
        """Make the ``Authenticator`` for an app.

        It protects nothing by itself: decorate views, or call ``protect``.

        Raises:
            ConfigurationError: The app has one already, or ``make`` returned something else.
        """
        known = AppExtension.of(app).late_configured
        if self in known:
            raise ConfigurationError(
                f"the app {app.name!r} was given to init_app already: call it once for each app"
            )
        made: object = self.make(app)
        if not isinstance(made, Authenticator):
            raise ConfigurationError(
                f"AppAuthenticator was given {self.make!r}, which returned {made!r}, expected an "
                f"Authenticator"
            )
        known[self] = made

    def authenticator(self, app: Flask | None = None) -> Authenticator:
        """Return the ``Authenticator`` of an app.

        Args:
            app: The app. By default the current one.

        Raises:
            RuntimeError: There is no current app, so that ``app`` is needed.
            VerificationUnavailable: ``init_app`` was not called for the app.
        """
        app = app or current_app_or_none()
        if app is None:
            raise RuntimeError(
                "there is no current app: pass app=…, or enter an app context with app.app_context()"
            )
        found: Authenticator | None = AppExtension.of(app).late_configured.get(self)
        if found is None:
            raise VerificationUnavailable(_UNCONFIGURED)
        return found

    def verify(self, text: str, *, app: Flask | None = None) -> Principal:
        """Return the caller whom a token names, as ``Authenticator.verify`` does.

        Args:
            text: The token, without ``Bearer``.
            app: The app whose ``Authenticator`` decides. By default the current one.

        Raises:
            RuntimeError: There is no current app, so that ``app`` is needed.
            AuthenticationError: The token is refused. ``error.log_message`` says why.
            VerificationUnavailable: The keys are unavailable, or ``init_app`` was not called for the app.
        """
        return self.authenticator(app).verify(text)

    def pipeline_source(self) -> PipelineSource:
        """Used by the decorators."""
        return _AppSource(self)

    def authenticator_in(self, app: Flask) -> Authenticator:
        """Used by the audit. Before ``init_app``, it returns one that refuses every request."""
        found: Authenticator = AppExtension.of(app).late_configured.get(self, _unconfigured)
        return found
