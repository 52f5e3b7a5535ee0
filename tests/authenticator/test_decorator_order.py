from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakSet

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView

from flask_jwtlib import Authenticator, ConfigurationError
from flask_jwtlib._flask import decorator_order as _decorator_order
from flask_jwtlib.testing import TokenIssuer, bearer

_View = TypeVar("_View", bound=Callable[..., Any])
Decorator = Callable[[_View], _View]


pytestmark = pytest.mark.usefixtures("no_decorated_functions")


@pytest.fixture(autouse=True)
def _no_apps_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without other tests' apps to search."""
    gc.collect()
    apps = [each for each in gc.get_objects() if issubclass(type(each), Flask)]
    monkeypatch.setattr(_decorator_order, "_searched", WeakSet(apps))


def wrapping(view: _View) -> _View:
    """Decorate with ``functools.wraps``."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


def hiding(view: _View) -> _View:
    """Decorate without keeping a reference to the function."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


class Slotted:
    """A decorator object with ``__slots__``, which can't take other attributes."""

    __slots__ = ("__name__", "__wrapped__")

    def __init__(self, view: Callable[..., Any]) -> None:
        self.__wrapped__ = view
        self.__name__ = view.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)


def test_the_first_request_reports_a_decorator_above_the_route(
    app: Flask, decorate: Decorator[Any]
) -> None:
    """A decorator above ``@app.route`` has no effect: the first request's error names the view."""

    @decorate
    @app.get("/")
    def secrets() -> str:
        return "secret"

    with pytest.raises(
        ConfigurationError, match=r"authentication decorator: secrets\..*put @app.route"
    ):
        app.test_client().get("/")


def test_every_request_is_refused_until_it_is_fixed(app: Flask, decorate: Decorator[Any]) -> None:
    """In production every request gets a 500, and the view never runs."""
    app.testing = False
    app.add_url_rule("/other", "other", lambda: "other")
    ran: list[str] = []

    @decorate
    @app.get("/")
    def secrets() -> str:
        ran.append("secret")
        return "secret"

    client = app.test_client()

    assert [client.get(path).status_code for path in ("/", "/", "/other", "/nowhere", "/")] == [
        500
    ] * 5
    assert ran == []


def test_protect_reports_a_decorator_above_the_route(
    auth: Authenticator, app: Flask, decorate: Decorator[Any]
) -> None:
    """``protect`` reports decorators that are in the wrong order by then, before any request."""

    @decorate
    @app.get("/")
    def secrets() -> str:
        return "secret"

    with pytest.raises(ConfigurationError, match="authentication decorator: secrets"):
        auth.protect(app)


def test_all_misplaced_views_are_named(auth: Authenticator, app: Flask) -> None:
    """One error names all misplaced views, in order."""
    for name in ("zebra", "ant"):

        def view() -> str:
            return "secret"

        view.__name__ = name
        auth.requires_authentication(app.get(f"/{name}")(view))
    app.add_url_rule("/good", "good", auth.requires_authentication(lambda: "in"))

    with pytest.raises(ConfigurationError, match=r"decorator: ant, zebra\. "):
        app.test_client().get("/good")


def test_a_blueprints_view_is_found(app: Flask, decorate: Decorator[Any]) -> None:
    """Blueprints register bare functions as apps do; the endpoint is named in full."""
    blueprint = Blueprint("api", __name__)

    @decorate
    @blueprint.get("/")
    def secrets() -> str:
        return "secret"

    app.register_blueprint(blueprint)

    with pytest.raises(ConfigurationError, match=r"api\.secrets"):
        app.test_client().get("/")


def test_an_async_view_is_found(auth: Authenticator, app: Flask) -> None:
    """An async view's decorator is checked, too."""

    @auth.requires_authentication
    @app.get("/")
    async def secrets() -> str:
        return "secret"

    with pytest.raises(ConfigurationError, match="secrets"):
        app.test_client().get("/")


