"""Deny by default: which requests pass an app's guard without a token."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, abort

from flask_jwtlib import (
    Authenticator,
    ConfigurationError,
    current_principal,
    public,
)
from flask_jwtlib.testing import bearer


def who() -> str:
    """Return the caller's name."""
    return str(current_principal.subject) if current_principal else "guest"


@pytest.fixture
def protected(auth: Authenticator, app: Flask, tmp_path: Path) -> Flask:
    """An app with static files, a health route, a documentation blueprint and an ordinary view."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "style.css").write_text("body {}")
    app = Flask("protected", root_path=str(tmp_path))
    docs = Blueprint("openapi", __name__, url_prefix="/docs")
    docs.add_url_rule("/", "index", lambda: "docs")
    nested = Blueprint("ui", __name__, url_prefix="/ui")
    nested.add_url_rule("/", "index", lambda: "docs")
    docs.register_blueprint(nested)
    app.register_blueprint(docs)
    app.add_url_rule("/health", "health", lambda: "well")
    app.add_url_rule("/healthy", "healthy", lambda: "secret")
    app.add_url_rule("/", "view", who, methods=["GET", "POST"])
    return app


def statuses(app: Flask, *paths: str, method: str = "GET", **headers: Any) -> list[int]:
    """Return the statuses of requests."""
    seen: list[int] = []
    for path in paths:
        with app.test_client().open(path, method=method, **headers) as response:
            seen.append(response.status_code)
    return seen


PATHS = ["/static/style.css", "/health", "/docs/", "/docs/ui/", "/healthy", "/", "/nowhere"]


@pytest.mark.parametrize(
    ("patterns", "opened"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(["static"], [0], id="static"),
        pytest.param(["health"], [1], id="health"),
        pytest.param(["openapi.*"], [2], id="blueprint"),
        pytest.param(["openapi.index"], [2], id="endpoint of a blueprint"),
        pytest.param(["openapi.ui.*"], [3], id="nested blueprint"),
        pytest.param(["*.ui.*"], [3], id="any blueprint"),
        pytest.param(("static", "health"), [0, 1], id="tuple"),
        pytest.param({"static"}, [0], id="set"),
        pytest.param(["Health"], [], id="other case"),
        pytest.param(["openapi"], [], id="blueprint without a star"),
    ],
)
def test_public_endpoints(
    auth: Authenticator, protected: Flask, token: str, patterns: Any, opened: list[int]
) -> None:
    """The endpoints that a pattern matches need no token, and no others."""
    auth.protect(protected, public=patterns)

    expected = [200 if number in opened else 401 for number in range(len(PATHS))]
    assert statuses(protected, *PATHS) == expected
    with_token = statuses(protected, *PATHS, headers=bearer(token))
    assert with_token == [200] * (len(PATHS) - 1) + [404]


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "*.*",
        "*.*.*",
        "",
        ".",
        "open*",
        "static*",
        "*c",
        "[a-z]*",
        "?",
        "openapi.",
        ".x",
        "a..b",
        None,
        1,
        b"static",
    ],
)
def test_patterns_that_are_refused(auth: Authenticator, protected: Flask, pattern: Any) -> None:
    """A pattern that matches everything, or parts of names, is refused, and the app isn't changed."""
    with pytest.raises(ConfigurationError, match="public has"):
        auth.protect(protected, public=["static", pattern])
    auth.protect(protected)
    assert statuses(protected, *PATHS) == [401] * len(PATHS)


@pytest.mark.parametrize("given", ["static", None, 1, b"static"])
def test_public_must_be_a_list(auth: Authenticator, protected: Flask, given: Any) -> None:
    """A single name isn't taken for a list of its characters."""
    with pytest.raises(ConfigurationError, match=r"public=\[…\]"):
        auth.protect(protected, public=given)


