"""What ``route_accesses`` reports where something may bypass a decorator or a guard."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial, partialmethod, wraps
from importlib import import_module
from types import FunctionType
from typing import Any, ClassVar

import flask_restful
import pytest
from flask import Blueprint, Flask, current_app
from flask.views import MethodView, View
from werkzeug.routing import Rule

import flask_jwtlib
from flask_jwtlib import Authenticator, public
from flask_jwtlib.audit import authenticators_of, route_accesses
from flask_jwtlib.testing import TokenIssuer


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An authenticator to guard views with."""
    return Authenticator(keys=issuer.verification_key)


def listed(app: Flask, endpoint: str = "it") -> list[tuple[str, str, str]]:
    """Return what the audit lists for an endpoint: methods, access and reason."""
    return [
        (",".join(access.methods), access.access, access.by)
        for access in route_accesses(app)
        if access.endpoint == endpoint
    ]


def serve(app: Flask, view: Any, **options: Any) -> list[tuple[str, str, str]]:
    """Register a view, and return its access."""
    app.add_url_rule("/it", "it", view, **options)
    return listed(app)


def bare(*_: Any) -> str:
    """Return the status of a request without a token."""
    return "in"


def fresh() -> Callable[..., str]:
    """Make a function that no other test decorates."""
    return lambda *_: "in"


@pytest.mark.parametrize("calls", [True, False])
def test_a_foreign_wrapper_is_unknown(app: Flask, auth: Authenticator, calls: bool) -> None:
    """A wrapper has a guarded view's attributes, but may not call it, as a cache doesn't."""
    guarded = auth.requires_authentication(fresh())

    @wraps(guarded)
    def cached(*args: Any) -> Any:
        return guarded(*args) if calls else "in"

    assert serve(app, cached) == [
        ("GET", "unknown", "cached in tests.audit.test_route_access may bypass a decorator")
    ]


def test_our_decorator_around_a_foreign_wrapper_is_required(
    app: Flask, auth: Authenticator
) -> None:
    """What is below our decorator runs only for authenticated callers."""

    def cached() -> str:
        return "in"

    assert serve(app, auth.requires_authentication(wraps(fresh())(cached))) == [
        ("GET", "required", "decorator")
    ]


class Around:
    """Calls a view, or doesn't."""

    def __init__(self, view: Any) -> None:
        self.view = view

    def __call__(self) -> Any:
        return self.view()


