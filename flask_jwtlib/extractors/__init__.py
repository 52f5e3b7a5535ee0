"""Token extractors for a header, a form and the query, and for the three places of RFC 6750 §2."""

from __future__ import annotations

from .._flask.request_body import form_values, is_ascii_form, read_body
from ._bearer import BearerTokenExtractor
from ._form import FormTokenExtractor
from ._header import HeaderTokenExtractor
from ._query import QueryTokenExtractor
from ._syntax import is_b64token

__all__ = [
    "BearerTokenExtractor",
    "FormTokenExtractor",
    "HeaderTokenExtractor",
    "QueryTokenExtractor",
    "form_values",
    "is_ascii_form",
    "is_b64token",
    "read_body",
]
