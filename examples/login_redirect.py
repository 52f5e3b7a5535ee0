"""Redirect users to a log-in page and back, and send problem details to programs and the API.

In one terminal::

    flask --app examples.login_redirect run

Open http://127.0.0.1:5000/reports?page=2 in a browser, log in with any name, and you are back on the page. In
another terminal, be a program::

    curl -i http://127.0.0.1:5000/reports
    curl -i -H "Accept: text/html" http://127.0.0.1:5000/reports
    curl -i -H "Accept: text/html" http://127.0.0.1:5000/api/reports
    TOKEN=$(flask --app examples.login_redirect token)
    curl -i -b "access_token=$TOKEN" http://127.0.0.1:5000/reports
    curl -i -b "access_token=$(flask --app examples.login_redirect token exp=1)" http://127.0.0.1:5000/api/reports

The page redirects only what looks like a browser. The API never redirects, and names the reason in ``type``.
"""

from __future__ import annotations

from flask import Flask, redirect, render_template_string, request, url_for
from werkzeug.wrappers import Response

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import Audience, Authenticator, JWTValidator, current_principal
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor, set_token_cookie
from flask_jwtlib_strategies.extractors.cross_site import check_cross_site
from flask_jwtlib_strategies.failure_handlers.login_redirect import (
    LoginRedirectHandler,
    safe_next,
)
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.failure_handlers.routed import RoutedHandler

AUDIENCE = "https://reports.example"
FORM = "<form method=post>Your name: <input name=user value=alice> <button>Log in</button></form>"
PAGE = "<p>Page {{ page }} of the reports of {{ name }}</p>"

# Over HTTPS, use CookieTokenExtractor() alone, whose cookie is safer.
cookie = CookieTokenExtractor("access_token", secure=False, origins=["http://127.0.0.1:5000"])
auth = Authenticator(
    keys=ISSUER.public_pem,
    extractor=cookie,
    validator=JWTValidator(rules=[Audience(AUDIENCE)]),
    failure_handler=RoutedHandler(
        LoginRedirectHandler("log_in"), paths={"/api": ProblemDetailsHandler()}
    ),
)

app = Flask(__name__)
auth.protect(app, public=["log_in", "static"])


@app.get("/reports")
def reports() -> str:
    """Show a page."""
    page = request.args.get("page", "1")
    return render_template_string(PAGE, page=page, name=current_principal.subject)


@app.get("/api/reports")
def list_reports() -> dict[str, str | None]:
    """Return the same to programs."""
    return {"reader": current_principal.subject}


@app.route("/login", methods=["GET", "POST"])
def log_in() -> str | Response:
    """Log anybody in. A real app checks a password, or asks its OpenID provider."""
    if request.method == "GET":
        return FORM
    check_cross_site(request, origins=cookie.origins)
    response = redirect(safe_next(request, default=url_for("reports")))
    set_token_cookie(response, ISSUER.token(request.form["user"], aud=AUDIENCE), cookie)
    return response


add_token_command(app, aud=AUDIENCE)