HOLDERS: dict[str, Callable[[Any], Any]] = {
    "closure": lambda view: lambda: view(),  # noqa: PLW0108 - the closure is the point
    "object": Around,
    "partial of an object": lambda view: partial(Around(view)),
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_an_object_that_holds_a_guarded_view_is_unknown(
    app: Flask, auth: Authenticator, hold: Callable[[Any], Any]
) -> None:
    """A view held by a closure or an object may not be called."""
    ((_, access, _),) = serve(app, hold(auth.requires_authentication(fresh())))

    assert access == "unknown"


def test_callables_that_call_a_guarded_function_are_required(
    app: Flask, auth: Authenticator
) -> None:
    """A static method, a partial, a bound method and an object's ``__call__`` are looked through."""

    class Page:
        @auth.requires_authentication
        def __call__(self) -> str:
            return "in"

        @auth.requires_authentication
        def method(self) -> str:
            return "in"

    guarded = auth.requires_authentication(fresh())
    views = [Page(), Page().method, partial(guarded, 1), staticmethod(guarded)]
    for number, view in enumerate(views):
        app.add_url_rule(f"/{number}", f"it{number}", view)

    assert [listed(app, f"it{number}") for number in range(4)] == [
        [("GET", "required", "decorator")]
    ] * 4


def test_a_view_replaced_after_registration(app: Flask, auth: Authenticator) -> None:
    """The audit looks at the view that is registered when it runs."""
    app.add_url_rule("/it", "it", auth.requires_authentication(fresh()))
    app.view_functions["it"] = bare

    assert listed(app) == [("GET", "open", "")]


def test_method_decorators_of_a_plain_method_view(app: Flask, auth: Authenticator) -> None:
    """Flask's ``MethodView`` ignores ``method_decorators``: the view is open, and the reason says why."""

    class Reports(MethodView):
        method_decorators: ClassVar = [auth.requires_authentication]

        def get(self) -> str:
            return "in"

    assert serve(app, Reports.as_view("it")) == [
        ("GET", "open", f"{Reports.__qualname__} in {__name__} does not use its method_decorators")
    ]
    assert authenticators_of(app) == []


def resource(**attributes: Any) -> Any:
    """The view of a Flask-RESTful resource whose ``get`` is open."""
    attributes = {"get": lambda self: "in", **attributes}
    kind = type(flask_restful.Resource)("Things", (flask_restful.Resource,), attributes)
    return flask_restful.Api(Flask("api")).output(kind.as_view("it"))


DECORATORS: dict[str, tuple[Callable[[Authenticator], Any], str]] = {
    "required": (lambda auth: [auth.requires_authentication], "required"),
    "rules": (lambda auth: [auth.requires_authentication(rules=[])], "required"),
    "partial": (lambda auth: (partial(auth.requires_authentication, rules=[]),), "required"),
    "optional": (lambda auth: [auth.optional_authentication], "optional"),
    "optional rules": (lambda auth: [auth.optional_authentication(rules=[])], "optional"),
    "module": (lambda auth: [flask_jwtlib.requires_authentication], "required"),
    "optional around required": (
        lambda auth: [auth.requires_authentication, auth.optional_authentication],
        "required",
    ),
    "others around": (lambda auth: [auth.requires_authentication, lambda view: view], "unknown"),
    "others within": (lambda auth: [lambda view: view, auth.requires_authentication], "required"),
    "optional around others": (
        lambda auth: [lambda view: view, auth.optional_authentication],
        "unknown",
    ),
    "another method of ours": (lambda auth: [auth.verify_nothing], "unknown"),
    "by method": (lambda auth: {"get": [auth.requires_authentication]}, "required"),
    "another method's": (lambda auth: {"post": [auth.requires_authentication]}, "open"),
    "none": (lambda auth: [], "open"),
    "a property": (lambda auth: property(lambda self: []), "unknown"),
}


@pytest.mark.parametrize(("decorators", "access"), DECORATORS.values(), ids=DECORATORS)
def test_method_decorators_of_a_resource(
    app: Flask, auth: Authenticator, decorators: Callable[[Any], Any], access: str
) -> None:
    """Flask-RESTful applies ``method_decorators`` around a method; foreign ones may bypass ours."""

    class WithOneMore:
        requires_authentication = auth.requires_authentication
        optional_authentication = auth.optional_authentication
        verify_nothing = auth.guard

    accesses = serve(app, resource(method_decorators=decorators(WithOneMore)))

    assert accesses[0][:2] == ("GET", access)


def test_head_of_a_resource_with_decorators_by_method(app: Flask, auth: Authenticator) -> None:
    """Flask-RESTful runs ``get`` for HEAD without the decorators of "get", so HEAD is listed as open."""
    view = resource(method_decorators={"get": [auth.requires_authentication]})

    [get, (*head, reason)] = serve(app, view)
    assert (get, head) == (("GET", "required", "decorator"), ["HEAD", "open"])
    assert reason.startswith("method_decorators of ")
    assert reason.endswith(" has no 'head'")
    assert app.test_client().head("/it").status_code == 200
    assert authenticators_of(app) == [auth]


@pytest.mark.parametrize("library", ["flask_restx", "flask_cors"])
def test_wrappers_of_libraries_are_looked_through(
    app: Flask, auth: Authenticator, library: str
) -> None:
    """Flask-RESTX's resources and Flask-CORS's decorator call the function that they wrap."""
    module: Any = import_module(library)
    if library == "flask_cors":
        view = module.cross_origin()(auth.requires_authentication(fresh()))
    else:
        kind = type(module.Resource)(
            "Things",
            (module.Resource,),
            {"get": lambda self: "in", "method_decorators": [auth.requires_authentication]},
        )
        view = module.Api().output(kind.as_view("it"))

    assert serve(app, view, methods=["GET"])[0][1:] == ("required", "decorator")


def test_a_library_that_is_not_imported(
    app: Flask, auth: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit imports nothing: an unknown class with such decorators may bypass them."""
    view = resource(method_decorators=[auth.requires_authentication])
    monkeypatch.delitem(sys.modules, "flask_restful")

    assert [access for _, access, _ in serve(app, view.__wrapped__)] == ["unknown"]


class Sets:
    """Gives each instance its own ``get``."""

    def __init__(self) -> None:
        self.get = bare


class SetsByName:
    """Gives each instance attributes by name."""

    def __init__(self) -> None:
        setattr(self, "g" + "et", bare)


class Computes:
    def __getattribute__(self, name: str) -> Any:
        return bare if name == "get" else super().__getattribute__(name)


class Odd(type):
    def __call__(cls) -> Any:
        return cls


@pytest.mark.parametrize(
    ("bases", "kind", "attributes"),
    [
        ((Sets,), type, {}),
        ((SetsByName,), type, {}),
        ((Computes,), type, {}),
        ((), Odd, {}),
        ((), type, {"__new__": lambda cls: object()}),
        ((), type, {"__init__": partial(bare)}),
    ],
    ids=["attribute", "setattr", "getattribute", "metaclass", "new", "partial init"],
)
def test_instances_that_differ_from_their_class_are_unknown(
    app: Flask, auth: Authenticator, bases: Any, kind: Any, attributes: dict[str, Any]
) -> None:
    """If an instance may have another ``get`` than its class, its decorator may be missing."""
    attributes = {"get": auth.requires_authentication(fresh()), **attributes}
    view = kind("Things", (*bases, MethodView), attributes).as_view("it")

    assert [access for _, access, _ in serve(app, view)] == ["unknown"]


class Helped:
    """Has a method that gives an instance its own ``get``."""

    value: Any = None

    def setup(self) -> None:
        self.get = bare

    def _set(self, _: Any) -> None:
        self.get = bare

    written = property(lambda self: None, _set)
    shown = property(setup)


def replace_get(instance: Any) -> None:
    """Give an instance its own ``get``, from outside its class."""
    instance.get = bare


def closes_over_it(self: Any) -> None:
    """Replace ``get`` in a nested function."""

    def inner() -> None:
        self.get = bare

    inner()


def copies_it(self: Any) -> None:
    """Replace ``get`` through another variable for the instance."""
    (other := self).value = 1
    other.get = bare


class ByItself(Helped):
    def __init__(self) -> None:
        self.setup()


class BySuper(Helped):
    def __init__(self) -> None:
        super().setup()


class ByOldSuper(Helped):
    def __init__(self) -> None:
        super(Helped, self).__init__()
        super(ByOldSuper, self).setup()  # noqa: UP008 - the old way is what is tested


class ByKeptSuper(Helped):
    def __init__(self) -> None:
        parent = super()
        parent.setup()


class ByWrite(Helped):
    def __init__(self) -> None:
        self.written = 1


class ByRead(Helped):
    def __init__(self) -> None:
        self.value = self.shown


class ByHelper(Helped):
    def __init__(self) -> None:
        replace_get(self)


class ByDescriptor(Helped):
    helper = partialmethod(replace_get)

    def __init__(self) -> None:
        self.helper()


class BySetattr:
    value: Any

    def __init__(self) -> None:
        self.value = 1

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__("get", bare)


def takes_any(*arguments: Any) -> None:
    """Take the instance among other arguments."""
    arguments[0].get = bare


@pytest.mark.parametrize(
    ("base", "init"),
    [
        *((kind, None) for kind in (ByItself, BySuper, ByOldSuper, ByKeptSuper)),
        *((kind, None) for kind in (ByWrite, ByRead, ByHelper, ByDescriptor, BySetattr)),
        *((Helped, init) for init in (closes_over_it, copies_it, takes_any)),
    ],
)
def test_an_init_that_replaces_a_method_indirectly_is_unknown(
    app: Flask, auth: Authenticator, base: Any, init: Any
) -> None:
    """Any code that receives the instance in ``__init__`` may replace ``get``, and the route is open then."""
    attributes = {"get": auth.requires_authentication(fresh())}
    if init is not None:
        attributes["__init__"] = init
    view = type("Things", (base, MethodView), attributes).as_view("it")  # type: ignore[attr-defined]

    assert [access for _, access, _ in serve(app, view)] == ["unknown"]
    assert app.test_client().get("/it").status_code == 200


@pytest.mark.parametrize("every", [True, False])
def test_a_computed_head_is_unknown(app: Flask, auth: Authenticator, every: bool) -> None:
    """``__getattr__`` may return a ``head``, which Flask calls in preference to ``get``."""

    class Things(MethodView):
        init_every_request = every

        @auth.requires_authentication
        def get(self) -> str:
            return "in"

        def __getattr__(self, name: str) -> Any:
            return bare

    accesses = serve(app, Things.as_view("it"))

    assert [access for _, access, _ in accesses] == ["required", "unknown"]
    assert app.test_client().head("/it").status_code == 200


def test_a_harmless_init_is_required(app: Flask, auth: Authenticator) -> None:
    """An ``__init__`` may set attributes, call harmless methods and read settings."""

    class Base(MethodView):
        kind = "self"

        def __init__(self, model: str) -> None:
            self.model = model

        def describe(self) -> str:
            return f"{self.model} {self.kind}"

    class Items(Base):
        count = 0
        __slots__ = ("name",)

        def __init__(self, model: str) -> None:
            super().__init__(model)
            super(Base, self).__init__()
            self.label, self.limit = "super", current_app.config.get("LIMIT", "self")
            self.count += 1
            self.name = self.describe()
            self.shown = self.title

        @property
        def title(self) -> str:
            return self.name

        @auth.requires_authentication
        def get(self) -> str:
            return self.model

    assert serve(app, Items.as_view("it", "m")) == [("GET", "required", "decorator")]


@pytest.mark.parametrize(
    ("options", "access"), [({}, "open"), ({"automatic_options": False}, "required")]
)
def test_options_handled_by_flask_cors_is_open(
    app: Flask, auth: Authenticator, options: dict[str, Any], access: str
) -> None:
    """``cross_origin`` around our decorator responds to OPTIONS without calling it."""
    cors: Any = import_module("flask_cors")
    guarded = auth.requires_authentication(fresh())
    accesses = serve(app, cors.cross_origin(**options)(guarded), methods=["GET", "OPTIONS"])

    assert {access for methods, access, _ in accesses if "OPTIONS" in methods} == {access}
    assert {access for methods, access, _ in accesses if "GET" in methods} == {"required"}
    assert app.test_client().options("/it").status_code == (200 if access == "open" else 401)


def test_an_init_that_sets_other_attributes_is_required(app: Flask, auth: Authenticator) -> None:
    """An ``__init__`` like the one in Flask's documentation leaves the methods as they are."""

    class Items(MethodView):
        def __init__(self, model: str) -> None:
            self.model = model

        @auth.requires_authentication
        def get(self) -> str:
            return self.model

    assert serve(app, Items.as_view("it", "m")) == [("GET", "required", "decorator")]


def test_the_single_instance_of_a_class_is_inspected(app: Flask, auth: Authenticator) -> None:
    """With ``init_every_request = False``, the audit inspects the instance that Flask uses."""

    class Items(MethodView):
        init_every_request = False

        def __init__(self, get: Any = None) -> None:
            if get is not None:
                self.get = get  # type: ignore[method-assign]

        @auth.requires_authentication
        def get(self) -> str:
            return "in"

    app.add_url_rule("/plain", view_func=Items.as_view("plain"))
    app.add_url_rule("/own", view_func=Items.as_view("own", bare))

    assert listed(app, "plain") == [("GET", "required", "decorator")]
    assert listed(app, "own") == [("GET", "open", "")]
    assert app.test_client().get("/own").text == "in"


def test_methods_that_are_not_functions(app: Flask, auth: Authenticator) -> None:
    """Static and class methods are looked through; what a property returns is unknown."""

    class Items(MethodView):
        get = staticmethod(auth.requires_authentication(fresh()))
        post = classmethod(auth.requires_authentication(fresh()))
        put = Around(bare)
        patch = property(lambda self: bare)

    guarded = auth.requires_authentication(fresh())
    Items.delete = property(lambda self: guarded)  # type: ignore[attr-defined]

    assert serve(app, Items.as_view("it"), methods=["GET", "POST", "PUT", "DELETE"]) == [
        ("DELETE", "unknown", "property in builtins may bypass a decorator"),
        ("GET,POST", "required", "decorator"),
        ("PUT", "open", ""),
    ]


def test_dispatch_by_an_instance_registered_by_hand(app: Flask, auth: Authenticator) -> None:
    """An instance's bound ``dispatch_request`` is listed as the class's view is."""

    class Items(MethodView):
        @auth.requires_authentication
        def get(self) -> str:
            return "in"

        def post(self) -> str:
            return "in"

    accesses = serve(app, Items().dispatch_request, methods=["GET", "POST"])

    assert accesses == [("GET", "required", "decorator"), ("POST", "open", "")]


def test_a_decorated_dispatch_of_a_method_view(app: Flask, auth: Authenticator) -> None:
    """An optional decorator around Flask's own dispatch keeps the methods' decorators."""

    class Items(MethodView):
        dispatch_request = auth.optional_authentication(MethodView.dispatch_request)

        @auth.requires_authentication
        def get(self) -> str:
            return "in"

        def post(self) -> str:
            return "in"

    assert serve(app, Items.as_view("it")) == [
        ("GET", "required", "decorator"),
        ("POST", "optional", "decorator"),
    ]


def test_an_empty_closure_cell_is_skipped(app: Flask) -> None:
    """A closure variable without a value is skipped."""

    def view() -> str:
        return later

    accesses = serve(app, view)
    later = "in"

    assert accesses == [("GET", "open", "")]
    assert view() == later


def around_guard(guard: Any) -> Any:
    """A function that calls a guard only sometimes."""

    @wraps(guard)
    def sometimes() -> Any:
        return None

    return sometimes


@pytest.mark.parametrize("place", ["app", "blueprint"])
@pytest.mark.parametrize("around", [around_guard, lambda guard: lambda: guard() and None])
def test_a_guard_within_another_function_is_unknown(
    app: Flask, auth: Authenticator, place: str, around: Callable[[Any], Any]
) -> None:
    """A function around a guard may not call it; public views stay public."""
    blueprint = Blueprint("api", __name__)
    blueprint.add_url_rule("/it", "it", fresh())
    blueprint.add_url_rule("/health", "health", public(fresh()))
    blueprint.add_url_rule("/me", "me", auth.requires_authentication(fresh()))
    blueprint.add_url_rule("/o", "o", auth.optional_authentication(fresh()))
    (app if place == "app" else blueprint).before_request(around(auth.guard()))
    app.register_blueprint(blueprint)

    assert [listed(app, f"api.{name}")[0][1] for name in ("it", "health", "me", "o")] == [
        "unknown",
        "public",
        "required",
        "unknown",
    ]
    assert authenticators_of(app) == [auth]


def test_one_real_guard_is_enough(app: Flask, auth: Authenticator) -> None:
    """A guard counts even beside a function that may bypass another guard."""
    app.before_request(around_guard(auth.guard()))
    app.before_request(auth.guard())

    assert serve(app, around_guard(auth.requires_authentication(fresh()))) == [
        ("GET", "required", "guard of the app")
    ]


def own_dispatch(self: Flask) -> str:
    """Dispatch a request in the application's own way."""
    return "in"


@pytest.mark.parametrize("where", ["class", "instance"])
def test_an_app_with_its_own_dispatch_is_unknown(auth: Authenticator, where: str) -> None:
    """Such an app may run a view without its guards; open views stay open."""

    class Own(Flask):
        if where == "class":
            dispatch_request = own_dispatch  # type: ignore[assignment]

    app = Own("own", static_folder=None)
    if where == "instance":
        app.preprocess_request = own_dispatch  # type: ignore[method-assign,assignment]
    app.add_url_rule("/open", "open", fresh())

    assert serve(app, auth.requires_authentication(fresh())) == [
        ("GET", "unknown", f"own_dispatch in {__name__} may bypass it")
    ]
    assert listed(app, "open") == [("GET", "open", "")]


def test_a_redirect_is_guarded_only_by_the_app(app: Flask, auth: Authenticator) -> None:
    """A redirecting rule runs no view, so decorators and blueprint guards don't apply."""
    view = auth.requires_authentication(fresh())
    app.add_url_rule("/old", "it", view, redirect_to="/new")

    assert listed(app) == [("GET", "open", "redirect")]

    auth.protect(app)
    assert listed(app) == [("GET", "required", "guard of the app")]
    assert app.test_client().get("/old").status_code == 401


def test_a_rule_for_every_method(app: Flask, auth: Authenticator) -> None:
    """A rule without methods is listed as "*", and separately for the methods that differ, also HEAD."""

    class Things(MethodView):
        @auth.requires_authentication
        def get(self) -> str:
            return "in"

    for endpoint, view in {"it": fresh(), "things": Things.as_view("things")}.items():
        app.url_map.add(Rule(f"/{endpoint}", endpoint=endpoint))
        app.view_functions[endpoint] = view

    assert listed(app) == [("*", "open", "")]
    assert listed(app, "things") == [
        ("*", "open", ""),
        ("GET,HEAD", "required", "decorator"),
    ]


def test_the_current_app_proxy_is_accepted(app: Flask, auth: Authenticator) -> None:
    """The audit accepts the proxy ``current_app`` as an app."""
    app.add_url_rule("/it", "it", auth.requires_authentication(fresh()))

    with app.app_context():
        assert ("required", "decorator") in [
            (access.access, access.by)
            for access in route_accesses(current_app)  # type: ignore[arg-type]
        ]


@pytest.fixture
def endless() -> Any:
    """An object whose ``__wrapped__`` is always another wrapper."""

    class Endless:
        def __call__(self) -> str:
            return "in"

        @property
        def __wrapped__(self) -> Any:
            return Endless()

    return Endless()


def test_endless_wrapping_ends_the_audit(app: Flask, endless: Any) -> None:
    """The audit's search through ``__wrapped__`` is bounded."""
    assert serve(app, endless) == [("GET", "open", "")]


def test_a_function_without_a_module_has_a_name(app: Flask, auth: Authenticator) -> None:
    """A function without ``__module__`` is listed by a name."""
    code = (lambda: None).__code__
    made = wraps(auth.requires_authentication(fresh()))(FunctionType(code, {}))

    assert serve(app, made) == [("GET", "unknown", "<lambda> in None may bypass a decorator")]


def test_a_view_class_behind_a_callable_object(app: Flask, auth: Authenticator) -> None:
    """A class is seen behind what wraps its view, with an instance for all requests or for each."""
    for every_request in (True, False):

        class Page(View):
            init_every_request = every_request
            decorators: ClassVar = [partial, Around, partial]

            @auth.requires_authentication
            def dispatch_request(self) -> str:
                return "in"

        name = f"it{every_request}"
        app.add_url_rule(f"/{name}", view_func=Page.as_view(name))
        ((_, access, _),) = listed(app, name)
        assert access == "unknown"
