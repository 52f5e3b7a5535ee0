"""The ways into an ``Authenticator``: decorators, guards, ``protect``, ``authenticate`` and ``verify``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from flask import Flask

from .._flask.app_extension import AppExtension
from .._flask.decorator_order import check_app
from .._flask.given_request import deciding_on, is_current
from .._flask.marks import mark_decorator
from .._flask.proxies import current_request
from .._flask.state import publish, state_of
from ..audit import EndpointPatterns
from ..claim_rules import ClaimRule
from ..errors import ConfigurationError
from ..policies import Call, Policy
from ..values import Principal
from .decorators import PipelineSource, Protection, decorator, guard
from .default_deny import LetPass
from .outcomes import Refused

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue

    from ..authenticator import Authenticator

__all__ = ["Doors"]

_View = TypeVar("_View", bound=Callable[..., Any])


class Doors:
    """The methods that ``Authenticator`` and ``AppAuthenticator`` share."""

    __slots__ = ()

    @abstractmethod
    def pipeline_source(self) -> PipelineSource:
        """Return what has the pipeline for the current app."""

    @abstractmethod
    def authenticator_in(self, app: Flask) -> Authenticator:
        """Return the ``Authenticator`` that decides in an app. The audit uses it."""

    def authenticate(self, request: Request | None = None) -> Principal:
        """Return the caller of a request.

        A refusal that leaves the view becomes the response: its status, its challenge, and the body that the
        failure handler makes. The caller of the view stays published then.

        Args:
            request: The request. By default the current one, whose caller is then published on ``flask.g``
                and as ``current_principal``, signalled and logged, as by the decorators. For a request
                that you pass, nothing is published, signalled or logged, even if it is the current one.

        Raises:
            RuntimeError: You passed a request that isn't the current one, and a callback of the module API
                that reads ``flask.request`` would have to decide about it.
            AuthenticationError: The caller is refused.
            VerificationUnavailable: The keys are unavailable.
        """
        source = self.pipeline_source()
        pipeline = source.current()
        if request is not None:
            with deciding_on(request) as given:
                outcome = pipeline.decide(given)
                if isinstance(outcome, Principal) and pipeline.policies:
                    # Werkzeug's own requests have neither.
                    endpoint = getattr(given, "endpoint", None)
                    view_args = getattr(given, "view_args", None)
                    call = Call(endpoint, given.method, view_args or {})
                    outcome = pipeline.judged(outcome, pipeline.policies, call)
            if isinstance(outcome, Refused):
                if is_current(given):
                    pipeline.raise_refused(outcome, quiet=True)
                raise pipeline.in_context(outcome, is_current=False)
            if is_current(given):
                # The response depends on this caller.
                pipeline.accept(outcome, quiet=True)
            return outcome
        current = current_request()
        state = state_of(current)
        outcome = Protection(source).outcome(pipeline, current, state)
        if isinstance(outcome, Refused):
            pipeline.raise_refused(outcome)
        publish(state, outcome, pipeline)
        pipeline.accept(outcome)
        return outcome

    @overload
    def requires_authentication(self, view: _View, /) -> _View: ...
    @overload
    def requires_authentication(
        self, /, *, rules: Iterable[ClaimRule | Policy] = ()
    ) -> Callable[[_View], _View]: ...
    @mark_decorator
    def requires_authentication(
        self, view: Any = None, /, *, rules: Iterable[ClaimRule | Policy] = ()
    ) -> Any:
        """Decorate a view function or method, sync or async: only authenticated callers reach it.

        Put it below ``@app.route``. A refusal is returned as the response where Flask makes the response of
        what the view returns. Elsewhere, as in a Socket.IO handler, it is raised. Put it above decorators of
        your own that convert what the view returns.

        Args:
            view: The function, if the decorator is used without parentheses.
            rules: Policies and claim rules for this view only, such as ``rules=[Scope("reports:read")]``.

        Raises:
            ConfigurationError: The view isn't a function, or a rule isn't callable or is async.
        """
        return decorator(
            view, authenticator=self, source=self.pipeline_source(), rules=rules, optional=False
        )

    @overload
    def optional_authentication(self, view: _View, /) -> _View: ...
    @overload
    def optional_authentication(
        self, /, *, rules: Iterable[ClaimRule | Policy] = (), strict: bool = False
    ) -> Callable[[_View], _View]: ...
    @mark_decorator
    def optional_authentication(
        self, view: Any = None, /, *, rules: Iterable[ClaimRule | Policy] = (), strict: bool = False
    ) -> Any:
        """Decorate a view as ``requires_authentication`` does, but accept requests without a valid token.

        ``current_principal`` is falsy for such a request. An authenticated caller who lacks a scope is
        still refused, and so is every token while the keys are unavailable.

        Args:
            view: The function, if the decorator is used without parentheses.
            rules: Policies and claim rules for authenticated callers.
            strict: Accept only requests without any token: a token that isn't valid is refused, so that
                clients notice that theirs has expired.
        """
        return decorator(
            view,
            authenticator=self,
            source=self.pipeline_source(),
            rules=rules,
            optional=True,
            strict=strict,
        )

    def guard(
        self, *, rules: Iterable[ClaimRule | Policy] = ()
    ) -> Callable[[], ResponseReturnValue | None]:
        """Return a function for ``before_request`` of a blueprint or an app: it requires authentication.

        It ignores views marked ``public``, and CORS preflights that Flask itself responds to, or a view
        that is marked by ``allow_preflight``.

        Args:
            rules: Policies and claim rules for every view behind the guard.

        Raises:
            ConfigurationError: A rule isn't callable or is async.
        """
        return guard(authenticator=self, source=self.pipeline_source(), rules=rules)

    def protect(
        self,
        app: Flask,
        *,
        public: Iterable[str] = (),
        rules: Iterable[ClaimRule | Policy] = (),
    ) -> None:
        """Deny by default: require authentication for every request to an app.

        An unknown path is refused with 401 as well, so that clients can't find out which paths exist. Only a
        CORS preflight shows that a path exists, and which methods it has.

        These are exempt: views marked ``public``; endpoints that match ``public``; and views, or single
        methods of a view class, with an ``optional_authentication`` of the same authenticator. An
        authenticated caller of such an optional view must satisfy ``rules``, too.

        Args:
            app: The app.
            public: Endpoints that need no authentication, such as ``"static"``. ``"openapi.*"`` matches all
                endpoints of a blueprint, but not those of blueprints within it. A pattern that matches
                nothing is reported in the log.
            rules: Policies and claim rules for the whole app.

        Raises:
            ConfigurationError: The app already denies by default, or has a view whose decorator protects
                nothing; or a pattern would match every endpoint.
        """
        extension = AppExtension.of(app)
        if extension.protected_by is not None:
            raise ConfigurationError(
                f"the app {app.name!r} already has an Authenticator that denies by default: "
                "call protect once for each app"
            )
        let_pass = LetPass(app, self, EndpointPatterns(public))
        app.before_request(
            guard(authenticator=self, source=self.pipeline_source(), rules=rules, let_pass=let_pass)
        )
        extension.protected_by = self
        check_app(app)
