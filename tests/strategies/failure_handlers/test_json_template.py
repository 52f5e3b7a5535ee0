"""``JSONHandler``: refusals as JSON of the application's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from flask import Flask, abort

from flask_jwtlib import Authenticator, ConfigurationError, InvalidTokenError, Scope
from flask_jwtlib.errors import ExpiredTokenError, InsufficientScopeError, MissingTokenError
from flask_jwtlib.interfaces import FailureHandler
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib.testing.contracts import FailureHandlerContract
from flask_jwtlib_strategies.failure_handlers.json_template import JSONHandler

METADATA = "https://api.example/.well-known/oauth-protected-resource"


def own_format(error: Any) -> dict[str, Any]:
    """Return the application's own format."""
    return {"errors": [{"code": error.reason, "text": str(error), "http": error.status}]}


class TestJSONHandler(FailureHandlerContract):
    def make_handler(self) -> FailureHandler:
        return JSONHandler(own_format)


class TestJSONHandlerWithABrokenTemplate(FailureHandlerContract):
    def make_handler(self) -> FailureHandler:
        return JSONHandler(lambda error: error.nothing, realm="reports")


def serve(
    issuer: TokenIssuer, template: Callable[[Any], Any], *, rule: Any = None, **how: Any
) -> Any:
    """Return a client of an app whose one route needs a scope."""
    auth = Authenticator(
        keys=how.pop("keys", issuer.verification_key),
        failure_handler=JSONHandler(template, **how),
        resource_metadata=METADATA,
    )
    app = Flask("own_json")
    rules = [Scope("w")] if rule is None else [rule]
    app.add_url_rule("/", view_func=auth.requires_authentication(rules=rules)(lambda: "in"))
    return app.test_client()


def test_the_body_is_the_templates_and_the_rest_is_ours(issuer: TokenIssuer) -> None:
    """Missing, expired and forbidden have the application's format, and the usual status and headers."""
    client = serve(issuer, own_format, realm="reports")
    none = client.get("/")
    old = client.get("/", headers=bearer(issuer.token(exp=1)))
    poor = client.get("/", headers=bearer(issuer.token()))

    found = [(response.status_code, response.json["errors"][0]) for response in (none, old, poor)]
    assert found == [
        (401, {"code": "missing-token", "text": "Authentication is required", "http": 401}),
        (401, {"code": "expired-token", "text": "The access token expired", "http": 401}),
        (
            403,
            {
                "code": "insufficient-scope",
                "text": "The access token lacks a required scope",
                "http": 403,
            },
        ),
    ]
    for response in (none, old, poor):
        assert response.content_type == "application/json"
        challenge = response.headers["WWW-Authenticate"]
        assert challenge.startswith('Bearer realm="reports"')
        assert 'scope="w"' in challenge
        assert f'resource_metadata="{METADATA}"' in challenge
        assert response.headers["Vary"] == "Authorization"


def test_an_outage_has_the_format_too(issuer: TokenIssuer) -> None:
    """A 503 has the application's format, and Retry-After."""

    def fetch() -> object:
        raise ConnectionError

    response = serve(issuer, own_format, keys=fetch).get("/", headers=bearer(issuer.token()))

    assert (response.status_code, response.json["errors"][0]["code"]) == (
        503,
        "verification-unavailable",
    )
    assert response.headers["Retry-After"].isdigit()


class Lazy:
    """A lazy string, as Flask-Babel's."""

    def __str__(self) -> str:
        return "später"


class BrokenLazy:
    """A lazy string without a translation."""

    def __str__(self) -> str:
        raise LookupError


DATE = datetime(2026, 1, 2, tzinfo=timezone.utc)
GOOD: dict[str, tuple[Any, Any]] = {
    "dict": ({"a": 1}, {"a": 1}),
    "empty dict": ({}, {}),
    "list": ([1, None], [1, None]),
    "lazy string": ({"a": Lazy()}, {"a": "später"}),
    "date as app.json has it": ({"a": DATE}, {"a": "Fri, 02 Jan 2026 00:00:00 GMT"}),
    "the error itself": ({"a": MissingTokenError()}, {"a": "Authentication is required"}),
}


