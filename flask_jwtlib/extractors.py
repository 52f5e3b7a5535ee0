"""Where a bearer token may stand in a request: the three places of RFC 6750 §2."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import field, frozen

from .errors import ConfigurationError, InvalidRequestError
from .interfaces import TokenExtractor
from .values import BearerToken

if TYPE_CHECKING:
    from flask import Request
    from werkzeug.datastructures import MultiDict

__all__ = [
    "BearerTokenExtractor",
    "FormTokenExtractor",
    "HeaderTokenExtractor",
    "QueryTokenExtractor",
]

_PARAMETER = "access_token"
_B64TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
# The scheme alone, where no character follows that would make it another one (RFC 9110 §5.6.2).
_BEARER_SCHEME = re.compile(r"bearer(?![!#$%&'*+.^_`|~0-9a-z-])", re.IGNORECASE)
_NAMED_IN_BODY = re.compile(rb"(?:\A|&)access_token=")
_FORM = "application/x-www-form-urlencoded"
# Bytes, where the app sets no bound: Flask's own default.
_MAX_FORM_LENGTH = 500_000


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
            "the Authorization header is no 'Bearer' and one b64token",
            description="The Authorization header is malformed",
        )


def _is_b64token(text: str) -> bool:
    """Whether a text is a b64token, in less than half the time of a regular expression."""
    # What is not ASCII becomes a question mark, which a b64token does not have either.
    encoded = text.rstrip("=").encode("ascii", "replace")
    return encoded != b"" and not encoded.translate(None, _B64TOKEN)


def _methods(value: str | Iterable[str]) -> frozenset[str]:
    return frozenset((value,) if isinstance(value, str) else value)


@frozen
class FormTokenExtractor(TokenExtractor):
    """Takes the token from the form parameter ``access_token`` (RFC 6750 §2.2).

    The body must be ``application/x-www-form-urlencoded`` and all ASCII. One that is longer than the
    app's ``MAX_FORM_MEMORY_SIZE`` or ``MAX_CONTENT_LENGTH``, or of unknown length, is not read: a
    caller whom nobody knows yet fills no memory.

    Args:
        methods: The methods whose body is read. By default those whose body has a meaning: not GET,
            not HEAD.
    """

    methods: frozenset[str] = field(
        default=frozenset({"DELETE", "PATCH", "POST", "PUT"}), converter=_methods, kw_only=True
    )

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the body."""
        environ = request.environ
        if environ["REQUEST_METHOD"] not in self.methods or not environ.get("CONTENT_TYPE"):
            return None
        if request.mimetype != _FORM or not _is_bounded(request):
            return None
        # The cached body stays readable for the view, which the parser alone would leave empty.
        body = request.get_data(cache=True)
        if not body.isascii():
            if _NAMED_IN_BODY.search(body):
                raise _not_ascii()
            return None
        token = _single(request.form.getlist(_PARAMETER), "form")
        if token is not None and not _is_ascii(request.form):
            raise _not_ascii()
        return token


def _not_ascii() -> InvalidRequestError:
    return InvalidRequestError(
        "a form that carries access_token has characters outside ASCII",
        description="A form that carries access_token must be ASCII",
    )


def _is_ascii(form: MultiDict[str, str]) -> bool:
    return all(name.isascii() and value.isascii() for name, value in form.items(multi=True))


def _is_bounded(request: Request) -> bool:
    length = request.content_length
    limits = (request.max_form_memory_size, request.max_content_length)
    bounds = [limit for limit in limits if limit is not None] or [_MAX_FORM_LENGTH]
    return length is not None and length <= min(bounds)


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
    """

    header: bool = field(default=True, kw_only=True)
    form: bool = field(default=True, kw_only=True)
    query: bool = field(default=True, kw_only=True)
    _places: tuple[tuple[TokenExtractor, str], ...] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        # Each with what the environ has if there may be something.
        places: list[tuple[TokenExtractor, str]] = []
        if self.header:
            places.append((HeaderTokenExtractor(), "HTTP_AUTHORIZATION"))
        if self.form:
            places.append((FormTokenExtractor(), "CONTENT_TYPE"))
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
