"""The lines of the source that the cure for a misplaced decorator names."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup

from flask_jwtlib import Authenticator, ConfigurationError
from flask_jwtlib.audit import check_app
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.testing import TokenIssuer


def run(app: Flask) -> tuple[int, str]:
    """Run ``flask jwtlib routes``, and return its exit status and stderr."""
    result = app.test_cli_runner().invoke(jwtlib, ["routes"])
    return result.exit_code, result.stderr


SOURCE = """
from flask import Flask
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib import Authenticator

auth = Authenticator(keys=TokenIssuer("https://issuer.example").verification_key)
login = auth.requires_authentication
app = Flask("x", static_folder=None)
"""

ORDERS = {
    "adjacent": (
        ["@auth.requires_authentication", '@app.get("/lost")'],
        "swap lines 10 and 11: @app.get must be above @auth.requires_authentication.",
    ),
    "with arguments": (
        ["@auth.requires_authentication(rules=[])", '@app.route("/lost", methods=["POST"])'],
        "swap lines 10 and 11: @app.route must be above @auth.requires_authentication.",
    ),
    "optional": (
        ["@auth.optional_authentication", '@app.get("/lost")'],
        "swap lines 10 and 11: @app.get must be above @auth.optional_authentication.",
    ),
    "two routes": (
        ["@auth.requires_authentication", '@app.get("/lost")', '@app.get("/lost/too")'],
        "move line 10 below line 12: @app.get must be above @auth.requires_authentication.",
    ),
    "several lines": (
        ["@auth.requires_authentication(", "    rules=[]", ")", "@app.get(", '    "/lost"', ")"],
        "move lines 10 to 12 below line 15: @app.get must be above @auth.requires_authentication.",
    ),
    "a call": (
        ["@auth.evolve().requires_authentication", '@app.get("/lost")'],
        "swap lines 10 and 11: @app.get must be above @auth.evolve.requires_authentication.",
    ),
    "an item": (
        ["@[auth][0].requires_authentication", '@app.get("/lost")'],
        "swap lines 10 and 11: @app.get must be above @….requires_authentication.",
    ),
}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Flask]:
    """Return a function that imports an app from a source file in the current directory."""
    monkeypatch.chdir(tmp_path)

    def load(source: str) -> Flask:
        path = tmp_path / "shop.py"
        path.write_text(source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("shop", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        app: Flask = module.app
        return app

    return load


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("decorators", "cure"), ORDERS.values(), ids=ORDERS)
def test_the_cure_names_the_lines_to_swap(
    load: Callable[[str], Flask], decorators: list[str], cure: str, kind: str
) -> None:
    """The cure for a misplaced decorator names the file and the lines, relative to the current directory."""
    app = load("\n".join([SOURCE, *decorators, f"{kind} lost(): return ''"]))

    _, complaint = run(app)

    assert f"    In shop.py, {cure}\n" in complaint
    with pytest.raises(ConfigurationError) as caught:
        check_app(app)
    assert str(caught.value) == (
        f"served without their authentication decorator: lost. In shop.py, {cure}"
    )


def test_a_decorator_between_two_routes_is_misplaced_for_one(load: Callable[[str], Flask]) -> None:
    """The route above the decorator is protected, and the one below it has to go above it."""
    decorators = ['@app.get("/a")', "@auth.requires_authentication", '@app.get("/b", endpoint="b")']
    app = load("\n".join([SOURCE, *decorators, "def a(): return ''"]))

    _, complaint = run(app)

    assert "misplaced: b (GET /b)\n    In shop.py, swap lines 11 and 12: @app.get" in complaint


OTHER_ORDERS = {
    "another name": ["@login", '@app.get("/lost")', "def lost(): return ''"],
    "registered by a call": [
        "def lost(): return ''",
        "login(lost)",
        "app.add_url_rule('/', 'lost', lost)",
    ],
    "a lambda": ["lost = lambda: ''", "app.add_url_rule('/', 'lost', lost)", "lost = login(lost)"],
    "replaced": [
        '@app.get("/lost")',
        "@auth.requires_authentication",
        "def lost(): return ''",
        "app.view_functions['lost'] = lost.__wrapped__",
    ],
    "a callable object": [
        "class Lost:",
        "    def __call__(self): return ''",
        "lost = Lost()",
        "login(lost)",
        "app.add_url_rule('/', 'lost', lost)",
    ],
}


@pytest.mark.parametrize("lines", OTHER_ORDERS.values(), ids=OTHER_ORDERS)
def test_without_known_lines_the_cure_is_general(
    load: Callable[[str], Flask], lines: list[str]
) -> None:
    """If the source has no such decorators in the wrong order, the cure says what to look for."""
    status, complaint = run(load("\n".join([SOURCE, *lines])))

    assert status == 1
    assert (
        "    Flask registered the undecorated function: put @app.route above the dec" in complaint
    )


CHANGES = {
    "syntax error": b"def (",
    "other code": b"x = 1",
    "binary": b"\x00",
    "nested too deeply": b"-" * 100_000 + b"1",
    "long chain": b"x" + b".y" * 100_000,
    "gone": None,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_source_that_was_changed_is_not_quoted(
    load: Callable[[str], Flask], change: bytes | None
) -> None:
    """If the file is gone, or isn't the code that runs, the cure is the general one."""
    app = load("\n".join([SOURCE, *ORDERS["adjacent"][0], "def lost(): return ''"]))
    path = Path("shop.py")
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change)

    assert "    Flask registered the undecorated function:" in run(app)[1]


def test_without_a_current_directory_a_file_has_its_whole_path(
    load: Callable[[str], Flask], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If the current directory was removed, the file is named by its absolute path."""
    app = load("\n".join([SOURCE, *ORDERS["adjacent"][0], "def lost(): return ''"]))
    removed = tmp_path / "removed"
    removed.mkdir()
    monkeypatch.chdir(removed)
    removed.rmdir()

    with pytest.raises(ConfigurationError, match=r"shop\.py, swap lines 10 and 11"):
        check_app(app)


def test_a_file_elsewhere_has_its_whole_path(
    load: Callable[[str], Flask], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file outside of the current directory is named by its absolute path."""
    app = load("\n".join([SOURCE, *ORDERS["adjacent"][0], "def lost(): return ''"]))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert f"    In {tmp_path.resolve() / 'shop.py'}, swap lines" in run(app)[1]


def test_a_factory_that_refuses_a_misplaced_decorator_is_told(
    issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If ``protect`` raises in the app's factory, there is no list, but the lines to swap are named."""
    # Flask sets it for the process.
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    auth = Authenticator(keys=issuer.verification_key)

    def create_app() -> Flask:
        app = Flask("made", static_folder=None)

        @auth.requires_authentication
        @app.get("/lost")
        def lost() -> str:
            return ""

        auth.protect(app)
        return app

    result = CliRunner().invoke(FlaskGroup(create_app=create_app), ["jwtlib", "routes", "--json"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(
        r"Error: served without their authentication decorator: lost\. "
        r"In .*test_misplaced_lines\.py, swap lines (\d+) and \d+: "
        r"@app\.get must be above @auth\.requires_authentication\.\n",
        result.stderr,
    )
