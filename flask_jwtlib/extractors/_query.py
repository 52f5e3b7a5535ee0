"""The token in the query of a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from ..challenges import BEARER, Challenge
from ..errors import InvalidRequestError
from ..interfaces import TokenExtractor
from ..values import BearerToken
from ._syntax import as_parameter, single_parameter

if TYPE_CHECKING:
    from flask import Request

__all__ = ["QueryTokenExtractor"]


@frozen
class QueryTokenExtractor(TokenExtractor):
    """Reads the token from a query parameter, by default ``access_token`` (RFC 6750 §2.3).

    RFC 9700 §4.3.2 advises against it: URLs are kept in histories and logs.

    Args:
        name: The parameter's name.

    Raises:
        ConfigurationError: The name has other characters than letters, digits and ``-._~``.
    """

    challenges: ClassVar[tuple[Challenge, ...]] = BEARER
    vary: ClassVar[tuple[str, ...]] = ()

    name: str = field(default="access_token", converter=as_parameter)

    def request_with(self, token: str) -> dict[str, Any]:
        """Return what a request needs to have a token in this parameter."""
        return {"query_string": {self.name: token}}

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the query."""
        query: str = request.environ.get("QUERY_STRING", "")
        # The name may be percent-encoded in part or as a whole.
        if not query or (self.name not in query and "%" not in query):
            return None
        try:
            values = request.args.getlist(self.name)
        except UnicodeDecodeError:
            raise InvalidRequestError(
                "the query is not UTF-8", description="The query is malformed"
            ) from None
        return single_parameter(values, self.name, "query")
