"""Apps with every kind of guard and decorator, for comparing explanations with requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from attrs import frozen
from flask import Blueprint, Flask, abort, make_response
from flask.views import MethodView

from flask_jwtlib import (
    Audience,
    Authenticator,
    Claims,
    FailureHandler,
    Issuer,
    JWTValidator,
    RaisingHandler,
    UnauthorizedHandler,
    current_principal,
)
from flask_jwtlib.claim_rules import AccessToken, RequiredClaims
from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib.policies import AnyScope, Call, ClaimEquals, NoDelegation, Role, Scope, policy
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.validators.caching import CachingValidator

API = "https://api.example"
ISSUER = TokenIssuer(algorithm="ES256", claims={"aud": API})
FORGER = TokenIssuer(algorithm="ES256", claims={"aud": API})


def shown(**_: object) -> str:
    """The view: it says who calls it."""
    return f"the caller is {current_principal.subject}" if current_principal else "a guest"


@policy
def owner(claims: Claims, call: Call) -> bool:
    """The user in the URL is the caller."""
    return bool(call.view_args["user"] == claims["sub"])


@policy
def not_on_sundays(claims: Claims, call: Call) -> bool:
    """It refuses by an error of its own."""
    if claims.get("day") == "sunday":
        raise ForbiddenError("it is sunday", description="Closed on sundays")
    return True


def tenant(claims: Claims) -> bool:
    """A rule that reads what may be absent, and changes the claims."""
    claims["tenant"] = str(claims["tenant"]).lower()
    return claims["tenant"] != "closed"


def broken(claims: Claims) -> None:
    """A rule with a bug."""
    if "tenant" in claims:
        raise RuntimeError("the rule has a bug")


def hidden(claims: Claims) -> None:
    """A rule that responds by itself."""
    if "tenant" in claims:
        abort(404)


class Teapot(FailureHandler):
    """A handler with a status, headers and a body of its own."""

    def deny(self, error: Any) -> Any:
        if error.status == 503:
            abort(418)
        return make_response(f"refused: {error.reason}", 401, {"X-Reason": error.reason})

    def anonymous(self, error: Any) -> None:
        """It has nothing to note."""


@frozen
class Composition:
    """An app, and its Authenticator.

    Attributes:
        name: Its name in the tests.
        app: The app.
        auth: The Authenticator of its views.
    """

    name: str
    app: Flask
    auth: Authenticator


def passing_on(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a view as an app does, above our decorator."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


def converting(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a view as an app does that makes the response itself."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return make_response(view(*args, **kwargs))

    return wrapper


def add_routes(app: Flask, auth: Authenticator) -> None:
    """Add a view for each kind of protection."""

    def route(name: str, decorate: Callable[..., Any], path: str = "") -> None:
        def view(**arguments: object) -> str:
            return shown(**arguments)

        methods = ["GET", "POST"]
        app.add_url_rule(path or f"/{name}", name, decorate(view), methods=methods)

    required, optional = auth.requires_authentication, auth.optional_authentication
    route("open", lambda view: view)
    route("required", required)
    route("optional", optional)
    route("strict", optional(strict=True))
    route("scoped", required(rules=[Scope("read", "list")]))
    route("written", required(rules=[Scope("write")]))
    route("either", required(rules=[Scope("a") | Role("editor", at="realm_access.roles")]))
    route("negated", required(rules=[~ClaimEquals("blocked", True), AnyScope("read", "a")]))
    route("owned", required(rules=[owner, not_on_sundays]), "/users/<user>/orders/<int:order>")
    route("undelegated", optional(rules=[NoDelegation()]))
    route("ruled", required(rules=[tenant, RequiredClaims("tenant"), Scope("read")]))
    route("broken", required(rules=[broken]))
    route("hidden", optional(rules=[hidden]))
    route("twice", lambda view: required(optional(rules=[Scope("read")])(view)))
    route("wrapped", lambda view: passing_on(required(rules=[Scope("read")])(view)))
    route("converted", lambda view: converting(required(view)))

    class Items(MethodView):
        @optional
        def get(self) -> str:
            return shown()

        @required(rules=[Scope("write")])
        def post(self) -> str:
            return shown()

    app.add_url_rule("/items", view_func=Items.as_view("items"))
    blueprint = Blueprint("reports", __name__, url_prefix="/reports")
    blueprint.before_request(auth.guard(rules=[Scope("read")]))
    blueprint.add_url_rule("/", "all", shown)
    blueprint.add_url_rule("/mine", "mine", required(rules=[Scope("a")])(shown))
    app.register_blueprint(blueprint)


ENDPOINTS: Mapping[str, Mapping[str, Any]] = {
    "open": {},
    "required": {},
    "optional": {},
    "strict": {},
    "scoped": {},
    "written": {},
    "either": {},
    "negated": {},
    "undelegated": {},
    "ruled": {},
    "broken": {},
    "hidden": {},
    "twice": {},
    "wrapped": {},
    "converted": {},
    "items": {},
    "reports.all": {},
    "reports.mine": {},
    "owned": {"user": "alice", "order": 7},
}
"""The endpoints, each with the arguments in its URL."""


def _composition(
    name: str, *, rules: list[Any] | None = None, protect: bool = False, **parts: Any
) -> Composition:
    validator = JWTValidator(
        algorithms="ES256", rules=[Issuer(ISSUER.issuer), Audience(API), *(rules or [])]
    )
    wrap = parts.pop("wrap", lambda inner: inner)
    auth = Authenticator(
        **{
            "keys": ISSUER.verification_key,
            "validator": wrap(validator),
            "failure_handler": UnauthorizedHandler(realm="shop"),
            **parts,
        }
    )
    app = Flask(name)
    add_routes(app, auth)
    if protect:
        auth.protect(app, public=["open", "reports.*"], rules=[AnyScope("read", "a")])
    return Composition(name, app, auth)


def compositions() -> list[Composition]:
    """Make the apps."""
    apps = [
        _composition("plain"),
        _composition(
            "hierarchy",
            scope_hierarchy={"admin": ["write"], "write": ["read", "list"]},
            policies=[NoDelegation() | Scope("admin")],
            resource_metadata="https://api.example/.well-known/oauth-protected-resource",
            confirmed_elsewhere=("x5t#S256",),
            failure_handler=ProblemDetailsHandler(),
        ),
        _composition("protected", protect=True, rules=[AccessToken()]),
        _composition("raising", failure_handler=RaisingHandler(), wrap=CachingValidator),
        _composition("handled", failure_handler=RaisingHandler(), rules=[tenant]),
        _composition("own handler", failure_handler=Teapot()),
    ]
    handled = apps[-2].app

    @handled.errorhandler(401)
    def refused(error: Any) -> tuple[str, int]:
        return f"please log in: {error.description}", 401

    @handled.errorhandler(RuntimeError)
    def failed(error: RuntimeError) -> tuple[str, int]:
        return "we have a bug", 500

    return apps
