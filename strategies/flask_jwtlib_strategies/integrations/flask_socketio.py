"""Refusals that Flask-SocketIO and its clients understand, and tokens that clients send when they connect."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from attrs import Attribute, field, frozen
from flask import has_request_context, request

from flask_jwtlib import BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.challenges import BEARER, Challenge
from flask_jwtlib.errors import InvalidRequestError, MalformedTokenError, Refusal
from flask_jwtlib.jws import DEFAULT_MAX_SIZE

from ._peers import peer

if TYPE_CHECKING:
    from flask import Request

__all__ = ["ConnectPayloadTokenExtractor", "acknowledge_refusal", "refuse_connection"]

_Handler = TypeVar("_Handler", bound=Callable[..., Any])

_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# A member of the environ, which Socket.IO keeps for as long as the connection lasts.
_KEY = "flask_jwtlib_strategies.flask_socketio"
# Clients choose the namespaces if the app has handlers for "*".
_MOST_NAMESPACES = 64


def _is_connecting(current: Any) -> bool:
    """Whether a request is that of a new connection. A connected client may also send an event "connect"."""
    event: Any = getattr(current, "event", None)
    if event is None or event["message"] != "connect":
        return False
    return bool(event["args"]) and event["args"][0] is current.environ


def _refused_connection(error: Refusal) -> Exception:
    library = peer("flask_socketio", "flask-socketio")
    return cast("Exception", library.ConnectionRefusedError(str(error), _details(error)))


def _details(error: Refusal) -> dict[str, Any]:
    return {"status": error.status, "reason": error.reason}


def refuse_connection(handler: _Handler) -> _Handler:
    """Decorate a ``connect`` handler: a refused caller isn't connected, whatever the app does with errors.

    ::

        @socketio.on("connect")
        @refuse_connection
        @auth.requires_authentication
        def connect(): ...

    A refusal is raised as ``ConnectionRefusedError`` of Flask-SocketIO, which no ``on_error`` function sees.
    The client gets the text for clients, with the status and the reason. In other events, the refusal is
    raised unchanged.

    Args:
        handler: The handler, or the method ``on_connect`` of a ``Namespace``. A
            refusal that it raises itself, such as that of a policy that it calls, is treated in the same way.

    Raises:
        ConfigurationError: The handler isn't a function, or is async.
    """
    given: object = handler
    if not callable(given) or isinstance(given, type) or inspect.iscoroutinefunction(given):
        raise ConfigurationError(
            f"refuse_connection decorates a plain function that handles connect, not {given!r}"
        )
    signature = inspect.signature(handler)

    @wraps(handler)
    def refusing(*args: Any, **kwargs: Any) -> Any:
        # Flask-SocketIO tries handlers with and without a payload, and goes by the TypeError.
        signature.bind(*args, **kwargs)
        try:
            return handler(*args, **kwargs)
        except Refusal as error:
            if not has_request_context() or not _is_connecting(_current_request()):
                raise
            if args and hasattr(args[0], "trigger_event") and hasattr(args[0], "error"):
                # A namespace with such a method catches every exception. This refuses, too.
                return False
            raise _refused_connection(error) from None

    return cast("_Handler", refusing)


def acknowledge_refusal(error: Exception) -> dict[str, Any]:
    """Return a refusal as the acknowledgement of an event, for ``SocketIO.on_error_default``.

    ::

        socketio.on_error_default(acknowledge_refusal)

    A client that waits for an acknowledgement gets ``{"error": {"message": …, "status": …, "reason": …}}``.
    A refused connection isn't accepted.

    Raises:
        Exception: ``error`` isn't a refusal.
        ConnectionRefusedError: The handler is that of a new connection.
    """
    if not isinstance(error, Refusal):
        raise error
    if _is_connecting(_current_request()):
        raise _refused_connection(error) from None
    return {"error": {"message": str(error), **_details(error)}}


def _current_request() -> Any:
    return cast("Any", request)._get_current_object()


def _check_member(_: object, __: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"member is {value!r}, expected the name of a member, as 'token'")


def _check_size(_: object, __: Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"max_size is {value!r}, expected a number of bytes, 1 or more")


@frozen
class ConnectPayloadTokenExtractor(TokenExtractor):
    """Reads the token that a Socket.IO client sends when it connects: ``io(url, {auth: {token: "…"}})``.

    A browser can't set the header ``Authorization`` of a WebSocket. The token is used for the events of this
    connection, in its namespace. So the handler of ``connect`` must require authentication: without it, no
    token is read, and the other handlers refuse. The token isn't ``ambient``, since a script must send it.
    One client can have tokens in 64 namespaces at a time; in a further one, the oldest is forgotten.

    Combine it with another extractor by ``CompositeTokenExtractor``. It finds nothing in HTTP requests.

    Args:
        member: The token's name in the payload.
        max_size: Maximum length of a token, in bytes.
    """

    member: str = field(default="token", validator=_check_member)
    max_size: int = field(default=DEFAULT_MAX_SIZE, kw_only=True, validator=_check_size)
    challenges: ClassVar[tuple[Challenge, ...]] = BEARER
    vary: ClassVar[tuple[str, ...]] = ()

    def extract(self, request: Request) -> BearerToken | None:
        """Return the token of the connection that an event belongs to.

        Raises:
            InvalidRequestError: The payload's member isn't a token.
            MalformedTokenError: The token is too long.
        """
        sid: object = getattr(request, "sid", None)
        if sid is None:
            return None
        # A client has at most one connection in each namespace, and may be refused any number of times.
        namespace: object = getattr(request, "namespace", None)
        tokens: dict[object, tuple[object, str]] = request.environ.setdefault(_KEY, {})
        if _is_connecting(request):
            tokens.pop(namespace, None)
            args: tuple[Any, ...] = cast("Any", request).event["args"]
            text = self._text(args[1] if len(args) > 1 else None)
            if text is None:
                return None
            for oldest in list(tokens)[: max(0, len(tokens) - _MOST_NAMESPACES + 1)]:
                tokens.pop(oldest, None)
            tokens[namespace] = sid, text
        known = tokens.get(namespace)
        if known is None or known[0] != sid:
            return None
        return BearerToken(known[1], source="connect payload")

    def _text(self, payload: object) -> str | None:
        members = cast("dict[str, object]", payload) if isinstance(payload, dict) else {}
        if self.member not in members:
            return None
        text = members[self.member]
        if not isinstance(text, str) or not _B64TOKEN.fullmatch(text[: self.max_size + 1]):
            raise InvalidRequestError(
                f"the member {self.member} of the connect payload is not a b64token (RFC 6750 §2.1)",
                description=f"The member {self.member} of the payload is malformed",
            )
        if len(text) > self.max_size:
            raise MalformedTokenError(f"the token has more than {self.max_size} bytes")
        return text
