"""How an app's keys are: for a readiness route, and at a terminal by ``flask jwtlib keys``."""

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
    """Answers keys, or raises."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.fetches = 0

    def __call__(self) -> Any:
        self.fetches += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class PlainProvider:
    """Has no status."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return ()


class ColdProvider(PlainProvider):
    """Has no keys, and no way to get them but a token."""

    def status(self) -> dict[str, Any]:
        return {"state": "cold"}


class BrokenProvider(ColdProvider):
    """Fails in a way that nobody expects."""

    def warm_up(self) -> None:
        raise ZeroDivisionError("password=hunter2")


class MixedProvider(PlainProvider):
    """Is made of others, as the catalogue's are."""

    def status(self) -> dict[str, Any]:
        return {
            "state": "fresh",
            "members": [{"provider": "A", "state": "fresh", "age": 3.2, "kids": ["a", "b"]}],
            "issuers": {"https://idp.example": {"state": "stale", "last_error": "OSError"}},
        }


class EmptyProvider(PlainProvider):
    """Has no keys, and says that this is as it should be."""

    def status(self) -> dict[str, Any]:
        return {"state": "fresh", "keys": 0}


class KeyedValidator:
    """Has keys of its own."""

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
    """Run ``flask jwtlib keys``, and answer exit status and output."""
    result = app.test_cli_runner().invoke(jwtlib, ["keys", *arguments])
    return result.exit_code, result.output


def test_an_app_without_guards_has_no_keys_to_tell_of(app: Flask) -> None:
    """It verifies nothing, and is ready for that."""
    app.add_url_rule("/", view_func=lambda: "seen", endpoint="view")

    assert key_statuses(app) == []
    assert keys_ready(app)


def test_a_status_tells_the_provider_and_its_state(app: Flask, issuer: TokenIssuer) -> None:
    """Before the first fetch it is cold; telling so fetches nothing."""
    source = Source(issuer.jwks)
    guarded(app, source)

    [status] = key_statuses(app)

    assert (status["provider"], status["state"], status["age"]) == ("TTLKeyProvider", "cold", None)
    assert source.fetches == 0
    assert json.loads(json.dumps(status)) == status


def test_fixed_keys_are_told_of(app: Flask, issuer: TokenIssuer) -> None:
    """Keys that never change have their IDs and no age."""
    guarded(app, issuer.jwks)

    [status] = key_statuses(app)

    assert status["provider"] == "StaticKeyProvider"
    assert (status["state"], status["kids"]) == ("static", ["key-1"])
    assert keys_ready(app)


def test_a_provider_without_a_status_is_unknown(app: Flask) -> None:
    """Nobody can say whether it has keys, so it does not keep an app from being ready."""
    guarded(app, PlainProvider())

    assert key_statuses(app) == [{"provider": "PlainProvider", "state": "unknown"}]
    assert keys_ready(app)


def test_every_guard_is_found(app: Flask, issuer: TokenIssuer) -> None:
    """Decorators on views and methods, guards of blueprints and of the app, each provider once."""
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
    on_app.init_app(app)

    assert len(key_statuses(app)) == 5
    assert keys_ready(app)
    assert [source.fetches for source in sources] == [1] * 5


def test_a_validator_with_keys_of_its_own_is_told_of(app: Flask) -> None:
    """As one that routes by issuer: the authenticator itself has no keys then."""
    auth = Authenticator(validator=KeyedValidator())
    app.before_request(auth.guard())

    assert [status["provider"] for status in key_statuses(app)] == ["KeyedValidator"]


def test_ready_means_that_every_provider_has_keys(app: Flask, issuer: TokenIssuer) -> None:
    """What is cold is fetched; an app whose keys can't be had is not ready until they can."""
    source = Source(ConnectionError("down"))
    guarded(app, TTLKeyProvider(source, max_stale=0))

    assert not keys_ready(app)
    source.answer = issuer.jwks
    # The pause after a failure is kept here, too.
    assert not keys_ready(app)
    assert source.fetches == 1


def test_keys_that_are_old_and_serve_are_ready(app: Flask, issuer: TokenIssuer) -> None:
    """An outage that callers don't notice is no reason to take the app out of service."""
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
    source.answer = ConnectionError("down")
    assert not keys_ready(app)


def test_keys_that_are_none_are_not_ready(app: Flask, issuer: TokenIssuer) -> None:
    """A provider whose source has no keys is never ready nor fresh, until it has some."""
    now = [1000.0]
    source = Source({"keys": []})
    guarded(app, TTLKeyProvider(source, clock=lambda: now[0]))
    for _ in range(20):
        assert not keys_ready(app)
        assert key_statuses(app)[0]["state"] in {"cold", "empty"}
        now[0] += 5
    assert key_statuses(app)[0]["state"] == "empty"
    assert run(app)[0] == 1

    source.answer = issuer.jwks
    now[0] += 31
    deadline = time.monotonic() + 30
    while not keys_ready(app):
        assert time.monotonic() < deadline
    assert key_statuses(app)[0]["state"] == "fresh"
    assert run(app)[0] == 0


