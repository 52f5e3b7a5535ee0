"""``flask jwtlib routes --fail-on … --public …``: what fails, and the cures that it names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView

from flask_jwtlib import AppAuthenticator, Authenticator, public
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.testing import TokenIssuer

FAULTS = ("misplaced", "open", "unknown", "optional")


def fresh() -> Callable[..., str]:
    """Make a view that no other test decorates."""
    return lambda *_, **__: "in"


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An authenticator without rules of its own."""
    return Authenticator(keys=issuer.verification_key)


@pytest.fixture
def app() -> Flask:
    """An app without static files."""
    return Flask("checked", static_folder=None)


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    """Run ``flask jwtlib routes``, and return its exit status and stderr."""
    result = app.test_cli_runner().invoke(jwtlib, ["routes", *arguments])
    return result.exit_code, result.stderr


def faults(app: Flask, *arguments: str) -> list[tuple[str, str]]:
    """Return the endpoints that fail, with their faults, after a check of the exit status."""
    result = app.test_cli_runner().invoke(jwtlib, ["routes", "--json", *arguments])
    found = json.loads(result.stdout)["failures"]
    assert result.exit_code == (1 if found else 0)
    return [(each["endpoint"], each["fault"]) for each in found]


@pytest.fixture
def faulty(app: Flask, auth: Authenticator) -> Flask:
    """An app with one endpoint for each kind of access, and one for each fault."""
    required = auth.requires_authentication(fresh())
    app.add_url_rule("/required", "required", required)
    app.add_url_rule("/public", "public", public(fresh()))
    app.add_url_rule("/open", "open", fresh())
    app.add_url_rule("/unknown", "unknown", lambda: required() if required else "")
    app.add_url_rule("/optional", "optional", auth.optional_authentication(fresh()))

    @auth.requires_authentication
    @app.get("/misplaced")
    def misplaced() -> str:
        return ""

    return app


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_fails_if_it_is_named(faulty: Flask, fault: str) -> None:
    """``--fail-on`` makes exactly the routes with that fault fail. A misplaced view is open, too."""
    expected = {"open": [("misplaced", "open"), ("open", "open")]}

    assert faults(faulty, "--fail-on", fault) == expected.get(fault, [(fault, fault)])


@pytest.mark.parametrize(
    "options",
    [
        ["--fail-on", "misplaced,open,unknown,optional"],
        ["--fail-on", "optional, open", "--fail-on", "unknown,misplaced,open"],
        [f"--fail-on={fault}" for fault in FAULTS],
    ],
    ids=["commas", "both", "repeated"],
)
def test_several_faults_are_combined(faulty: Flask, options: list[str]) -> None:
    """Faults are separated by commas or given repeatedly. A misplaced view fails once."""
    assert faults(faulty, *options) == [(fault, fault) for fault in FAULTS]


def test_misplaced_is_the_default(faulty: Flask) -> None:
    """Without ``--fail-on``, only a misplaced decorator fails."""
    assert faults(faulty) == [("misplaced", "misplaced")]


