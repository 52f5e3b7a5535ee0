"""The ``Authenticator``: four strategies that together protect the views of an app."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, final, overload

import attrs
from attrs import Factory, field, frozen
from flask import Flask

from ._composition import check_composition, default_extractor
from ._decorators import decorator, guard
from ._flask.decision_log import report_refused
from ._flask.decorator_order import check_app
from ._flask.state import begin_decision, current_context, current_g, deciding_on
from ._pipeline import Outcome, Pipeline
from .claim_rules import ClaimRule
from .errors import ConfigurationError
from .failure_handlers import UnauthorizedHandler
from .interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from .key_providers import CheckedKeyProvider, StaticKeyProvider, as_key_provider
from .sharing import Shared
from .validators import JWTValidator
from .values import Principal

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue

__all__ = ["Authenticator"]

_View = TypeVar("_View", bound=Callable[..., Any])


def _pipeline(authenticator: Authenticator) -> Pipeline:
    keys = authenticator.keys
    return Pipeline(
        extractor=authenticator.extractor,
        # Lookups in this package's provider of fixed keys can't fail, so they need no check.
        keys=keys if type(keys) is StaticKeyProvider else CheckedKeyProvider(keys),
        validator=authenticator.validator,
        failure_handler=authenticator.failure_handler,
    )


@final
@frozen(kw_only=True, eq=False)
class Authenticator(Shared):
    """Protects the views of an app by four strategies that you choose.

    Decorate single views with ``requires_authentication`` or ``optional_authentication``, guard a blueprint
    with ``guard``, or deny by default with ``init_app``.

    An ``Authenticator`` is immutable. Several apps and threads may share one. It can't be subclassed: put
    your own rules into a strategy or a claim rule. ``copy.copy`` and ``copy.deepcopy`` return the object
    itself. It can't be pickled: make one in each process.

    Args:
        keys: The keys that verify tokens. Pass a ``KeyProvider``; one or several keys in any form that
            ``KeySet.of`` takes; or a function that fetches such keys, called again every 300 seconds
            (``TTLKeyProvider``). Leave it out if the validator has its own keys or needs none.
        extractor: Finds the token in a request. Defaults to a ``BearerTokenExtractor`` with the
            validator's ``max_size``, which reads the three places of RFC 6750 §2.
        validator: Decides whether a token is valid. Defaults to ``JWTValidator()``, which accepts RS256.
        failure_handler: Makes the response to a refused request. By default, it has the status and the
            challenge of RFC 6750 §3.

    Raises:
        ConfigurationError: A strategy lacks a method of its interface, or the strategies can't work
            together.
    """

    keys: KeyProvider = field(default=None, converter=as_key_provider)
    validator: TokenValidator = field(factory=JWTValidator)
    extractor: TokenExtractor = field(
        default=Factory(lambda self: default_extractor(self.validator), takes_self=True)
    )
    failure_handler: FailureHandler = field(factory=UnauthorizedHandler)
    _pipeline: Pipeline = field(init=False, repr=False, default=Factory(_pipeline, takes_self=True))

    def __init_subclass__(cls) -> None:
        raise TypeError(
            "Authenticator can't be subclassed: subclass one of its strategies, "
            "or pass rules=[…] to a validator or a decorator"
        )

    def __attrs_post_init__(self) -> None:
        check_composition(
            extractor=self.extractor,
            keys=self.keys,
            validator=self.validator,
            failure_handler=self.failure_handler,
        )

    def evolve(self, **changes: Any) -> Authenticator:
        """Return a copy with some strategies replaced. The arguments are those of ``Authenticator``.

        If the validator is replaced, the default extractor takes the new one's ``max_size``.
        """
        if "validator" in changes and self.extractor == default_extractor(self.validator):
            changes.setdefault("extractor", default_extractor(changes["validator"]))
        return attrs.evolve(self, **changes)

    def authenticate(self, request: Request | None = None) -> Principal:
        """Return the caller of a request.

        Args:
            request: The request. By default the current one, whose caller is then published on ``flask.g``
                and as ``current_principal``, signalled and logged, as by the decorators. For a request
                that you pass, nothing is published, signalled or logged.

        Raises:
            RuntimeError: You passed a request that isn't the current one, and a callback of the module API
                that reads ``flask.request`` would have to decide about it.
            AuthenticationError: The caller is refused.
            VerificationUnavailable: The keys are unavailable.
        """
        outcome: Outcome | None
        if request is not None:
            with deciding_on(request) as given:
                outcome = self._pipeline.decide(given)
        else:
            context, published = current_context(), vars(current_g())
            state, _ = begin_decision(context, published)
            outcome = state.outcomes.get(self._pipeline)
            if outcome is None:
                outcome = self._pipeline.decide(context.request)
                state.outcomes[self._pipeline] = outcome
            if isinstance(outcome, Principal):
                self._pipeline.accept(self, outcome, state, published)
            else:
                report_refused(self, outcome, optional=False)
        if isinstance(outcome, Principal):
            return outcome
        raise outcome

    @overload
    def requires_authentication(self, view: _View, /) -> _View: ...
    @overload
    def requires_authentication(
        self, /, *, rules: Iterable[ClaimRule] = ()
    ) -> Callable[[_View], _View]: ...
    def requires_authentication(
        self, view: Any = None, /, *, rules: Iterable[ClaimRule] = ()
    ) -> Any:
        """Decorate a view function or method, sync or async: only authenticated callers reach it.

        Put it below ``@app.route``.

        Args:
            view: The function, if the decorator is used without parentheses.
            rules: Claim rules for this view only, such as ``rules=[Scope("reports:read")]``.

        Raises:
            ConfigurationError: The view isn't a function, or a rule isn't callable.
        """
        return decorator(
            view, authenticator=self, pipeline=self._pipeline, rules=rules, optional=False
        )

    @overload
    def optional_authentication(self, view: _View, /) -> _View: ...
    @overload
    def optional_authentication(
        self, /, *, rules: Iterable[ClaimRule] = ()
    ) -> Callable[[_View], _View]: ...
    def optional_authentication(
        self, view: Any = None, /, *, rules: Iterable[ClaimRule] = ()
    ) -> Any:
        """Decorate a view as ``requires_authentication`` does, but accept requests without a valid token.

        ``current_principal`` is falsy for such a request. An authenticated caller who lacks a scope is
        still refused, and so is every token while the keys are unavailable.
        """
        return decorator(
            view, authenticator=self, pipeline=self._pipeline, rules=rules, optional=True
        )

    def guard(self, *, rules: Iterable[ClaimRule] = ()) -> Callable[[], ResponseReturnValue | None]:
        """Return a function for ``before_request`` of a blueprint or an app: it requires authentication.

        It ignores views marked ``public``, and OPTIONS requests that Flask itself responds to.

        Args:
            rules: Claim rules for every view behind the guard.

        Raises:
            ConfigurationError: A rule isn't callable.
        """
        return guard(authenticator=self, pipeline=self._pipeline, rules=rules)

    def init_app(self, app: Flask, *, rules: Iterable[ClaimRule] = ()) -> None:
        """Deny by default: require authentication for every request, except to views marked ``public``.

        An unknown path is refused with 401 as well, so that clients can't find out which paths exist.

        Args:
            app: The app.
            rules: Claim rules for the whole app.

        Raises:
            ConfigurationError: The app already denies by default, or has a view whose decorator protects
                nothing.
        """
        if "flask_jwtlib" in app.extensions:
            raise ConfigurationError(
                f"the app {app.name!r} already has an Authenticator that denies by default: "
                "call init_app once for each app"
            )
        app.before_request(self.guard(rules=rules))
        app.extensions["flask_jwtlib"] = self
        check_app(app)
