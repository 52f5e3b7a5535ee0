"""Require authentication everywhere: ``protect`` guards every view that is not ``@public``.

A guard on a blueprint also requires a scope.

In one terminal::

    flask --app examples.default_deny run

In another::

    curl -i http://127.0.0.1:5000/health
    curl -i http://127.0.0.1:5000/orders
    curl -i http://127.0.0.1:5000/no/such/path
    TOKEN=$(flask --app examples.default_deny token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/orders
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/admin/users
    TOKEN=$(flask --app examples.default_deny token scope=admin)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/admin/users
"""

from __future__ import annotations

from flask import Blueprint, Flask

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import Audience, Authenticator, JWTValidator, Scope, current_principal, public

auth = Authenticator(
    keys=ISSUER.public_pem, validator=JWTValidator(rules=[Audience("https://shop.example")])
)

admin = Blueprint("admin", __name__, url_prefix="/admin")
admin.before_request(auth.guard(rules=[Scope("admin")]))


@admin.get("/users")
def users() -> list[str]:
    """List the users: the blueprint's guard requires the ``admin`` scope."""
    return ["alice", "bob"]


def create_app() -> Flask:
    """Create the app."""
    app = Flask(__name__)

    @app.get("/health")
    @public
    def health() -> str:  # pyright: ignore[reportUnusedFunction]
        return "ok\n"

    @app.get("/orders")
    def orders() -> dict[str, str | None]:  # pyright: ignore[reportUnusedFunction]
        return {"customer": current_principal.subject}

    app.register_blueprint(admin)
    add_token_command(app, aud="https://shop.example")
    auth.protect(app)
    return app