@pytest.mark.parametrize(
    "options",
    [
        ["--fail-on", "closed"],
        ["--fail-on", "open,closed"],
        ["--fail-on", ""],
        ["--fail-on", "open,"],
        ["--fail-on", "Open"],
        ["--public", "*"],
        ["--public", "a*"],
        ["--public", ""],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told(app: Flask, options: list[str]) -> None:
    """An unknown fault, and a pattern that ``protect`` wouldn't take, are usage errors: exit status 2."""
    status, complaint = run(app, *options)

    assert status == 2
    assert f"Invalid value for '{options[0]}'" in complaint


def test_public_accepts_open_and_optional_routes(faulty: Flask) -> None:
    """An endpoint that is meant to be public may be open or optional, but neither unknown nor misplaced."""
    patterns = [f"--public={endpoint}" for endpoint in FAULTS]

    assert faults(faulty, f"--fail-on={','.join(FAULTS)}", *patterns) == [
        ("misplaced", "misplaced"),
        ("unknown", "unknown"),
    ]


def test_an_accepted_route_is_listed_as_public(faulty: Flask) -> None:
    """The list says that an open route is public by the option, and leaves an optional one as it is."""
    options = ["routes", "--json", "--public=open", "--public=optional", "--public=misplaced"]
    output = faulty.test_cli_runner().invoke(jwtlib, options).stdout

    listed = {each["endpoint"]: each for each in json.loads(output)["routes"]}
    assert (listed["open"]["access"], listed["open"]["by"]) == ("public", "--public")
    assert (listed["optional"]["access"], listed["optional"]["by"]) == ("optional", "decorator")
    assert (listed["misplaced"]["access"], listed["misplaced"]["misplaced"]) == ("open", True)


def test_patterns_name_the_endpoints_of_a_blueprint(app: Flask) -> None:
    """``docs.*`` accepts a blueprint's endpoints, but not those of blueprints within it."""
    docs, nested = Blueprint("docs", "docs"), Blueprint("nested", "nested")
    docs.add_url_rule("/docs", "page", fresh())
    nested.add_url_rule("/nested", "page", fresh())
    docs.register_blueprint(nested)
    app.register_blueprint(docs)

    assert faults(app, "--fail-on=open", "--public", "docs.*") == [("docs.nested.page", "open")]


def test_patterns_without_effect_are_told(faulty: Flask, auth: Authenticator) -> None:
    """A pattern that matches no route, or only closed and public ones, is reported and fails nothing."""
    names = ("gone", "required", "public", "open", "unknown")

    status, complaint = run(faulty, "--fail-on=optional", *(f"--public={each}" for each in names))

    assert [line for line in complaint.splitlines() if line.startswith("Note: ")] == [
        "Note: --public gone matches no route.",
        "Note: --public required is not needed: required is required.",
        "Note: --public public is not needed: public is public.",
    ]
    assert status == 1
    faulty.view_functions.pop("misplaced")
    assert run(faulty, "--public=gone") == (0, "\nNote: --public gone matches no route.\n")


def test_patterns_of_protect_without_effect_are_told(app: Flask, auth: Authenticator) -> None:
    """A pattern of ``protect`` that matches no endpoint is reported, too."""
    auth.protect(app, public=["helth"])
    app.add_url_rule("/health", "health", fresh())

    assert run(app) == (0, "\nNote: public=['helth'] of protect matches no endpoint.\n")


def test_static_files_are_open_until_they_are_accepted(auth: Authenticator) -> None:
    """Static files of the app and of blueprints are routes like others, and the cure names the options."""
    app = Flask("files")
    app.register_blueprint(Blueprint("shop", "shop", static_folder="files", url_prefix="/shop"))

    status, complaint = run(app, "--fail-on=open")

    assert status == 1
    assert (
        "open: shop.static (GET /shop/files/<path:filename>), static (GET /static/<path:filename>)\n"
        "    Anyone can read static files. If that is right, pass --public shop.static --public static."
    ) in complaint
    assert run(app, "--fail-on=open", "--public=static", "--public=shop.static") == (0, "")
    auth.protect(app)
    assert run(app, "--fail-on=open") == (0, "")


def test_a_redirect_is_open_unless_the_app_is_guarded(app: Flask, auth: Authenticator) -> None:
    """A redirect that anyone gets is open; ``protect`` guards it."""
    app.add_url_rule("/old", "old", redirect_to="/new")

    status, complaint = run(app, "--fail-on=open")

    assert status == 1
    assert "Anyone is redirected. If that is right, pass --public old." in complaint
    auth.protect(app)
    assert faults(app, "--fail-on=open") == []


def test_a_cure_is_named_once_for_all_its_routes(app: Flask) -> None:
    """Routes with the same cure are listed together, with the options for all of them."""
    app.add_url_rule("/a", "a", fresh())
    app.add_url_rule("/b", "b", fresh(), methods=["GET", "POST"])
    app.add_url_rule("/c", "b")

    _, complaint = run(app, "--fail-on=open")

    assert "Error: 3 routes fail --fail-on open\n" in complaint
    assert "open: a (GET /a), b (GET/POST /b), b (GET /c)\n" in complaint
    assert complaint.endswith("or pass --public a --public b.\n")


def test_the_reason_is_a_part_of_the_cure(app: Flask, auth: Authenticator) -> None:
    """What may bypass a decorator, or makes it useless, is named."""

    class Things(MethodView):
        method_decorators = (auth.requires_authentication,)

        def get(self) -> str:
            return ""

    required = auth.requires_authentication(fresh())
    app.add_url_rule("/things", view_func=Things.as_view("things"))
    app.add_url_rule("/unknown", "unknown", lambda: required() if required else "")

    _, complaint = run(app, "--fail-on=open,unknown")

    assert f"    Things in {__name__}" in complaint.replace(
        f"{test_the_reason_is_a_part_of_the_cure.__qualname__}.<locals>.", ""
    )
    assert "does not use its method_decorators. No decorator or guard protects it. Put" in complaint
    assert f"<lambda> in {__name__} may bypass a decorator. Put the auth" in complaint


class OwnDispatch(Flask):
    """Dispatches requests in its own way."""

    def dispatch_request(self) -> Any:
        return super().dispatch_request()


def test_a_dispatch_of_the_app_has_a_cure_of_its_own(auth: Authenticator) -> None:
    """If the app overrides Flask's dispatch, no other place of the decorator helps."""
    app = OwnDispatch("own", static_folder=None)
    app.add_url_rule("/", "it", auth.requires_authentication(fresh()))

    _, complaint = run(app, "--fail-on=unknown")

    assert (
        f"dispatch_request in {__name__} may bypass it. Remove it, or check by a test" in complaint
    )


def test_a_misplaced_view_without_a_rule_fails(app: Flask, auth: Authenticator) -> None:
    """A misplaced view that no rule leads to is reported, because the app refuses to serve it."""
    view = fresh()
    auth.requires_authentication(view)
    app.view_functions["forgotten"] = view

    status, complaint = run(app)

    assert status == 1
    assert "misplaced: forgotten\n    Flask registered the undecorated function: put" in complaint


def test_a_misplaced_view_behind_a_guard_fails(app: Flask, auth: Authenticator) -> None:
    """A guard doesn't excuse a decorator without effect, since its rules aren't applied."""
    app.before_request(auth.guard())

    @auth.requires_authentication
    @app.get("/lost")
    def lost() -> str:
        return ""

    assert faults(app) == [("lost", "misplaced")]
    assert faults(app, "--fail-on", "open") == []


def test_an_app_authenticator_without_init_app_is_told(app: Flask) -> None:
    """A view whose ``AppAuthenticator`` was not given the app is closed, and a note says what to call."""
    late = AppAuthenticator(lambda app: Authenticator(keys=TokenIssuer().verification_key))
    app.add_url_rule("/", "it", late.requires_authentication(fresh()))

    status, complaint = run(app, "--fail-on=open,unknown")

    assert status == 0
    assert "has no Authenticator in this app: call auth.init_app(app) in the function" in complaint
