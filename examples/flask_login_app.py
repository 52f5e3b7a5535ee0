"""Accept tokens in an app that uses Flask-Login: its pages know the user of a token as one who logged in.

It needs the package flask-login. In one terminal::

    flask --app examples.flask_login_app run

In another::

    TOKEN=$(flask --app examples.flask_login_app token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/me
    curl -i -c jar -X POST -d name=alice http://127.0.0.1:5000/log-in
    curl -i -b jar http://127.0.0.1:5000/me
    OTHER=$(flask --app examples.flask_login_app token sub=bob)
    curl -i -b jar -H "Authorization: Bearer $OTHER" http://127.0.0.1:5000/me
    curl -i -H "Authorization: Bearer $(flask --app examples.flask_login_app token sub=mallory)" \
        http://127.0.0.1:5000/me
    curl -i http://127.0.0.1:5000/me

The request with Alice's session and Bob's token is refused, since it names two users. Mallory has a valid
token, but no account.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

import secrets

from flask import Flask, request
from flask_login import (  # type: ignore[import-untyped]
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
)

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import Audience, Authenticator, JWTValidator, Principal
from flask_jwtlib_strategies.integrations.flask_login import TokenLogin


class User(UserMixin):  # type: ignore[misc]
    """A user of the app, known to the issuer by a subject."""

    def __init__(self, name: str, issuer: str, subject: str) -> None:
        self.id = name
        self.identity = issuer, subject


USERS = [User("alice", ISSUER.issuer, "alice"), User("bob", ISSUER.issuer, "bob")]

app = Flask(__name__)
app.secret_key = secrets.token_bytes()
login_manager = LoginManager(app)


@login_manager.user_loader  # type: ignore[untyped-decorator]
def user_of_session(user_id: str) -> User | None:
    """Return the user of a session."""
    return next((user for user in USERS if user.id == user_id), None)


def user_of_token(caller: Principal) -> User | None:
    """Return the user of a token, by issuer and subject together."""
    identity = caller.claims.issuer, caller.subject
    return next((user for user in USERS if user.identity == identity), None)


auth = Authenticator(
    keys=ISSUER.public_pem, validator=JWTValidator(rules=[Audience("https://api.example")])
)
TokenLogin(auth, user_of_token).init_app(app)


@app.post("/log-in")
def log_in() -> str:
    """Stand for a view that checks a password."""
    login_user(user_of_session(request.form["name"]))
    return "logged in\n"


@app.get("/me")
@login_required  # type: ignore[untyped-decorator]
def me() -> dict[str, str]:
    """Show the user."""
    return {"user": str(current_user.id)}


add_token_command(app, aud="https://api.example")
