"""Key health: in a readiness route, and on the command line as ``flask jwtlib keys``."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView

import flask_jwtlib
from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    KeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    public,
)
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.key_health import combined_state, key_statuses, keys_ready, warm_up_keys
from flask_jwtlib.testing import TokenIssuer


class Source:
    """Returns keys, or raises an error."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.fetches = 0

    def __call__(self) -> Any:
        self.fetches += 1
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class PlainProvider:
    """A provider without a ``status`` method."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return ()


class ColdProvider(PlainProvider):
    """A provider without keys, whose ``warm_up`` can't fetch any."""

    def status(self) -> dict[str, Any]:
        return {"state": "cold"}


class BrokenProvider(ColdProvider):
    """A provider whose ``warm_up`` raises an unexpected error."""

    def warm_up(self) -> None:
        raise ZeroDivisionError("password=hunter2")


class MixedProvider(PlainProvider):
    """A provider that combines others, as the catalogue's composite does."""

    def status(self) -> dict[str, Any]:
        return {
            "state": "fresh",
            "members": [{"provider": "A", "state": "fresh", "age": 3.2, "kids": ["a", "b"]}],
            "issuers": {"https://idp.example": {"state": "stale", "last_error": "OSError"}},
        }


class EmptyProvider(PlainProvider):
    """A provider that has no keys, and whose status says that this is normal."""

    def status(self) -> dict[str, Any]:
        return {"state": "fresh", "keys": 0}


class KeyedValidator:
    """A validator with its own keys."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        return Claims({}, checked_at=0)

    def status(self) -> dict[str, Any]:
        return {"state": "fresh", "kids": ["own"]}


def guarded(app: Flask, keys: Any) -> Authenticator:
    """Guard a view by some keys."""
    auth = Authenticator(keys=keys)
    app.add_url_rule("/", view_func=auth.requires_authentication(lambda: "seen"), endpoint="view")
    return auth


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    """Run ``flask jwtlib keys``, and return its exit status and output."""
    result = app.test_cli_runner().invoke(jwtlib, ["keys", *arguments])
    return result.exit_code, result.output


def test_an_app_without_guards_is_ready(app: Flask) -> None:
    """An app that verifies nothing has no keys to report, and is ready."""
    app.add_url_rule("/", view_func=lambda: "seen", endpoint="view")

    assert key_statuses(app) == []
    assert keys_ready(app)


def test_the_status_has_the_provider_and_its_state(app: Flask, issuer: TokenIssuer) -> None:
    """Before the first fetch the state is "cold"; reading the status fetches nothing."""
    source = Source(issuer.jwks)
    guarded(app, source)

    [status] = key_statuses(app)

    assert (status["provider"], status["state"], status["age"]) == ("TTLKeyProvider", "cold", None)
    assert source.fetches == 0
    assert json.loads(json.dumps(status)) == status


def test_fixed_keys_have_ids_and_no_age(app: Flask, issuer: TokenIssuer) -> None:
    """The status of keys that never change has their IDs and no age."""
    guarded(app, issuer.jwks)

    [status] = key_statuses(app)

    assert status["provider"] == "StaticKeyProvider"
    assert (status["state"], status["kids"]) == ("static", ["key-1"])
    assert keys_ready(app)


def test_a_provider_without_a_status_is_unknown(app: Flask) -> None:
    """A provider without ``status`` is "unknown", and doesn't make the app unready."""
    guarded(app, PlainProvider())

    assert key_statuses(app) == [{"provider": "PlainProvider", "state": "unknown"}]
    assert keys_ready(app)


def test_every_provider_is_listed_once(app: Flask, issuer: TokenIssuer) -> None:
    """Providers behind decorated views and methods, blueprint guards and app guards are each listed once."""
    sources = [Source(issuer.jwks) for _ in range(5)]
    on_view, on_method, on_blueprint, on_app, nested = (
        Authenticator(keys=keys) for keys in sources
    )

    class Resource(MethodView):
        @on_method.requires_authentication
        def get(self) -> str:
            return "seen"

    @app.get("/view")
    @app.get("/again")
    @on_view.optional_authentication
    @nested.requires_authentication
    def view() -> str:
        return "seen"

    blueprint = Blueprint("part", __name__)
    blueprint.before_request(on_blueprint.guard())
    blueprint.before_request(lambda: None)
    app.register_blueprint(blueprint)
    app.add_url_rule("/resource", view_func=Resource.as_view("resource"))
    app.add_url_rule("/nowhere", endpoint="nowhere")
    on_app.protect(app)

    assert len(key_statuses(app)) == 5
    assert keys_ready(app)
    assert [source.fetches for source in sources] == [1] * 5


def test_a_validator_with_its_own_keys_is_listed(app: Flask) -> None:
    """The status covers a validator that has its own keys, such as a router by issuer."""
    auth = Authenticator(validator=KeyedValidator())
    app.before_request(auth.guard())

    assert [status["provider"] for status in key_statuses(app)] == ["KeyedValidator"]


