"""An extractor of tokens in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from attrs import Attribute, field, frozen

from flask_jwtlib import BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.challenges import BEARER, Challenge
from flask_jwtlib.errors import InvalidRequestError, MalformedTokenError
from flask_jwtlib.extractors import is_b64token, read_body
from flask_jwtlib.jws import read_json_object

if TYPE_CHECKING:
    from flask import Request

__all__ = ["JSONTokenExtractor"]

# Of these characters, JSON has only one other spelling: with "\\u".
_NAME = re.compile(r"[A-Za-z0-9._~-]+")
# A body has no meaning with these (RFC 9110 §9.3).
_WITHOUT_BODY = frozenset({"CONNECT", "GET", "HEAD", "OPTIONS", "TRACE"})


def _check_name(_: object, __: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ConfigurationError(
            f"the member's name is {value!r}, expected letters, digits and '-._~', such as 'access_token'"
        )


def _as_methods(given: Any) -> frozenset[str] | None:
    if given is None:
        return None
    several = (given,) if isinstance(given, str) else given
    methods = tuple(cast("Iterable[Any]", several)) if isinstance(several, Iterable) else ()
    if not methods or not all(isinstance(method, str) and method for method in methods):
        raise ConfigurationError(f"methods is {given!r}, expected such as ('POST', 'PUT')")
    return frozenset(method.upper() for method in methods)


def _check_size(_: object, __: Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 1:
        raise ConfigurationError(
            f"max_body_size is {value!r}, expected a number of bytes, 1 or more"
        )


@frozen
class JSONTokenExtractor(TokenExtractor):
    """Reads the token from a member of a JSON object, by default ``{"access_token": "…"}``.

    Only a member of the outermost object counts. The content type must be ``application/json``, or end with
    ``+json``. The view can still read the body. JSON without this member, and what isn't JSON, is left to
    the view. The request is refused if the member is repeated or isn't a token, or if its object isn't
    strict JSON (RFC 8259): UTF-8, no member twice, no ``NaN``, at most 32 levels.

    The token isn't ``ambient``: a browser adds none to a body, so another site's page would have to know it.
    Nor can such a page make a browser send its own token in this way, unless your CORS settings let it: for
    these content types, a browser asks first (a preflight). It doesn't ask for ``text/plain``, so JSON with
    that type isn't read.

    Args:
        name: The member's name.
        methods: One or several methods whose body is read. By default all except GET, HEAD, OPTIONS, TRACE
            and CONNECT, for which a body has no meaning.
        max_body_size: Longest body that is read, in bytes, which bounds what an unauthenticated client can
            make the server read and parse. A longer one, and one of unknown length, has no token. A smaller
            ``MAX_CONTENT_LENGTH`` of the application takes precedence.

    Raises:
        ConfigurationError: The name, the methods or the size isn't one.
    """

    challenges: ClassVar[tuple[Challenge, ...]] = BEARER
    # No cache keeps the response to a request with a body.
    vary: ClassVar[tuple[str, ...]] = ()

    name: str = field(default="access_token", validator=_check_name)
    methods: frozenset[str] | None = field(default=None, converter=_as_methods, kw_only=True)
    max_body_size: int = field(default=65_536, validator=_check_size, kw_only=True)

    def request_with(self, token: str) -> dict[str, Any]:
        """Return what a request needs to have a token in this member."""
        method = "POST" if not self.methods or "POST" in self.methods else min(self.methods)
        return {"method": method, "json": {self.name: token}}

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the body.

        Raises:
            InvalidRequestError: The member isn't one token, the body with it isn't strict JSON, or the body
                ends too early.
        """
        # Werkzeug's upper-case method, since routing chooses the view by it, too.
        method = request.method
        if method in _WITHOUT_BODY if self.methods is None else method not in self.methods:
            return None
        if not request.is_json:
            return None
        body = read_body(request, max_length=self.max_body_size)
        named = body is not None and self.name.encode() in body
        if body is None or not (named or b"\\u" in body) or not body.lstrip().startswith(b"{"):
            return None
        try:
            members = read_json_object(body, "body")
        except MalformedTokenError as error:
            if not named:
                return None
            fault = error.log_message
        else:
            if self.name not in members:
                return None
            token: object = members[self.name]
            if isinstance(token, str) and is_b64token(token):
                return BearerToken(token, source="json")
            fault = f"{self.name} in the body is not a b64token (RFC 6750 §2.1)"
        # Raised outside of the `except` block, so that it doesn't carry the parser's error.
        raise InvalidRequestError(fault, description=f"The JSON with {self.name} is malformed")
