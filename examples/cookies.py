"""A single-page app whose access token is in a cookie: log-in, log-out, refresh, and protection from CSRF.

::

    flask --app examples.cookies run

Open http://localhost:5000, or let ``curl`` be the browser in another terminal::

    alias browse='curl -i -b jar -c jar -H "Sec-Fetch-Site: same-origin"'
    browse -X POST -d name=alice http://localhost:5000/login
    browse http://localhost:5000/me
    browse -X POST -H "X-CSRF-Token: …" http://localhost:5000/orders
    browse -X POST http://localhost:5000/orders
    browse -X POST http://localhost:5000/refresh
    browse -X POST http://localhost:5000/logout

Only a browser sets ``Sec-Fetch-Site``, and no page can change it.
"""

from __future__ import annotations

from uuid import uuid4

from flask import Flask, Response, jsonify, request

from examples._issuer import ISSUER
from flask_jwtlib import Audience, Authenticator, JWTValidator, current_principal
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.cookie import (
    CookieTokenExtractor,
    clear_token_cookie,
    set_token_cookie,
)
from flask_jwtlib_strategies.extractors.cross_site import check_cross_site

# An access token is short-lived. The refresh token is sent to one view only.
access_cookie = CookieTokenExtractor()
refresh_cookie = CookieTokenExtractor("__Secure-refresh_token", path="/refresh", same_site="Strict")
csrf = DoubleSubmit()
auth = csrf.added_to(
    Authenticator(
        keys=ISSUER.public_pem,
        extractor=access_cookie,
        validator=JWTValidator(rules=[Audience("https://api.example")]),
    )
)
# It has the cross-site check, too, which is built into the extractor.
refreshing = Authenticator(
    keys=ISSUER.public_pem,
    extractor=refresh_cookie,
    validator=JWTValidator(rules=[Audience("https://issuer.example/refresh")]),
)

app = Flask(__name__)
app.config["SECRET_KEY"] = "a real app reads a long random key from a file"
auth.protect(app, public=["page", "log_in", "log_out", "refresh"])


def response_with_tokens(user: str, session_id: str) -> Response:
    """Put new tokens into cookies. A real app gets them from its issuer's token endpoint."""
    access = ISSUER.token(user, aud="https://api.example", sid=session_id)
    renewal = ISSUER.token(user, aud="https://issuer.example/refresh", sid=session_id)
    csrf_token = csrf.token_for(auth.verify(access).claims)
    response = jsonify(user=user, csrf_token=csrf_token)
    return set_token_cookie(
        set_token_cookie(response, access, access_cookie), renewal, refresh_cookie
    )


@app.post("/login")
def log_in() -> Response:
    """Log a user in. Without the check, another site could log its visitors in as somebody else."""
    check_cross_site(request)
    return response_with_tokens(request.form["name"], str(uuid4()))


@app.post("/logout")
def log_out() -> Response:
    """Log the user out, also with an expired token."""
    check_cross_site(request)
    response = jsonify(user=None)
    return clear_token_cookie(clear_token_cookie(response, access_cookie), refresh_cookie)


@app.post("/refresh")
@refreshing.requires_authentication
def refresh() -> Response:
    """Renew the tokens. Double-submit tokens of this session stay valid."""
    claims = current_principal.claims
    return response_with_tokens(claims["sub"], claims["sid"])


@app.get("/me")
def me() -> dict[str, str | None]:
    """Tell the page who is logged in, and what to send with changes."""
    claims = current_principal.claims
    return {"user": claims.subject, "csrf_token": csrf.token_for(claims)}


@app.post("/orders")
def order() -> dict[str, str | None]:
    """Stand for a view that changes something."""
    return {"ordered_by": current_principal.subject}


@app.get("/")
def page() -> str:
    """Show the page. Its script never sees the access token."""
    return """<!doctype html>
<title>Orders</title>
<button onclick="send('/login', {name: 'alice'})">Log in</button>
<button onclick="send('/orders')">Order</button>
<button onclick="send('/refresh')">Refresh</button>
<button onclick="send('/logout')">Log out</button>
<pre id="result"></pre>
<script>
  let csrfToken = "";
  async function send(path, fields = {}) {
    const response = await fetch(path, {
      method: "POST",
      headers: {"X-CSRF-Token": csrfToken},
      body: new URLSearchParams(fields),
    });
    const text = await response.text();
    if (response.ok) csrfToken = JSON.parse(text).csrf_token ?? csrfToken;
    document.getElementById("result").textContent = `${response.status} ${text}`;
  }
</script>
"""
