"""``flask jwtlib routes``: its table, its JSON and its exit status."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from attrs import field, frozen
from flask import Blueprint, Flask
from flask.cli import FlaskGroup
from flask.views import MethodView

import flask_jwtlib
from flask_jwtlib import (
    AppAuthenticator,
    Audience,
    Authenticator,
    Issuer,
    JWTValidator,
    Policy,
    public,
)
from flask_jwtlib.audit import route_accesses
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.policies import Role, Scope
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer


def fresh() -> Callable[..., str]:
    """Make a view that no other test decorates."""
    return lambda *_, **__: "in"


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An authenticator without rules of its own."""
    return Authenticator(keys=issuer.verification_key)


def run(app: Flask, *arguments: str, color: bool = False) -> tuple[int, str, str]:
    """Run ``flask jwtlib routes``, and return its exit status, stdout and stderr."""
    result = app.test_cli_runner().invoke(jwtlib, ["routes", *arguments], color=color)
    return result.exit_code, result.stdout, result.stderr


def lost_in(app: Flask, auth: Any) -> None:
    """Add a view whose decorator is above its route."""

    @auth.requires_authentication
    @app.route("/lost")
    def lost() -> str:
        return ""


def test_the_table_has_one_line_per_route(app: Flask, auth: Authenticator) -> None:
    """The command prints who can access each route and how, describes the authenticator, and exits with 0."""
    app.add_url_rule("/open", "open", fresh())
    app.add_url_rule("/me", "me", auth.requires_authentication(fresh()))
    both = [Scope("read"), Role("editor") | Role("owner")]
    app.add_url_rule("/texts", "texts", auth.requires_authentication(rules=both)(fresh()))
    app.add_url_rule("/hi", "hi", auth.optional_authentication(strict=True)(fresh()))

    status, output, complaint = run(app)

    assert (status, complaint) == (0, "")
    assert output == (
        "Endpoint  Methods  Rule                     Access    By                  Authenticator  Policies\n"
        "--------  -------  -----------------------  --------  ------------------  -------------  "
        f"{'-' * 57}\n"
        "hi        GET      /hi                      optional  decorator (strict)  1\n"
        "me        GET      /me                      required  decorator           1\n"
        "open      GET      /open                    open\n"
        "static    GET      /static/<path:filename>  open\n"
        "texts     GET      /texts                   required  decorator           1              "
        "scope read, (role editor in roles or role owner in roles)\n"
        "\n"
        "Authenticator  Extractor             Keys               Validator     Issuers  Audiences\n"
        "-------------  --------------------  -----------------  ------------  -------  ---------\n"
        "1              BearerTokenExtractor  StaticKeyProvider  JWTValidator\n"
    )


def test_an_app_without_routes_has_an_empty_table() -> None:
    """An app without routes gets a table with only its header, and exit status 0."""
    status, output, complaint = run(
        Flask("bare", static_folder=None), "--fail-on", "open,misplaced"
    )

    assert (status, complaint) == (0, "")
    assert output.split()[:7] == [
        *("Endpoint", "Methods", "Rule", "Access", "By", "Authenticator", "Policies")
    ]
    assert len(output.splitlines()) == 2


def test_access_has_colours(app: Flask, auth: Authenticator) -> None:
    """In a terminal, required is green, open is red, unknown is yellow, and others have no colour."""
    required = auth.requires_authentication(fresh())
    app.add_url_rule("/1", "required", required)
    app.add_url_rule("/2", "unknown", lambda: required() if required else "")
    app.add_url_rule("/3", "optional", auth.optional_authentication(fresh()))
    app.add_url_rule("/4", "public", public(fresh()))

    _, output, _ = run(app, color=True)

    assert "\x1b[32mrequired\x1b[0m" in output
    assert "\x1b[31mopen\x1b[0m" in output
    assert "\x1b[33munknown\x1b[0m" in output
    assert output.count("\x1b[") == 6


