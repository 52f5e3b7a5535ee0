"""Refusals: errors that Flask, and frameworks based on it, turn into a response wherever they are raised."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

import attrs
from attrs import field, frozen
from werkzeug.exceptions import HTTPException, ServiceUnavailable
from werkzeug.wrappers import Response

from ..challenges import BEARER, Challenge, refusal_headers, refusal_text
from ._base import JWTLibError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "AuthenticationError",
    "Refusal",
    "RefusalContext",
    "VerificationUnavailable",
]

_REASON = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@frozen
class RefusalContext:
    """What only the ``Authenticator`` knows about a refused request.

    Attributes:
        challenges: The challenges of the schemes that the extractor accepts.
        scheme: The scheme of the refused token. None without a token.
        scopes: All scopes that the route needs, as clients ask for them.
        resource_metadata: The URL of the resource's metadata (RFC 9728 §5.1), or None.
        principal: The caller who lacks a permission (403), a ``Principal``; otherwise None.
        realm: The name of the protected space, if the failure handler has one.
        respond: Makes a response with the Authenticator's ``FailureHandler``, for an error that was raised.
            None if the handler made one already.
    """

    challenges: tuple[Challenge, ...] = BEARER
    scheme: str | None = None
    scopes: tuple[str, ...] = ()
    resource_metadata: str | None = None
    principal: Any = None
    realm: str | None = None
    respond: Callable[[Any], Any] | None = field(default=None, repr=False, eq=False)


class Refusal(JWTLibError, HTTPException):
    """The base class of the errors that refuse a request.

    Each derives from Werkzeug's class of its status, too. So ``errorhandler(401)`` and
    ``errorhandler(HTTPException)`` of an app see it.

    Attributes:
        status: The HTTP status, the same as Werkzeug's ``code``.
        reason: The reason's name for programs, such as ``"expired-token"``. It never changes. A subclass has
            its base's unless it sets its own.
        error_code: The ``error`` code of the challenge (RFC 6750 §3.1). None if there must not be one.
        log_level: The level at which the refusal is logged, one of ``logging``'s.
        log_message: The text for the log. It is never sent.
        description: The text for the client, and what ``str`` returns.
        context: What the ``Authenticator`` knows about the request.
        headers: Further headers of the response, as pairs of name and value.
        scheme: The scheme of the refused credentials, if an extractor refused them. Otherwise that of the
            token counts.
    """

    status: ClassVar[int]
    reason: ClassVar[str] = "refused"
    error_code: ClassVar[str | None] = None
    log_level: ClassVar[int] = logging.INFO
    allows_anonymous: ClassVar[bool] = False
    description: Any = None
    response = None
    headers: tuple[tuple[str, str], ...] = ()
    context: RefusalContext = RefusalContext()
    scheme: str | None = None
    log_message: str
    # Used by the Authenticator, to respond to the refusals that an application raises.
    responders: ClassVar[list[Callable[[Any], Response | None]]] = []

    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        super().__init_subclass__()
        _check_reason(cls)
        if not abstract:
            _check_status(cls)

    def __str__(self) -> str:
        return refusal_text(self) or type(self).__name__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.log_message!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process has no Authenticator to respond with, and needn't learn the caller's token.
        revive, (kind, args, attributes) = super().__reduce__()
        context = attrs.evolve(self.context, respond=None, principal=None)
        return revive, (kind, args, {**attributes, "context": context})

    def in_context(self, context: RefusalContext) -> Self:
        """Return a copy of the refusal for one route. Several requests may share the refusal itself."""
        copied = type(self).__new__(type(self))
        copied.args = self.args
        vars(copied).update(vars(self), context=context)
        if self.description is not None and type(self.description) is not str:
            # Error handlers of apps put it into JSON.
            copied.description = refusal_text(self)
        if self.__cause__ is not None:
            copied.__cause__ = self.__cause__
        return copied

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """Return the headers of the default response."""
        return [("Content-Type", "text/plain; charset=utf-8"), *refusal_headers(self)]

    def get_body(self, environ: Any = None, scope: Any = None) -> str:
        """Return the body of the default response."""
        return f"{refusal_text(self)}\n"

    def get_response(self, environ: Any = None, scope: Any = None) -> Any:
        """Return the response that the ``Authenticator``'s handler makes, or else the default one."""
        if self.context is Refusal.context:
            # A view raised it, and no Authenticator knows of it.
            for make_response in self.responders:
                response = make_response(self)
                if response is not None:
                    return response
        respond = self.context.respond
        if respond is not None:
            # Without `respond`, in case that the handler raises the error, too.
            return respond(self.in_context(attrs.evolve(self.context, respond=None)))
        return Response(self.get_body(), self.status, self.get_headers())


