"""Views of every kind that are served without the decorator that was applied to them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView, View

from flask_jwtlib import Authenticator, ConfigurationError, public
from flask_jwtlib._flask import decorator_order as _decorator_order
from flask_jwtlib._flask import introspection
from flask_jwtlib.testing import TokenIssuer, bearer

Decorate = Callable[[Any], Any]
pytestmark = pytest.mark.usefixtures("no_decorated_functions")


def body(*_: Any) -> str:
    """Make a new view function, which must never run."""
    return "open"


class Slotted:
    __slots__ = ()

    def __call__(self) -> str:
        return "open"


class Handler:
    def __call__(self) -> str:
        return "open"

    def view(self) -> str:
        return "open"


def in_a_class_body(app: Any, decorate: Decorate) -> Any:
    """A function in a class body."""

    class Views:
        @decorate
        @app.get("/x")
        def x() -> str:  # type: ignore[misc]
            return "open"

    return Views


def static_in_a_class_body(app: Any, decorate: Decorate) -> Any:
    """A static method in a class body."""

    class Views:
        @staticmethod
        @decorate
        @app.get("/x")
        def x() -> str:
            return "open"

    return Views


def below_a_staticmethod(app: Any, decorate: Decorate) -> Any:
    """A static method that was decorated as a ``staticmethod`` object."""

    class Views:
        @decorate
        @staticmethod
        @app.get("/x")
        def x() -> str:
            return "open"

    return Views


def in_a_nested_class(app: Any, decorate: Decorate) -> Any:
    """A function in the body of a nested class."""

    class Outer:
        class Inner:
            @decorate
            @app.get("/x")
            def x() -> str:  # type: ignore[misc]
                return "open"

    return Outer


def beside_its_guarded_version(app: Any, decorate: Decorate) -> Any:
    """A function whose guarded version is served at another URL."""

    @decorate
    @app.get("/x")
    def x() -> str:
        return "open"

    app.add_url_rule("/y", view_func=x, endpoint="y")
    return x


def an_object(app: Any, decorate: Decorate) -> Any:
    """A callable object."""
    handler = Handler()
    app.add_url_rule("/x", view_func=handler, endpoint="x")
    return decorate(handler)


def an_object_with_slots(app: Any, decorate: Decorate) -> Any:
    """A callable object without weak-reference support."""
    handler = Slotted()
    app.add_url_rule("/x", view_func=handler, endpoint="x")
    return decorate(handler)


def a_partial(app: Any, decorate: Decorate) -> Any:
    """A ``functools.partial``."""
    view = functools.partial(body, 1)
    app.add_url_rule("/x", view_func=view, endpoint="x")
    return decorate(view)


def a_bound_method(app: Any, decorate: Decorate) -> Any:
    """A bound method, which is a new object each time."""
    handler = Handler()
    app.add_url_rule("/x", view_func=handler.view, endpoint="x")
    return handler, decorate(handler.view)


def made_by_as_view(app: Any, decorate: Decorate) -> Any:
    """A view function from ``as_view``, decorated after it was registered."""

    class Things(MethodView):
        def get(self) -> str:
            return "open"

    view = Things.as_view("x")
    app.add_url_rule("/x", view_func=view)
    return decorate(view)


def by_hand(app: Any, decorate: Decorate) -> Any:
    """A function in a wrapper that was assigned to ``view_functions``."""

    @decorate
    @app.get("/x", endpoint="x")
    def x() -> str:
        return "open"

    if isinstance(app, Flask):
        bare = app.view_functions["x"]
        app.view_functions["x"] = lambda: f"{bare()}"
    return x


def by_hand_in_an_object(app: Any, decorate: Decorate) -> Any:
    """A function in an object that was assigned to ``view_functions``."""

    class Around:
        def __init__(self, view: Any) -> None:
            self.view = view

        def __call__(self) -> Any:
            return self.view()

    @decorate
    @app.get("/x", endpoint="x")
    def x() -> str:
        return "open"

    if isinstance(app, Flask):
        app.view_functions["x"] = Around(app.view_functions["x"])
    return x


def a_discarded_result(app: Any, decorate: Decorate) -> None:
    """A function whose guarded version was discarded."""

    def x() -> str:
        return "open"

    app.add_url_rule("/x", view_func=x)
    decorate(x)


def a_method_decorated_beside_the_class(app: Any, decorate: Decorate) -> Any:
    """A method of which the class keeps the undecorated version."""

    class Page(View):
        def dispatch_request(self) -> str:
            return "open"

    app.add_url_rule("/x", view_func=Page.as_view("x"))
    return decorate(Page.dispatch_request)


LOST = [
    in_a_class_body,
    static_in_a_class_body,
    below_a_staticmethod,
    in_a_nested_class,
    beside_its_guarded_version,
    an_object,
    an_object_with_slots,
    a_partial,
    a_bound_method,
    made_by_as_view,
    by_hand,
    by_hand_in_an_object,
    a_discarded_result,
    a_method_decorated_beside_the_class,
]


@pytest.mark.parametrize("place", ["app", "blueprint", "nested blueprint"])
@pytest.mark.parametrize("lose", LOST)
def test_a_lost_decorator_is_reported(
    app: Flask, decorate: Decorate, lose: Callable[[Any, Decorate], Any], place: str
) -> None:
    """Every request raises an error that names the endpoint, and the view never runs."""
    outer, inner = Blueprint("outer", "outer"), Blueprint("inner", "inner")
    target: Any = {"app": app, "blueprint": outer, "nested blueprint": inner}[place]
    kept = lose(target, decorate)
    outer.register_blueprint(inner)
    app.register_blueprint(outer)

    for _ in range(2):
        with pytest.raises(
            ConfigurationError, match=r"authentication decorator: (outer\.)?(inner\.)?x\."
        ):
            app.test_client().get("/x")
    del kept


@pytest.mark.parametrize("lose", LOST)
def test_protect_reports_a_lost_decorator(
    app: Flask, auth: Authenticator, lose: Callable[[Any, Decorate], Any]
) -> None:
    """``protect`` reports the same, before any request."""
    kept = lose(app, auth.requires_authentication)

    with pytest.raises(ConfigurationError, match="authentication decorator: x"):
        auth.protect(app)
    del kept


def named(app: Flask, auth: Authenticator) -> Any:
    """One function, open under its own name."""

    def view() -> str:
        return "in"

    app.add_url_rule("/open", "open", view)
    app.add_url_rule("/x", "x", auth.requires_authentication(view))


def a_base_class(app: Flask, auth: Authenticator) -> Any:
    """A class whose subclass decorates its method."""

    class Open(MethodView):
        def get(self) -> str:
            return "in"

    class Guarded(Open):
        get = auth.requires_authentication(Open.get)

    app.add_url_rule("/open", view_func=Open.as_view("open"))
    app.add_url_rule("/x", view_func=Guarded.as_view("x"))


def partials_of_one_function(app: Flask, auth: Authenticator) -> Any:
    """Two partials of one function."""

    def view(_: int) -> str:
        return "in"

    app.add_url_rule("/open", "open", functools.partial(view, 1))
    app.add_url_rule("/x", "x", auth.requires_authentication(functools.partial(view, 2)))


def two_objects_of_one_class(app: Flask, auth: Authenticator) -> Any:
    """The same method of two objects."""

    class Page:
        def view(self) -> str:
            return "in"

    one, other = Page(), Page()
    app.add_url_rule("/open", "open", one.view)
    app.add_url_rule("/x", "x", auth.requires_authentication(other.view))


def a_public_function_around_it(app: Flask, auth: Authenticator) -> Any:
    """A public function that calls an undecorated one."""

    def view() -> str:
        return "in"

    @app.get("/open")
    @public
    def open_on_purpose() -> str:
        return view()

    kept = auth.requires_authentication(view)
    app.add_url_rule("/x", "x", lambda: kept() or "")


def one_instance_for_all_requests(app: Flask, auth: Authenticator) -> Any:
    """A view class with a single instance."""

    class Things(MethodView):
        init_every_request = False

        def __init__(self) -> None:
            self.helper = auth.requires_authentication(lambda: "in")

        @auth.requires_authentication
        def get(self) -> str:
            return "in"

    app.add_url_rule("/x", view_func=Things.as_view("x"))
    app.add_url_rule("/open", "open", lambda: "in")


@pytest.mark.parametrize(
    "serve",
    [
        named,
        a_base_class,
        partials_of_one_function,
        two_objects_of_one_class,
        a_public_function_around_it,
        one_instance_for_all_requests,
    ],
)
def test_views_that_are_open_on_purpose_are_not_reported(
    app: Flask,
    auth: Authenticator,
    token: str,
    serve: Callable[[Flask, Authenticator], None],
    is_searching: Callable[[], bool],
) -> None:
    """An undecorated function with its own name may be served beside the guarded one."""
    serve(app, auth)
    client = app.test_client()

    assert client.get("/open").text == "in"
    assert client.get("/x").status_code == 401
    assert client.get("/x", headers=bearer(token)).text == "in"
    assert not is_searching()


def test_the_message_says_how_to_fix_both_cases(app: Flask, auth: Authenticator) -> None:
    """The text names the order of decorators, and how to serve a function both ways."""
    beside_its_guarded_version(app, auth.requires_authentication)

    with pytest.raises(
        ConfigurationError, match=r"put @app\.route above the decorator.*guarded = auth\."
    ):
        app.test_client().get("/x")


def test_methods_decorated_in_each_request_are_not_remembered(
    app: Flask, auth: Authenticator, is_searching: Callable[[], bool]
) -> None:
    """Decorating in each request, as Flask-RESTful does, leaves nothing behind and causes no search."""
    with app.test_request_context():
        kept = auth.requires_authentication(Handler().view)

    assert kept is not None
    assert not _decorator_order._decorated
    assert not is_searching()


def test_an_unused_function_ends_the_search_of_a_searched_app(
    app: Flask, auth: Authenticator, is_searching: Callable[[], bool]
) -> None:
    """A function that no longer exists costs only the next request while another app is unsearched."""
    waiting = Flask("waiting", root_path=".")
    app.add_url_rule("/", "view", lambda: "in")
    auth.requires_authentication(app.view_functions["view"].__class__(body.__code__, {}))
    client = app.test_client()
    client.get("/")
    helper = auth.requires_authentication(lambda: "in")
    assert client.get("/").text == "in"
    assert is_searching()

    del helper
    assert client.get("/").text == "in"
    assert not is_searching()
    assert not waiting.view_functions.get("view")


def test_apps_share_what_was_found(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """A function guarded in one app and open by its own name in another is not reported."""
    other = Flask("other")
    other.testing = True

    def view() -> str:
        return "in"

    other.add_url_rule("/", "view", auth.requires_authentication(view))
    app.add_url_rule("/", "view", view)

    assert other.test_client().get("/").status_code == 401
    assert app.test_client().get("/").text == "in"


def test_what_views_share_is_searched_once(
    app: Flask, auth: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request's time doesn't grow with the number of views times what they share."""

    class Shared:
        def __init__(self) -> None:
            self.parts = 0
            for number in range(20):
                setattr(self, f"part{number}", lambda: None)

        def __call__(self) -> None:
            """Do nothing."""

    shared = Shared()
    looked_at: list[Any] = []
    within = introspection._within
    monkeypatch.setattr(
        introspection, "_within", lambda found: (looked_at.append(found), within(found))[1]
    )

    def view_of(number: int) -> Any:
        def view() -> tuple[int, Shared]:
            return number, shared

        return view

    for number in range(10):
        app.add_url_rule(f"/{number}", str(number), auth.requires_authentication(view_of(number)))
    _decorator_order.check_app(app)

    assert len(looked_at) == len(set(map(id, looked_at)))
    assert looked_at.count(shared) == 1
