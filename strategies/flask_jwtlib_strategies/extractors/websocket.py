"""An extractor of tokens in the handshake of a WebSocket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import Attribute, Factory, field, frozen

from flask_jwtlib import BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.challenges import BEARER, Challenge
from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib.extractors import QueryTokenExtractor, is_b64token

if TYPE_CHECKING:
    from flask import Request

__all__ = ["WebSocketTokenExtractor"]

# RFC 9110 §5.6.2.
_PREFIX = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _check_prefix(_: object, __: Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, str) and _PREFIX.fullmatch(value)):
        raise ConfigurationError(
            f"subprotocol is {value!r}, expected the beginning of a subprotocol's name, such as 'bearer.', "
            "or None"
        )


def _query(extractor: WebSocketTokenExtractor) -> QueryTokenExtractor | None:
    if extractor.parameter is not None:
        return QueryTokenExtractor(extractor.parameter)
    if extractor.subprotocol is None:
        raise ConfigurationError(
            "WebSocketTokenExtractor reads nothing: pass subprotocol='bearer.' or parameter='access_token'"
        )
    return None


@frozen
class WebSocketTokenExtractor(TokenExtractor):
    """Reads the token from the handshake of a WebSocket, where a page can't set headers.

    A page offers the token as a subprotocol (RFC 6455 §1.9), beside that which it speaks::

        new WebSocket("wss://api.example/ws", ["chat", "bearer." + token])

    The server must accept ``chat``, since a browser closes a connection of which no subprotocol was accepted,
    and never the one with the token, which would put it into the response. flask-sock does so by
    ``app.config["SOCK_SERVER_OPTIONS"] = {"subprotocols": ["chat"]}``.

    It reads only requests that ask to open a WebSocket, so ``parameter`` doesn't accept tokens in links.

    The token isn't ``ambient``: the page must know it.

    Args:
        subprotocol: What precedes the token in the subprotocol's name. Its case counts. None if no
            subprotocol has a token.
        parameter: A query parameter with the token, such as ``"access_token"``, for clients that can't
            choose the subprotocol. Servers and proxies keep URLs in their logs (RFC 9700 §4.3.2). By default,
            no query is read.

    Raises:
        ConfigurationError: Both are None, or one has characters that a client can't send.
    """

    challenges: ClassVar[tuple[Challenge, ...]] = BEARER

    subprotocol: str | None = field(default="bearer.", validator=_check_prefix, kw_only=True)
    parameter: str | None = field(default=None, kw_only=True)
    _query: QueryTokenExtractor | None = field(
        init=False, repr=False, eq=False, default=Factory(_query, takes_self=True)
    )

    @property
    def vary(self) -> tuple[str, ...]:
        """The headers that are read."""
        return ("Upgrade",) if self.subprotocol is None else ("Upgrade", "Sec-WebSocket-Protocol")

    def request_with(self, token: str) -> dict[str, Any]:
        """Return what the handshake of a WebSocket needs to have a token."""
        handshake = {"Upgrade": "websocket", "Connection": "Upgrade"}
        if self.subprotocol is not None:
            protocol = {"Sec-WebSocket-Protocol": f"{self.subprotocol}{token}"}
            return {"headers": {**handshake, **protocol}}
        return {"headers": handshake, "query_string": {self.parameter: token}}

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the handshake.

        Raises:
            InvalidRequestError: There are two tokens, or what should be one isn't.
        """
        if not _opens_websocket(request):
            return None
        found = self._offered(request)
        queried = None if self._query is None else self._query.extract(request)
        if found is not None and queried is not None:
            raise InvalidRequestError(
                "there is a token in the query and another in Sec-WebSocket-Protocol",
                description="The access token is sent in more than one way",
            )
        return queried if found is None else found

    def _offered(self, request: Request) -> BearerToken | None:
        """Return the token that is offered as a subprotocol."""
        prefix = self.subprotocol
        if prefix is None:
            return None
        offered = _members(request, "Sec-WebSocket-Protocol")
        tokens = [name[len(prefix) :] for name in offered if name.startswith(prefix)]
        if not tokens:
            return None
        if len(tokens) > 1 or not is_b64token(tokens[0]):
            raise InvalidRequestError(
                f"Sec-WebSocket-Protocol has {len(tokens)} subprotocols that start with {prefix!r}, expected "
                "one, followed by a token",
                description="The Sec-WebSocket-Protocol header is malformed",
            )
        return BearerToken(tokens[0], source="subprotocol")


def _opens_websocket(request: Request) -> bool:
    """Whether a request asks to open a WebSocket (RFC 6455 §4.1)."""
    return (
        request.method == "GET"
        and "websocket" in map(str.lower, _members(request, "Upgrade"))
        and "upgrade" in map(str.lower, _members(request, "Connection"))
    )


def _members(request: Request, header: str) -> list[str]:
    """Return the members of a header that is a list (RFC 9110 §5.6.1)."""
    return [member.strip(" \t") for member in request.headers.get(header, "").split(",")]
