"""A user's code with cookies: type checkers know what its parts return."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request, session
from typing_extensions import assert_type

from flask_jwtlib import Authenticator, TokenExtractor, TokenValidator, current_principal
from flask_jwtlib.evidence import CrossSiteCheck
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.cookie import (
    CookieTokenExtractor,
    clear_token_cookie,
    set_token_cookie,
)
from flask_jwtlib_strategies.extractors.cross_site import check_cross_site
from flask_jwtlib_strategies.extractors.session import SessionTokenExtractor

cookie = CookieTokenExtractor(
    "token", path="/", domain="app.example", secure=True, same_site="Strict", origins=["https://a"]
)
extractors: list[TokenExtractor] = [cookie, SessionTokenExtractor("token", cross_site_check=False)]
csrf = DoubleSubmit("X-XSRF-Token", form_field=None, max_age=3600.5, max_form_size=1000)
app = Flask(__name__)
auth = csrf.added_to(Authenticator(extractor=cookie), app=app)
assert_type(auth, Authenticator)
assert_type(csrf.extractor(cookie), TokenExtractor)
assert_type(csrf.validator(auth.validator), TokenValidator)


@app.post("/login")
def log_in() -> Response:
    """Set the cookie."""
    assert_type(check_cross_site(request, origins={"https://a"}), CrossSiteCheck)
    response = set_token_cookie(jsonify(), "token", cookie, max_age=60)
    assert_type(response, Response)
    session["token"] = "token"
    return response


@app.post("/logout")
def log_out() -> Response:
    """Clear it."""
    return clear_token_cookie(jsonify(), cookie)


@app.get("/csrf")
@auth.requires_authentication
def csrf_token() -> str:
    """Return the double-submit token."""
    return csrf.token_for(current_principal.claims)