def test_patterns_that_match_nothing_are_reported_once(
    auth: Authenticator, protected: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """A misspelt endpoint is reported by one warning, at the first request, when all endpoints are known."""
    auth.protect(protected, public=["static", "heatlh", "later", "opneapi.*"])
    protected.add_url_rule("/later", "later", lambda: "later")
    assert not caplog.records

    assert statuses(protected, "/later", "/health", "/") == [200, 401, 401]

    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "'heatlh', 'opneapi.*'" in warning.getMessage()
    assert "later" not in warning.getMessage()


def test_patterns_that_match_are_not_reported(
    auth: Authenticator, protected: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """If every pattern matches an endpoint, no warning is logged."""
    auth.protect(protected, public=["static", "openapi.*"])
    statuses(protected, *PATHS)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_public_endpoint_has_no_caller(auth: Authenticator, protected: Flask, token: str) -> None:
    """A token that is sent to a public endpoint isn't verified, and a bad one isn't refused."""
    auth.protect(protected, public=["view"])
    client = protected.test_client()

    for headers in (bearer(token), bearer("garbage"), {"Authorization": "Bearer two words"}, {}):
        assert client.get("/", headers=headers).text == "guest"


def test_a_public_endpoints_own_decorator_applies(auth: Authenticator, protected: Flask) -> None:
    """A view behind a public pattern that has a decorator still needs a token."""
    protected.add_url_rule("/needed", "needed", auth.requires_authentication(lambda: f"{who()}"))
    auth.protect(protected, public=["needed"])
    assert statuses(protected, "/needed") == [401]


def test_error_pages(auth: Authenticator, protected: Flask, token: str) -> None:
    """The app's error pages show neither more nor less to those without a token."""
    protected.register_error_handler(404, lambda error: (f"no such page, {who()}", 404))
    protected.register_error_handler(405, lambda error: (f"no such method, {who()}", 405))
    protected.add_url_rule("/missing", "missing", lambda: abort(404))
    auth.protect(protected, public=["missing"])
    client = protected.test_client()

    assert client.get("/missing").text == "no such page, guest"
    assert client.get("/nowhere").status_code == client.put("/health").status_code == 401
    assert client.get("/nowhere", headers=bearer(token)).text == "no such page, alice"
    assert client.put("/health", headers=bearer(token)).text == "no such method, alice"


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO"]
)
def test_any_method_of_a_closed_path_is_refused(
    auth: Authenticator, protected: Flask, method: str
) -> None:
    """Without a token the response is the same for a known path, an unknown one and any method."""
    auth.protect(protected, public=["health"])
    client = protected.test_client()

    refused = {
        (response.status_code, response.data, str(response.headers))
        for path in ("/", "/healthy", "/nowhere", "/docs")
        for response in [client.open(path, method=method)]
    }
    assert {status for status, *_ in refused} == {401}
    assert len(refused) == 1


def test_an_app_subclass_and_proxied_requests(auth: Authenticator, token: str) -> None:
    """A subclass of ``Flask`` that sends requests in its own way is protected, too."""

    class Traced(Flask):
        def dispatch_request(self, *arguments: Any) -> Any:
            return f"traced {super().dispatch_request(*arguments)}"

    app = Traced("traced", root_path=".")
    app.add_url_rule("/", "view", who)
    app.add_url_rule("/health", "health", lambda: "well")
    auth.protect(app, public=["health"])
    client = app.test_client()

    assert client.get("/").status_code == 401
    assert client.get("/", headers=bearer(token)).text == "traced alice"
    assert client.get("/health").text == "traced well"


def test_a_public_mark_and_a_pattern(auth: Authenticator, app: Flask) -> None:
    """Both open an endpoint; a blueprint's own guard respects only the mark."""
    blueprint = Blueprint("api", __name__, url_prefix="/api")
    blueprint.before_request(auth.guard())
    blueprint.add_url_rule("/marked", "marked", public(lambda: "in"))
    blueprint.add_url_rule("/named", "named", lambda: "in")
    app.register_blueprint(blueprint)
    auth.protect(app, public=["api.*"])

    assert statuses(app, "/api/marked", "/api/named") == [200, 401]
