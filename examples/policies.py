"""Say what a route requires of its callers, with policies.

In one terminal::

    flask --app examples.policies run

In another::

    TOKEN=$(flask --app examples.policies token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/users/alice/orders
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/users/bob/orders
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/payroll
    TOKEN=$(flask --app examples.policies token roles='["clerk"]' groups='["/finance/payroll"]')
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/users/bob/orders
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/payroll
    flask --app examples.policies jwtlib routes
"""

from __future__ import annotations

import attrs
from flask import Flask

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import Audience, Authenticator, Claims, JWTValidator, Policy, Role, Scope, policy
from flask_jwtlib.policies import Call, Verdict


@policy
def owner(claims: Claims, call: Call) -> bool:
    """Let users see what is theirs."""
    return bool(claims["sub"] == call.view_args["user_id"])


@attrs.frozen
class Member(Policy):
    """Requires membership of a group or one of its subgroups. Groups are paths, such as ``/finance``."""

    group: str

    def verdict(self, claims: Claims, call: Call) -> Verdict | bool:
        """Look for the group. Without any group, the claims don't tell."""
        groups = claims.strings("groups")
        if not groups:
            return Verdict.UNKNOWN
        return any(f"{name}/".startswith(f"{self.group}/") for name in groups)

    def __str__(self) -> str:
        """Describe it for the log and for ``flask jwtlib routes``."""
        return f"member of {self.group}"


auth = Authenticator(
    keys=ISSUER.public_pem,
    validator=JWTValidator(rules=[Audience("https://shop.example")]),
    scope_hierarchy={"orders:write": ["orders:read"]},
)

app = Flask(__name__)


@app.get("/users/<user_id>/orders")
@auth.requires_authentication(rules=[Scope("orders:read") & (owner | Role("clerk"))])
def orders(user_id: str) -> dict[str, object]:
    """List a user's orders: for the user, and for clerks."""
    return {"user": user_id, "orders": [1, 2]}


@app.get("/payroll")
@auth.requires_authentication(rules=[Member("/finance") & ~Member("/finance/trainees")])
def payroll() -> dict[str, object]:
    """Show the payroll: for the finance department, but not for its trainees."""
    return {"total": 1000}


add_token_command(app, aud="https://shop.example", scope="orders:write")
