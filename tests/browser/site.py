"""The sites that the browser visits: an app with a log-in, and the pages of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.parse import quote

from attrs import frozen
from flask import Flask, make_response, redirect, request
from werkzeug.serving import WSGIRequestHandler, make_server

from flask_jwtlib import Authenticator, JWTValidator, TokenExtractor, current_principal
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.extractors.cookie import (
    CookieTokenExtractor,
    clear_token_cookie,
    set_token_cookie,
)
from flask_jwtlib_strategies.extractors.cross_site import check_cross_site
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler, safe_next

# Browsers resolve names below .localhost to this machine, and trust them as they trust HTTPS.
HOME, SIBLING, OTHER = "app.example.localhost", "blog.example.localhost", "other.localhost"

_LOGIN = """
<title>log-in page</title>
<form method="post"><input name="user" value="alice"><button id="submit">log in</button></form>
"""
_FORM = """
<title>page with a form</title>
<form method="post" action="{target}"><input name="user" value="mallory">
<button id="submit">win a prize</button></form>
"""


@frozen
class Site:
    """A served app, and the pages of other sites.

    Attributes:
        port: Where all hosts are served.
        changes: The callers for whom the app changed something.
        lax: A cookie that browsers withhold from other sites.
        none: A cookie that browsers send from everywhere.
    """

    port: int
    changes: list[str]
    lax: CookieTokenExtractor
    none: CookieTokenExtractor

    def url(self, host: str, path: str = "/") -> str:
        """Return the URL of a path on a host."""
        return f"http://{host}:{self.port}{path}"

    def page_with_form(self, host: str, path: str) -> str:
        """Return the URL of a page of a host, whose form is sent to a path of the app."""
        return self.url(host, f"/form?target={quote(self.url(HOME, path), safe='')}")


class _QuietHandler(WSGIRequestHandler):
    def log(self, *_args: Any) -> None:
        """Log nothing."""


def _add_part(
    app: Flask, issuer: TokenIssuer, changes: list[str], prefix: str, extractor: TokenExtractor
) -> None:
    """Add a page and a view that changes something, for one kind of cookie."""
    auth = Authenticator(
        keys=issuer.verification_key,
        extractor=extractor,
        validator=JWTValidator(),
        failure_handler=LoginRedirectHandler("login"),
    )

    @auth.requires_authentication
    def page() -> str:
        return f"<title>page of {current_principal.subject}</title>"

    @auth.requires_authentication
    def change() -> str:
        changes.append(str(current_principal.subject))
        return "<title>changed</title>"

    app.add_url_rule(f"/{prefix}/page", f"{prefix}_page", page)
    app.add_url_rule(f"/{prefix}/change", f"{prefix}_change", change, methods=["POST"])


def _make_home(
    issuer: TokenIssuer, changes: list[str], lax: CookieTokenExtractor, none: CookieTokenExtractor
) -> Flask:
    """Make the app that the user logs in to."""
    app = Flask("home")

    @app.get("/login")
    def login() -> str:
        return _LOGIN

    @app.post("/login")
    def log_in() -> Any:
        check_cross_site(request)
        response = redirect(safe_next(request, default="/"))
        for cookie in lax, none:
            set_token_cookie(response, issuer.token(request.form["user"]), cookie)
        return response

    @app.post("/logout")
    def log_out() -> Any:
        check_cross_site(request)
        response = make_response("<title>logged out</title>")
        for cookie in lax, none:
            clear_token_cookie(response, cookie)
        return response

    @app.get("/")
    def home() -> str:
        return _FORM.format(target="/logout")

    _add_form(app)
    for prefix, extractor in (("lax", lax), ("none", none)):
        _add_part(app, issuer, changes, prefix, extractor)
    return app


def _add_form(app: Flask) -> None:
    """Add a page whose form is sent to any URL."""

    @app.get("/form")
    def form() -> str:
        return _FORM.format(target=request.args["target"])


@contextmanager
def served_site(issuer: TokenIssuer) -> Iterator[Site]:
    """Serve all hosts from one port."""
    changes: list[str] = []
    lax = CookieTokenExtractor("__Host-lax")
    none = CookieTokenExtractor("__Host-none", same_site="None")
    home, pages = _make_home(issuer, changes, lax, none), Flask("pages")
    _add_form(pages)

    def dispatch(environ: Any, start_response: Any) -> Any:
        app = home if environ["HTTP_HOST"].startswith(HOME) else pages
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, dispatch, threaded=True, request_handler=_QuietHandler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Site(server.server_port, changes, lax, none)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
