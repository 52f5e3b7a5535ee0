from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from flask import Flask, abort, g, jsonify, request
from flask.views import MethodView, View
from flask_restful import Api, Resource
from werkzeug.exceptions import Unauthorized

from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    BearerToken,
    Claims,
    InvalidTokenError,
    Issuer,
    Scope,
    current_principal,
)
from flask_jwtlib.errors import ClaimError
from flask_jwtlib.testing import TokenIssuer, bearer

_View = TypeVar("_View", bound=Callable[..., Any])


class HeaderNamed:
    """Takes the token from a header with a custom name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def extract(self, request: Any) -> BearerToken | None:
        value = request.headers.get(self.name)
        return None if value is None else BearerToken(value)


class CallableView:
    """A view that is an object."""

    def __call__(self, **values: str) -> str:
        return f"{current_principal.subject} {values}"


def whoami(**values: str) -> str:
    """Return the caller's subject, or a text for anonymous requests."""
    return current_principal.subject or "unnamed" if current_principal else "anonymous"


async def whoami_async() -> str:
    """Return the caller's subject, or a text for anonymous requests."""
    return whoami()


def tracing(view: _View) -> _View:
    """A typical decorator of an application."""

    @functools.wraps(view)
    def traced(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return traced  # type: ignore[return-value]


VIEWS = [
    pytest.param(lambda: whoami, id="function"),
    pytest.param(lambda: whoami_async, id="async function"),
    pytest.param(lambda: functools.partial(whoami), id="partial"),
    pytest.param(lambda: functools.partial(whoami_async), id="partial of async"),
    pytest.param(lambda: lambda: whoami(), id="lambda"),  # noqa: PLW0108 - a lambda is the subject
    pytest.param(lambda: tracing(whoami), id="decorated before"),
]


@pytest.mark.parametrize("make_view", VIEWS)
@pytest.mark.parametrize("parentheses", [False, True], ids=["bare", "with parentheses"])
def test_requires_admits_only_authenticated_callers(
    auth: Authenticator,
    app: Flask,
    token: str,
    expired: str,
    make_view: Callable[[], Callable[..., Any]],
    parentheses: bool,
) -> None:
    """Whatever kind of callable the view is, it runs only for a valid token."""
    decorate: Any = auth.requires_authentication
    guarded = decorate()(make_view()) if parentheses else decorate(make_view())
    app.add_url_rule("/", "view", guarded)
    client = app.test_client()

    let_in = client.get("/", headers=bearer(token))
    assert (let_in.status_code, let_in.text) == (200, "alice")
    missing = client.get("/")
    assert (missing.status_code, missing.headers["WWW-Authenticate"]) == (401, "Bearer")
    refused = client.get("/", headers=bearer(expired))
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize("make_view", VIEWS)
@pytest.mark.parametrize("parentheses", [False, True], ids=["bare", "with parentheses"])
def test_optional_admits_all_requests_and_knows_the_caller(
    auth: Authenticator,
    app: Flask,
    token: str,
    expired: str,
    make_view: Callable[[], Callable[..., Any]],
    parentheses: bool,
) -> None:
    """An optional route serves every request, and knows the caller of a valid token."""
    decorate: Any = auth.optional_authentication
    guarded = decorate()(make_view()) if parentheses else decorate(make_view())
    app.add_url_rule("/", "view", guarded)
    client = app.test_client()

    assert client.get("/", headers=bearer(token)).text == "alice"
    assert client.get("/").text == "anonymous"
    assert client.get("/", headers=bearer(expired)).text == "anonymous"
    assert client.get("/", headers={"Authorization": "Bearer !"}).text == "anonymous"


def test_url_values_and_return_values_pass_through(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """A guarded view gets its URL arguments, and may return anything that Flask accepts."""

    @app.get("/<int:number>/<name>")
    @auth.requires_authentication
    def echo(number: int, name: str) -> tuple[dict[str, object], int, dict[str, str]]:
        return {"number": number, "name": name}, 201, {"X-Made": "yes"}

    response = app.test_client().get("/7/seven", headers=bearer(token))

    assert (response.status_code, response.headers["X-Made"]) == (201, "yes")
    assert response.json == {"number": 7, "name": "seven"}


def test_a_guarded_view_keeps_its_name_and_docstring(auth: Authenticator) -> None:
    """Flask names an endpoint after its function, and documentation tools read its docstring."""
    guarded = auth.requires_authentication(whoami)

    assert guarded.__name__ == "whoami"
    assert guarded.__doc__ == whoami.__doc__
    assert guarded.__wrapped__ is whoami  # type: ignore[attr-defined]


def test_callable_objects_can_be_guarded(auth: Authenticator, app: Flask, token: str) -> None:
    """A view object with ``__call__`` is guarded like a function."""
    app.add_url_rule("/<word>", "view", auth.requires_authentication(CallableView()))
    client = app.test_client()

    assert client.get("/w").status_code == 401
    assert client.get("/w", headers=bearer(token)).text == "alice {'word': 'w'}"


def test_a_bound_method_can_be_guarded(auth: Authenticator, app: Flask, token: str) -> None:
    """A bound method that is registered as a view is guarded like a function."""

    class Service:
        def __init__(self, name: str) -> None:
            self.name = name

        def view(self) -> str:
            return f"{self.name} for {current_principal.subject}"

    app.add_url_rule("/", "view", auth.requires_authentication(Service("mail").view))
    client = app.test_client()

    assert client.get("/").status_code == 401
    assert client.get("/", headers=bearer(token)).text == "mail for alice"


def test_a_method_decorated_in_its_class_can_be_registered(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """A method decorated in the class body still gets its ``self``."""

    class Service:
        name = "mail"

        @auth.requires_authentication
        def view(self) -> str:
            return f"{self.name} for {current_principal.subject}"

    app.add_url_rule("/", "view", Service().view)
    client = app.test_client()

    assert client.get("/").status_code == 401
    assert client.get("/", headers=bearer(token)).text == "mail for alice"


def test_method_view_is_guarded_by_its_decorators(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """A decorator in a MethodView's ``decorators`` guards all of its methods."""

    class Items(MethodView):
        decorators = [auth.requires_authentication]  # noqa: RUF012 - as Flask documents it

        def get(self) -> str:
            return f"get {current_principal.subject}"

        async def post(self) -> str:
            return f"post {current_principal.subject}"

    app.add_url_rule("/", view_func=Items.as_view("items"))
    client = app.test_client()

    assert client.get("/").status_code == 401
    assert client.post("/").status_code == 401
    assert client.get("/", headers=bearer(token)).text == "get alice"
    assert client.post("/", headers=bearer(token)).text == "post alice"


def test_single_methods_of_a_method_view_are_guarded(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """A decorator on a MethodView's method, sync or async, guards only that method."""

    class Items(MethodView):
        def get(self) -> str:
            return "open"

        @auth.requires_authentication
        def post(self) -> str:
            return f"post {current_principal.subject}"

        @auth.requires_authentication(rules=[Scope("items:delete")])
        async def delete(self) -> str:
            return "gone"

    app.add_url_rule("/", view_func=Items.as_view("items"))
    client = app.test_client()

    assert client.get("/").text == "open"
    assert client.post("/").status_code == 401
    assert client.post("/", headers=bearer(token)).text == "post alice"
    assert client.delete("/").status_code == 401
    assert client.delete("/", headers=bearer(token)).status_code == 403


def test_a_shared_view_instance_is_guarded(auth: Authenticator, app: Flask, token: str) -> None:
    """``init_every_request = False`` shares one view object, and its callers are kept apart."""

    class Shared(View):
        init_every_request = False
        decorators = [auth.optional_authentication]  # noqa: RUF012 - as Flask documents it

        def dispatch_request(self) -> str:
            return whoami()

    app.add_url_rule("/", view_func=Shared.as_view("shared"))
    client = app.test_client()

    assert [client.get("/", headers=h).text for h in (bearer(token), {}, bearer(token))] == [
        "alice",
        "anonymous",
        "alice",
    ]


def test_restful_resources_are_guarded_by_method_decorators(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """Flask-RESTful applies ``method_decorators`` in each request; they guard the resource."""

    class Item(Resource):
        method_decorators = [auth.requires_authentication]  # noqa: RUF012 - as documented there

        def get(self, name: str) -> dict[str, str | None]:
            return {"name": name, "caller": current_principal.subject}

    Api(app).add_resource(Item, "/<name>")
    client = app.test_client()

    refused = client.get("/pen")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    for _ in range(2):
        assert client.get("/pen", headers=bearer(token)).json == {"name": "pen", "caller": "alice"}


def test_restful_resource_methods_are_guarded(auth: Authenticator, app: Flask, token: str) -> None:
    """A decorator on one method of a Flask-RESTful resource guards only that method."""

    class Item(Resource):
        def get(self) -> dict[str, str]:
            return {"caller": whoami()}

        @auth.requires_authentication
        def put(self) -> tuple[dict[str, str], int]:
            return {"caller": whoami()}, 201

    Api(app).add_resource(Item, "/")
    client = app.test_client()

    assert client.get("/").json == {"caller": "anonymous"}
    assert client.put("/").status_code == 401
    response = client.put("/", headers=bearer(token))
    assert (response.status_code, response.json) == (201, {"caller": "alice"})


def test_a_rule_guards_only_its_route(auth: Authenticator, app: Flask, issuer: TokenIssuer) -> None:
    """A decorator's rules are added to the validator's, for that view only."""
    app.add_url_rule("/", "any", auth.requires_authentication(whoami))
    reading = auth.requires_authentication(rules=[Scope("reports:read")])
    app.add_url_rule("/reports", "reports", reading(whoami))
    client = app.test_client()
    reader = bearer(issuer.token(scope="reports:read"))
    other = bearer(issuer.token(scope="mail"))

    assert client.get("/", headers=other).status_code == 200
    assert client.get("/reports", headers=reader).text == "alice"
    assert client.get("/reports", headers=other).status_code == 403


@pytest.mark.parametrize("decorator", ["requires_authentication", "optional_authentication"])
@pytest.mark.parametrize("view", [whoami, whoami_async], ids=["sync", "async"])
def test_a_missing_scope_is_403_on_every_route(
    auth: Authenticator, app: Flask, token: str, decorator: str, view: Any
) -> None:
    """RFC 6750 §3.1: insufficient_scope names the scope, on optional routes as well."""
    decorate = getattr(auth, decorator)(rules=[Scope("reports:read", "reports:write")])
    app.add_url_rule("/", "view", decorate(view))

    response = app.test_client().get("/", headers=bearer(token))

    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]
    assert 'scope="reports:read reports:write"' in response.headers["WWW-Authenticate"]


def _returns_false(claims: Claims) -> bool:
    return False


def _returns_something(claims: Claims) -> Any:
    return "yes"


def _refuses(claims: Claims) -> None:
    raise ClaimError("tenant", "another tenant", description="The tenant is not served here")


def _reads_a_claim_that_is_absent(claims: Claims) -> bool:
    return claims["tenant"] == "acme"


@pytest.mark.parametrize(
    "rule",
    [_returns_false, _returns_something, _refuses, _reads_a_claim_that_is_absent],
    ids=lambda rule: rule.__name__.strip("_"),
)
def test_a_rule_that_does_not_accept_refuses(
    auth: Authenticator, app: Flask, token: str, rule: Any
) -> None:
    """False, other values, an error and an absent claim refuse: 401, or anonymous on optional routes."""
    app.add_url_rule("/", "needed", auth.requires_authentication(rules=[rule])(whoami))
    app.add_url_rule("/optional", "optional", auth.optional_authentication(rules=[rule])(whoami))
    client = app.test_client()

    refused = client.get("/", headers=bearer(token))
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert client.get("/optional", headers=bearer(token)).text == "anonymous"


def _returns_true(claims: Claims) -> bool:
    return True


def _returns_none(claims: Claims) -> None:
    return None


def test_all_rules_must_accept(auth: Authenticator, app: Flask, token: str) -> None:
    """Rules accept by True or None; a single refusal among them refuses."""
    accepted = auth.requires_authentication(rules=[_returns_true, _returns_none])
    refused = auth.requires_authentication(rules=(_returns_true, _returns_false, _returns_none))
    app.add_url_rule("/in", "in", accepted(whoami))
    app.add_url_rule("/out", "out", refused(whoami))
    client = app.test_client()

    assert client.get("/in", headers=bearer(token)).status_code == 200
    assert client.get("/out", headers=bearer(token)).status_code == 401


def test_rules_may_be_any_iterable(auth: Authenticator, app: Flask, token: str) -> None:
    """Rules from a generator apply to every request, not only to the first."""
    decorate = auth.requires_authentication(rules=(rule for rule in [_returns_false]))
    app.add_url_rule("/", "view", decorate(whoami))
    client = app.test_client()

    assert [client.get("/", headers=bearer(token)).status_code for _ in range(2)] == [401, 401]


def test_a_bug_in_a_rule_propagates(auth: Authenticator, app: Flask, token: str) -> None:
    """An exception of a rule that isn't a refusal propagates."""

    def broken(claims: Claims) -> None:
        raise LookupError("a bug")

    app.add_url_rule("/", "view", auth.optional_authentication(rules=[broken])(whoami))

    with pytest.raises(LookupError, match="a bug"):
        app.test_client().get("/", headers=bearer(token))


def test_stacked_decorators_must_all_accept(app: Flask, issuer: TokenIssuer) -> None:
    """With two Authenticators on one view both tokens are needed, and the inner caller is published."""
    gateway = TokenIssuer("https://gateway.example")
    outer = Authenticator(keys=gateway.verification_key, extractor=HeaderNamed("X-Gateway"))
    inner = Authenticator(keys=issuer.verification_key)

    @app.get("/")
    @outer.requires_authentication
    @inner.requires_authentication
    def view() -> str:
        return whoami()

    client = app.test_client()
    gate = {"X-Gateway": gateway.token("gate")}
    user = bearer(issuer.token("alice"))

    assert client.get("/", headers={**gate, **user}).text == "alice"
    assert client.get("/", headers=gate).status_code == 401
    assert client.get("/", headers=user).status_code == 401


def test_the_same_decorator_twice_is_harmless(auth: Authenticator, app: Flask, token: str) -> None:
    """Stacking one Authenticator's decorator twice changes nothing."""
    scoped = auth.requires_authentication(rules=[Issuer("https://issuer.example")])
    app.add_url_rule("/", "view", auth.requires_authentication(scoped(whoami)))
    client = app.test_client()

    assert client.get("/", headers=bearer(token)).text == "alice"
    assert client.get("/").status_code == 401


def _published() -> tuple[object, ...]:
    subject = current_principal.subject if current_principal else None
    return subject, g.authenticated, g.raw_token, g.json_token and g.json_token["sub"]


@pytest.mark.parametrize("outcome", ["returns", "raises", "refused", "anonymous"])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_nested_view_restores_the_outer_caller(
    app: Flask, issuer: TokenIssuer, outcome: str, kind: str
) -> None:
    """A guarded view called as a function publishes its own caller only while it runs."""
    outer = Authenticator(keys=issuer.verification_key)
    inner = outer.evolve(extractor=HeaderNamed("X-Inner"))
    decorate = (
        inner.optional_authentication if outcome == "anonymous" else inner.requires_authentication
    )
    seen: list[tuple[object, ...]] = []

    def note() -> str:
        seen.append(_published())
        if outcome == "raises":
            raise LookupError("inside")
        return "inner"

    @decorate
    def nested() -> str:
        return note()

    @decorate
    async def nested_async() -> str:
        return note()

    if kind == "sync":

        @app.get("/")
        @outer.requires_authentication
        def view() -> Any:
            try:
                response: Any = nested()
            except (LookupError, AuthenticationError) as error:
                response = getattr(error, "status", "raised")
            return jsonify([str(response), *_published()])
    else:

        @app.get("/")
        @outer.requires_authentication
        async def view_async() -> Any:
            try:
                response: Any = await nested_async()
            except (LookupError, AuthenticationError) as error:
                response = getattr(error, "status", "raised")
            return jsonify([str(response), *_published()])

    token = issuer.token("outer")
    inside = issuer.token("inner")
    headers = (
        bearer(token)
        if outcome in {"refused", "anonymous"}
        else {**bearer(token), "X-Inner": inside}
    )

    response = app.test_client().get("/", headers=headers).json

    expected = {"returns": "inner", "raises": "raised", "refused": "401", "anonymous": "inner"}
    assert response == [expected[outcome], "outer", True, token, "outer"]
    assert (
        seen
        == {
            "returns": [("inner", True, inside, "inner")],
            "raises": [("inner", True, inside, "inner")],
            "refused": [],
            "anonymous": [(None, False, None, None)],
        }[outcome]
    )


class Aborting:
    """Raises its refusals, as the documented default does."""

    def deny(self, error: Any) -> Any:
        abort(error.status)

    def anonymous(self, error: Any) -> None:
        abort(error.status)


@pytest.mark.parametrize("decorator", ["requires_authentication", "optional_authentication"])
def test_a_raised_refusal_restores_the_outer_caller(
    auth: Authenticator, app: Flask, token: str, decorator: str
) -> None:
    """When a nested view's failure handler raises, the outer view's caller is published again."""
    inner = auth.evolve(extractor=HeaderNamed("X-Inner"), failure_handler=Aborting())
    nested = getattr(inner, decorator)(whoami)

    @app.get("/")
    @auth.requires_authentication
    def view() -> Any:
        with pytest.raises(Unauthorized):
            nested()
        return jsonify(_published())

    response = app.test_client().get("/", headers=bearer(token))

    assert response.json == ["alice", True, token, "alice"]


def test_a_nested_view_of_the_same_authenticator_keeps_the_caller(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """Calling a sibling view as a function needs no second token."""
    sibling = auth.requires_authentication(whoami)

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        return f"{sibling()} {whoami()}"

    assert app.test_client().get("/", headers=bearer(token)).text == "alice alice"


def test_a_nested_view_keeps_the_applications_assignments(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """The attributes of ``flask.g`` are assignable, and a nested view doesn't undo an assignment."""
    sibling = auth.requires_authentication(whoami)

    @app.get("/")
    @auth.requires_authentication
    def view() -> Any:
        g.json_token = {"sub": "renamed"}
        sibling()
        return jsonify(g.json_token)

    assert app.test_client().get("/", headers=bearer(token)).json == {"sub": "renamed"}


def test_an_exception_of_the_view_propagates(auth: Authenticator, app: Flask, token: str) -> None:
    """A view's exception reaches Flask's error handling, which makes a response of a refusal."""

    @app.get("/<kind>")
    @auth.requires_authentication
    def view(kind: str) -> str:
        raise InvalidTokenError("secret") if kind == "refusal" else LookupError("the view's own")

    client = app.test_client()
    with pytest.raises(LookupError, match="the view's own"):
        client.get("/fault", headers=bearer(token))
    response = client.get("/refusal", headers=bearer(token))
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert "secret" not in response.text


def test_the_view_does_not_run_for_a_refused_caller(auth: Authenticator, app: Flask) -> None:
    """The refusal is returned in the view's place, and the view doesn't run."""
    ran: list[str] = []
    app.add_url_rule(
        "/",
        "view",
        auth.requires_authentication(lambda: ran.append("ran") or "ran"),
        methods=["POST"],
    )

    assert app.test_client().post("/").status_code == 401
    assert ran == []


@pytest.mark.parametrize("decorator", ["requires_authentication", "optional_authentication"])
def test_the_raw_body_stays_readable(
    auth: Authenticator, app: Flask, token: str, decorator: str
) -> None:
    """After the search for a form token, a view may still read the body, for example for its digest."""

    @app.post("/")
    @getattr(auth, decorator)
    def view() -> bytes:
        return request.get_data()

    response = app.test_client().post(
        "/",
        headers=bearer(token),
        data=b"amount=5&to=bob",
        content_type="application/x-www-form-urlencoded",
    )

    assert response.data == b"amount=5&to=bob"


def test_outside_of_a_request_flasks_error_is_raised(auth: Authenticator) -> None:
    """Calling a guarded view without a request raises Flask's own error."""
    with pytest.raises(RuntimeError, match="outside of request context"):
        auth.requires_authentication(whoami)()
