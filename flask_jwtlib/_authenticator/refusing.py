"""Refuses requests, with what only the ``Authenticator`` knows about them."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, NoReturn, cast
from weakref import ref

from attrs import Factory, evolve, field, frozen
from flask import Flask, Response, after_this_request, has_request_context, make_response
from werkzeug.exceptions import HTTPException

from .._flask.cache_headers import CacheHeaders, cache_headers_of
from .._flask.decision_log import report_refused
from .._flask.proxies import current_flask_app, current_request
from .._flask.raising import keep_headers, with_headers
from .._flask.registered_views import guards_of, marks_of
from ..challenges import Challenge
from ..dry_run import is_dry_run
from ..errors import AuthenticationError, Refusal, RefusalContext
from ..failure_handlers import UnauthorizedHandler
from ..interfaces import FailureHandler, TokenExtractor, challenges_of, vary_of
from ..log_text import library_logger
from ..policies import Policy
from ..values import BearerToken, Principal
from .outcomes import Refused

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

__all__ = ["RefusingPipeline"]

_logger = library_logger("flask_jwtlib")


@frozen
class _Known:
    """What is known about refusals for one endpoint and method."""

    context: RefusalContext
    view: Any
    app: Callable[[], Flask | None]


_MOST_CONTEXTS = 10_000


def _cache_headers(pipeline: RefusingPipeline) -> CacheHeaders | None:
    """Return what marks responses for caches; None if the extractor's ``vary`` may change."""
    extractor = pipeline.extractor
    is_computed = isinstance(getattr_static(type(extractor), "vary", None), property)
    # Raises ConfigurationError if it is wrong.
    vary_of(extractor)
    return None if is_computed else cache_headers_of(extractor)


def _challenges(pipeline: RefusingPipeline) -> tuple[Challenge, ...]:
    return challenges_of(pipeline.extractor)


def _accepts_bearer(pipeline: RefusingPipeline) -> bool:
    return any(challenge.scheme.lower() == "bearer" for challenge in pipeline.challenges)