def test_a_provider_of_ones_own_without_keys_is_not_ready(app: Flask) -> None:
    """Whatever it calls its state: the number of its keys counts."""
    guarded(app, EmptyProvider())

    assert not keys_ready(app)
    assert run(app)[0] == 1


@pytest.mark.parametrize("provider", [ColdProvider(), BrokenProvider()], ids=["none", "raises"])
def test_a_provider_that_stays_cold_is_not_ready(
    app: Flask, provider: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever its ``warm_up`` does: a probe gets an answer, and the log no secret."""
    guarded(app, provider)

    assert not keys_ready(app)
    warm_up_keys(app)
    assert "hunter2" not in caplog.text


def test_probes_leave_no_threads_behind_while_a_log_handler_hangs(app: Flask) -> None:
    """A readiness route is asked every few seconds, and what is logged about it waits in one thread."""
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
        pytest.param(["unknown"], "unknown", id="nobody-tells"),
    ],
)
def test_the_state_of_what_is_made_of_several(states: list[str], state: str) -> None:
    """The worst that a request may meet, as long as some keys serve."""
    assert combined_state(states) == state


def test_keys_may_be_fetched_before_the_first_request(app: Flask, issuer: TokenIssuer) -> None:
    """As when a server's worker starts; a provider that has nothing to fetch is left alone."""
    source = Source(issuer.jwks)
    guarded(app, source)
    app.before_request(Authenticator(keys=PlainProvider()).guard())

    warm_up_keys(app)

    assert source.fetches == 1


def test_a_readiness_route(app: Flask, issuer: TokenIssuer) -> None:
    """It is wired in three lines, answers for the current app, and needs no token."""
    guarded(app, Source(issuer.jwks)).init_app(app)

    @app.get("/readyz")
    @public
    def readyz() -> tuple[dict[str, bool], int]:
        ready = keys_ready()
        return {"ready": ready}, 200 if ready else 503

    assert app.test_client().get("/readyz").json == {"ready": True}
    with app.app_context():
        assert key_statuses()[0]["state"] == "fresh"


def test_the_documented_callback_is_told_of(app: Flask, issuer: TokenIssuer) -> None:
    """The module's keys are fetched or permanent, or such as fit no algorithm."""
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
    """State, age, generation, key IDs and the last error, a row for each provider and its parts."""
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
    """The same as ``key_statuses`` answers, for programs."""
    guarded(app, Source(issuer.jwks))

    status, output = run(app, "--json")

    [answer] = json.loads(output)
    assert status == 0
    assert answer["kids"] == ["key-1"]
    assert answer["fetches"] == {"cold": {"succeeded": 1, "failed": 0}}


def test_the_command_fails_where_keys_are_missing(app: Flask) -> None:
    """So that a deployment may ask it; the table tells the error's class and nothing of its text."""
    guarded(app, Source(ConnectionError("https://user:password@idp.example/")))

    status, output = run(app)

    assert status == 1
    assert "ConnectionError" in output
    assert "password" not in output


class Odd(PlainProvider):
    """Has a key ID that is made to deceive who reads it."""

    def status(self) -> dict[str, Any]:
        return {"state": "fresh", "kids": ["x\x1b[2J\nFAKE  fresh"]}


def test_the_command_shows_no_commands_to_the_terminal(app: Flask) -> None:
    """An issuer may name its keys as it likes: what can't be printed is shown escaped."""
    guarded(app, Odd())

    _, output = run(app)

    assert "\x1b" not in output
    assert len(output.splitlines()) == 3
    assert "FAKE" in output.splitlines()[2]


class Raising(PlainProvider):
    """Can't say how it is."""

    def status(self) -> dict[str, Any]:
        raise ZeroDivisionError("hunter2")


class Wordless(PlainProvider):
    """Says something else."""

    def status(self) -> dict[str, Any]:
        return {"up": True}


@pytest.mark.parametrize("provider", [Raising(), Wordless()], ids=["raises", "no state"])
def test_an_odd_status_breaks_nothing(app: Flask, provider: Any) -> None:
    """A provider that does not say how its keys are is as good as one without the method."""
    guarded(app, provider)

    [status] = key_statuses(app)
    assert status["state"] == "unknown"
    assert keys_ready(app)
    assert run(app)[0] == 0


class HostileProvider(PlainProvider):
    """Tells what an issuer made up."""

    def status(self) -> dict[str, Any]:
        evil = "https://user:hidden@a.example/k?key=hidden\n\x1b[2J" + "K" * 200_000
        told = {"provider": evil, "state": evil, "kids": [evil] * 3, "last_error": evil}
        return {**told, "generation": evil, "issuers": {evil: told}}


def test_the_table_shortens_and_hides_what_others_wrote(app: Flask) -> None:
    """What an issuer calls its keys fits into a table, without escape sequences and the secrets of URLs."""
    guarded(app, HostileProvider())

    _, output = run(app)

    assert "https://***@a.example/k?***" in output
    assert "hidden" not in output
    assert "\x1b" not in output
    assert len(output.splitlines()) == 4
    assert max(map(len, output.splitlines())) < 3_500