@pytest.mark.parametrize("between", [wrapping, hiding, Slotted], ids=["wraps", "hides", "slots"])
def test_other_decorators_below_the_route_do_not_hide_it(
    auth: Authenticator, app: Flask, between: Any
) -> None:
    """The registered function is found to be unguarded below other decorators."""

    @auth.requires_authentication
    @app.get("/", endpoint="secrets")
    @between
    def secrets() -> str:
        return "secret"

    with pytest.raises(ConfigurationError, match="secrets"):
        app.test_client().get("/")


@pytest.mark.parametrize("between", [wrapping, Slotted], ids=["wraps", "slots"])
def test_other_decorators_between_ours_and_the_route_do_not_hide_it(
    auth: Authenticator, app: Flask, between: Any
) -> None:
    """If ours decorates a wrapper of the registered function, that function is still open."""

    @auth.requires_authentication
    @between
    @app.get("/", endpoint="secrets")
    def secrets() -> str:
        return "secret"

    with pytest.raises(ConfigurationError, match="secrets"):
        app.test_client().get("/")


def test_a_second_decorator_above_the_route_is_found(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """If one of two decorators is misplaced, it is reported."""
    other = Authenticator(keys=issuer.verification_key)

    @other.requires_authentication
    @app.get("/")
    @auth.requires_authentication
    def secrets() -> str:
        return "secret"

    with pytest.raises(ConfigurationError, match="secrets"):
        app.test_client().get("/")


@pytest.mark.parametrize("between", [wrapping, hiding, Slotted], ids=["wraps", "hides", "slots"])
@pytest.mark.parametrize("side", ["outside", "inside"])
def test_the_right_order_is_not_reported(
    auth: Authenticator, app: Flask, token: str, between: Any, side: str
) -> None:
    """A decorator below the route is not reported, with other decorators around or within."""

    def view() -> str:
        return "in"

    guard = auth.requires_authentication
    decorated = between(guard(view)) if side == "outside" else guard(between(view))
    app.add_url_rule("/", "view", decorated)
    client = app.test_client()

    assert client.get("/").status_code == 401
    assert client.get("/", headers=bearer(token)).text == "in"


def test_stacked_decorators_in_the_right_order_are_not_reported(
    auth: Authenticator,
    app: Flask,
    token: str,
    issuer: TokenIssuer,
    is_searching: Callable[[], bool],
) -> None:
    """Two of our decorators on one view are both found in place."""
    other = Authenticator(keys=issuer.verification_key)

    @app.get("/")
    @other.optional_authentication
    @wrapping
    @auth.requires_authentication
    def view() -> str:
        return "in"

    assert app.test_client().get("/", headers=bearer(token)).text == "in"
    assert not is_searching()


def test_a_bare_function_beside_its_guarded_twin_is_no_mistake(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """A bare function registered beside its guarded version is open on purpose, and not reported."""

    def view() -> str:
        return "in"

    app.add_url_rule("/open", "open", view)
    app.add_url_rule("/closed", "closed", auth.requires_authentication(view))
    client = app.test_client()

    assert client.get("/open").text == "in"
    assert client.get("/closed").status_code == 401
    assert client.get("/closed", headers=bearer(token)).text == "in"


def test_a_decorated_helper_that_is_not_a_view_is_no_mistake(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """A guarded function that only views call is not registered, and not reported."""

    @auth.requires_authentication
    def helper() -> str:
        return "helped"

    @app.get("/")
    def view() -> Any:
        return helper()

    client = app.test_client()

    assert client.get("/").status_code == 401
    assert client.get("/", headers=bearer(token)).text == "helped"


def test_method_views_are_not_reported(
    auth: Authenticator, app: Flask, token: str, is_searching: Callable[[], bool]
) -> None:
    """A guarded method isn't a registered function: it is neither reported nor waited for."""

    class Items(MethodView):
        @auth.requires_authentication
        def get(self) -> str:
            return "got"

    class Guarded(MethodView):
        decorators = [auth.requires_authentication]  # noqa: RUF012 - as Flask documents it

        def get(self) -> str:
            return "got"

    app.add_url_rule("/items", view_func=Items.as_view("items"))
    app.add_url_rule("/guarded", view_func=Guarded.as_view("guarded"))
    client = app.test_client()

    assert client.get("/items").status_code == 401
    assert client.get("/items", headers=bearer(token)).text == "got"
    assert client.get("/guarded", headers=bearer(token)).text == "got"
    assert not is_searching()


def test_a_view_class_decorated_too_late_is_found(auth: Authenticator, app: Flask) -> None:
    """A view function from ``as_view`` that is decorated after registration is open, and reported."""

    class Items(MethodView):
        def get(self) -> str:
            return "secret"

    view = Items.as_view("items")
    app.add_url_rule("/", view_func=view)
    kept = auth.requires_authentication(view)

    with pytest.raises(ConfigurationError, match="items"):
        app.test_client().get("/")
    assert kept is not view


def test_the_search_ends_once_all_functions_are_found(
    auth: Authenticator, app: Flask, token: str, is_searching: Callable[[], bool]
) -> None:
    """The search ends with the first request of an app that has all guarded functions."""
    app.add_url_rule("/one", "one", auth.requires_authentication(lambda: "in"))
    app.add_url_rule("/two", "two", auth.optional_authentication(lambda: "in"))

    assert is_searching()
    assert app.test_client().get("/one", headers=bearer(token)).text == "in"
    assert not is_searching()


def test_a_decorated_function_that_is_not_a_view_ends_the_search(
    auth: Authenticator, app: Flask, token: str, is_searching: Callable[[], bool]
) -> None:
    """A Socket.IO handler is in no app: the search ends when all apps have been searched."""

    @auth.requires_authentication
    def handler() -> str:
        return "helped"

    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    client = app.test_client()
    gc.collect()

    assert is_searching()
    assert client.get("/", headers=bearer(token)).text == "in"
    assert not is_searching()

    another = auth.requires_authentication(lambda: "helped")
    assert is_searching()
    assert client.get("/", headers=bearer(token)).text == "in"
    assert not is_searching()
    assert handler is not another


def test_the_search_waits_for_apps_without_requests_so_far(
    auth: Authenticator, is_searching: Callable[[], bool]
) -> None:
    """With two apps in a process, the second app's lost decorator is found though the first has none."""

    class Application(Flask):
        """An app of another class."""

    def view() -> str:
        return "secret"

    guarded = auth.requires_authentication(view)
    first, second = Flask("first", root_path="."), Application("second", root_path=".")
    first.add_url_rule("/", "view", lambda: "in")
    second.add_url_rule("/", "lost", view)
    second.testing = True

    for _ in range(2):
        assert first.test_client().get("/").text == "in"
        assert is_searching()
    with pytest.raises(ConfigurationError, match="lost"):
        second.test_client().get("/")
    assert guarded is not view


def test_apps_are_discovered_once(
    auth: Authenticator, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an app waits for its first request, requests to another don't look for apps again."""
    looks: list[Flask] = []
    monkeypatch.setattr(_decorator_order, "_all_searched", lambda app: bool(looks.append(app)))
    handler = auth.requires_authentication(lambda: "helped")
    app.add_url_rule("/", "view", lambda: "in")

    for _ in range(3):
        assert app.test_client().get("/").text == "in"

    assert looks == [app]
    assert handler is not None


def test_functions_decorated_during_discovery_count(
    auth: Authenticator,
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    is_searching: Callable[[], bool],
) -> None:
    """A function that another thread decorates meanwhile keeps the search going."""
    handlers = [auth.requires_authentication(lambda: "helped")]

    def look(_: Flask) -> bool:
        handlers.append(auth.requires_authentication(lambda: "more"))
        return True

    monkeypatch.setattr(_decorator_order, "_all_searched", look)
    app.add_url_rule("/", "view", lambda: "in")

    assert app.test_client().get("/").text == "in"
    assert is_searching()


def test_without_a_decorator_nothing_is_searched(
    auth: Authenticator, app: Flask, is_searching: Callable[[], bool]
) -> None:
    """An app that uses ``protect`` and no decorator is never searched."""
    auth.protect(app)

    assert not is_searching()


def test_an_app_is_searched_once(
    auth: Authenticator, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another app's functions are missing, this app is searched only at its first request."""
    searches: list[str] = []
    search = _decorator_order.check_app
    monkeypatch.setattr(
        _decorator_order, "check_app", lambda app: (searches.append(app.name), search(app))[1]
    )

    @auth.requires_authentication
    def registered_elsewhere() -> str:
        return "in"

    app.add_url_rule("/", "view", lambda: "in")
    client = app.test_client()

    assert [client.get("/").status_code for _ in range(3)] == [200] * 3
    assert searches == [app.name]
    assert registered_elsewhere is not None


def make_app(auth: Authenticator, *, wrong: bool) -> Flask:
    """An application factory with one view."""
    app = Flask("made", root_path=".")
    app.testing = True

    def view() -> str:
        return "secret"

    if wrong:
        auth.requires_authentication(app.get("/")(view))
    else:
        app.get("/")(auth.requires_authentication(view))
    return app


def test_each_app_of_a_factory_is_searched(auth: Authenticator, token: str) -> None:
    """A misconfigured app is found whether correct ones were made and served before or after it."""
    right = make_app(auth, wrong=False)
    wrong = make_app(auth, wrong=True)
    later = make_app(auth, wrong=False)

    assert right.test_client().get("/", headers=bearer(token)).status_code == 200
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="view"):
            wrong.test_client().get("/")
    assert later.test_client().get("/").status_code == 401
    assert make_app(auth, wrong=False).test_client().get("/").status_code == 401


def test_a_blueprint_shared_by_several_apps(auth: Authenticator, token: str) -> None:
    """A blueprint that every app of a factory registers is in place in each."""
    blueprint = Blueprint("shared", __name__)

    @blueprint.get("/")
    @auth.requires_authentication
    def view() -> str:
        return "in"

    for name in ("one", "two"):
        app = Flask(name, root_path=".")
        app.register_blueprint(blueprint)
        assert app.test_client().get("/").status_code == 401
        assert app.test_client().get("/", headers=bearer(token)).text == "in"


def test_a_function_decorated_twice_needs_one_place(
    auth: Authenticator, app: Flask, token: str, is_searching: Callable[[], bool]
) -> None:
    """Of two guarded versions one may be unused, as long as the other is registered."""

    def view() -> str:
        return "in"

    unused = auth.optional_authentication(view)
    app.add_url_rule("/", "view", auth.requires_authentication(view))

    assert app.test_client().get("/", headers=bearer(token)).text == "in"
    assert not is_searching()
    assert unused is not view


def test_unused_functions_are_forgotten(
    auth: Authenticator, app: Flask, is_searching: Callable[[], bool]
) -> None:
    """A decorated function without references keeps neither memory nor the search alive."""
    auth.requires_authentication(lambda: "in")
    gc.collect()
    app.add_url_rule("/", "view", lambda: "in")

    assert app.test_client().get("/").text == "in"
    assert not is_searching()


def test_decorating_during_requests_keeps_one_entry(auth: Authenticator) -> None:
    """A function that is guarded anew in each request is remembered once."""

    def helper() -> str:
        return "helped"

    for _ in range(50):
        auth.requires_authentication(helper)

    (remembered,) = _decorator_order._decorated.values()
    assert len(remembered.guarded) == 1


def test_a_view_that_wraps_itself_ends_the_search(auth: Authenticator, app: Flask) -> None:
    """A circular ``__wrapped__`` doesn't hang the search."""

    def circular() -> str:
        return "in"

    circular.__wrapped__ = circular  # type: ignore[attr-defined]
    app.add_url_rule("/circular", "circular", circular)
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))

    assert app.test_client().get("/circular").text == "in"


def test_an_error_handler_cannot_open_a_misplaced_view(auth: Authenticator, app: Flask) -> None:
    """An application that handles every exception still never runs the open view."""

    @auth.requires_authentication
    @app.get("/")
    def secrets() -> str:
        return "secret"

    @app.errorhandler(Exception)
    def handle(error: Exception) -> tuple[str, int]:
        return "handled", 500

    responses = [app.test_client().get("/").text for _ in range(2)]

    assert responses == ["handled", "handled"]