@frozen(eq=False, kw_only=True)
class RefusingPipeline:
    """The part of a ``Pipeline`` that refuses requests.

    Args:
        authenticator: The ``Authenticator``, for the signals.
        extractor: Finds the token.
        failure_handler: Makes the response to a refused request.
        policies: Apply to every caller.
        resource_metadata: The URL of the resource's metadata (RFC 9728 §5.1).

    Attributes:
        challenges: The challenges of the schemes that the extractor accepts.
        accepts_bearer: Whether one of them is ``Bearer``.
        cache_headers: Marks responses for caches; None if the extractor's ``vary`` may change.
    """

    authenticator: Any
    extractor: TokenExtractor
    failure_handler: FailureHandler
    policies: tuple[Policy, ...]
    resource_metadata: str | None
    challenges: tuple[Challenge, ...] = field(
        init=False, default=Factory(_challenges, takes_self=True)
    )
    cache_headers: CacheHeaders | None = field(
        init=False, default=Factory(_cache_headers, takes_self=True)
    )
    accepts_bearer: bool = field(init=False, default=Factory(_accepts_bearer, takes_self=True))
    _contexts: dict[tuple[str | None, str, str | None], _Known] = field(
        init=False, factory=dict["tuple[str | None, str, str | None]", "_Known"]
    )

    def mark_for(self, token: BearerToken | None) -> Callable[[Response], Response]:
        """Return what marks the response to a request with this token, or without one, for caches."""
        headers = self.cache_headers or cache_headers_of(self.extractor)
        return headers.mark_for(token)

    def anonymous(self, refused: Refused) -> None:
        """Report a guest on an optional route."""
        error = self.in_context(refused)
        report_refused(self.authenticator, error, optional=True, token=refused.token)
        after_this_request(self.mark_for(None))
        if is_dry_run():
            return
        self.failure_handler.anonymous(cast("AuthenticationError", error))

    def response_to(self, refused: Refused) -> ResponseReturnValue:
        """Report a refused request, and return the response that the failure handler makes."""
        error = self.in_context(refused)
        report_refused(self.authenticator, error, optional=False, token=refused.token)
        mark = self.mark_for(refused.token)
        try:
            response = self._handled(error)
        except Exception as raised:
            after_this_request(mark)
            other = raised if isinstance(raised, Refusal) else error
            keep_headers(error if other.status == error.status else other, raised)
            if isinstance(raised, Refusal):
                # This handler has been called already, and the request is reported.
                raised.context = evolve(raised.context, respond=None)
            raise
        # Our default handler adds all headers itself.
        if type(self.failure_handler) is not UnauthorizedHandler:
            with_headers(response, error)
        return mark(response)

    def response_to_raised(self, refused: Refused) -> Response:
        """Report a refusal that a view raised by itself, and return the response to it."""
        error = self.in_context(refused)
        report_refused(self.authenticator, error, optional=False, token=refused.token)
        after_this_request(self.mark_for(refused.token))
        return with_headers(self._respond(error), error)

    def raise_refused(
        self, refused: Refused, *, handled: bool = False, quiet: bool = False
    ) -> NoReturn:
        """Report a refused request, and raise the error.

        Args:
            refused: The request.
            handled: Whether the failure handler has been called already. Otherwise it makes the response,
                unless an error handler of the app does.
            quiet: Whether nothing is reported.

        Raises:
            Refusal: Always.
        """
        error = self.in_context(refused, respond=None if handled else self._respond)
        if not quiet:
            report_refused(self.authenticator, error, optional=False, token=refused.token)
        after_this_request(self.mark_for(refused.token))
        keep_headers(error, error)
        try:
            raise error
        finally:
            # Otherwise the traceback of the error would refer to this frame, which refers to the error.
            del error

    def raise_refusal(
        self, error: Refusal, principal: Principal, scopes: tuple[str, ...]
    ) -> NoReturn:
        """Raise the refusal of a policy that a view called.

        Raises:
            Refusal: Always.
        """
        known = cast("AuthenticationError", error)
        self.raise_refused(Refused(known, principal.token, principal, scopes, by_policy=True))

    def in_context(
        self,
        refused: Refused,
        respond: Callable[[Any], Response] | None = None,
        *,
        is_current: bool = True,
    ) -> Refusal:
        """Return a copy of a refusal with what only the ``Authenticator`` knows about the request.

        Args:
            refused: The request.
            respond: Makes the response, if the refusal is raised.
            is_current: Whether it is the current request. The endpoint of another one is unknown.
        """
        error, token = refused.error, refused.token
        scheme = error.scheme if token is None else token.scheme
        context = self._context(scheme) if is_current else self._own_context(scheme)
        if refused.principal is not None or refused.scopes or respond is not None:
            context = evolve(
                context,
                scopes=tuple(dict.fromkeys((*context.scopes, *refused.scopes))),
                principal=refused.principal if error.status == 403 else None,
                respond=respond,
            )
        return error.in_context(context)

    def _context(self, scheme: str | None) -> RefusalContext:
        """Return what is known about a refusal for the current endpoint and method."""
        request, app = current_request(), current_flask_app()
        rule, method = request.url_rule, request.method
        endpoint = None if rule is None else rule.endpoint
        view = app.view_functions.get(endpoint or "")
        # An unknown path has no scopes of its own, and clients choose its method.
        key = endpoint, "" if endpoint is None else method, scheme
        known = self._contexts.get(key)
        # Another app may have an endpoint of this name, and a view may be registered anew.
        if known is not None and known.view is view and known.app() is app:
            return known.context
        context = self._own_context(scheme, self._needed_scopes(app, endpoint, method))
        # No app has more endpoints and methods.
        if len(self._contexts) < _MOST_CONTEXTS:
            self._contexts[key] = _Known(context, view, ref(app))
        return context

    def _own_context(self, scheme: str | None, scopes: tuple[str, ...] = ()) -> RefusalContext:
        realm: object = getattr(self.failure_handler, "realm", None)
        return RefusalContext(
            challenges=self.challenges,
            scheme=scheme,
            scopes=scopes,
            resource_metadata=self.resource_metadata,
            realm=realm if isinstance(realm, str) else None,
        )

    def _needed_scopes(self, app: Flask, endpoint: str | None, method: str) -> tuple[str, ...]:
        """Return the scopes that an endpoint needs, by all guards and decorators of this pipeline."""
        view = app.view_functions.get(endpoint or "")
        marks = [
            *guards_of(app, endpoint),
            *(() if view is None else marks_of(view, method)),
        ]
        policies = [
            *self.policies,
            *(
                policy
                for mark in marks
                if mark.protection.source.current() is self
                for policy in mark.protection.policies
            ),
        ]
        return tuple(dict.fromkeys(scope for policy in policies for scope in policy.scopes))

    def _handled(self, error: Refusal) -> Response:
        handler = self.failure_handler
        response: ResponseReturnValue | None = handler.deny(cast("AuthenticationError", error))
        if response is None:
            _logger.error(
                "%s.deny returned None; the default refusal is sent", type(handler).__name__
            )
            response = UnauthorizedHandler().deny(cast("AuthenticationError", error))
        return response if isinstance(response, Response) else make_response(response)

    def _respond(self, error: Refusal) -> Response:
        """Make the response to a raised refusal. If the handler raises an error, too, use that one's own."""
        if not has_request_context():
            # The error was raised in a request, and its response is made later.
            return cast("Response", error.get_response())
        try:
            return self._handled(error)
        except Refusal as raised:
            # The traceback refers to frames that refer to the error.
            raised.__traceback__ = None
            # Its own response, since the handler has been called already.
            return make_response(
                raised.in_context(evolve(raised.context, respond=None)).get_response()
            )
        except HTTPException as raised:
            return make_response(raised.get_response())
