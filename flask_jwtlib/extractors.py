"""Where a bearer token may stand in a request: the three places of RFC 6750 §2."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import field, frozen

from ._flask.request_body import form_values, is_ascii_form, read_body
from ._options import as_count, as_strings
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
# The scheme alone, where no character follows that would make it another one (RFC 9110 §5.6.2).
_BEARER_SCHEME = re.compile(r"bearer(?![!#$%&'*+.^_`|~0-9a-z-])", re.IGNORECASE)
_FORM = "application/x-www-form-urlencoded"
# RFC 9110 §9.3 gives a body no meaning with these, and RFC 6750 §2.2 takes no token from it.
_WITHOUT_BODY = frozenset({"CONNECT", "GET", "HEAD", "OPTIONS", "TRACE"})


@frozen
class HeaderTokenExtractor(TokenExtractor):
    """Takes the token from ``Authorization: Bearer …`` (RFC 6750 §2.1). Another scheme is not ours."""

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
    """Whether a text is a b64token, in less than half the time of a regular expression."""
    # What is not ASCII becomes a question mark, which a b64token does not have either.
    encoded = text.rstrip("=").encode("ascii", "replace")
    return encoded != b"" and not encoded.translate(None, _B64TOKEN)


def _methods(value: str | Iterable[str] | None) -> frozenset[str] | None:
    if value is None:
        return None
    names = as_strings("methods", (value,) if isinstance(value, str) else tuple(value))
    # Werkzeug and Flask's routing take a method in any case.
    return frozenset(name.upper() for name in names)


@frozen
class FormTokenExtractor(TokenExtractor):
    """Takes the token from the form parameter ``access_token`` (RFC 6750 §2.2).

    The body must be ``application/x-www-form-urlencoded`` and all ASCII. A body of more than twice
    ``max_size`` bytes, or of unknown length (``Transfer-Encoding: chunked``), is not read and holds
    no token, so a client that nobody knows yet can't fill the memory. The application's
    ``MAX_CONTENT_LENGTH`` counts if it is smaller; its ``MAX_FORM_MEMORY_SIZE`` doesn't count. A body
    that can't be read to its end is refused with ``invalid_request``. The view finds the whole body in
    ``request.form``, ``files``, ``stream`` and ``get_data()``.

    Args:
        methods: The methods whose body is read, one or several. By default all but GET, HEAD, OPTIONS,
            TRACE and CONNECT, with which a body has no meaning.
        max_size: Characters that a token may have: the validator's ``max_size``.

    Raises:
        ConfigurationError: A method isn't a string, or ``max_size`` isn't a whole number of 1 or more.
    """

    methods: frozenset[str] | None = field(default=None, converter=_methods, kw_only=True)
    max_size: int = field(default=DEFAULT_MAX_SIZE, converter=as_count, kw_only=True)

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the body."""
        if not request.environ.get("CONTENT_TYPE"):
            return None
        # In capitals, whatever the client wrote: the view that gets the request is the same.
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
            # The application has parsed it already, and nothing is left of the bytes.
            values, is_ascii = form.getlist(_PARAMETER), _is_ascii(form)
        else:
            values = form_values(body, _PARAMETER)
            is_ascii = not values or is_ascii_form(body)
        token = _single(values, "form")
        if token is not None and not is_ascii:
            raise InvalidRequestError(
                "a form that carries access_token has characters outside ASCII",
                description="A form that carries access_token must be ASCII",
            )
        return token


def _is_ascii(form: MultiDict[str, str]) -> bool:
    return all(name.isascii() and value.isascii() for name, value in form.items(multi=True))


@frozen
class QueryTokenExtractor(TokenExtractor):
    """Takes the token from the query parameter ``access_token`` (RFC 6750 §2.3).

    URLs are kept in histories and logs: RFC 9700 §4.3.2 advises against this place.
    """

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the query."""
        query: str = request.environ.get("QUERY_STRING", "")
        # The name may be percent-encoded, wholly or in part.
        if not query or (_PARAMETER not in query and "%" not in query):
            return None
        try:
            values = request.args.getlist(_PARAMETER)
        except UnicodeDecodeError:
            raise InvalidRequestError(
                "the query has bytes that are no UTF-8", description="The query is malformed"
            ) from None
        return _single(values, "query")


def _single(values: list[str], source: str) -> BearerToken | None:
    if not values:
        return None
    if len(values) > 1:
        raise InvalidRequestError(
            f"access_token stands in the {source} {len(values)} times",
            description="The parameter access_token is repeated",
        )
    if not _is_b64token(values[0]):
        raise InvalidRequestError(
            f"access_token in the {source} is no b64token",
            description="The parameter access_token is malformed",
        )
    return BearerToken(values[0], source=source)


@frozen
class BearerTokenExtractor(TokenExtractor):
    """Takes the token from the places of RFC 6750 §2, and refuses a request that has one in two places.

    Args:
        header: Read the ``Authorization`` header (§2.1).
        form: Read a form's ``access_token`` (§2.2).
        query: Read the query's ``access_token`` (§2.3). It is on because the documented API reads
            it; URLs are kept in histories and logs, so turn it off where no client needs it (RFC
            9700 §4.3.2).
        max_size: Characters that a token may have: the validator's ``max_size``. A form of more than
            twice as many bytes is not read and holds no token.

    Raises:
        ConfigurationError: All three are off, or ``max_size`` isn't a whole number of 1 or more.
    """

    header: bool = field(default=True, kw_only=True)
    form: bool = field(default=True, kw_only=True)
    query: bool = field(default=True, kw_only=True)
    max_size: int = field(default=DEFAULT_MAX_SIZE, converter=as_count, kw_only=True)
    _places: tuple[tuple[TokenExtractor, str], ...] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        # Each with what the environ has if there may be something.
        places: list[tuple[TokenExtractor, str]] = []
        if self.header:
            places.append((HeaderTokenExtractor(), "HTTP_AUTHORIZATION"))
        if self.form:
            places.append((FormTokenExtractor(max_size=self.max_size), "CONTENT_TYPE"))
        if self.query:
            places.append((QueryTokenExtractor(), "QUERY_STRING"))
        if not places:
            raise ConfigurationError(
                "BearerTokenExtractor needs at least one of header, form and query"
            )
        object.__setattr__(self, "_places", tuple(places))

    def extract(self, request: Request) -> BearerToken | None:
        """Find the one token."""
        environ = request.environ
        found: BearerToken | None = None
        for place, clue in self._places:
            if not environ.get(clue):
                continue
            token = place.extract(request)
            if token is not None:
                if found is not None:
                    raise InvalidRequestError(
                        f"a token in the {found.source} and another in the {token.source}",
                        description="The access token is sent in more than one way",
                    )
                found = token
        return found
