"""Token extractors for the three places of RFC 6750 §2: header, form and query."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from attrs import Factory, field, frozen

from ._flask.request_body import form_values, is_ascii_form, read_body
from ._options import as_count, as_strings
from .challenges import BEARER, Challenge
from .errors import ConfigurationError, InvalidRequestError
from .interfaces import TokenExtractor
from .jws import DEFAULT_MAX_SIZE
from .values import BearerToken

if TYPE_CHECKING:
    from flask import Request
    from werkzeug.datastructures import MultiDict

__all__ = [
    "BearerTokenExtractor",
    "FormTokenExtractor",
    "HeaderTokenExtractor",
    "QueryTokenExtractor",
    "form_values",
    "is_ascii_form",
    "read_body",
]

_PARAMETER = "access_token"
_B64TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
# The scheme, unless the next character belongs to the scheme's name, too (RFC 9110 §5.6.2).
_BEARER_SCHEME = re.compile(r"bearer(?![!#$%&'*+.^_`|~0-9a-z-])", re.IGNORECASE)
_FORM = "application/x-www-form-urlencoded"
# RFC 9110 §9.3 gives a body no meaning with these methods, and RFC 6750 §2.2 takes no token from it.
_WITHOUT_BODY = frozenset({"CONNECT", "GET", "HEAD", "OPTIONS", "TRACE"})


@frozen
class HeaderTokenExtractor(TokenExtractor):
    """Reads the token from ``Authorization: Bearer …`` (RFC 6750 §2.1) and ignores other schemes."""

    challenges: ClassVar[tuple[Challenge, ...]] = BEARER
    vary: ClassVar[tuple[str, ...]] = ("Authorization",)

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the header."""
        credentials: str | None = request.environ.get("HTTP_AUTHORIZATION")
        if credentials is None:
            return None
        scheme, _, token = credentials.partition(" ")
        if scheme.lower() == "bearer":
            token = token.lstrip(" ")
            if _is_b64token(token):
                return BearerToken(token)
        elif not _BEARER_SCHEME.match(credentials):
            return None
        raise InvalidRequestError(
            "the Authorization header must be 'Bearer' followed by one token",
            description="The Authorization header is malformed",
        )


def _is_b64token(text: str) -> bool:
    """Whether a text is a b64token. It takes less than half the time of a regular expression."""
    # A character outside ASCII becomes a question mark, which isn't a b64token character either.
    encoded = text.rstrip("=").encode("ascii", "replace")
    return encoded != b"" and not encoded.translate(None, _B64TOKEN)


def _methods(value: str | Iterable[str] | None) -> frozenset[str] | None:
    if value is None:
        return None
    names = as_strings("methods", (value,) if isinstance(value, str) else tuple(value))
    # Werkzeug and Flask's routing accept methods in upper and lower case.
    return frozenset(name.upper() for name in names)


@frozen
class FormTokenExtractor(TokenExtractor):
    """Reads the token from the form parameter ``access_token`` (RFC 6750 §2.2).

    The body must be ``application/x-www-form-urlencoded`` and contain only ASCII. To bound the memory that
    an unauthenticated client can use, a body is ignored if it has more than twice ``max_size`` bytes, or if
    its length is unknown (``Transfer-Encoding: chunked``). A smaller ``MAX_CONTENT_LENGTH`` of the
    application takes precedence; ``MAX_FORM_MEMORY_SIZE`` has no effect. A body that ends too early is
    refused with ``invalid_request``. The view still gets the whole body from ``request.form``, ``files``,
    ``stream`` and ``get_data()``.

    Args:
        methods: One or several methods whose body is read. By default all except GET, HEAD, OPTIONS, TRACE
            and CONNECT, for which a body has no meaning.
        max_size: Longest token, in characters. Pass the validator's ``max_size``.

    Raises:
        ConfigurationError: A method isn't a string, or ``max_size`` isn't a whole number of 1 or more.
    """

    challenges: ClassVar[tuple[Challenge, ...]] = BEARER
    vary: ClassVar[tuple[str, ...]] = ()

    methods: frozenset[str] | None = field(default=None, converter=_methods, kw_only=True)
    max_size: int = field(default=DEFAULT_MAX_SIZE, converter=as_count, kw_only=True)

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the body."""
        if not request.environ.get("CONTENT_TYPE"):
            return None
        # Werkzeug's upper-case method, since routing chooses the view by it, too.
        method = request.method
        if method in _WITHOUT_BODY if self.methods is None else method not in self.methods:
            return None
        if request.mimetype != _FORM:
            return None
        body = read_body(request, max_length=2 * self.max_size)
        if body is None:
            return None
        form: MultiDict[str, str] | None = vars(request).get("form")
        if form is not None and not body:
            # The application has parsed the form already, so the bytes are gone.
            values, is_ascii = form.getlist(_PARAMETER), _is_ascii(form)
        else:
            values = form_values(body, _PARAMETER)
            is_ascii = not values or is_ascii_form(body)
        token = _single(values, "form")
        if token is not None and not is_ascii:
            raise InvalidRequestError(
                "a form with access_token has characters outside ASCII",
                description="A form with access_token must be ASCII",
            )
        return token


def _is_ascii(form: MultiDict[str, str]) -> bool:
    return all(name.isascii() and value.isascii() for name, value in form.items(multi=True))


@frozen
class QueryTokenExtractor(TokenExtractor):
    """Reads the token from the query parameter ``access_token`` (RFC 6750 §2.3).

    RFC 9700 §4.3.2 advises against it: URLs are kept in histories and logs.
    """

    challenges: ClassVar[tuple[Challenge, ...]] = BEARER
    vary: ClassVar[tuple[str, ...]] = ()

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the query."""
        query: str = request.environ.get("QUERY_STRING", "")
        # The name may be percent-encoded in part or as a whole.
        if not query or (_PARAMETER not in query and "%" not in query):
            return None
        try:
            values = request.args.getlist(_PARAMETER)
        except UnicodeDecodeError:
            raise InvalidRequestError(
                "the query is not UTF-8", description="The query is malformed"
            ) from None
        return _single(values, "query")


