"""The request in which a client sends a token."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen
from flask import Flask, session
from flask.testing import EnvironBuilder

from ..errors import ConfigurationError
from ..interfaces import challenges_of, request_arguments_of, vary_of
from ._target import Target

if TYPE_CHECKING:
    from flask import Request

    from ..authenticator import Authenticator

__all__ = ["Sent", "sent", "without_scheme"]

_HEADER_LINE = re.compile(r"\s*authorization\s*:\s*", re.IGNORECASE)
# Another header, such as X-API-Key or Cookie.
_LINE = re.compile(r"\s*([\w-]+)\s*:\s*(.*)")
# No header can have these, and the second ones can't be sent at all.
_NOT_IN_HEADERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNSENDABLE = re.compile(r"[\ud800-\udfff]")


@frozen
class Sent:
    """The current request, which has the token.

    Attributes:
        context: Its context.
        request: The request.
        is_placed: Whether the token is where the extractor looks for it.
    """

    context: Any
    request: Request
    is_placed: bool


def without_scheme(text: str, authenticator: Authenticator) -> tuple[str, bool]:
    """Return the token in a text that may be a whole ``Authorization`` header, and whether it is one."""
    line = _HEADER_LINE.match(text)
    value = text if line is None else text[line.end() :]
    for challenge in challenges_of(authenticator.extractor):
        scheme, _, rest = value.lstrip().partition(" ")
        if rest and scheme.lower() == challenge.scheme.lower():
            return rest, True
    return value, line is not None


@contextmanager
def sent(
    app: Flask, authenticator: Authenticator, token: str, target: Target
) -> Generator[Sent, None, None]:
    """Enter the context of a request with a token.

    Raises:
        ConfigurationError: The app has no such endpoint, its URL needs other arguments, or the extractor's
            ``request_with`` is wrong.
    """
    places = _places(authenticator.extractor, token)
    arguments = dict(places or {})
    items: dict[str, Any] = arguments.pop("session", {})
    method = target.method_for(app, arguments.pop("method", "GET"))
    url = target.url(app, method)
    try:
        builder = EnvironBuilder(app, url, method=method, **arguments)
        context: Any = app.request_context(builder.get_environ())
    except Exception as error:
        raise _wrong(authenticator.extractor, "returned what no request takes", error) from error
    try:
        _begin(context)
        request = cast("Request", context.request)
        _check_endpoint(request, target)
        is_placed = places is not None and _put_into_session(items)
        yield Sent(context, request, is_placed)
    finally:
        builder.close()
        _end(context)


def _begin(context: Any) -> None:
    try:
        context.push()
    except Exception as error:
        raise ConfigurationError(
            f"the app can't begin a request: it raised {type(error).__name__}"
        ) from error


def _end(context: Any) -> None:
    # A teardown function of the app may miss what its function before a request does.
    with suppress(Exception):
        context.pop(None)


def _check_endpoint(request: Request, target: Target) -> None:
    if target.endpoint is None:
        # The app may have a view at this path.
        request.url_rule = request.view_args = None
    elif request.routing_exception is not None:
        # Such as a handshake, to a view that isn't for WebSockets.
        raise ConfigurationError(
            f"no rule of {target.endpoint!r} matches a request that has a token for this extractor: "
            f"{request.method} {request.path} ({type(request.routing_exception).__name__})"
        )
    elif request.endpoint != target.endpoint:
        raise ConfigurationError(
            f"the app calls {request.endpoint!r} for the URL of {target.endpoint!r}, {request.path}, since "
            "another rule matches it first"
        )


def _places(extractor: object, token: str) -> dict[str, Any] | None:
    """Return the arguments of a request that has a token where an extractor looks for it, or None."""
    if _UNSENDABLE.search(token):
        return None
    line = _LINE.fullmatch(token)
    if line is not None and line[1].lower() in map(str.lower, vary_of(extractor) or ()):
        # The text says itself where the token is.
        described: dict[str, Any] | None = {"headers": {line[1]: line[2]}}
    else:
        try:
            described = request_arguments_of(extractor, token)
        except Exception as error:
            raise _wrong(extractor, "failed", error) from error
    if described is None:
        return None
    # RFC 9112 §5: white space around a header's value doesn't belong to it. Elsewhere it does.
    given: dict[str, str] = dict(described.get("headers") or {})
    headers = {name: value.strip(" \t") for name, value in given.items()}
    if any(map(_NOT_IN_HEADERS.search, headers.values())):
        return None
    return {**described, "headers": headers}


def _put_into_session(items: dict[str, Any]) -> bool:
    """Put items into the session of this request, which is never saved. Return whether that is possible."""
    try:
        if items:
            session.update(items)
    except Exception:  # noqa: BLE001 - without a secret key, or in another library's session
        return False
    return True


def _wrong(extractor: object, what: str, error: Exception) -> ConfigurationError:
    # Without the exception's text, which may have the token.
    name = f"{type(extractor).__name__}.request_with"
    return ConfigurationError(f"{name} {what}: {type(error).__name__}")
