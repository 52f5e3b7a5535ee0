r"""URLs within this site: a path with an optional query and fragment, and never a scheme or a host.

Browsers read a ``\`` as ``/``, drop tabs and line breaks, and take what follows ``//`` for a host. Proxies
and applications decode a URL once more than they should. So a path is checked in all its decoded forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, unquote_plus

if TYPE_CHECKING:
    from flask import Request

__all__ = ["local_url", "url_of"]

# In characters. It may be three times as long once it is a parameter of another URL, which must fit into
# the buffers of proxies.
_LONGEST = 1024
# Before a token is removed. Nothing longer is searched for one.
_LONGEST_GIVEN = 16 * _LONGEST
# More than any application applies by mistake.
_MOST_DECODINGS = 5
_UNSAFE = re.compile("[\\\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_DOT_SEGMENT = re.compile(r"/\.{1,2}(?:/|\Z)")
# What stays as it is, beside letters, digits and "-._~". RFC 3986 §3.3 allows "'", too, which ends a string
# in a careless template.
_IN_PATH = "/:@!$&()*+,;="
_IN_URL = _IN_PATH + "%?"


def url_of(request: Request) -> str:
    """Return the path and the query of a request, as the browser sent them."""
    path = quote(request.script_root + request.path, safe=_IN_PATH)
    query = request.query_string.decode(errors="replace")
    return f"{path}?{query}" if query else path


def local_url(url: str, drop: Iterable[str] = ()) -> str | None:
    """Return a URL that stays on this site, percent-encoded; None if it may leave the site.

    Args:
        url: The URL. Anybody may have written it.
        drop: Names of parameters that are removed from the query and the fragment.
    """
    if len(url) > _LONGEST_GIVEN or _UNSAFE.search(url) or not url.startswith("/"):
        return None
    before, _, fragment = url.partition("#")
    path, _, query = before.partition("?")
    if not _is_safe(path):
        return None
    names = "|".join(map(re.escape, drop))
    dropped = re.compile(rf"(?:\A|[?&#;])(?:{names})(?:=|\Z)", re.IGNORECASE) if names else None
    found = quote(path, safe=_IN_URL)
    for mark, parameters in ("?", query), ("#", fragment):
        kept = "&".join(
            each
            for each in parameters.split("&")
            if dropped is None or not dropped.search(_decoded(each))
        )
        if kept:
            found += mark + quote(kept, safe=_IN_URL)
    return found if len(found) <= _LONGEST else None


def _is_safe(path: str) -> bool:
    """Whether a path stays on this site, however often it is decoded."""
    for _ in range(_MOST_DECODINGS):
        if path.startswith("//") or _UNSAFE.search(path) or _DOT_SEGMENT.search(path):
            return False
        decoded = unquote(path)
        if decoded == path:
            return True
        path = decoded
    return False


def _decoded(parameter: str) -> str:
    """Decode a parameter until nothing is encoded: its value may be a URL with parameters."""
    for _ in range(_MOST_DECODINGS):
        parameter = unquote_plus(parameter)
    return parameter
