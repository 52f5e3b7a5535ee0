"""The ``Authenticator``: one strategy of each kind, put in front of views."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast, final, overload

import attrs
from attrs import Factory, field, frozen
from flask import Flask, after_this_request

from ._composition import as_claims, check_composition, check_extracted, default_extractor
from ._flask.decision_log import report_accepted, report_refused
from ._flask.decorator_order import check_app, remember
from ._flask.guarding import guard_view
from ._flask.marks import is_exempt, mark
from ._flask.other_schemes import without_token
from ._flask.state import RequestState, begin, current_context, current_g, current_request, giving
from ._flask.vary import vary, vary_in_private
from .claim_rules import ClaimRule, apply_rules, as_rules
from .errors import (
    AuthenticationError,
    ConfigurationError,
    MissingTokenError,
    VerificationUnavailable,
)
from .failure_handlers import UnauthorizedHandler
from .interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from .key_providers import CheckedKeyProvider, StaticKeyProvider, as_key_provider
from .log_text import library_logger
from .sharing import Shared
from .signals import request_accepted
from .validators import JWTValidator
from .values import BearerToken, Claims, Principal

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue

__all__ = ["Authenticator"]

_logger = library_logger("flask_jwtlib")
_View = TypeVar("_View", bound=Callable[..., Any])
_Refusal = AuthenticationError | VerificationUnavailable


@final
@frozen(kw_only=True, eq=False)
class Authenticator(Shared):
    """Decides who is calling, by four strategies. It is immutable and may be used by many threads and apps.

    It is composed, not subclassed: rules of your own go into a strategy or a claim rule. A copy of it, by
    ``copy.copy`` or ``copy.deepcopy``, is the object itself. It can't be pickled: make one in each process.

    Args:
        keys: The keys that verify tokens: a ``KeyProvider``; or a key or several in any form that
            ``KeySet.of`` takes; or a function that fetches such, called again every 300 seconds
            (``TTLKeyProvider``). A validator that has keys of its own, or needs none, goes without.
        extractor: Where the token is found. By default in RFC 6750's three places, by a
            ``BearerTokenExtractor`` with the validator's ``max_size``.
        validator: What makes it believable. By default ``JWTValidator()``, which accepts RS256.
        failure_handler: How a refusal is answered. By default with the status and challenge of RFC
            6750 §3.

    Raises:
        ConfigurationError: A strategy is not of its interface's shape, or they can't work together.
    """

    keys: KeyProvider = field(default=None, converter=as_key_provider)
    validator: TokenValidator = field(factory=JWTValidator)
    extractor: TokenExtractor = field(
        default=Factory(lambda self: default_extractor(self.validator), takes_self=True)
    )
    failure_handler: FailureHandler = field(factory=UnauthorizedHandler)
    _checked_keys: KeyProvider = field(init=False, repr=False)

    def __init_subclass__(cls) -> None:
        raise TypeError(
            "Authenticator is composed, not subclassed: subclass one of its strategies, "
            "or give a validator or a decorator rules=[…]"
        )

    def __attrs_post_init__(self) -> None:
        check_composition(
            extractor=self.extractor,
            keys=self.keys,
            validator=self.validator,
            failure_handler=self.failure_handler,
        )
        # Our own provider of fixed keys has nothing that could fail.
        fixed = type(self.keys) is StaticKeyProvider
        object.__setattr__(
            self, "_checked_keys", self.keys if fixed else CheckedKeyProvider(self.keys)
        )

    def evolve(self, **changes: Any) -> Authenticator:
        """Make a variant: the same strategies but for those given, as ``Authenticator`` takes them.

        With another validator, the default extractor follows that one's ``max_size``.
        """
        if "validator" in changes and self.extractor == default_extractor(self.validator):
            changes.setdefault("extractor", default_extractor(changes["validator"]))
        return attrs.evolve(self, **changes)

    def authenticate(self, request: Request | None = None) -> Principal:
        """Find out who is calling.

        Args:
            request: The request to ask about, of which nothing is published, logged or signalled. By
                default the current one: its caller is then published on ``flask.g`` and as
                ``current_principal``, and the signals and the log tell of it, as with the
                decorators.

        Raises:
            RuntimeError: The request isn't the current one, and a callback of the module API would
                have to decide about it that looks at ``flask.request``.
            AuthenticationError: The caller is refused.
            VerificationUnavailable: The keys could not be had.
        """
        outcome: Principal | _Refusal | None
        if request is not None:
            with giving(request) as given:
                outcome = self._decide(given)
        else:
            context, published = current_context(), vars(current_g())
            state, _ = begin(context, published)
            outcome = state.outcomes.get(self)
            if outcome is None:
                outcome = state.outcomes[self] = self._decide(context.request)
            if isinstance(outcome, Principal):
                self._publish(outcome, state, published)
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
        """Decorate a view, sync or async, or a method of one: only authenticated callers get in.

        Put it below ``@app.route``.

        Args:
            view: The function, where the decorator has no parentheses.
            rules: Claim rules for this view alone, such as ``rules=[Scope("reports:read")]``.

        Raises:
            ConfigurationError: That is no function, or a rule is no callable.
        """
        return self._decorator(rules, optional=False, view=view)

    @overload
    def optional_authentication(self, view: _View, /) -> _View: ...
    @overload
    def optional_authentication(
        self, /, *, rules: Iterable[ClaimRule] = ()
    ) -> Callable[[_View], _View]: ...
    def optional_authentication(
        self, view: Any = None, /, *, rules: Iterable[ClaimRule] = ()
    ) -> Any:
        """Decorate a view as ``requires_authentication`` does, and let callers without a valid token in.

        ``current_principal`` is falsy for them. A known caller who lacks a scope is refused all the
        same, and so is everybody with a token while the keys can't be had.
        """
        return self._decorator(rules, optional=True, view=view)

    def guard(self, *, rules: Iterable[ClaimRule] = ()) -> Callable[[], ResponseReturnValue | None]:
        """Make a function for ``before_request`` of a blueprint or an app: only authenticated callers get in.

        Views marked ``public`` and Flask's automatic answers to OPTIONS are left alone.

        Args:
            rules: Claim rules for everything behind the guard.
        """
        checked = as_rules(rules)

        def check() -> ResponseReturnValue | None:
            return None if is_exempt(current_request()) else self._enter(checked, optional=False)[0]

        return mark(check, "guard", by=self)

    def init_app(self, app: Flask, *, rules: Iterable[ClaimRule] = ()) -> None:
        """Deny by default: every request to the app needs authentication, but for views marked ``public``.

        An unknown path answers 401 like all others, so that nobody learns which paths exist.

        Args:
            app: The app.
            rules: Claim rules for the whole app.

        Raises:
            ConfigurationError: The app denies by default already, or has a view whose decorator
                protects nothing.
        """
        if "flask_jwtlib" in app.extensions:
            raise ConfigurationError(
                f"the app {app.name!r} has an Authenticator that denies by default already"
            )
        app.before_request(self.guard(rules=rules))
        app.extensions["flask_jwtlib"] = self
        check_app(app)

    def _decorator(self, rules: Iterable[ClaimRule], *, optional: bool, view: Any) -> Any:
        decorator = partial(self._decorated, rules=as_rules(rules), optional=optional)
        return decorator if view is None else decorator(view)

    def _decorated(self, view: Any, *, rules: tuple[ClaimRule, ...], optional: bool) -> Any:
        guarded = guard_view(view, partial(self._enter, rules, optional))
        mark(guarded, "optional" if optional else "required", by=self, view=view)
        return remember(view, guarded)

    def _enter(
        self, rules: tuple[ClaimRule, ...], optional: bool
    ) -> tuple[ResponseReturnValue | None, Callable[[], None] | None]:
        """Decide about the current request.

        Returns:
            The refusal, or None to let it go on; and, within another guarded view, how to publish
            that one's caller again afterwards.
        """
        context, published = current_context(), vars(current_g())
        state, leave = begin(context, published)
        try:
            outcome = state.outcomes.get(self)
            if outcome is None:
                outcome = state.outcomes[self] = self._decide(context.request)
            if rules and isinstance(outcome, Principal):
                outcome = _judged(outcome, rules)
            if isinstance(outcome, Principal):
                self._publish(outcome, state, published)
                return None, leave
            return self._refused(outcome, optional), leave
        except BaseException:
            # A failure handler may throw its refusal.
            if leave is not None:
                leave()
            raise

    def _decide(self, request: Request) -> Principal | _Refusal:
        """The corridor: request → token → claims → principal."""
        try:
            token = self.extractor.extract(request)
            if token is None:
                sent: str | None = request.environ.get("HTTP_AUTHORIZATION")
                return MissingTokenError(without_token(sent)) if sent else MissingTokenError()
            if type(token) is not BearerToken or type(token.value) is not str:
                check_extracted(token)
            claims = self.validator.validate(token, self._checked_keys)
            if type(claims) is not Claims:
                claims = as_claims(claims)
            return Principal(token, claims)
        except (AuthenticationError, VerificationUnavailable) as error:
            # Without its frames, which hold the request, the error can be kept with it.
            return error.with_traceback(None)

    def _publish(
        self, principal: Principal, state: RequestState, published: dict[str, Any]
    ) -> None:
        """Let a caller in."""
        state.publish(principal, published)
        after_this_request(vary if principal.token.source == "header" else vary_in_private)
        if request_accepted.receivers:
            report_accepted(self, principal)

    def _refused(self, error: _Refusal, optional: bool) -> ResponseReturnValue | None:
        """Report a refusal, and answer it unless the route lets the request go on."""
        tolerated = optional and isinstance(error, AuthenticationError) and error.allows_anonymous
        report_refused(self, error, optional=tolerated)
        if tolerated:
            self.failure_handler.anonymous(cast("AuthenticationError", error))
            after_this_request(vary)
            return None
        response: ResponseReturnValue | None = self.failure_handler.deny(error)
        if response is None:
            _logger.error(
                "%s.deny answered None; the default refusal is sent",
                type(self.failure_handler).__name__,
            )
            return UnauthorizedHandler().deny(error)
        return response


def _judged(principal: Principal, rules: tuple[ClaimRule, ...]) -> Principal | _Refusal:
    """The principal, or why a route's own rules refuse it."""
    try:
        apply_rules(principal.claims, rules)
    except (AuthenticationError, VerificationUnavailable) as error:
        return error.with_traceback(None)
    return principal