@pytest.mark.parametrize("width", ["40", "80", "120"])
def test_the_table_fits_the_terminal(
    app: Flask, auth: Authenticator, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    """All lines fit into terminals of the usual widths, as columns from 80 on."""
    monkeypatch.setenv("COLUMNS", width)
    rules = [Scope("catalogue:read", "catalogue:write"), Role("editor")]
    blueprint = Blueprint("catalogue_management", "x")
    view = auth.requires_authentication(rules=rules)(fresh())
    blueprint.add_url_rule("/<regex:some_identifier>/pictures", "pictures_of_items", view)
    app.url_map.converters["regex"] = app.url_map.converters["default"]
    app.register_blueprint(blueprint)

    _, output, _ = run(app)

    lines = output.splitlines()
    assert max(map(len, lines)) <= int(width)
    assert lines[0].startswith("Endpoint  " if width == "40" else "Endpoint")
    assert ("Authenticator" in lines[0]) == (width != "40")


def test_unprintable_characters_are_escaped(app: Flask) -> None:
    """Control characters in the names of an app don't reach the terminal."""
    app.add_url_rule("/x\x1b[2J", "x\x1b[2J", fresh())

    status, output, complaint = run(app, "--fail-on", "open", "--public", "static")

    assert status == 1
    assert "\x1b" not in output + complaint
    assert r"x\x1b[2J" in output
    assert r"x\x1b[2J" in complaint


def test_json_has_routes_and_authenticators(app: Flask, auth: Authenticator) -> None:
    """``--json`` prints one object per line of the tables, with the policies' texts and scopes."""
    decorate = auth.requires_authentication(rules=[Scope("read", "write")])
    app.add_url_rule("/me", "me", decorate(fresh()), methods=["GET", "POST"])

    status, output, complaint = run(app, "--json")

    printed = json.loads(output)
    assert (status, complaint) == (0, "")
    assert printed["routes"][0] == {
        "endpoint": "me",
        "methods": ["GET", "POST"],
        "rule": "/me",
        "host": "",
        "websocket": False,
        "access": "required",
        "by": "decorator",
        "strict": False,
        "misplaced": False,
        "authenticators": ["1"],
        "policies": [{"text": "(scope read and scope write)", "scopes": ["read", "write"]}],
    }
    assert [(row["endpoint"], row["access"]) for row in printed["routes"]] == [
        (access.endpoint, access.access) for access in route_accesses(app)
    ]
    assert printed["authenticators"] == [
        {
            "name": "1",
            "extractor": "BearerTokenExtractor",
            "keys": "StaticKeyProvider",
            "validator": "JWTValidator",
            "issuers": [],
            "audiences": [],
        }
    ]
    assert (printed["failures"], printed["notes"]) == ([], [])


def test_json_is_complete_when_a_route_fails(app: Flask, auth: Authenticator) -> None:
    """With failures, stdout is still JSON, which has them and their cures; stderr has them as text."""
    lost_in(app, auth)

    status, output, complaint = run(app, "--json", "--fail-on=open,misplaced", "--public=gone")

    printed = json.loads(output)
    assert status == 1
    assert [(each["endpoint"], each["fault"]) for each in printed["failures"]] == [
        ("lost", "misplaced"),
        ("static", "open"),
    ]
    assert printed["failures"][1] == {
        "endpoint": "static",
        "methods": ["GET"],
        "rule": "/static/<path:filename>",
        "host": "",
        "fault": "open",
        "cure": "Anyone can read static files. If that is right, pass --public static. If there are "
        "none, pass static_folder=None to Flask.",
    }
    assert [row["misplaced"] for row in printed["routes"]] == [True, False]
    assert printed["notes"] == ["--public gone matches no route."]
    assert printed["failures"][0]["cure"] in complaint


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
@pytest.mark.parametrize("module_level", [False, True], ids=["composed", "module API"])
def test_a_decorator_above_route_is_an_error(
    app: Flask, auth: Authenticator, module_level: bool, options: tuple[str, ...]
) -> None:
    """By default, the command exits with 1 for a view whose decorator has no effect, and names it."""
    lost_in(app, flask_jwtlib if module_level else auth)

    status, output, complaint = run(app, *options)

    assert status == 1
    assert "misplaced decorator" in output
    assert (
        "\nError: 1 route fails --fail-on misplaced\n\nmisplaced: lost (GET /lost)\n" in complaint
    )


def test_authenticators_are_told_apart(app: Flask, issuer: TokenIssuer) -> None:
    """Each is numbered and described by its strategies, and the issuers and audiences that it accepts."""
    key = issuer.verification_key
    rules = [Issuer("https://a.example/"), Audience("one", "two")]
    guard = Authenticator(keys=key, validator=CachingValidator(JWTValidator(rules=rules)))
    validator = JWTValidator(rules=[Audience("three")])
    trusted = TrustedIssuer("https://b.example/", keys=key, validator=validator)
    several = Authenticator(validator=IssuerRouter(trusted))
    late = AppAuthenticator(lambda app: several)
    late.init_app(app)
    app.add_url_rule("/1", "both", several.requires_authentication(fresh()))
    app.add_url_rule("/2", "late", late.requires_authentication(fresh()))
    app.add_url_rule("/3", "module", flask_jwtlib.requires_authentication(fresh()))
    app.before_request(guard.guard())

    _, output, _ = run(app, "--json")

    printed = json.loads(output)
    assert {each["endpoint"]: each["authenticators"] for each in printed["routes"]} == {
        "both": ["1", "2"],
        "late": ["1", "2"],
        "module": ["1", "module API"],
        "static": ["1"],
    }
    described = {each.pop("name"): each for each in printed["authenticators"]}
    assert described["1"] == {
        "extractor": "BearerTokenExtractor",
        "keys": "StaticKeyProvider",
        "validator": "CachingValidator",
        "issuers": ["https://a.example/"],
        "audiences": ["one", "two"],
    }
    assert (described["2"]["keys"], described["2"]["validator"]) == ("", "IssuerRouter")
    assert described["2"]["issuers"] == ["https://b.example/"]
    assert described["2"]["audiences"] == ["three"]
    assert described["module API"]["validator"] == "CallbackTokenValidator"


@frozen(eq=False)
class Circular(JWTValidator):
    """Refers to itself."""

    me: list[Any] = field(factory=list, kw_only=True)


def test_strategies_that_refer_to_each_other_are_described(app: Flask, issuer: TokenIssuer) -> None:
    """The search for rules ends if a strategy consists of itself."""
    validator = Circular(rules=[Issuer("https://a.example")])
    validator.me.append(validator)
    app.before_request(Authenticator(keys=issuer.verification_key, validator=validator).guard())

    [described] = json.loads(run(app, "--json")[1])["authenticators"]

    assert described["issuers"] == ["https://a.example"]


class Faulty(Policy):
    """Can't describe itself."""

    def verdict(self, claims: Any, call: Any) -> bool:
        return True

    def __str__(self) -> str:
        raise RuntimeError("no description")


def test_a_policy_that_cannot_describe_itself_has_its_class(
    app: Flask, auth: Authenticator
) -> None:
    """A policy whose ``str`` raises is shown by the name of its class."""
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[Faulty()])(fresh()))

    status, output, _ = run(app)

    assert status == 0
    assert "<Faulty>" in output


