"""Credentials that a browser sends by itself: a cookie, with a double-submit token too, and a session."""

from __future__ import annotations

import time
from collections.abc import Mapping

from attrs import evolve, frozen
from flask import Flask, Response
from flask.sessions import SecureCookieSession, SessionInterface, SessionMixin
from werkzeug.wrappers import Request

from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.extractors.session import SessionTokenExtractor

from ..contenders import COMPOSED, FLOOR, validator_of
from ..peers import FLASK_JWT_EXTENDED, flask_jwt_extended_cookie
from ..scenarios import Service
from .by_hand import (
    cookie_by_hand,
    double_submit_by_hand,
    session_by_hand,
)
from .rows import Attempt, Row, guard_of, tokens_of

COOKIE, DOUBLE_SUBMIT, SESSION = "cookie", "double submit", "session"
"""The names of the rows."""

_COOKIE_NAME = "__Host-access_token"
_SESSION_NAME = "__Host-session"
_ORIGIN = "https://app.example"
_ORIGINS = frozenset({_ORIGIN})
# flask-jwt-extended compares the token in the header with a claim.
_CSRF_HEADER, _CSRF = "X-Double-Submit", "5f2b6a52-6f53-4bd8-9f0f-3a3e1f6cbb0e"

_CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}


def cookie_row(service: Service) -> Row:
    """A token in a cookie, with the check that no other site caused the request."""
    good, expired = tokens_of(service, csrf=_CSRF)
    return Row(
        COOKIE,
        {
            FLOOR: lambda _app: cookie_by_hand(service, _COOKIE_NAME, _ORIGINS),
            COMPOSED: guard_of(
                service, extractor=CookieTokenExtractor(_COOKIE_NAME, origins=_ORIGINS)
            ),
            FLASK_JWT_EXTENDED: lambda app: flask_jwt_extended_cookie(
                app, service, _COOKIE_NAME, _CSRF_HEADER
            ),
        },
        _ambient_attempts(_COOKIE_NAME, good, expired),
    )


def double_submit_row(service: Service) -> Row:
    """The same with a signed double-submit token in a header."""
    good, expired = tokens_of(service, csrf=_CSRF)
    csrf = DoubleSubmit(form_field=None)

    def configure(app: Flask) -> None:
        app.config["SECRET_KEY"] = "a secret of the app's own"

    app = Flask("benchmarks")
    configure(app)
    with app.app_context():
        user = {"iss": service.issuer, "sub": "alice"}
        submitted = csrf.token_for(user)
        of_other_user = csrf.token_for({**user, "sub": "bob"})
        old = evolve(csrf, clock=lambda: time.time() - 2 * csrf.max_age).token_for(user)
    signing_key = csrf.signer_of(app).derive_key()
    forged = {
        "no CSRF token": {},
        "wrong CSRF token": {"X-CSRF-Token": submitted[:-2] + "AA", _CSRF_HEADER: "wrong"},
        "CSRF token of another user": {"X-CSRF-Token": of_other_user},
        "old CSRF token": {"X-CSRF-Token": old},
    }
    cookie = {"Cookie": f"{_COOKIE_NAME}={good}", "Sec-Fetch-Site": "same-origin"}
    return Row(
        DOUBLE_SUBMIT,
        {
            FLOOR: lambda _app: double_submit_by_hand(
                service, _COOKIE_NAME, _ORIGINS, signing_key, int(csrf.max_age)
            ),
            COMPOSED: guard_of(
                service,
                extractor=csrf.extractor(CookieTokenExtractor(_COOKIE_NAME, origins=_ORIGINS)),
                validator=csrf.validator(validator_of(service)),
            ),
            FLASK_JWT_EXTENDED: lambda app: flask_jwt_extended_cookie(
                app, service, _COOKIE_NAME, _CSRF_HEADER
            ),
        },
        {
            **_ambient_attempts(_COOKIE_NAME, good, expired, {"X-CSRF-Token": submitted}),
            **{name: Attempt({**cookie, **each}, 403, "POST") for name, each in forged.items()},
        },
        configure,
    )


def session_row(service: Service) -> Row:
    """A token in a session that is kept on the server."""
    good, expired = tokens_of(service)
    sessions = _MemorySessions({"1": {"access_token": good}, "2": {"access_token": expired}})

    def configure(app: Flask) -> None:
        app.config["SESSION_COOKIE_NAME"] = _SESSION_NAME
        app.session_interface = sessions

    return Row(
        SESSION,
        {
            FLOOR: lambda _app: session_by_hand(service, _SESSION_NAME, _ORIGINS),
            COMPOSED: guard_of(service, extractor=SessionTokenExtractor(origins=_ORIGINS)),
        },
        _ambient_attempts(_SESSION_NAME, "1", "2"),
        configure,
    )


def _ambient_attempts(
    name: str, good: str, bad: str, csrf: Mapping[str, str] | None = None
) -> dict[str, Attempt]:
    """Make the requests with a credential that a browser sends by itself.

    Args:
        name: The cookie's name.
        good: The value of one that is accepted.
        bad: The value of one that isn't.
        csrf: What a page of this origin sends in addition.
    """
    by_origin = {"Origin": _ORIGIN, _CSRF_HEADER: _CSRF, **(csrf or {})}
    same_origin = {"Sec-Fetch-Site": "same-origin", **by_origin}

    def cookie(*values: str) -> dict[str, str]:
        # A browser sends those of other features, too.
        return {"Cookie": "; ".join(["theme=dark", *(f"{name}={value}" for value in values)])}

    return {
        "good": Attempt({**cookie(good), **same_origin}, 200, "POST"),
        "good, by origin": Attempt({**cookie(good), **by_origin}, 200, "POST"),
        "good, safe method": Attempt({**cookie(good), **_CROSS_SITE}, 200),
        "no credential": Attempt({"Cookie": "theme=dark", **same_origin}, 401, "POST"),
        "expired": Attempt({**cookie(bad), **same_origin}, 401, "POST"),
        "two cookies": Attempt({**cookie(good, bad), **same_origin}, 400, "POST"),
        "cross-site": Attempt({**cookie(good), **_CROSS_SITE}, 403, "POST"),
        "no browser": Attempt(cookie(good), 403, "POST"),
        "WebSocket": Attempt({**cookie(good), **_CROSS_SITE, "Upgrade": "websocket"}, 403),
    }


@frozen(eq=False)
class _MemorySessions(SessionInterface):
    """Server-side sessions in memory."""

    sessions: Mapping[str, Mapping[str, str]]

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """Return the session whose ID is in the cookie."""
        identifier = request.cookies.get(self.get_cookie_name(app), "")
        return SecureCookieSession(self.sessions.get(identifier))

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Mark the response of a view that read the session, as Flask and Flask-Session do."""
        if session.accessed:
            response.vary.add("Cookie")