def test_ready_means_that_every_provider_has_keys(app: Flask, issuer: TokenIssuer) -> None:
    """Cold providers are fetched; the app isn't ready until each provider has keys."""
    source = Source(ConnectionError("down"))
    guarded(app, TTLKeyProvider(source, max_stale=0))

    assert not keys_ready(app)
    source.result = issuer.jwks
    # The pause after a failed fetch applies here, too.
    assert not keys_ready(app)
    assert source.fetches == 1


def test_stale_keys_that_still_verify_are_ready(app: Flask, issuer: TokenIssuer) -> None:
    """An app that still serves requests with stale keys stays ready."""
    now = [1000.0]
    source = Source(issuer.jwks)
    provider = TTLKeyProvider(source, clock=lambda: now[0])
    guarded(app, provider)
    assert keys_ready(app)
    now[0] += 4000

    assert key_statuses(app)[0]["state"] == "stale"
    assert keys_ready(app)
    assert source.fetches == 1
    now[0] += 14400
    source.result = ConnectionError("down")
    assert not keys_ready(app)


def test_a_provider_whose_source_has_no_keys_is_not_ready(app: Flask, issuer: TokenIssuer) -> None:
    """While its source has no keys, a provider is neither ready nor fresh."""
    now = [1000.0]
    source = Source({"keys": []})
    guarded(app, TTLKeyProvider(source, clock=lambda: now[0]))
    for _ in range(20):
        assert not keys_ready(app)
        assert key_statuses(app)[0]["state"] in {"cold", "empty"}
        now[0] += 5
    assert key_statuses(app)[0]["state"] == "empty"
    assert run(app)[0] == 1

    source.result = issuer.jwks
    now[0] += 31
    deadline = time.monotonic() + 30
    while not keys_ready(app):
        assert time.monotonic() < deadline
    assert key_statuses(app)[0]["state"] == "fresh"
    assert run(app)[0] == 0


def test_readiness_goes_by_the_number_of_keys(app: Flask) -> None:
    """A custom provider without keys isn't ready, whatever state it reports."""
    guarded(app, EmptyProvider())

    assert not keys_ready(app)
    assert run(app)[0] == 1