def test_hosts_and_websockets_are_shown(auth: Authenticator) -> None:
    """A rule has its host in front, a subdomain is followed by ``*``, and a WebSocket is called one."""
    app = Flask("subdomains", subdomain_matching=True, static_folder=None)
    app.add_url_rule("/feed", "feed", fresh(), subdomain="api", websocket=True)
    hosts = Flask("hosts", host_matching=True, static_folder=None)
    hosts.add_url_rule("/", "it", fresh(), host="a.example")

    assert run(app)[1].splitlines()[2].split() == [
        *("feed", "GET", "(WebSocket)", "//api.*/feed", "open")
    ]
    assert run(hosts)[1].splitlines()[2].split() == ["it", "GET", "//a.example/", "open"]


def test_methods_with_different_access_have_a_line_each(app: Flask, auth: Authenticator) -> None:
    """The check sees an open method of a view class whose other methods are decorated."""

    class Things(MethodView):
        @auth.requires_authentication
        def post(self) -> str:
            return ""

        def get(self) -> str:
            return ""

    app.add_url_rule("/things", view_func=Things.as_view("things"))

    status, _, complaint = run(app, "--fail-on", "open", "--public", "static")

    assert status == 1
    assert "open: things (GET /things)\n" in complaint
    assert "POST" not in complaint


def test_several_hundred_routes_take_less_than_a_second(auth: Authenticator) -> None:
    """The command stays fast in a large app."""
    app = Flask("large")
    for number in range(300):
        view = fresh() if number % 2 else auth.requires_authentication(fresh())
        app.add_url_rule(f"/api/things/{number}/<int:part>", f"things_{number}", view)

    begin = time.process_time()
    status, output, _ = run(app, "--fail-on", "open")
    taken = time.process_time() - begin

    assert (status, output.count("\nthings_")) == (1, 300)
    assert taken < 1


def test_options_come_from_the_environment(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project can keep its options in ``.flaskenv``, as Flask's own commands do."""
    # Flask sets it for the process.
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    monkeypatch.setenv("FLASK_JWTLIB_ROUTES_FAIL_ON", "open,misplaced")
    command = FlaskGroup(create_app=lambda: app)
    app.add_url_rule("/health", "health", fresh())
    runner = app.test_cli_runner()

    assert runner.invoke(command, ["jwtlib", "routes"]).exit_code == 1
    monkeypatch.setenv("FLASK_JWTLIB_ROUTES_PUBLIC", "static health")
    assert runner.invoke(command, ["jwtlib", "routes"]).exit_code == 0