def _single(values: list[str], source: str) -> BearerToken | None:
    if not values:
        return None
    if len(values) > 1:
        raise InvalidRequestError(
            f"the {source} has access_token {len(values)} times, expected it once",
            description="The parameter access_token is repeated",
        )
    if not _is_b64token(values[0]):
        raise InvalidRequestError(
            f"access_token in the {source} is not a b64token (RFC 6750 §2.1)",
            description="The parameter access_token is malformed",
        )
    return BearerToken(values[0], source=source)


def _places(extractor: BearerTokenExtractor) -> tuple[tuple[TokenExtractor, str], ...]:
    """Return the extractors to try, each with the key of ``environ`` without which it finds nothing."""
    places: list[tuple[TokenExtractor, str]] = []
    if extractor.header:
        places.append((HeaderTokenExtractor(), "HTTP_AUTHORIZATION"))
    if extractor.form:
        places.append((FormTokenExtractor(max_size=extractor.max_size), "CONTENT_TYPE"))
    if extractor.query:
        places.append((QueryTokenExtractor(), "QUERY_STRING"))
    if not places:
        raise ConfigurationError(
            "BearerTokenExtractor needs at least one of header, form and query"
        )
    return tuple(places)


@frozen
class BearerTokenExtractor(TokenExtractor):
    """Reads the token from the three places of RFC 6750 §2, and refuses a request with two tokens.

    Args:
        header: Read the ``Authorization`` header (§2.1).
        form: Read the form parameter ``access_token`` (§2.2).
        query: Read the query parameter ``access_token`` (§2.3). The default is True because the documented
            module API reads it. Pass False if no client needs it: URLs are kept in histories and logs (RFC
            9700 §4.3.2).
        max_size: Longest token, in characters. Pass the validator's ``max_size``. A form of more than twice
            as many bytes is ignored.

    Raises:
        ConfigurationError: All three are off, or ``max_size`` isn't a whole number of 1 or more.
    """

    challenges: ClassVar[tuple[Challenge, ...]] = BEARER

    header: bool = field(default=True, kw_only=True)
    form: bool = field(default=True, kw_only=True)
    query: bool = field(default=True, kw_only=True)
    max_size: int = field(default=DEFAULT_MAX_SIZE, converter=as_count, kw_only=True)
    # A query is a part of the URL, and no cache keeps the response to a form.
    vary: tuple[str, ...] = field(
        init=False,
        repr=False,
        eq=False,
        default=Factory(lambda self: ("Authorization",) if self.header else (), takes_self=True),
    )
    _places: tuple[tuple[TokenExtractor, str], ...] = field(
        init=False, repr=False, eq=False, default=Factory(_places, takes_self=True)
    )

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in any of the places."""
        environ = request.environ
        found: BearerToken | None = None
        for extractor, key in self._places:
            if not environ.get(key):
                continue
            token = extractor.extract(request)
            if token is not None:
                if found is not None:
                    raise InvalidRequestError(
                        f"there is a token in the {found.source} and another in the {token.source}",
                        description="The access token is sent in more than one way",
                    )
                found = token
        return found