@pytest.mark.parametrize("provider", [ColdProvider(), BrokenProvider()], ids=["none", "raises"])
def test_a_provider_that_stays_cold_is_not_ready(
    app: Flask, provider: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever ``warm_up`` does, the probe gets a response, and no secret is logged."""
    guarded(app, provider)

    assert not keys_ready(app)
    warm_up_keys(app)
    assert "hunter2" not in caplog.text


def test_probes_share_one_thread_while_a_log_handler_hangs(app: Flask) -> None:
    """While a log handler hangs, repeated readiness checks start no further threads."""
    back = threading.Event()

    class Hanging(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            back.wait(30)

    guarded(app, BrokenProvider())
    logger = logging.getLogger("flask_jwtlib")
    handler = Hanging()
    logger.addHandler(handler)
    before = threading.active_count()
    try:
        assert not any(keys_ready(app) for _ in range(10))
        warm_up_keys(app)
        assert threading.active_count() <= before + 1
    finally:
        back.set()
        logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("states", "state"),
    [
        pytest.param(["cold", "dead"], "cold", id="none-yet"),
        pytest.param(["dead", "dead"], "dead", id="none-any-more"),
        pytest.param(["empty", "dead"], "dead", id="none-and-none-any-more"),
        pytest.param(["empty", "empty"], "empty", id="none-at-all"),
        pytest.param(["fresh", "empty"], "partial", id="some-empty"),
        pytest.param(["fresh", "dead"], "partial", id="some-dead"),
        pytest.param(["static", "cold"], "partial", id="some-cold"),
        pytest.param(["static", "partial"], "partial", id="some-of-some"),
        pytest.param(["static", "stale", "fresh"], "stale", id="some-stale"),
        pytest.param(["static", "fresh"], "fresh", id="some-fetched"),
        pytest.param(["static", "unknown"], "static", id="some-fixed"),
        pytest.param(["unknown"], "unknown", id="no-status"),
    ],
)
def test_the_state_of_a_composite_provider(states: list[str], state: str) -> None:
    """A composite has the worst state of its parts, as long as some keys can be used."""
    assert combined_state(states) == state


def test_keys_can_be_fetched_before_the_first_request(app: Flask, issuer: TokenIssuer) -> None:
    """``warm_up`` fetches keys at start-up, and skips providers that have nothing to fetch."""
    source = Source(issuer.jwks)
    guarded(app, source)
    app.before_request(Authenticator(keys=PlainProvider()).guard())

    warm_up_keys(app)

    assert source.fetches == 1


def test_a_readiness_route_needs_no_token(app: Flask, issuer: TokenIssuer) -> None:
    """A readiness route takes three lines, checks the current app, and needs no token."""
    guarded(app, Source(issuer.jwks)).protect(app)

    @app.get("/readyz")
    @public
    def readyz() -> tuple[dict[str, bool], int]:
        ready = keys_ready()
        return {"ready": ready}, 200 if ready else 503

    assert app.test_client().get("/readyz").json == {"ready": True}
    with app.app_context():
        assert key_statuses()[0]["state"] == "fresh"


def test_the_documented_callback_is_listed(app: Flask, issuer: TokenIssuer) -> None:
    """The module API's keys are listed as fetched, permanent, or unusable with the algorithm."""
    app.add_url_rule(
        "/", view_func=flask_jwtlib.requires_authentication(lambda: "seen"), endpoint="view"
    )
    flask_jwtlib.retrieve_verification_key = lambda: issuer.public_pem
    assert key_statuses(app)[0]["state"] == "cold"
    assert keys_ready(app)
    assert key_statuses(app)[0]["state"] == "fresh"

    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    assert key_statuses(app)[0]["state"] == "static"

    flask_jwtlib.JWT_ALGO = "ES256"
    assert key_statuses(app)[0]["state"] == "dead"
    assert not keys_ready(app)


def test_the_command_prints_a_table(app: Flask, issuer: TokenIssuer) -> None:
    """Each provider and its parts get a row: state, age, generation, key IDs and the last error."""
    guarded(app, MixedProvider())
    other = Authenticator(keys=Source(issuer.jwks))
    app.add_url_rule("/2", view_func=other.requires_authentication(lambda: "seen"), endpoint="2")

    status, output = run(app)

    lines = [line.split() for line in output.splitlines()]
    assert status == 0
    assert lines[0] == ["Provider", "State", "Age", "Generation", "Kids", "Last", "error"]
    assert lines[2:] == [
        ["MixedProvider", "fresh"],
        ["MixedProvider", ">", "A", "fresh", "3", "s", "a,", "b"],
        ["MixedProvider", "https://idp.example", ">", "?", "stale", "OSError"],
        ["TTLKeyProvider", "fresh", "0", "s", "1", "key-1"],
    ]


def test_the_command_prints_json(app: Flask, issuer: TokenIssuer) -> None:
    """``--json`` prints the same data as ``key_statuses`` returns."""
    guarded(app, Source(issuer.jwks))

    status, output = run(app, "--json")

    [keys] = json.loads(output)
    assert status == 0
    assert keys["kids"] == ["key-1"]
    assert keys["fetches"] == {"cold": {"succeeded": 1, "failed": 0}}


def test_the_command_fails_where_keys_are_missing(app: Flask) -> None:
    """Without keys the exit status is 1; the table shows the error's class and not its text."""
    guarded(app, Source(ConnectionError("https://user:password@idp.example/")))

    status, output = run(app)

    assert status == 1
    assert "ConnectionError" in output
    assert "password" not in output


class Odd(PlainProvider):
    """Has a key ID with terminal control characters."""

    def status(self) -> dict[str, Any]:
        return {"state": "fresh", "kids": ["x\x1b[2J\nFAKE  fresh"]}


def test_the_table_escapes_control_characters(app: Flask) -> None:
    """Unprintable characters in an issuer's key IDs are shown escaped."""
    guarded(app, Odd())

    _, output = run(app)

    assert "\x1b" not in output
    assert len(output.splitlines()) == 3
    assert "FAKE" in output.splitlines()[2]


class Raising(PlainProvider):
    """A provider whose ``status`` raises an error."""

    def status(self) -> dict[str, Any]:
        raise ZeroDivisionError("hunter2")


class Wordless(PlainProvider):
    """A provider whose ``status`` returns something else."""

    def status(self) -> dict[str, Any]:
        return {"up": True}


@pytest.mark.parametrize("provider", [Raising(), Wordless()], ids=["raises", "no state"])
def test_an_invalid_status_counts_as_unknown(app: Flask, provider: Any) -> None:
    """A provider whose ``status`` fails is treated like one without the method."""
    guarded(app, provider)

    [status] = key_statuses(app)
    assert status["state"] == "unknown"
    assert keys_ready(app)
    assert run(app)[0] == 0


class HostileProvider(PlainProvider):
    """Reports key IDs that an attacker has chosen."""

    def status(self) -> dict[str, Any]:
        evil = "https://user:hidden@a.example/k?key=hidden\n\x1b[2J" + "K" * 200_000
        status = {"provider": evil, "state": evil, "kids": [evil] * 3, "last_error": evil}
        return {**status, "generation": evil, "issuers": {evil: status}}


def test_the_table_shortens_and_redacts_foreign_text(app: Flask) -> None:
    """Key IDs are shortened and escaped, and secrets in URLs are hidden."""
    guarded(app, HostileProvider())

    _, output = run(app)

    assert "https://***@a.example/k?***" in output
    assert "hidden" not in output
    assert "\x1b" not in output
    assert len(output.splitlines()) == 4
    assert max(map(len, output.splitlines())) < 3_500
