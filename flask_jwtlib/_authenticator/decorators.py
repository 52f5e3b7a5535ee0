"""Decorators of views, and guards of blueprints and apps. They send requests through a ``Pipeline``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from attrs import Factory, field, frozen

from .._flask.decorator_order import remember
from .._flask.marks import Kind, Mark, is_exempt, mark, mark_decorator
from .._flask.proxies import current_request
from .._flask.registered_views import is_result_used
from .._flask.state import RequestState, publish, state_of
from .._flask.view_run import ViewRun
from .._flask.view_wrapper import wrap_view
from ..claim_rules import ClaimRule, apply_rules
from ..errors import AuthenticationError, MissingTokenError, Refusal, VerificationUnavailable
from ..policies import Call, Policy, split_rules
from ..values import Principal
from .outcomes import Outcome, Refused
from .own_refusals import raise_refusal
from .pipeline import Pipeline

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue

__all__ = ["PipelineSource", "Protection", "ViewEntry", "decorate_view", "decorator", "guard"]


class PipelineSource(Protocol):
    """Has the pipeline for the current app."""

    def current(self) -> Pipeline: ...


def _fixed_pipeline(protection: Protection) -> Pipeline | None:
    source = protection.source
    return source if isinstance(source, Pipeline) else None


class Exemptions(Protocol):
    """The requests that a guard lets pass without authentication."""

    def __call__(self, request: Request) -> bool: ...
    def is_public(self, endpoint: str) -> bool: ...


@frozen(eq=False)
class Protection:
    """What a decorator or a guard requires of a request.

    Attributes:
        source: Has the pipeline that decides.
        rules: Claim rules.
        policies: Policies, which are judged together with those of the ``Authenticator``.
        optional: Whether a request without a valid token is accepted.
        strict: Whether ``optional`` accepts only requests without any token.
        pipeline: The pipeline, if it is the same one in every app.
    """

    source: PipelineSource
    rules: tuple[ClaimRule, ...] = ()
    policies: tuple[Policy, ...] = ()
    optional: bool = field(default=False, kw_only=True)
    strict: bool = field(default=False, kw_only=True)
    pipeline: Pipeline | None = field(init=False, default=Factory(_fixed_pipeline, takes_self=True))

    def outcome(self, pipeline: Pipeline, request: Request, state: RequestState) -> Outcome:
        """Return the caller of the current request, or why it is refused."""
        # Another decorator or guard of the same authenticator may have decided already.
        outcome: Outcome | None = state.outcomes.get(pipeline)
        if outcome is None:
            before, state.deciding = state.deciding, True
            try:
                outcome = state.outcomes[pipeline] = pipeline.decide(request)
            finally:
                state.deciding = before
        if isinstance(outcome, Refused) or not (self.rules or self.policies or pipeline.policies):
            return outcome
        before, state.deciding = state.deciding, True
        try:
            if self.rules:
                apply_rules(outcome.claims, self.rules)
            if policies := pipeline.policies + self.policies:
                args = request.view_args
                call = Call(request.endpoint, request.method, {} if args is None else args)
                return pipeline.judged(outcome, policies, call)
        except (AuthenticationError, VerificationUnavailable) as error:
            principal = outcome if error.status == 403 else None
            return Refused(error.with_traceback(None), outcome.token, principal)
        finally:
            state.deciding = before
        return outcome

    def accepts_guest(self, refused: Refused) -> bool:
        """Whether an optional view accepts a request although it is refused."""
        error = refused.error
        return (
            error.allows_anonymous
            and not refused.by_policy
            and (not self.strict or isinstance(error, MissingTokenError))
        )


class ViewEntry(ViewRun):
    """One request's entry into a decorated view."""

    __slots__ = ("_protection",)

    def __init__(self, protection: Protection, wrapper: Any) -> None:
        self._protection = protection
        self._wrapper = wrapper

    def __enter__(self) -> ResponseReturnValue | None:
        protection = self._protection
        pipeline = protection.pipeline or protection.source.current()
        request = current_request()
        state = self.prepare(request)
        try:
            outcome = protection.outcome(pipeline, request, state)
            if isinstance(outcome, Principal):
                self.begin(outcome, pipeline)
                pipeline.accept(outcome)
                return None
            if protection.optional and protection.accepts_guest(outcome):
                self.begin(None, pipeline)
                pipeline.anonymous(outcome)
                return None
            self.begin_refused(outcome.principal, pipeline)
            if self.is_direct or is_result_used(self._wrapper):
                return pipeline.response_to(outcome)
            pipeline.raise_refused(outcome)
        except BaseException:
            self.end()
            raise

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            if isinstance(error, Refusal) and error.context is Refusal.context:
                # The view made it. It is raised as `authenticate` raises its own.
                raise_refusal(error)
        finally:
            self.end()


def decorator(
    view: Any,
    *,
    authenticator: Any,
    source: PipelineSource,
    rules: Iterable[ClaimRule | Policy],
    optional: bool,
    strict: bool = False,
) -> Any:
    """Decorate a view, or return a decorator if there is no view yet: it was used with parentheses.

    Raises:
        ConfigurationError: The view isn't a function, or a rule isn't callable.
    """
    checked, policies = split_rules(rules)
    decorate = partial(
        decorate_view,
        authenticator=authenticator,
        protection=Protection(source, checked, policies, optional=optional, strict=strict),
    )
    return decorate if view is None else decorate(view)


@mark_decorator
def decorate_view(view: Any, *, authenticator: Any, protection: Protection) -> Any:
    """Wrap a view, so that only requests that the pipeline accepts reach it.

    The audit recognises a decorator by this function and reads its keyword arguments.
    """
    wrapped = wrap_view(view, partial(ViewEntry, protection))
    kind: Kind = "optional" if protection.optional else "required"
    mark(wrapped, Mark(kind, authenticator, protection, view))
    return remember(view, wrapped)


def guard(
    *,
    authenticator: Any,
    source: PipelineSource,
    rules: Iterable[ClaimRule | Policy],
    let_pass: Exemptions | None = None,
) -> Callable[[], ResponseReturnValue | None]:
    """Return a function for ``before_request``.

    Args:
        authenticator: What requires authentication.
        source: Has the pipeline that decides.
        rules: Claim rules and policies.
        let_pass: The requests that need no authentication here. A caller of an optional view must satisfy
            the rules, too.

    Raises:
        ConfigurationError: A rule isn't callable.
    """
    protection = Protection(source, *split_rules(rules))
    has_rules = bool(protection.rules or protection.policies)

    def applies_to_callers(request: Request) -> bool:
        """Whether a caller of a view that needs no authentication must satisfy the guard's rules."""
        return has_rules and let_pass is not None and not let_pass.is_public(request.endpoint or "")

    def check() -> ResponseReturnValue | None:
        request = current_request()
        if is_exempt(request):
            return None
        passes = let_pass is not None and let_pass(request)
        if passes and not applies_to_callers(request):
            return None
        pipeline = source.current()
        state = state_of(request)
        outcome = protection.outcome(pipeline, request, state)
        if passes and (
            isinstance(outcome, Principal) or isinstance(state.outcomes[pipeline], Refused)
        ):
            # The view's own decorator decides about guests.
            return None
        if isinstance(outcome, Principal):
            publish(state, outcome, pipeline)
            pipeline.accept(outcome)
            return None
        publish(state, outcome.principal, pipeline)
        return pipeline.response_to(outcome)

    return mark(check, Mark("guard", authenticator, protection, let_pass=let_pass))