def _check_reason(kind: type[Refusal]) -> None:
    """Check that a refusal's reason is a name for programs: handlers put it into URLs.

    Raises:
        TypeError: It is anything else.
    """
    reason: object = kind.reason
    if not isinstance(reason, str) or not _REASON.fullmatch(reason):
        raise TypeError(
            f"{kind.__name__}.reason is {reason!r}, expected lower-case words that are joined by '-', "
            "such as 'account-suspended'"
        )


def _check_status(kind: type[Refusal]) -> None:
    """Check that a refusal has exactly one status, that of its base from Werkzeug.

    Raises:
        TypeError: It has none, or several; or that base comes first, so that its methods would count.
    """
    bases = [base for base in kind.__mro__ if issubclass(base, HTTPException)]
    foreign = [not issubclass(base, Refusal) for base in bases]
    codes = {base.code for base, counts in zip(bases, foreign, strict=True) if counts} - {None}
    stated = {kind.code, vars(kind).get("status", kind.code)}
    if len(codes) != 1 or stated != codes or foreign != sorted(foreign):
        raise TypeError(
            f"{kind.__name__} needs exactly one status, that of Werkzeug's class among its bases: derive it "
            "from InvalidTokenError (401), ForbiddenError (403) or another refusal, or from "
            "AuthenticationError and Werkzeug's class, as in "
            f"`class {kind.__name__}(AuthenticationError, Forbidden)`. The code of the challenge is "
            "`error_code`"
        )
    # Also that of a class without a status, such as a base of an application's own errors.
    stated_by = (vars(base) for base in kind.__mro__ if base is not Refusal)
    kind.allows_anonymous = next(
        (names["allows_anonymous"] for names in stated_by if "allows_anonymous" in names),
        codes <= {400, 401},
    )
    kind.status = cast("int", kind.code)


class VerificationUnavailable(Refusal, ServiceUnavailable):
    """The keys are unavailable, so the token can't be verified. It is the server's fault: 503, not 401.

    Attributes:
        retry_after: Seconds after which the client may retry, sent as ``Retry-After`` (RFC 9110 §10.2.3).
    """

    reason: ClassVar[str] = "verification-unavailable"
    log_level: ClassVar[int] = logging.ERROR
    allows_anonymous: ClassVar[bool] = False
    description = "The token can't be verified at the moment"
    retry_after: int

    def __init__(
        self, message: str = "the verification keys are unavailable", *, retry_after: int = 5
    ) -> None:
        self.args = (message,)
        self.log_message = message
        self.retry_after = retry_after


class AuthenticationError(Refusal, abstract=True):
    """The request is refused: the caller is not authenticated, or lacks a permission.

    Raise one of the subclasses from a strategy, a claim rule or a view to refuse a request.

    Args:
        message: The text for the log. It is never sent. Defaults to the description.
        description: The text for the client, ``error_description`` in RFC 6750 §3. Unauthenticated clients
            get it, too. A lazy string, such as Flask-Babel's, is evaluated when the response is made.
            Defaults to the class's description.
        headers: Further headers of the response, as pairs of name and value.

    Raises:
        TypeError: ``AuthenticationError`` itself was called, or another class without a status.

    Attributes:
        allows_anonymous: Whether an optional route accepts the request anyway. By default it accepts what
            is a 400 or 401. An authenticated caller who lacks a permission (403) is refused on every route.
    """

    error_code: ClassVar[str | None] = "invalid_token"
    description: Any

    def __init__(
        self,
        message: str | None = None,
        *,
        description: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        if self.code is None:
            raise TypeError(
                f"{type(self).__name__} has no HTTP status: raise a subclass, such as InvalidTokenError "
                "(401) or ForbiddenError (403)"
            )
        if description is not None:
            self.description = description
        if headers:
            self.headers = tuple(headers)
        # A refusal takes microseconds, and a chain of constructors would be a good part of them.
        text = type(self).__name__ if self.description is None else self.description
        self.log_message = message or text
        self.args = (self.log_message,)
