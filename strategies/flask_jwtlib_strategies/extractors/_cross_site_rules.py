"""Which requests pass the cross-site check, and the options that say so."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from flask_jwtlib import ConfigurationError
from flask_jwtlib.cross_site import SAFE_METHODS, TRUSTED_SITES, opens_connection
from flask_jwtlib.errors import CrossSiteError
from flask_jwtlib.evidence import CrossSiteCheck, Evidence
from flask_jwtlib.log_text import quoted

from .._options import check_flag
from ._origins import as_origins, as_texts, shown

if TYPE_CHECKING:
    from flask import Request

__all__ = ["SAME_ORIGIN", "BuiltInCrossSiteCheck", "CrossSiteRules"]

_MAY_BE_SAFE = SAFE_METHODS | {"QUERY"}
SAME_ORIGIN = MappingProxyType({"Sec-Fetch-Site": "same-origin"})
"""What a browser sends with a request of a page of this origin, which passes the check."""

_SITE = re.compile(r"[a-z-]+")
# Making evidence takes longer than the rest of the check.
_EVIDENCE = {outcome: Evidence(outcome) for outcome in CrossSiteCheck}


def _as_methods(given: Any) -> frozenset[str]:
    methods = as_texts("safe_methods", given, "('GET', 'HEAD', 'OPTIONS')")
    if not methods <= _MAY_BE_SAFE:
        raise ConfigurationError(
            f"safe_methods has {', '.join(sorted(methods - _MAY_BE_SAFE))}, expected some of "
            f"{', '.join(sorted(_MAY_BE_SAFE))}: other methods change something (RFC 9110 §9.2.1)"
        )
    return methods


@frozen(kw_only=True)
class CrossSiteRules:
    """The options of the check, which an extractor inherits.

    Attributes:
        origins: Origins whose pages may send requests, exactly as browsers write them.
        allow_non_browsers: Whether a request with neither of the two headers is accepted.
        safe_methods: Methods that change nothing in this app.
    """

    origins: frozenset[str] = field(default=frozenset[str](), converter=as_origins)
    allow_non_browsers: bool = field(default=False, validator=check_flag)
    safe_methods: frozenset[str] = field(default=SAFE_METHODS, converter=_as_methods)

    def outcome_for(self, request: Request) -> CrossSiteCheck:
        """Return why a request passes.

        Raises:
            CrossSiteError: Another site may have made the browser send it.
        """
        if self.is_safe(request):
            return CrossSiteCheck.SAFE_METHOD
        method, environ = request.method, request.environ
        site: str | None = environ.get("HTTP_SEC_FETCH_SITE")
        if site in TRUSTED_SITES:
            return CrossSiteCheck.PASSED
        origin: str | None = environ.get("HTTP_ORIGIN")
        # A server joins repeated headers by commas. No browser sends such a value.
        is_malformed = site is not None and not _SITE.fullmatch(site)
        if origin in self.origins and not is_malformed:
            return CrossSiteCheck.PASSED
        if site is None and origin is None:
            if self.allow_non_browsers:
                return CrossSiteCheck.PASSED
            raise CrossSiteError(
                f"a {quoted(method)} request has neither Sec-Fetch-Site nor Origin, so it doesn't come from "
                "a page in a browser; pass allow_non_browsers=True if it should be accepted"
            )
        raise CrossSiteError(
            f"another site may have sent a {quoted(method)} request: its Sec-Fetch-Site is {shown(site)}, "
            f"and its Origin is {shown(origin)}, which isn't listed in origins="
        )

    def is_safe(self, request: Request) -> bool:
        """Whether a request has a method that changes nothing, and opens no connection for messages."""
        return request.method in self.safe_methods and not opens_connection(request)


@frozen(kw_only=True)
class BuiltInCrossSiteCheck(CrossSiteRules):
    """The check within an extractor of ambient tokens, which inherits its options.

    Attributes:
        cross_site_check: Whether requests are checked. False switches the check off.
    """

    cross_site_check: bool = field(default=True, validator=check_flag)

    def __attrs_post_init__(self) -> None:
        if not self.cross_site_check and CrossSiteRules() != CrossSiteRules(
            origins=self.origins,
            allow_non_browsers=self.allow_non_browsers,
            safe_methods=self.safe_methods,
        ):
            raise ConfigurationError(
                "cross_site_check=False switches the check off, and another option says how to check: "
                "leave one of them out"
            )

    def evidence_for(self, request: Request) -> Evidence:
        """Return the outcome of the check, as the evidence of an ambient token.

        Raises:
            CrossSiteError: Another site may have made the browser send the request.
        """
        if not self.cross_site_check:
            return _EVIDENCE[CrossSiteCheck.DISABLED]
        return _EVIDENCE[self.outcome_for(request)]
