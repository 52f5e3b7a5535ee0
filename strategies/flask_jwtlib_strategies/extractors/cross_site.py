"""A check that no other site made the browser send a request with the caller's credentials (CSRF).

The headers ``Sec-Fetch-Site`` (W3C Fetch Metadata) and ``Origin`` (RFC 6454 §7) decide: the browser sets
them, and no page can change them. ``Referer`` and ``Host`` decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from attrs import evolve, field, frozen

from flask_jwtlib import BearerToken, TokenExtractor
from flask_jwtlib.authenticator import raise_refusal
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import CrossSiteError
from flask_jwtlib.evidence import CrossSiteCheck, Evidence
from flask_jwtlib.interfaces import challenges_of, request_arguments_of

from ._cross_site_rules import SAME_ORIGIN, CrossSiteRules
from ._wrapping import check_wrapped, vary_with, with_headers

if TYPE_CHECKING:
    from flask import Request

__all__ = ["CrossSiteCheckedTokenExtractor", "check_cross_site"]


@frozen
class CrossSiteCheckedTokenExtractor(CrossSiteRules, TokenExtractor):
    """Checks the ambient tokens that another extractor finds, such as that of a cookie.

    ::

        Authenticator(
            keys=…,
            extractor=CrossSiteCheckedTokenExtractor(
                HeaderTokenExtractor("X-Goog-IAP-JWT-Assertion"), origins=["https://app.example"]
            ),
        )

    Tokens that a browser doesn't send by itself aren't checked, so you may also wrap a composite. The
    catalogue's own extractors of cookies and sessions have this check already. A request
    whose method changes something, or that opens a WebSocket, passes if the browser says that a page of this
    origin or the user sent it (``Sec-Fetch-Site: same-origin`` or ``none``), or if its ``Origin`` is among
    ``origins``. Any other is refused by a ``CrossSiteError``.

    Browsers send ``Sec-Fetch-Site`` only over HTTPS and to localhost. Where the site is served over plain
    HTTP, also name its own origin.

    Args:
        extractor: The extractor. Its tokens are ``ambient``.
        origins: Origins whose pages may send requests, exactly as browsers write them.
        allow_non_browsers: Accept a request with neither of the two headers. No present-day browser sends
            such a request for a page, but some programs that send cookies do.
        safe_methods: Methods that change nothing in this app. Pass ``("GET", "HEAD", "OPTIONS", "QUERY")``
            if that holds for ``QUERY``, and fewer if some views change something by ``GET``.

    Raises:
        ConfigurationError: ``extractor`` isn't a ``TokenExtractor``, an origin isn't written as browsers send
            it, or another option is wrong.
    """

    extractor: TokenExtractor = field(validator=check_wrapped)

    @property
    def challenges(self) -> tuple[Challenge, ...]:
        """The challenges of the extractor."""
        return challenges_of(self.extractor)

    @property
    def vary(self) -> tuple[str, ...]:
        """The headers that the extractor reads, and those of the check: the refusal depends on them."""
        return vary_with(self.extractor, "Sec-Fetch-Site", "Origin")

    def request_with(self, token: str) -> dict[str, Any] | None:
        """Return what a request of a page of this origin needs to have a token where the extractor looks."""
        described = request_arguments_of(self.extractor, token)
        return None if described is None else with_headers(described, SAME_ORIGIN)

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token, and attach the outcome of the check to an ambient one.

        Raises:
            AuthenticationError: The extractor refuses the request.
            CrossSiteError: Another site may have made the browser send it.
        """
        token = self.extractor.extract(request)
        if not getattr(token, "ambient", False):
            return token
        outcome, found = self.outcome_for(request), cast("BearerToken", token)
        own = found.evidence.get(CrossSiteCheck)
        if own is None:
            return found.with_evidence(outcome)
        # The extractor has a check of its own. Both must pass, and a method is safe if both say so.
        if own is outcome or own is CrossSiteCheck.PASSED:
            return found
        others = (value for value in found.evidence if value is not own)
        return evolve(found, evidence=Evidence(*others, outcome))


def check_cross_site(
    request: Request, *, origins: Iterable[str] = (), allow_non_browsers: bool = False
) -> CrossSiteCheck:
    """Check a request to a view that logs a user in or out, or renews a session, before there is a token.

    ::

        @app.post("/login")
        def login():
            check_cross_site(request, origins=["https://app.example"])

    A refusal is logged, and becomes the response if it leaves the view. Let such a view accept only POST: a
    GET passes, except for one that opens a WebSocket.

    Args:
        request: The request.
        origins: Origins whose pages may send requests, exactly as browsers write them.
        allow_non_browsers: Accept a request with neither of the two headers.

    Raises:
        CrossSiteError: Another site may have made the browser send the request.
        ConfigurationError: An origin isn't written as browsers send it.
    """
    rules = CrossSiteRules(origins=origins, allow_non_browsers=allow_non_browsers)
    try:
        return rules.outcome_for(request)
    except CrossSiteError as error:
        # No extractor raised it, so nothing else would log it.
        raise_refusal(error)