@pytest.mark.parametrize(("made", "sent"), GOOD.values(), ids=GOOD)
def test_what_can_be_sent(issuer: TokenIssuer, made: Any, sent: Any) -> None:
    """Dicts and lists are sent, with lazy strings and what the app's JSON provider converts."""
    assert serve(issuer, lambda _: made).get("/").json == sent


def circle() -> list[Any]:
    """Return a list that contains itself."""
    found: list[Any] = []
    found.append(found)
    return found


def refuse(_: object) -> None:
    """Raise another refusal."""
    raise InsufficientScopeError("x")


NONSENSE: dict[str, Callable[[Any], Any]] = {
    "raises": lambda error: error.nothing,
    "aborts with another status": lambda _: abort(404),
    "raises a refusal": refuse,
    "returns None": lambda _: None,
    "returns text": str,
    "returns a view's tuple": lambda _: ({"a": 1}, 200),
    "returns a status": lambda _: 200,
    "has an object": lambda _: {"a": object()},
    "has bytes": lambda _: {"a": b"secret"},
    "has another error": lambda _: {"a": ValueError("secret")},
    "has a lazy string that raises": lambda _: {"a": BrokenLazy()},
    "has a number that JSON has not": lambda _: {"a": math.nan},
    "has a key that JSON has not": lambda _: {("a", "b"): 1},
    "is circular": lambda _: circle(),
}


@pytest.mark.parametrize("template", NONSENSE.values(), ids=NONSENSE)
def test_a_template_that_fails_still_refuses(
    issuer: TokenIssuer, template: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The status and headers stay, the body is the default one, and the failure is logged."""
    response = serve(issuer, template).get("/", headers=bearer(issuer.token(exp=1)))

    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert response.content_type == "application/json"
    assert response.json == {"code": "expired-token", "message": "The access token expired"}
    (logged,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert "the template of JSONHandler" in logged.getMessage()


def test_a_lazy_description_is_evaluated(issuer: TokenIssuer) -> None:
    """``str(error)`` and ``error.description`` are text, also if the application's is lazy."""

    def rule(_: object) -> None:
        raise InvalidTokenError("m", description=Lazy())  # type: ignore[arg-type]

    client = serve(issuer, lambda error: {"a": str(error), "b": error.description}, rule=rule)

    assert client.get("/", headers=bearer(issuer.token())).json == {"a": "später", "b": "später"}


def test_without_an_app_it_makes_the_same_body() -> None:
    """Outside of an app, lazy strings still become text."""
    response = JSONHandler(lambda _: {"a": Lazy()}).deny(ExpiredTokenError("exp"))

    assert response.get_json() == {"a": "später"}


def test_it_is_signalled_once(issuer: TokenIssuer, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is one signal and one line in the log."""
    caplog.set_level("INFO", logger="flask_jwtlib")
    seen: list[Any] = []

    def receive(_: object, **details: Any) -> None:
        seen.append(details["error"])

    with request_refused.connected_to(receive):
        serve(issuer, own_format).get("/")

    assert len(seen) == len(caplog.records) == 1


async def slow(error: Any) -> dict[str, Any]:
    """A template that can't be called in a plain function."""
    return {}


def nothing_taken() -> dict[str, Any]:
    """A template that takes no error."""
    return {}


@pytest.mark.parametrize(
    "template",
    [None, "{}", {"code": 1}, slow, nothing_taken, lambda a, b: {}],
    ids=["None", "text", "dict", "async", "no argument", "two arguments"],
)
def test_what_is_no_template_is_refused(template: Any) -> None:
    """A template that can't be called with the error raises when the handler is made."""
    with pytest.raises(ConfigurationError, match="template is "):
        JSONHandler(template)


def test_a_builtin_without_a_signature_is_accepted(issuer: TokenIssuer) -> None:
    """What can't be checked in advance is found at the first refusal, which stays one."""
    assert serve(issuer, dict).get("/").json["code"] == "missing-token"


def test_an_invalid_realm_is_refused() -> None:
    """A realm that a challenge can't hold raises when the handler is made."""
    with pytest.raises(ConfigurationError, match="realm"):
        JSONHandler(own_format, realm='"')
