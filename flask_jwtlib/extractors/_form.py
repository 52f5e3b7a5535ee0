"""The token in a form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from .._flask.request_body import form_values, is_ascii_form, read_body
from .._options import as_count, as_strings
from ..challenges import BEARER, Challenge
from ..errors import InvalidRequestError
from ..interfaces import TokenExtractor
from ..jws import DEFAULT_MAX_SIZE
from ..values import BearerToken
from ._syntax import as_parameter, method_with_body, single_parameter

if TYPE_CHECKING:
    from flask import Request
    from werkzeug.datastructures import MultiDict

__all__ = ["FormTokenExtractor"]

_FORM = "application/x-www-form-urlencoded"
# RFC 9110 §9.3 gives a body no meaning with these methods, and RFC 6750 §2.2 takes no token from it.
_WITHOUT_BODY = frozenset({"CONNECT", "GET", "HEAD", "OPTIONS", "TRACE"})


def _methods(value: str | Iterable[str] | None) -> frozenset[str] | None:
    if value is None:
        return None
    names = as_strings("methods", (value,) if isinstance(value, str) else tuple(value))
    # Werkzeug and Flask's routing accept methods in upper and lower case.
    return frozenset(name.upper() for name in names)


@frozen
class FormTokenExtractor(TokenExtractor):
    """Reads the token from a form parameter, by default ``access_token`` (RFC 6750 §2.2).

    The body must be ``application/x-www-form-urlencoded`` and contain only ASCII. To bound the memory that
    an unauthenticated client can use, a body is ignored if it has more than twice ``max_size`` bytes, or if
    its length is unknown (``Transfer-Encoding: chunked``). A smaller ``MAX_CONTENT_LENGTH`` of the
    application takes precedence; ``MAX_FORM_MEMORY_SIZE`` has no effect. A body that ends too early is
    refused with ``invalid_request``. The view still gets the whole body from ``request.form``, ``files``,
    ``stream`` and ``get_data()``.

    Args:
        name: The parameter's name.
        methods: One or several methods whose body is read. By default all except GET, HEAD, OPTIONS, TRACE
            and CONNECT, for which a body has no meaning.
        max_size: Longest token, in characters. Pass the validator's ``max_size``.

    Raises:
        ConfigurationError: A method isn't a string, ``max_size`` isn't a whole number of 1 or more, or the
            name has other characters than letters, digits and ``-._~``.
    """

    challenges: ClassVar[tuple[Challenge, ...]] = BEARER
    vary: ClassVar[tuple[str, ...]] = ()

    name: str = field(default="access_token", converter=as_parameter)
    methods: frozenset[str] | None = field(default=None, converter=_methods, kw_only=True)
    max_size: int = field(default=DEFAULT_MAX_SIZE, converter=as_count, kw_only=True)

    def request_with(self, token: str) -> dict[str, Any]:
        """Return what a request needs to have a token in this parameter."""
        return {"method": method_with_body(self.methods), "data": {self.name: token}}

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
            values, is_ascii = form.getlist(self.name), _is_ascii(form)
        else:
            values = form_values(body, self.name)
            is_ascii = not values or is_ascii_form(body)
        token = single_parameter(values, self.name, "form")
        if token is not None and not is_ascii:
            raise InvalidRequestError(
                f"a form with {self.name} has characters outside ASCII",
                description=f"A form with {self.name} must be ASCII",
            )
        return token


def _is_ascii(form: MultiDict[str, str]) -> bool:
    return all(name.isascii() and value.isascii() for name, value in form.items(multi=True))
