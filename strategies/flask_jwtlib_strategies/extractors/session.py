"""A token in the server-side session of the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flask
from attrs import Attribute, field, frozen

from flask_jwtlib import BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import InvalidRequestError, VerificationUnavailable

from ._cookie_header import cookie_values
from ._cross_site_rules import SAME_ORIGIN, BuiltInCrossSiteCheck

if TYPE_CHECKING:
    from flask import Request

__all__ = ["SessionTokenExtractor"]


def _check_key(_: object, __: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(
            f"key is {value!r}, expected the key of the token in the session, such as 'access_token'"
        )


@frozen
class SessionTokenExtractor(BuiltInCrossSiteCheck, TokenExtractor):
    """Reads the token that the log-in view has put into ``flask.session``, and checks requests (CSRF).

    ::

        auth = Authenticator(keys=…, extractor=SessionTokenExtractor())

        @app.post("/login")
        def login():
            check_cross_site(request)
            session["access_token"] = token_of_the_user()
            return redirect("/")

    Use it with sessions that are kept on the server, such as Flask-Session's. Flask's own session is a signed
    cookie: its user can read the token in it, and browsers drop one of more than 4,096 bytes.

    Requests are checked like those of ``CookieTokenExtractor``. Two cookies with the session's ID are
    refused, since a page of a sibling domain can plant the second one. The session isn't changed, and none is
    created.

    Args:
        key: The key of the token in the session.
        origins: Origins whose pages may send requests, exactly as browsers write them.
        allow_non_browsers: Accept a request with neither ``Sec-Fetch-Site`` nor ``Origin``, as programs send
            that have cookies.
        safe_methods: Methods that change nothing in this app. By default GET, HEAD and OPTIONS.
        cross_site_check: False switches the check off. Then every site can use this app in the name of its
            users, unless something else prevents it.

    Raises:
        ConfigurationError: An option is wrong, or two of them contradict each other.
    """

    challenges: ClassVar[tuple[Challenge, ...]] = (Challenge("Cookie"),)
    vary: ClassVar[tuple[str, ...]] = ("Cookie", "Sec-Fetch-Site", "Origin")

    key: str = field(default="access_token", validator=_check_key)

    def request_with(self, token: str) -> dict[str, Any]:
        """Return what a request of a page of this origin needs to have a token in its session."""
        return {"session": {self.key: token}, "headers": dict(SAME_ORIGIN)}

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token in the session of a request. Only the current request has a session.

        Raises:
            InvalidRequestError: There are two cookies with the session's ID.
            CrossSiteError: Another site may have made the browser send the request.
            VerificationUnavailable: The session can't be read, or has something else than a token.
        """
        if not flask.has_request_context() or flask.request.environ is not request.environ:
            return None
        try:
            name = flask.current_app.session_interface.get_cookie_name(flask.current_app)
            value: object = flask.session.get(self.key)
        # The library that keeps the sessions may raise anything.
        except Exception as error:
            raise VerificationUnavailable(
                f"the session can't be read ({type(error).__name__})"
            ) from error
        if not value:
            return None
        if not isinstance(value, str):
            raise VerificationUnavailable(
                f"the session has a {type(value).__name__} as {self.key!r}, expected the token as a str"
            )
        if len(cookie_values(request, name)) > 1:
            raise InvalidRequestError(
                f"there are several cookies with the name {name}, expected one: a page of another host of "
                "this domain, or an app with another path, may have set one of them. Another "
                "SESSION_COOKIE_NAME, such as __Host-session, keeps them apart",
                description="The session's cookie is repeated",
            )
        evidence = self.evidence_for(request)
        return BearerToken(
            value, source="session", scheme="Cookie", ambient=True, evidence=evidence
        )
